// Work that spans services goes on whatever dies, and operators can see it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { dispatch, makeCustomer, makeProduct, orderIn, stockOf, submit } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const ORDERS = 'quayside.ordering.v1.OrderService';
const SAGAS = 'quayside.ordering.v1.FulfilmentService';
const FLAGS = ['--abandon-after-s=1'];
const LEASE = patience(40_000); // a killed process's lease has to run out first

let system;
let customer;

before(async () => {
	system = await startSystem({ gateway: false, flags: { ordering: FLAGS } });
	customer = await makeCustomer(system);
});
after(() => system?.stop({ quiescent: true }));

const sagasOf = async (subject_id) => (await system.call(`${SAGAS}/ListSagas`, { subject_id })).sagas;

// What is acknowledged and not answered yet.
const placing = () => system.sql('ordering', "SELECT order_id FROM customer_order WHERE state = 'ORDER_STATE_PLACING'");

it('what was acknowledged is done by the next process when the first one is killed', async (t) => {
	const { sku } = await makeProduct(system, { stock: 5 });
	const key = randomUUID();
	system.programs.shipping.signal('SIGSTOP');
	const answer = submit(system, customer, [[sku, 2]], { key, timeout: 60_000 }).catch((error) => error);
	await until('the order to be PLACING', async () => (await placing()).length === 1);
	const [[order_id]] = await placing();
	const [saga] = await sagasOf(order_id);
	assert.equal(saga.kind, 'place');
	assert.equal(saga.state, 'SAGA_STATE_RUNNING');
	await system.programs.ordering.kill();
	system.programs.shipping.signal('SIGCONT');
	await answer;
	const began = performance.now();
	system.startService('ordering', FLAGS);
	await system.ready('ordering');
	const order = await orderIn(system, order_id, 'ORDER_STATE_PLACED', LEASE);
	t.diagnostic(`PLACED ${(performance.now() - began).toFixed(0)} ms after the start`);
	const again = await submit(system, customer, [[sku, 2]], { key });
	assert.equal(again.order_id, order_id);
	assert.equal(again.etag, order.etag);
	assert.deepEqual(await stockOf(system, sku), { on_hand: 5, reserved: 2, available: 3 });

	const done = await system.call(`${SAGAS}/GetSaga`, { saga_id: saga.saga_id });
	assert.equal(done.state, 'SAGA_STATE_COMPLETED');
	assert.deepEqual(done.steps.map(({ name, outcome, compensation }) => [name, outcome, compensation]),
		[['keep_goods', 'OK', false], ['make_shipment', 'OK', false]]);
	await assert.rejects(system.call(`${SAGAS}/RetrySaga`, { saga_id: saga.saga_id }), { reason: 'SAGA_NOT_PARKED' });
});

it('one shipment that cannot be billed does not hold up the others', async () => {
	const { sku } = await makeProduct(system, { stock: 100 });
	const orders = await Promise.all(Array.from({ length: 8 }, () => submit(system, customer, [[sku, 1]])));
	system.programs.billing.signal('SIGSTOP');
	await Promise.all(orders.map((order) => dispatch(system, order.shipment_ids[0])));
	await until('all to be booked out', async () => (await stockOf(system, sku)).on_hand === 92); // none waits for the invoice of another
	system.programs.billing.signal('SIGCONT');
	for (const { order_id } of orders) await orderIn(system, order_id, 'ORDER_STATE_COMPLETED', LEASE);
});

it('an order that nobody goes on with expires, and its goods are free', async () => {
	const { sku } = await makeProduct(system, { stock: 5 });
	const { order_id } = await system.call(`${ORDERS}/CreateOrder`, { customer_id: customer.customer_id });
	await system.call(`${ORDERS}/AddOrderItem`, { order_id, sku, quantity: 3 });
	const order = await orderIn(system, order_id, 'ORDER_STATE_EXPIRED', patience(30_000));
	assert.equal(order.state_reason, 'ABANDONED');
	await until('its goods to be free', async () => (await stockOf(system, sku)).reserved === 0);
	await until('its saga to end', async () => (await sagasOf(order_id))[0].state === 'SAGA_STATE_COMPLETED');
	await assert.rejects(system.call(`${ORDERS}/AddOrderItem`, { order_id, sku, quantity: 1 }), { reason: 'ORDER_NOT_OPEN' });
});

it('an order that cannot be placed in time leaves nothing, though what was asked for arrives late', async () => {
	const { sku } = await makeProduct(system, { stock: 5 });
	const key = randomUUID();
	await system.programs.ordering.stop();
	system.startService('ordering', ['--placing-time-s=1']);
	await system.ready('ordering');
	system.programs.shipping.signal('SIGSTOP');
	await submit(system, customer, [[sku, 2]], { key, timeout: 2_000 }).catch(() => null);
	const [[order_id]] = await placing();
	await until('the saga to turn round', async () => (await sagasOf(order_id))[0].state === 'SAGA_STATE_COMPENSATING', LEASE);
	system.programs.shipping.signal('SIGCONT'); // the shipment that was asked for, and its cancellation, come now
	const order = await orderIn(system, order_id, 'ORDER_STATE_CANCELLED', LEASE);
	assert.equal(order.state_reason, 'PLACING_TIMED_OUT');
	const saga = await system.call(`${SAGAS}/GetSaga`, { saga_id: (await sagasOf(order_id))[0].saga_id });
	assert.equal(saga.state, 'SAGA_STATE_COMPENSATED');
	assert.deepEqual(saga.steps.filter(({ compensation }) => compensation).map(({ name, outcome }) => [name, outcome]), [['make_shipment', 'OK'], ['keep_goods', 'OK']]);
	assert.deepEqual(await system.sql('shipping', `SELECT DISTINCT state FROM shipment WHERE order_id = '${order_id}' AND state <> 'SHIPMENT_STATE_CANCELLED'`), []);
	assert.deepEqual(await stockOf(system, sku), { on_hand: 5, reserved: 0, available: 5 });
	await assert.rejects(submit(system, customer, [[sku, 2]], { key }), { reason: 'PLACING_TIMED_OUT' });
});
