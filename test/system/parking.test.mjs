// An event that ordering can never handle: it is put aside with what follows of its shipment, the others go on, and an operator sees it and has it handled again.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { grpc } from '../harness/client.mjs';
import { dispatch, makeCustomer, makeProduct, orderIn, submit } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';
import { until } from '../harness/wait.mjs';

const EVENTS = 'quayside.events.v1.EventService';
const lost = randomUUID();

let system;
before(async () => {
	system = await startSystem({ gateway: false });
});
after(() => system?.stop({ audit: false })); // the nonsense is in the books

const parked = async (producer = '') => (await system.client('ordering').call(`${EVENTS}/ListParkedEvents`, { producer })).events;
const requeue = (request, options) => system.client('ordering').call(`${EVENTS}/RequeueParkedEvents`, request, options);
const cursor = async () => Number((await system.sql('ordering', `SELECT position FROM consumer_cursor WHERE producer = 'shipping'`))[0]?.[0] ?? 0);

// A dispatch without a shipment, as no shipping of ours tells it.
const tellNonsense = (version) => system.sql('shipping', `INSERT INTO outbox (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload,
	trace_parent, time) VALUES (gen_random_uuid(), 'shipment', '${lost}', ${version}, 'quayside.shipping.v1.ShipmentDispatched', '', '', now())`);

it('nonsense is parked, and what follows of its aggregate; others are handled', async () => {
	await tellNonsense(1);
	await tellNonsense(2);
	const events = await until('both to be parked', async () => (await parked()).length === 2 && parked());
	assert.deepEqual(events.map(({ producer, event, attempts }) => [producer, event.aggregate_id, event.aggregate_version, attempts]),
		[['shipping', lost, '1', 1], ['shipping', lost, '2', 0]]);
	assert.match(events[0].error, /^EVENT_REJECTED: /);
	assert.equal((await parked('warehouse')).length, 0);

	const [customer, product] = await Promise.all([makeCustomer(system), makeProduct(system)]);
	const { order_id } = await submit(system, customer, [[product.sku, 2]]);
	const order = await orderIn(system, order_id, 'ORDER_STATE_PLACED');
	await dispatch(system, order.shipment_ids[0]);
	await orderIn(system, order_id, 'ORDER_STATE_COMPLETED');
});

it('what is requeued in vain is parked again', async () => {
	const before = await parked();
	assert.equal((await requeue({ producer: 'shipping', aggregate_id: lost })).count, 2);
	const [first, second] = await until('it to be tried again', async () => {
		const now = await parked();
		return now[0].attempts > before[0].attempts && now;
	});
	assert.equal(first.attempts, 2);
	assert.equal(second.attempts, 0);
});

it('what is no event any more leaves', async () => {
	const key = randomUUID();
	await system.sql('ordering', `UPDATE event_parked SET event = decode(replace(encode(event, 'hex'), encode('ShipmentDispatched', 'hex'),
		encode('ShipmentForgotten!', 'hex')), 'hex')`); // of a kind that nobody handles
	assert.equal((await requeue({ producer: 'shipping', aggregate_id: lost }, { key })).count, 2);
	assert.equal((await requeue({ producer: 'shipping', aggregate_id: lost }, { key })).count, 2); // the same request, the same answer
	await until('the parking to be empty', async () => (await parked()).length === 0);
	assert.ok((await cursor()) > 0);
	assert.equal((await requeue({ producer: 'shipping', aggregate_id: lost }, { key })).count, 2);
	await assert.rejects(requeue({ producer: 'shipping', aggregate_id: lost }), (e) => e.code === grpc.status.NOT_FOUND);
});

it('a request that makes no sense is refused', async () => {
	await assert.rejects(requeue({ producer: '', aggregate_id: lost }), (e) => e.code === grpc.status.INVALID_ARGUMENT);
	await assert.rejects(system.client('ordering').call(`${EVENTS}/ListParkedEvents`, { page_token: 'nonsense' }), (e) => e.code === grpc.status.INVALID_ARGUMENT);
});
