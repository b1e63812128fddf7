// What sagas ask of the services, delivered twice, late, in any order, and undone before it was done: the end is the same. SEED repeats a run.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { ADDRESS, EUR, makeCustomer, makeProduct, stockOf } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';

const ROUNDS = process.env.QUAYSIDE_MODE ? 5 : 15;
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const RESERVATIONS = 'quayside.warehouse.v1.ReservationService';
const SHIPMENTS = 'quayside.shipping.v1.ShipmentService';

let system;
let customer;

before(async () => {
	system = await startSystem({ gateway: false });
	customer = await makeCustomer(system);
});
// These orders are known to nobody but us, so the books of ordering know nothing of them.
after(() => system?.stop({ audit: false }));

// mulberry32
let state = SEED;
function random() {
	state = (state + 0x6d2b79f5) | 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

function shuffled(list) {
	const copy = [...list];
	for (let i = copy.length - 1; i > 0; i--) {
		const j = Math.floor(random() * (i + 1));
		[copy[i], copy[j]] = [copy[j], copy[i]];
	}
	return copy;
}

// All that a saga may ask about one order of two packages. The key belongs to the request, as in a saga.
function requestsOf(sku) {
	const [order_id, shipment_id, reservation_id] = [randomUUID(), randomUUID(), randomUUID()];
	const line = { reservation_id, sku, quantity: 2 };
	const item = { item_id: reservation_id, sku, name: 'Test product', quantity: 2 };
	const request = (method, fields, key) => ({ method, fields, key: key ?? `${order_id}/${method}` });
	return {
		order_id,
		shipment_id,
		reserve: request(`${RESERVATIONS}/ReserveStock`, { order_id, lines: [line] }),
		confirm: request(`${RESERVATIONS}/ConfirmReservations`, { order_id, lines: [line] }, randomUUID()),
		ship: request(`${SHIPMENTS}/CreateShipment`,
			{ shipment_id, order_id, order_number: 'ORD-1', customer_id: customer.customer_id, address: ADDRESS, lines: [item] }),
		release: request(`${RESERVATIONS}/ReleaseReservations`, { order_id }),
		unship: request(`${SHIPMENTS}/CancelShipment`, { shipment_id, reason: 'undone' }),
		fulfil: request(`${RESERVATIONS}/FulfilReservations`, { order_id, shipment_id, lines: [{ reservation_id, quantity: 2 }] }),
		bill: request('quayside.billing.v1.InvoiceService/IssueInvoice', {
			shipment_id, order_id, order_number: 'ORD-1', customer_id: customer.customer_id, customer_name: 'Ada Lovelace', billing_address: ADDRESS,
			lines: [{ item_id: reservation_id, sku, name: 'Test product', quantity: 2, unit_price: EUR(1250), tax_rate_basis_points: 1900 }],
		}),
	};
}

// With the request's own key, or as one that knows of no other: the ids alone must do then.
function send({ method, fields, key }, own = true) {
	return system.call(method, fields, { key: own ? key : randomUUID(), timeout: 30_000 }).then((reply) => ({ reply }), (error) => ({ error }));
}

const twice = (...requests) => shuffled([...requests, ...requests]);

// Some at the same time, the others after them.
async function deliver(requests) {
	const answers = [];
	for (let rest = requests; rest.length > 0;) {
		const n = 1 + Math.floor(random() * 3);
		answers.push(...(await Promise.all(rest.slice(0, n).map((request) => send(request, random() < 0.5)))));
		rest = rest.slice(n);
	}
	for (const { error } of answers) assert.ok(!error || error.codeName === 'FAILED_PRECONDITION', `${error}`);
	return answers;
}

async function shipmentState(shipment_id) {
	return (await system.call(`${SHIPMENTS}/GetShipment`, { shipment_id })).state;
}

it('what is undone stays undone, whatever comes in whichever order', async (t) => {
	const { sku } = await makeProduct(system, { stock: 3 * ROUNDS });
	t.diagnostic(`SEED=${SEED}`);
	for (let round = 0; round < ROUNDS; round++) {
		const { shipment_id, reserve, confirm, ship, release, unship } = requestsOf(sku);
		await deliver(twice(reserve, confirm, ship, release, unship));
		assert.equal(await shipmentState(shipment_id), 'SHIPMENT_STATE_CANCELLED');
		assert.equal((await stockOf(system, sku)).reserved, 0, `SEED=${SEED}, round ${round}`);
	}
});

it('what was undone before it was done is refused', async () => {
	const { sku } = await makeProduct(system, { stock: 10 });
	const { reserve, confirm, ship, release, unship } = requestsOf(sku);
	assert.ok((await send(release)).reply);
	assert.ok((await send(unship)).reply);
	assert.equal((await send(reserve)).error.reason, 'RESERVATION_CLOSED');
	assert.equal((await send(confirm)).error.codeName, 'FAILED_PRECONDITION');
	assert.equal((await send(ship)).error.codeName, 'FAILED_PRECONDITION');
	assert.equal((await stockOf(system, sku)).reserved, 0);
});

it('what is done many times is done once', async () => {
	const { sku } = await makeProduct(system, { stock: 2 * ROUNDS });
	for (let round = 0; round < ROUNDS; round++) {
		const { shipment_id, reserve, confirm, ship, fulfil, bill } = requestsOf(sku);
		assert.ok((await send(reserve)).reply);
		await deliver(twice(reserve, confirm, ship));
		assert.ok((await send(confirm, false)).reply);
		assert.ok((await system.call(`${SHIPMENTS}/DispatchShipment`, { shipment_id, carrier: 'DHL', tracking_number: '1' })).shipment_id);
		await deliver(twice(fulfil, bill, fulfil, bill, reserve, confirm, ship));
		const left = 2 * (ROUNDS - round - 1);
		assert.deepEqual(await stockOf(system, sku), { on_hand: left, reserved: 0, available: left }, `SEED=${SEED}, round ${round}`);
		assert.deepEqual(await system.sql('billing', `SELECT count(*) FROM invoice WHERE shipment_id = '${shipment_id}'`), [['1']]);
	}
});
