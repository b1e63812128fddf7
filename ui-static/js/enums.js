// The contracts' enums as people see them: a label for each value, and a tone for those that are shown as a badge. Requests and answers carry
// the full name ("ORDER_STATE_OPEN"); an address carries the short one ("OPEN").

/** tones: idle, busy (something goes on), wait (someone has to act), good, bad. */
function enumeration(prefix, values) {
	const short = (name = '') => (name.startsWith(prefix) ? name.slice(prefix.length) : name);
	return {
		options: Object.entries(values).map(([value, { label }]) => ({ value, label })),
		full: (value) => (value ? prefix + value : undefined),
		short,
		label: (name) => values[short(name)]?.label ?? short(name),
		tone: (name) => values[short(name)]?.tone ?? 'idle',
	};
}

export const customerStatus = enumeration('CUSTOMER_STATUS_', {
	ACTIVE: { label: 'Active', tone: 'good' },
	BLOCKED: { label: 'Blocked', tone: 'bad' },
	ERASED: { label: 'Erased', tone: 'idle' },
});

export const productState = enumeration('PRODUCT_STATE_', {
	ACTIVE: { label: 'On sale', tone: 'good' },
	ARCHIVED: { label: 'Archived', tone: 'idle' },
});

export const packaging = enumeration('PACKAGING_', {
	BAG: { label: 'Bag' },
	BOTTLE: { label: 'Bottle' },
	BOX: { label: 'Box' },
	BULK: { label: 'Bulk' },
	BUNDLE: { label: 'Bundle' },
	CAN: { label: 'Can' },
	CARTON: { label: 'Carton' },
	NET: { label: 'Net' },
	PACK: { label: 'Pack' },
});

export const measure = enumeration('MEASURE_', {
	G: { label: 'g' },
	KG: { label: 'kg' },
	ML: { label: 'ml' },
	L: { label: 'l' },
	PCS: { label: 'pieces' },
});

export const movementKind = enumeration('STOCK_MOVEMENT_KIND_', {
	RECEIPT: { label: 'Receipt', tone: 'good' },
	ADJUSTMENT: { label: 'Adjustment', tone: 'wait' },
	SHIPMENT: { label: 'Shipment', tone: 'busy' },
	TRANSFER: { label: 'Transfer', tone: 'idle' },
	RETURN: { label: 'Return', tone: 'good' },
});

export const reservationState = enumeration('RESERVATION_STATE_', {
	HELD: { label: 'Held', tone: 'wait' },
	CONFIRMED: { label: 'Confirmed', tone: 'busy' },
	PARTLY_FULFILLED: { label: 'Partly fulfilled', tone: 'busy' },
	FULFILLED: { label: 'Fulfilled', tone: 'good' },
	RELEASED: { label: 'Released', tone: 'idle' },
	EXPIRED: { label: 'Expired', tone: 'idle' },
});

export const orderState = enumeration('ORDER_STATE_', {
	OPEN: { label: 'Open', tone: 'wait' },
	PLACING: { label: 'Being placed', tone: 'busy' },
	PLACED: { label: 'Placed', tone: 'busy' },
	PARTLY_SHIPPED: { label: 'Partly shipped', tone: 'busy' },
	SHIPPED: { label: 'Shipped', tone: 'busy' },
	COMPLETED: { label: 'Completed', tone: 'good' },
	CANCELLING: { label: 'Being cancelled', tone: 'busy' },
	CANCELLED: { label: 'Cancelled', tone: 'idle' },
	EXPIRED: { label: 'Expired', tone: 'idle' },
});

export const itemState = enumeration('ORDER_ITEM_STATE_', {
	RESERVED: { label: 'Reserved', tone: 'busy' },
	REJECTED: { label: 'Rejected', tone: 'bad' },
	RELEASED: { label: 'Released', tone: 'idle' },
	PARTLY_SHIPPED: { label: 'Partly shipped', tone: 'busy' },
	SHIPPED: { label: 'Shipped', tone: 'good' },
});

export const shipmentState = enumeration('SHIPMENT_STATE_', {
	PENDING: { label: 'To be packed', tone: 'wait' },
	DISPATCHED: { label: 'On its way', tone: 'busy' },
	DELIVERED: { label: 'Delivered', tone: 'good' },
	CANCELLED: { label: 'Cancelled', tone: 'idle' },
});

export const invoiceState = enumeration('INVOICE_STATE_', {
	ISSUED: { label: 'Unpaid', tone: 'wait' },
	PARTLY_PAID: { label: 'Partly paid', tone: 'wait' },
	PAID: { label: 'Paid', tone: 'good' },
	CREDITED: { label: 'Credited', tone: 'idle' },
});

const WITH_HISTORY = [customerStatus, orderState, shipmentState, invoiceState];

/** The label of a state in a history, which gives the full name only. */
export function stateLabel(name) {
	const owner = WITH_HISTORY.find((states) => states.short(name) !== name);
	return owner ? owner.label(name) : name;
}
