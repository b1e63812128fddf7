// Cancel races Dispatch: exactly one wins, and money and stock agree with the one that did. CANCEL_ROUNDS=10000 for the long form.
// test-seconds: 300
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { dispatch, getOrder, makeCustomer, makeProduct, orderIn, stockOf, submit } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const ROUNDS = Number(process.env.CANCEL_ROUNDS ?? (process.env.QUAYSIDE_MODE ? 60 : 300));
const AT_ONCE = 12;
const STOCK = 4 * ROUNDS;
const PRICE = 1250;
const CANCEL = 'quayside.ordering.v1.OrderService/CancelOrder';
const LIVE = "state IN ('RUNNING', 'COMPENSATING', 'NEEDS_OPERATOR')";
const END = patience(60_000 + 10 * ROUNDS);

let system;
let customer;

before(async () => {
	system = await startSystem({ gateway: false });
	customer = await makeCustomer(system);
});
after(() => system?.stop({ quiescent: true }));

const cancel = (order_id, options) => system.call(CANCEL, { order_id, reason: 'changed their mind' }, { timeout: 60_000, ...options });
const settle = (promise) => promise.then((reply) => ({ reply }), (error) => ({ error }));

function allEnded() {
	return until('all sagas to end', async () => (await system.sql('ordering', `SELECT FROM saga WHERE ${LIVE}`)).length === 0, END);
}

// So often, some at once.
function repeat(times, work) {
	let next = 0;
	return Promise.all(Array.from({ length: AT_ONCE }, async () => {
		while (next++ < times) await work();
	}));
}

// What was booked out and billed of a product.
async function books(sku) {
	const lines = await system.sql('billing', `SELECT coalesce(sum(quantity), 0), count(DISTINCT invoice_id) FROM invoice_line WHERE sku = '${sku}'`);
	const left = await system.sql('shipping', `SELECT coalesce(sum(l.quantity), 0) FROM shipment_line l JOIN shipment s USING (shipment_id)
		WHERE sku = '${sku}' AND s.state IN ('SHIPMENT_STATE_DISPATCHED', 'SHIPMENT_STATE_DELIVERED')`);
	return { billed: Number(lines[0][0]), invoices: Number(lines[0][1]), left: Number(left[0][0]) };
}

// Cancel has a longer way to the row that decides, so Dispatch starts a little later: by so many milliseconds, more or less, that both win as often. How many that are
// depends on the machine and the build.
let lead = 5;

async function race(sku) {
	const order = await submit(system, customer, [[sku, 2]], { timeout: 60_000 });
	const [shipment_id] = order.shipment_ids;
	const cancelling = settle(cancel(order.order_id));
	await new Promise((resolve) => setTimeout(resolve, lead * (0.5 + Math.random())));
	const dispatched = await settle(dispatch(system, shipment_id, { timeout: 60_000 }));
	lead = dispatched.reply ? lead * 1.15 + 0.5 : lead / 1.15;
	return { order_id: order.order_id, cancelled: await cancelling, dispatched };
}

function orderStates(sku) {
	return system.sql('ordering', `SELECT DISTINCT order_id, o.state FROM customer_order o JOIN order_item i USING (order_id) WHERE i.sku = '${sku}'`);
}

it(`one of Cancel and Dispatch wins, ${ROUNDS} times`, async (t) => {
	const { sku } = await makeProduct(system, { stock: STOCK, unit_price: { currency_code: 'EUR', minor_units: PRICE } });
	const wins = { cancel: 0, dispatch: 0 };
	const wanted = new Map();
	const began = performance.now();
	await repeat(ROUNDS, async () => {
		const { order_id, cancelled, dispatched } = await race(sku);
		assert.ok(Boolean(cancelled.reply) !== Boolean(dispatched.reply), `${order_id}: ${cancelled.error ?? 'cancelled'}; ${dispatched.error ?? 'dispatched'}`);
		const { error } = cancelled.reply ? dispatched : cancelled;
		assert.equal(error.codeName, 'FAILED_PRECONDITION', `${order_id}: ${error}`);
		if (cancelled.reply) assert.equal(cancelled.reply.state, 'ORDER_STATE_CANCELLED');
		wins[cancelled.reply ? 'cancel' : 'dispatch']++;
		wanted.set(order_id, cancelled.reply ? 'ORDER_STATE_CANCELLED' : 'ORDER_STATE_COMPLETED');
	});
	const seconds = (performance.now() - began) / 1000;
	await allEnded();
	await until('all orders to be done', async () => (await orderStates(sku)).every(([id, state]) => wanted.get(id) === state), END);
	assert.equal(wanted.size, ROUNDS);
	t.diagnostic(`${ROUNDS} rounds in ${seconds.toFixed(1)} s: Cancel won ${wins.cancel}, Dispatch ${wins.dispatch}`);
	assert.ok(wins.cancel > ROUNDS / 10 && wins.dispatch > ROUNDS / 10, `no race: ${JSON.stringify(wins)}`);
	assert.deepEqual(await books(sku), { billed: 2 * wins.dispatch, invoices: wins.dispatch, left: 2 * wins.dispatch });
	const on_hand = STOCK - 2 * wins.dispatch;
	await until('what was cancelled to be given back', async () => (await stockOf(system, sku)).reserved === 0, END);
	assert.deepEqual(await stockOf(system, sku), { on_hand, reserved: 0, available: on_hand });
});

it('what of an order has not left is cancelled, and the order is completed', async () => {
	const [a, b] = [await makeProduct(system, { stock: 10 }), await makeProduct(system, { stock: 10 })];
	const order = await submit(system, customer, [[a.sku, 3], [b.sku, 2]]);
	const key = randomUUID();
	await system.call('quayside.shipping.v1.ShipmentService/DispatchShipment',
		{ shipment_id: order.shipment_ids[0], carrier: 'DHL', tracking_number: '1', lines: [{ item_id: order.items[0].item_id, quantity: 1 }] });
	const cancelled = await cancel(order.order_id, { key });
	assert.deepEqual(cancelled.items.map((item) => Number(item.cancelled_quantity)), [2, 2]);
	assert.equal(cancelled.state, 'ORDER_STATE_PARTLY_SHIPPED');
	const done = await orderIn(system, order.order_id, 'ORDER_STATE_COMPLETED');
	assert.deepEqual(done.items.map((item) => Number(item.shipped_quantity)), [1, 0]);
	assert.equal(done.invoice_ids.length, 1);
	assert.deepEqual(await stockOf(system, a.sku), { on_hand: 9, reserved: 0, available: 9 });
	assert.deepEqual(await stockOf(system, b.sku), { on_hand: 10, reserved: 0, available: 10 });
	assert.equal((await cancel(order.order_id, { key })).etag, cancelled.etag, 'the same key got another answer');
	assert.deepEqual(await books(a.sku), { billed: 1, invoices: 1, left: 1 });
});

it('cancelling races the parts of a shipment', async (t) => {
	const { sku } = await makeProduct(system, { stock: STOCK });
	let cancelled = 0;
	await repeat(Math.ceil(ROUNDS / 10), async () => {
		const order = await submit(system, customer, [[sku, 3]], { timeout: 60_000 });
		const part = { item_id: order.items[0].item_id, quantity: 1 };
		const leave = (shipment_id) => settle(system.call('quayside.shipping.v1.ShipmentService/DispatchShipment',
			{ shipment_id, carrier: 'DHL', tracking_number: randomUUID(), lines: [part] }, { timeout: 60_000 }));
		const outcome = settle(cancel(order.order_id));
		await leave(order.shipment_ids[0]);
		const { error } = await outcome;
		if (error) assert.equal(error.codeName, 'FAILED_PRECONDITION', `${error}`);
		else cancelled++;
		const [item] = (await getOrder(system, order.order_id)).items;
		assert.ok(Number(item.shipped_quantity) + Number(item.cancelled_quantity) <= 3);
	});
	await system.audit({ quiescent: true, seconds: END / 1000 }); // what nobody has heard of yet has no saga that could end
	const { billed, left } = await books(sku);
	t.diagnostic(`${cancelled} cancelled at least in part, ${left} packages left`);
	assert.equal(billed, left);
	assert.ok(cancelled > 0);
	await until('what was cancelled to be given back', async () => (await stockOf(system, sku)).on_hand === STOCK - left, END);
});
