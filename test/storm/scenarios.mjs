// One scenario for each write RPC of the contract and each way through a saga: what has to be there, the request, and what must be true afterwards.
//
//     { name, method, internal, targets: [service], prepare(system) -> { request, ... }, verify(system, prepared, answer) }
//     { name, happen(system, prepared), targets, prepare, verify }        nobody asks for it; happen() resolves when it has happened
//
// targets: the services that are killed while it runs. internal: called by services only; what it makes belongs to no order, so books between services are not compared.
// refused: the reason with which it must end. after(system): what is done when it is answered, before all comes to rest.
// saga: who takes it up after a crash is killed, too.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { methods } from '../harness/contract.mjs';
import { ADDRESS, EUR, dispatch, getOrder, makeCustomer, makeProduct, newSku, orderIn, receive, stockOf, submit } from '../harness/fixtures.mjs';
import { until } from '../harness/wait.mjs';

const CUSTOMERS = 'quayside.customers.v1.CustomerService';
const PRODUCTS = 'quayside.warehouse.v1.ProductService';
const STOCK = 'quayside.warehouse.v1.StockService';
const RESERVATIONS = 'quayside.warehouse.v1.ReservationService';
const ORDERS = 'quayside.ordering.v1.OrderService';
const SHIPMENTS = 'quayside.shipping.v1.ShipmentService';
const INVOICES = 'quayside.billing.v1.InvoiceService';
const SAGAS = 'quayside.ordering.v1.FulfilmentService';
const EVENTS = 'quayside.events.v1.EventService';

const ORDER_OF = ['ordering', 'warehouse', 'shipping'];
const ALL = ['ordering', 'warehouse', 'shipping', 'billing'];

const count = async (system, database, query) => Number((await system.sql(database, `SELECT count(*) FROM ${query}`))[0][0]);

// ---- What scenarios start from ----

async function catalogue(system, stock = 10) {
	const [customer, product] = await Promise.all([makeCustomer(system), makeProduct(system, { stock })]);
	return { customer, product, sku: product.sku };
}

async function openOrder(system, items = [2], stock = 10) {
	const customer = await makeCustomer(system);
	const products = await Promise.all(items.map(() => makeProduct(system, { stock })));
	let order = await system.call(`${ORDERS}/CreateOrder`, { customer_id: customer.customer_id, name: 'crash points' });
	for (const [i, quantity] of items.entries()) {
		order = await system.call(`${ORDERS}/AddOrderItem`, { order_id: order.order_id, sku: products[i].sku, quantity });
	}
	return { customer, products, sku: products[0]?.sku, order };
}

async function placedOrder(system, quantity = 2, stock = 10) {
	const { customer, sku } = await catalogue(system, stock);
	const order = await submit(system, customer, [[sku, quantity]]);
	return { customer, sku, order, shipment_id: order.shipment_ids[0] };
}

async function dispatchedOrder(system) {
	const placed = await placedOrder(system);
	await dispatch(system, placed.shipment_id);
	const order = await orderIn(system, placed.order.order_id, 'ORDER_STATE_COMPLETED');
	return { ...placed, order, invoice_id: order.invoice_ids[0] };
}

// A service that was killed is there again, and nobody has to wait for those who have waited for it.
async function back(system, name) {
	if (system.programs[name].running) return;
	system.programs[name].start();
	await system.ready(name);
	await system.sql('ordering', `UPDATE saga SET run_time = now() WHERE run_time > now()`);
}

// Of two, one is sent; the other is a shipment of its own then.
async function partlyShipped(system) {
	const { customer, sku } = await catalogue(system);
	const order = await submit(system, customer, [[sku, 2]]);
	const [shipment_id] = order.shipment_ids;
	await system.call(`${SHIPMENTS}/DispatchShipment`, { shipment_id, lines: [{ item_id: order.items[0].item_id, quantity: 1 }] });
	return { sku, shipment_id, order: await orderIn(system, order.order_id, 'ORDER_STATE_PARTLY_SHIPPED') };
}

// An order whose shipment could not be made in time; its saga sleeps until it is woken.
async function latePlacing(system) {
	const { programs } = system;
	const { order, sku } = await openOrder(system);
	await programs.shipping.kill();
	await system.client('ordering').call(`${ORDERS}/PlaceOrder`, { order_id: order.order_id }, { timeout: 500 }).catch(() => {});
	await programs.ordering.kill();
	await system.sql('ordering', `UPDATE saga SET deadline = now(), lease_until = now(), run_time = now() + interval '1 hour' WHERE subject_id = '${order.order_id}'`);
	for (const name of ['shipping', 'ordering']) {
		programs[name].start();
		await system.ready(name);
	}
	return { order, sku };
}

// A dispatch whose goods warehouse knows nothing of: its saga waits for an operator, and what was wrong is put right.
async function parkedSaga(system) {
	const placed = await placedOrder(system);
	const reservation = (from, to) => system.sql('warehouse', `UPDATE reservation SET state = 'RESERVATION_STATE_${to}' WHERE order_id = '${placed.order.order_id}'
		AND state = 'RESERVATION_STATE_${from}'`);
	await reservation('CONFIRMED', 'RELEASED');
	await dispatch(system, placed.shipment_id);
	const [[saga_id]] = await until('the saga to be parked', async () => {
		const rows = await system.sql('ordering', `SELECT saga_id FROM saga WHERE subject_id = '${placed.shipment_id}' AND state = 'NEEDS_OPERATOR'`);
		return rows.length === 1 && rows;
	});
	await reservation('RELEASED', 'CONFIRMED');
	return { ...placed, saga_id };
}

// A dispatch that names an order that nobody knows: its event is parked, and put right there.
async function parkedEvent(system) {
	const placed = await placedOrder(system);
	const { programs } = system;
	const rename = (database, table, column, from, to) => system.sql(database, `UPDATE ${table} SET ${column} = decode(replace(encode(${column}, 'hex'),
		'${Buffer.from(from).toString('hex')}', '${Buffer.from(to).toString('hex')}'), 'hex')`);
	const { order_id } = placed.order;
	const nobody = randomUUID();
	await programs.ordering.kill(); // so that it does not see the event as it is
	await dispatch(system, placed.shipment_id);
	await rename('shipping', 'outbox', 'payload', order_id, nobody);
	programs.ordering.start();
	await system.ready('ordering');
	await until('the event to be parked', async () => await count(system, 'ordering', `event_parked WHERE aggregate_id = '${placed.shipment_id}'`) === 1);
	await rename('shipping', 'outbox', 'payload', nobody, order_id);
	await rename('ordering', 'event_parked', 'event', nobody, order_id);
	return placed;
}

const invoiceRequest = () => ({
	shipment_id: randomUUID(),
	order_id: randomUUID(),
	order_number: 'ORD-1',
	customer_id: randomUUID(),
	billing_address: ADDRESS,
	lines: [{ item_id: randomUUID(), sku: newSku(), name: 'thing', quantity: 2, unit_price: EUR(1250), tax_rate_basis_points: 1900 }],
});

async function reserved(system, confirmed = false) {
	const { sku } = await makeProduct(system, { stock: 10 });
	const order_id = randomUUID();
	const lines = [{ reservation_id: randomUUID(), sku, quantity: 3 }];
	await system.call(`${RESERVATIONS}/ReserveStock`, { order_id, lines });
	if (confirmed) await system.call(`${RESERVATIONS}/ConfirmReservations`, { order_id, lines });
	return { sku, order_id, lines };
}

async function pendingShipment(system) {
	const request = {
		shipment_id: randomUUID(),
		order_id: randomUUID(),
		order_number: 'ORD-1',
		customer_id: randomUUID(),
		address: ADDRESS,
		lines: [{ item_id: randomUUID(), sku: newSku(), name: 'thing', quantity: 2 }],
	};
	await system.call(`${SHIPMENTS}/CreateShipment`, request);
	return request;
}

// ---- What must be true afterwards ----

const level = (on_hand, held) => async (system, { sku }) =>
	assert.deepEqual(await stockOf(system, sku), { on_hand, reserved: held, available: on_hand - held });

const all = (...checks) => async (...args) => {
	for (const check of checks) await check(...args);
};

const orderState = (state) => async (system, prepared, answer) =>
	assert.equal((await getOrder(system, answer?.order_id ?? prepared.order.order_id)).state, state);

const movements = (wanted) => async (system, { sku }) => assert.equal(await count(system, 'warehouse', `stock_movement WHERE sku = '${sku}'`), wanted);

// A dispatched shipment has been booked out, invoiced once, and is on its order.
async function fulfilled(system, { sku, order, shipment_id }) {
	assert.equal((await orderIn(system, order.order_id, 'ORDER_STATE_COMPLETED')).invoice_ids.length, 1);
	assert.equal(await count(system, 'billing', `invoice WHERE shipment_id = '${shipment_id}'`), 1);
	await level(8, 0)(system, { sku });
}

const onlyOneOrder = async (system, { customer }) => assert.equal(await count(system, 'ordering', `customer_order WHERE customer_id = '${customer.customer_id}'`), 1);

// ---- The scenarios ----

const customers = [
	{
		method: `${CUSTOMERS}/CreateCustomer`,
		prepare: () => ({ request: { customer: { first_name: 'Ada', last_name: 'Lovelace', email: `${randomUUID()}@example.com` } } }),
		verify: async (system, { request }) => assert.equal(await count(system, 'customers', `customer WHERE email = '${request.customer.email}'`), 1),
	},
	...[['UpdateCustomer', (id) => ({ customer: { customer_id: id, first_name: 'Grace', last_name: 'Hopper', email: 'g@example.com' } })],
		['BlockCustomer', (id) => ({ customer_id: id, reason: 'unpaid' })]].map(([name, request]) => ({
		method: `${CUSTOMERS}/${name}`,
		prepare: async (system) => {
			const { customer_id } = await makeCustomer(system);
			return { customer_id, request: request(customer_id) };
		},
		verify: async (system, { customer_id }) => assert.equal(await count(system, 'customers', `history WHERE aggregate_id = '${customer_id}'`), 2),
	})),
	{
		method: `${CUSTOMERS}/UnblockCustomer`,
		prepare: async (system) => {
			const { customer_id } = await makeCustomer(system);
			await system.call(`${CUSTOMERS}/BlockCustomer`, { customer_id, reason: 'unpaid' });
			return { customer_id, request: { customer_id } };
		},
		verify: async (system, { customer_id }) => assert.equal(await count(system, 'customers', `history WHERE aggregate_id = '${customer_id}'`), 3),
	},
];

const warehouse = [
	{
		method: `${PRODUCTS}/CreateProduct`,
		prepare: () => ({ request: { product: { sku: newSku(), name: 'thing', unit_price: EUR(1250) } } }),
		verify: async (system, { request }) => assert.equal(await count(system, 'warehouse', `history WHERE aggregate_id = '${request.product.sku}'`), 1),
	},
	...[['UpdateProduct', (product) => ({ product: { ...product, name: 'another name' } })], ['ArchiveProduct', ({ sku }) => ({ sku })]].map(([name, request]) => ({
		method: `${PRODUCTS}/${name}`,
		prepare: async (system) => {
			const product = await makeProduct(system, { stock: 0 });
			return { sku: product.sku, request: request(product) };
		},
		verify: async (system, { sku }) => assert.equal(await count(system, 'warehouse', `history WHERE aggregate_id = '${sku}' AND action LIKE '%Product'`), 2),
	})),
	{
		method: `${STOCK}/ReceiveStock`,
		prepare: async (system) => {
			const { sku } = await makeProduct(system, { stock: 0 });
			return { sku, request: { sku, quantity: 7, reference: 'crash points' } };
		},
		verify: all(level(7, 0), movements(1)),
	},
	{
		method: `${STOCK}/AdjustStock`,
		prepare: async (system) => {
			const { sku } = await makeProduct(system, { stock: 10 });
			return { sku, request: { sku, quantity: -3, reason: 'broken' } };
		},
		verify: all(level(7, 0), movements(2)),
	},
	{
		method: `${RESERVATIONS}/ReserveStock`,
		internal: true,
		prepare: async (system) => {
			const { sku } = await makeProduct(system, { stock: 10 });
			return { sku, request: { order_id: randomUUID(), lines: [{ reservation_id: randomUUID(), sku, quantity: 3 }] } };
		},
		verify: level(10, 3),
	},
	{
		method: `${RESERVATIONS}/ChangeReservation`,
		internal: true,
		prepare: async (system) => {
			const { sku, lines } = await reserved(system);
			return { sku, request: { reservation_id: lines[0].reservation_id, quantity: 2 } };
		},
		verify: level(10, 2),
	},
	{
		method: `${RESERVATIONS}/ConfirmReservations`,
		internal: true,
		prepare: async (system) => {
			const { sku, order_id, lines } = await reserved(system);
			return { sku, request: { order_id, lines } };
		},
		verify: level(10, 3),
	},
	{
		method: `${RESERVATIONS}/ReleaseReservations`,
		internal: true,
		prepare: async (system) => {
			const { sku, order_id } = await reserved(system);
			return { sku, request: { order_id } };
		},
		verify: level(10, 0),
	},
	{
		method: `${RESERVATIONS}/FulfilReservations`,
		internal: true,
		prepare: async (system) => {
			const { sku, order_id, lines } = await reserved(system, true);
			return { sku, request: { order_id, shipment_id: randomUUID(), lines: lines.map(({ reservation_id, quantity }) => ({ reservation_id, quantity })) } };
		},
		verify: all(level(7, 0), movements(2)),
	},
];

const shipping = [
	{
		method: `${SHIPMENTS}/CreateShipment`,
		internal: true,
		prepare: () => ({
			request: {
				shipment_id: randomUUID(), order_id: randomUUID(), order_number: 'ORD-1', customer_id: randomUUID(), address: ADDRESS,
				lines: [{ item_id: randomUUID(), sku: newSku(), name: 'thing', quantity: 2 }],
			},
		}),
		verify: async (system, { request }) => assert.equal(await count(system, 'shipping', `shipment WHERE order_id = '${request.order_id}'`), 1),
	},
	{
		method: `${SHIPMENTS}/CancelShipment`,
		internal: true,
		prepare: async (system) => {
			const { shipment_id } = await pendingShipment(system);
			return { request: { shipment_id, reason: 'crash points' } };
		},
		verify: async (system, { request }) =>
			assert.equal(await count(system, 'shipping', `shipment WHERE shipment_id = '${request.shipment_id}' AND state = 'SHIPMENT_STATE_CANCELLED'`), 1),
	},
	{
		name: 'CancelShipment before it is made',
		method: `${SHIPMENTS}/CancelShipment`,
		internal: true,
		prepare: () => ({ request: { shipment_id: randomUUID(), reason: 'crash points' } }),
		verify: async (system, { request }) =>
			assert.equal(await count(system, 'shipping', `shipment WHERE shipment_id = '${request.shipment_id}' AND state = 'SHIPMENT_STATE_CANCELLED'`), 1),
	},
	{
		name: 'DispatchShipment: the saga Fulfil',
		saga: true,
		method: `${SHIPMENTS}/DispatchShipment`,
		targets: ALL,
		prepare: async (system) => {
			const placed = await placedOrder(system);
			return { ...placed, request: { shipment_id: placed.shipment_id, carrier: 'DHL' } };
		},
		verify: fulfilled,
	},
	{
		name: 'DispatchShipment of a part',
		saga: true,
		method: `${SHIPMENTS}/DispatchShipment`,
		targets: ALL,
		prepare: async (system) => {
			const placed = await placedOrder(system);
			return { ...placed, request: { shipment_id: placed.shipment_id, lines: [{ item_id: placed.order.items[0].item_id, quantity: 1 }] } };
		},
		verify: async (system, { sku, order, shipment_id }) => {
			assert.equal((await orderIn(system, order.order_id, 'ORDER_STATE_PARTLY_SHIPPED')).invoice_ids.length, 1);
			assert.equal(await count(system, 'billing', `invoice WHERE shipment_id = '${shipment_id}'`), 1);
			assert.equal(await count(system, 'shipping', `shipment WHERE order_id = '${order.order_id}' AND state = 'SHIPMENT_STATE_PENDING'`), 1);
			await level(9, 1)(system, { sku });
		},
	},
	{
		method: `${SHIPMENTS}/DeliverShipment`,
		prepare: async (system) => {
			const { shipment_id } = await dispatchedOrder(system);
			return { request: { shipment_id } };
		},
		verify: async (system, { request }) => assert.equal(await count(system, 'shipping', `history WHERE aggregate_id = '${request.shipment_id}'`), 3),
	},
];

const billing = [
	{
		method: `${INVOICES}/IssueInvoice`,
		internal: true,
		prepare: () => ({ request: invoiceRequest() }),
		verify: async (system, { request }) => assert.equal(await count(system, 'billing', `invoice WHERE shipment_id = '${request.shipment_id}'`), 1),
	},
	{
		method: `${INVOICES}/RecordPayment`,
		prepare: async (system) => {
			const { invoice_id } = await dispatchedOrder(system);
			return { request: { invoice_id, amount: EUR(1000), method: 'bank transfer' } };
		},
		verify: async (system, { request }) => assert.equal(await count(system, 'billing', `payment WHERE invoice_id = '${request.invoice_id}'`), 1),
	},
];

const ordering = [
	{
		method: `${ORDERS}/CreateOrder`,
		targets: ['ordering', 'customers'],
		prepare: async (system) => {
			const customer = await makeCustomer(system);
			return { customer, request: { customer_id: customer.customer_id, name: 'crash points' } };
		},
		verify: onlyOneOrder,
	},
	{
		method: `${ORDERS}/UpdateOrder`,
		prepare: async (system) => {
			const { order } = await openOrder(system, []);
			return { order, request: { order_id: order.order_id, name: 'another name' } };
		},
		verify: async (system, { order }) => assert.equal(await count(system, 'ordering', `history WHERE aggregate_id = '${order.order_id}'`), 2),
	},
	{
		method: `${ORDERS}/AddOrderItem`,
		targets: ['ordering', 'warehouse'],
		prepare: async (system) => {
			const { order, customer } = await openOrder(system, []);
			const { sku } = await makeProduct(system, { stock: 10 });
			return { order, customer, sku, request: { order_id: order.order_id, sku, quantity: 2 } };
		},
		verify: level(10, 2),
	},
	{
		name: 'AddOrderItem that is refused',
		method: `${ORDERS}/AddOrderItem`,
		targets: ['ordering', 'warehouse'],
		refused: 'OUT_OF_STOCK',
		prepare: async (system) => {
			const { order } = await openOrder(system, []);
			const { sku } = await makeProduct(system, { stock: 1 });
			return { order, sku, request: { order_id: order.order_id, sku, quantity: 2 } };
		},
		verify: level(1, 0),
	},
	{
		method: `${ORDERS}/UpdateOrderItem`,
		targets: ['ordering', 'warehouse'],
		prepare: async (system) => {
			const { order, sku } = await openOrder(system);
			return { order, sku, request: { order_id: order.order_id, item_id: order.items[0].item_id, quantity: 5 } };
		},
		verify: level(10, 5),
	},
	{
		method: `${ORDERS}/RemoveOrderItem`,
		targets: ['ordering', 'warehouse'],
		prepare: async (system) => {
			const { order, sku } = await openOrder(system);
			return { order, sku, request: { order_id: order.order_id, item_id: order.items[0].item_id } };
		},
		verify: level(10, 0),
	},
	{
		name: 'PlaceOrder: the saga Place',
		saga: true,
		method: `${ORDERS}/PlaceOrder`,
		targets: ORDER_OF,
		prepare: async (system) => {
			const { order, sku } = await openOrder(system, [2, 3]);
			return { order, sku, request: { order_id: order.order_id } };
		},
		verify: all(orderState('ORDER_STATE_PLACED'), level(10, 2)),
	},
	{
		name: 'SubmitOrder: the saga Place',
		saga: true,
		method: `${ORDERS}/SubmitOrder`,
		targets: ['customers', ...ORDER_OF],
		prepare: async (system) => {
			const { customer, sku } = await catalogue(system);
			return { customer, sku, request: { customer_id: customer.customer_id, lines: [{ sku, quantity: 2 }] } };
		},
		verify: all(onlyOneOrder, orderState('ORDER_STATE_PLACED'), level(10, 2)),
	},
	{
		name: 'SubmitOrder that is refused: Place turns back',
		saga: true,
		method: `${ORDERS}/SubmitOrder`,
		targets: ['ordering', 'warehouse'],
		refused: 'OUT_OF_STOCK',
		prepare: async (system) => {
			const { customer, sku } = await catalogue(system, 10);
			const scarce = await makeProduct(system, { stock: 1 });
			return { customer, sku, request: { customer_id: customer.customer_id, lines: [{ sku, quantity: 2 }, { sku: scarce.sku, quantity: 2 }] } };
		},
		verify: level(10, 0),
	},
	{
		name: 'CancelOrder of an open order',
		method: `${ORDERS}/CancelOrder`,
		targets: ['ordering', 'warehouse'],
		prepare: async (system) => {
			const { order, sku } = await openOrder(system);
			return { order, sku, request: { order_id: order.order_id, reason: 'crash points' } };
		},
		verify: all(orderState('ORDER_STATE_CANCELLED'), level(10, 0)),
	},
	{
		name: 'CancelOrder of a placed order: the saga Cancel',
		saga: true,
		method: `${ORDERS}/CancelOrder`,
		targets: ORDER_OF,
		prepare: async (system) => {
			const { order, sku } = await placedOrder(system);
			return { order, sku, request: { order_id: order.order_id, reason: 'crash points' } };
		},
		verify: all(orderState('ORDER_STATE_CANCELLED'), level(10, 0)),
	},
	{
		name: 'CancelOrder of a partly shipped order: the rest is cancelled',
		saga: true,
		method: `${ORDERS}/CancelOrder`,
		targets: ORDER_OF,
		prepare: async (system) => {
			const { order, sku } = await partlyShipped(system);
			return { order, sku, request: { order_id: order.order_id, reason: 'crash points' } };
		},
		verify: async (system, { order, sku }) => {
			await orderIn(system, order.order_id, 'ORDER_STATE_COMPLETED');
			await level(9, 0)(system, { sku });
			assert.equal(await count(system, 'shipping', `shipment WHERE order_id = '${order.order_id}' AND state = 'SHIPMENT_STATE_CANCELLED'`), 1);
		},
	},
	{
		name: 'CancelOrder of what has left: the saga Cancel is refused',
		saga: true,
		method: `${ORDERS}/CancelOrder`,
		targets: ['ordering', 'shipping'],
		refused: /^ALREADY_DISPATCHED$/,
		// It has left, but is not billed yet.
		prepare: async (system) => {
			const placed = await placedOrder(system);
			await system.programs.billing.kill();
			await dispatch(system, placed.shipment_id);
			return { ...placed, request: { order_id: placed.order.order_id, reason: 'crash points' } };
		},
		after: (system) => back(system, 'billing'),
		verify: fulfilled,
	},
	{
		name: 'an order that cannot be placed in time: Place turns back',
		saga: true,
		targets: ['ordering', 'shipping'],
		prepare: latePlacing,
		happen: async (system, { order: { order_id } }) => {
			await system.sql('ordering', `UPDATE saga SET run_time = now() WHERE subject_id = '${order_id}' AND run_time > now()`);
			await until('it to be given up', async () => await count(system, 'ordering', `customer_order WHERE order_id = '${order_id}' AND state = 'ORDER_STATE_OPEN'
				AND state_reason = 'PLACING_TIMED_OUT'`) === 1, 30_000);
		},
		verify: async (system, { order, sku }) => {
			await level(10, 2)(system, { sku });
			assert.equal(await count(system, 'shipping', `shipment WHERE order_id = '${order.order_id}' AND state <> 'SHIPMENT_STATE_CANCELLED'`), 0);
		},
	},
	{
		name: 'an abandoned order: the saga Expire',
		saga: true,
		targets: ['ordering', 'warehouse'],
		prepare: (system) => openOrder(system),
		happen: async (system, { order: { order_id } }) => {
			await system.sql('ordering', `UPDATE customer_order SET update_time = now() - interval '1 year' WHERE order_id = '${order_id}'
				AND state = 'ORDER_STATE_OPEN'`);
			await until('it to expire', async () => await count(system, 'ordering', `customer_order WHERE order_id = '${order_id}' AND state = 'ORDER_STATE_EXPIRED'`) === 1, 30_000);
		},
		verify: all(orderState('ORDER_STATE_EXPIRED'), level(10, 0)),
	},
	{
		method: `${SAGAS}/RetrySaga`,
		targets: ['ordering', 'warehouse', 'billing'],
		prepare: async (system) => {
			const parked = await parkedSaga(system);
			return { ...parked, request: { saga_id: parked.saga_id, reason: 'crash points' } };
		},
		verify: fulfilled,
	},
	{
		method: `${EVENTS}/RequeueParkedEvents`,
		targets: ['ordering'],
		prepare: async (system) => {
			const parked = await parkedEvent(system);
			return { ...parked, request: { producer: 'shipping', aggregate_id: parked.shipment_id } };
		},
		verify: async (system, parked) => {
			await fulfilled(system, parked);
			assert.equal(await count(system, 'ordering', 'event_parked'), 0);
		},
	},
];

// Whose service answers it: events are ordering's affair.
export const areaOf = (method) => (method.startsWith('quayside.events.') ? 'ordering' : method.split('.')[1]);

export const SCENARIOS = [...customers, ...warehouse, ...shipping, ...billing, ...ordering].map((scenario) => ({
	name: scenario.method?.split('/')[1],
	targets: scenario.targets ?? [areaOf(scenario.method)],
	...scenario,
}));

// Write RPCs of the contract that the system serves and no scenario calls. What is not served yet answers UNIMPLEMENTED to anything.
export async function uncovered(system) {
	const covered = new Set(SCENARIOS.map(({ method }) => method));
	const missing = methods().filter(({ path, policy }) => policy.write && !covered.has(path.slice(1)));
	const served = await Promise.all(missing.map(({ path }) => serves(system, path.slice(1))));
	return missing.filter((_, i) => served[i]).map(({ path }) => path.slice(1));
}

async function serves(system, method) {
	return system.client(areaOf(method)).callBytes(method, Buffer.alloc(0)).then(() => true, (error) => error.codeName !== 'UNIMPLEMENTED');
}
