// What must be true of the life of orders and what belongs to them.
import { facts, TABLES } from './facts.mjs';

// The published state machines. "" is before the first entry; what stays as it is (an item was added) is no move.
const MACHINES = [
	{
		service: 'ordering',
		table: 'customer_order',
		id: 'order_id',
		state: 'state',
		prefix: 'ORDER_STATE_',
		moves: {
			'': ['OPEN', 'PLACING'],
			OPEN: ['PLACING', 'CANCELLED', 'EXPIRED'],
			PLACING: ['PLACED', 'OPEN'],
			PLACED: ['PARTLY_SHIPPED', 'SHIPPED', 'CANCELLING'],
			PARTLY_SHIPPED: ['SHIPPED', 'CANCELLING'],
			SHIPPED: ['COMPLETED'],
			CANCELLING: ['CANCELLED', 'PARTLY_SHIPPED', 'PLACED'],
			COMPLETED: [],
			CANCELLED: [],
			EXPIRED: [],
		},
	},
	{
		service: 'shipping',
		table: 'shipment',
		id: 'shipment_id',
		state: 'state',
		prefix: 'SHIPMENT_STATE_',
		moves: { '': ['PENDING', 'CANCELLED'], PENDING: ['DISPATCHED', 'CANCELLED'], DISPATCHED: ['DELIVERED'], DELIVERED: [], CANCELLED: [] },
	},
	{
		service: 'billing',
		table: 'invoice_balance',
		id: 'invoice_id',
		state: 'state',
		prefix: 'INVOICE_STATE_',
		moves: {
			'': ['ISSUED', 'PAID'], // nothing to pay: paid
			ISSUED: ['PARTLY_PAID', 'PAID', 'CREDITED'],
			PARTLY_PAID: ['PAID', 'CREDITED'],
			PAID: ['CREDITED'],
			CREDITED: [],
		},
	},
	{
		service: 'warehouse',
		table: 'reservation',
		id: 'reservation_id',
		state: 'state',
		prefix: 'RESERVATION_STATE_',
		shared: true, // its versions are those of its order's reservations together
		moves: {
			'': ['HELD', 'CONFIRMED', 'RELEASED'],
			HELD: ['CONFIRMED', 'RELEASED', 'EXPIRED'],
			EXPIRED: ['HELD', 'CONFIRMED', 'RELEASED'],
			CONFIRMED: ['PARTLY_FULFILLED', 'FULFILLED', 'RELEASED'],
			PARTLY_FULFILLED: ['FULFILLED', 'RELEASED'],
			FULFILLED: [],
			RELEASED: [],
		},
	},
	{
		service: 'warehouse',
		table: 'product',
		id: 'sku',
		state: 'state',
		prefix: 'PRODUCT_STATE_',
		moves: { '': ['ACTIVE'], ACTIVE: ['ARCHIVED'], ARCHIVED: [] },
	},
	{
		service: 'customers',
		table: 'customer',
		id: 'customer_id',
		state: 'status',
		prefix: 'CUSTOMER_STATUS_',
		moves: { '': ['ACTIVE'], ACTIVE: ['BLOCKED', 'ERASED'], BLOCKED: ['ACTIVE', 'ERASED'], ERASED: [] },
	},
];

// Versions 1, 2, 3, ..., each beginning in the state where the one before it ended, each a move that the machine has; the last is where the object is.
function pathQuery({ table, id, state, prefix, moves, shared = false }) {
	const pairs = Object.entries(moves).flatMap(([from, tos]) => tos.map((to) => `('${from && prefix + from}', '${prefix + to}')`));
	return `WITH path AS (SELECT aggregate_id, version, from_state, to_state, action, lag(to_state, 1, '') OVER w AS before, row_number() OVER w AS place,
			lead(version) OVER w IS NULL AS latest
			FROM history WHERE to_state LIKE '${prefix}%' WINDOW w AS (PARTITION BY aggregate_id ORDER BY version))
		SELECT CASE WHEN t.${id} IS NULL THEN 'the history of nothing' WHEN p.version IS NULL THEN 'without a history'
				WHEN p.version <> place AND NOT ${shared} THEN 'a version is missing' WHEN from_state <> before THEN 'does not begin where the one before it ended'
				WHEN latest AND (t.version, t.${state}) <> (p.version, to_state) THEN 'is not where its history ends'
				ELSE 'no such move' END AS what,
			coalesce(t.${id}::text, aggregate_id) AS ${id}, p.version, action, from_state, to_state, t.version AS is_version, t.${state} AS is
		FROM path p FULL JOIN ${table} t ON t.${id}::text = aggregate_id
		WHERE t.${id} IS NULL OR p.version IS NULL OR (p.version <> place AND NOT ${shared}) OR from_state <> before OR (latest AND (t.version, t.${state}) <> (p.version, to_state))
			OR (from_state <> to_state AND (from_state, to_state) NOT IN (${pairs.join(', ')}))`;
}

const BEFORE = new Set(['OPEN', 'CANCELLED', 'EXPIRED']);
const UNDER_WAY = new Set(['PLACING', 'CANCELLING', 'SHIPPED']);

// What an item of an order that was placed must be, beside the shipments' lines and its reservation.
function* itemFaults(item, reservation) {
	const left = item.quantity - item.cancelled - item.shipped;
	if (item.shipped !== item.dispatched) yield `${item.shipped} of it count as shipped, ${item.dispatched} were dispatched`;
	if (item.pending !== left) yield `${left} of it are to be shipped, ${item.pending} are in pending shipments`;
	if (!reservation || reservation.sku !== item.sku) yield 'nothing is reserved for it';
	else if (reservation.open !== left) yield `${left} of it are to be shipped, ${reservation.open} are reserved`;
	else if (left > 0 && reservation.state === 'RESERVATION_STATE_HELD') yield 'its reservation is not confirmed';
	if (item.cancelled === 0 && (item.state === 'ORDER_ITEM_STATE_SHIPPED') !== (item.shipped === item.quantity)) yield `it is ${item.state}`;
}

function* placedFaults(order, state) {
	const items = [...order.items.values()];
	const reservations = new Map(order.reservations.map((reservation) => [reservation.reservation_id, reservation]));
	const sum = (part) => items.reduce((total, item) => total + item[part], 0);
	if (items.length === 0) yield 'it has no items';
	for (const item of items) for (const fault of itemFaults(item, reservations.get(item.item_id))) yield `item ${item.item_id} (${item.sku}): ${fault}`;
	if (state === 'PLACED' && sum('dispatched') > 0) yield 'something was dispatched already';
	if (state === 'PARTLY_SHIPPED' && sum('dispatched') === 0) yield 'nothing was dispatched yet';
	if (state !== 'COMPLETED' && sum('pending') === 0) yield 'nothing is left to be shipped';
	if (state === 'COMPLETED' && sum('pending') > 0) yield 'something is still to be shipped';
}

const missing = (ids, known) => ids.filter((id) => !known.includes(id));

function* childFaults(order) {
	const live = order.shipments.filter((shipment) => shipment.live).map((shipment) => shipment.shipment_id);
	const invoices = order.invoices.map((invoice) => invoice.invoice_id);
	for (const id of missing(live, order.told.shipments)) yield `shipment ${id} is not on the order`;
	for (const id of missing(order.told.shipments, order.shipments.map((shipment) => shipment.shipment_id))) yield `shipping has no shipment ${id} for it`;
	for (const id of missing(invoices, order.told.invoices)) yield `invoice ${id} is not on the order`;
	for (const id of missing(order.told.invoices, invoices)) yield `billing has no invoice ${id} for it`;
	for (const shipment of order.shipments) {
		const strangers = missing(shipment.live ? shipment.lines.map((line) => line.item_id) : [], [...order.items.keys()]);
		for (const id of strangers) yield `shipment ${shipment.shipment_id} has an item ${id} that the order has not`;
	}
}

function* orderFaults(order) {
	const state = order.state.replace('ORDER_STATE_', '');
	yield* childFaults(order);
	if (UNDER_WAY.has(state)) yield 'it is still under way';
	else if (!BEFORE.has(state)) yield* placedFaults(order, state);
	else if (order.shipments.some((shipment) => shipment.live)) yield 'it has shipments that are not cancelled';
}

async function childrenAgree(snapshot) {
	const { orders, shipments } = await facts(snapshot);
	const found = [];
	for (const order of orders.values()) {
		for (const what of orderFaults(order)) found.push({ what, order_id: order.order_id, number: order.number, state: order.state });
	}
	for (const { shipment_id, order_id, state, live } of shipments.values()) {
		if (live && !orders.has(order_id)) found.push({ what: 'a shipment for no order', shipment_id, order_id, state });
	}
	return found;
}

export default [
	{
		id: 'ORD-3',
		text: 'the history of each order, shipment, invoice, reservation, product and customer is a path in its published state machine, without a gap, and ends where the object is; final states are never left',
		parts: MACHINES.map((machine) => ({
			kind: 'A',
			needs: { [machine.service]: ['history', machine.table] },
			find: (snapshot) => snapshot[machine.service].rows(pathQuery(machine)),
		})),
	},
	{
		id: 'ORD-4',
		text: 'each order agrees with its shipments, invoices and reservations: what is placed is reserved and to be shipped, item by item; what is cancelled has no live shipment; nothing is under way (authorisations: there are none)',
		advice: 'Look at the order\'s history and its sagas (FulfilmentService/ListSagas with the order\'s id); a parked saga can be retried (RetrySaga).',
		parts: [{ kind: 'Q', needs: TABLES, find: childrenAgree }],
	},
];
