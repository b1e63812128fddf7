// What several invariants look at across databases, read once and put together by order, shipment and item.
//
//     const { orders, shipments, invoices, reservations } = await facts(snapshot);
//     orders.get(id).items.get(itemId).quantity
//
// Quantities are numbers; money is BigInt, read as text, for sums may be larger than what a number holds exactly.

const ORDERS = 'SELECT order_id, number, state, currency FROM customer_order';

const ITEMS = `SELECT order_id, item_id, sku, quantity, shipped_quantity AS shipped, cancelled_quantity AS cancelled, state,
	unit_price::text AS price, tax_rate_basis_points AS rate FROM order_item`;

const RESERVATIONS = `SELECT reservation_id, order_id, sku, quantity, fulfilled_quantity AS fulfilled, state,
	coalesce(expire_time < now() - interval '60 s', false) AS overdue FROM reservation WHERE sku IS NOT NULL`;

// Tombstones have no order and are nobody's.
const SHIPMENTS = 'SELECT shipment_id, order_id, state FROM shipment WHERE order_id IS NOT NULL';
const SHIPMENT_LINES = 'SELECT shipment_id, item_id, sku, quantity FROM shipment_line';

const INVOICES = 'SELECT invoice_id, number, order_id, shipment_id, currency, net::text, tax::text FROM invoice';
const INVOICE_LINES = `SELECT invoice_id, item_id, sku, quantity, unit_price::text AS price, tax_rate_basis_points AS rate, net::text, tax::text
	FROM invoice_line`;

const LEFT = new Set(['SHIPMENT_STATE_DISPATCHED', 'SHIPMENT_STATE_DELIVERED']);
const OPEN = new Set(['RESERVATION_STATE_HELD', 'RESERVATION_STATE_CONFIRMED', 'RESERVATION_STATE_PARTLY_FULFILLED']);

export const TABLES = {
	ordering: ['customer_order', 'order_item', 'order_shipment', 'order_invoice'],
	warehouse: ['reservation', 'stock_movement'],
	shipping: ['shipment', 'shipment_line'],
	billing: ['invoice', 'invoice_line'],
};

const known = new WeakMap();

// Read at most once for each snapshot.
export function facts(snapshot) {
	if (!known.has(snapshot)) known.set(snapshot, read(snapshot));
	return known.get(snapshot);
}

async function read({ ordering, warehouse, shipping, billing }) {
	const orders = await readOrders(ordering);
	const shipments = await readShipments(shipping, orders);
	const invoices = await readInvoices(billing, orders);
	const reservations = await readReservations(warehouse, orders);
	return { orders, shipments, invoices, reservations };
}

function indexed(rows, key) {
	return new Map(rows.map((row) => [row[key], row]));
}

async function readOrders(ordering) {
	const orders = indexed(await ordering.rows(ORDERS), 'order_id');
	for (const order of orders.values()) Object.assign(order, { items: new Map(), reservations: [], shipments: [], invoices: [], told: { shipments: [], invoices: [] } });
	for (const item of await ordering.rows(ITEMS)) {
		orders.get(item.order_id)?.items.set(item.item_id, { ...item, price: BigInt(item.price), dispatched: 0, pending: 0 });
	}
	for (const row of await ordering.rows('SELECT shipment_id, order_id FROM order_shipment')) orders.get(row.order_id)?.told.shipments.push(row.shipment_id);
	for (const row of await ordering.rows('SELECT invoice_id, order_id FROM order_invoice')) orders.get(row.order_id)?.told.invoices.push(row.invoice_id);
	return orders;
}

async function readShipments(shipping, orders) {
	const shipments = indexed(await shipping.rows(SHIPMENTS), 'shipment_id');
	for (const shipment of shipments.values()) {
		shipment.lines = [];
		shipment.left = LEFT.has(shipment.state);
		shipment.live = shipment.left || shipment.state === 'SHIPMENT_STATE_PENDING';
		orders.get(shipment.order_id)?.shipments.push(shipment);
	}
	for (const line of await shipping.rows(SHIPMENT_LINES)) shipments.get(line.shipment_id)?.lines.push(line);
	for (const shipment of shipments.values()) {
		for (const line of shipment.live ? shipment.lines : []) {
			const item = orders.get(shipment.order_id)?.items.get(line.item_id);
			if (item) item[shipment.left ? 'dispatched' : 'pending'] += line.quantity;
		}
	}
	return shipments;
}

async function readInvoices(billing, orders) {
	const invoices = indexed(await billing.rows(INVOICES), 'invoice_id');
	for (const invoice of invoices.values()) {
		Object.assign(invoice, { lines: [], net: BigInt(invoice.net), tax: BigInt(invoice.tax) });
		orders.get(invoice.order_id)?.invoices.push(invoice);
	}
	for (const line of await billing.rows(INVOICE_LINES)) {
		invoices.get(line.invoice_id)?.lines.push({ ...line, price: BigInt(line.price), net: BigInt(line.net), tax: BigInt(line.tax) });
	}
	return invoices;
}

async function readReservations(warehouse, orders) {
	const reservations = indexed(await warehouse.rows(RESERVATIONS), 'reservation_id');
	for (const reservation of reservations.values()) {
		reservation.open = OPEN.has(reservation.state) ? reservation.quantity - reservation.fulfilled : 0;
		orders.get(reservation.order_id)?.reservations.push(reservation);
	}
	return reservations;
}
