// An id may come in upper case; everything that is kept, answered and compared has it in lower case (RFC 9562, 4).
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { makeProduct } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';

const CUSTOMERS = 'quayside.customers.v1.CustomerService';
const RESERVATIONS = 'quayside.warehouse.v1.ReservationService';

let system;

before(async () => {
	system = await startSystem({ services: ['customers', 'warehouse'], gateway: false });
});
after(() => system?.stop());

function createCustomer(customer_id, options) {
	return system.call(`${CUSTOMERS}/CreateCustomer`, { customer_id, customer: { first_name: 'Ada', last_name: 'Lovelace', email: 'ada@example.com' } }, options);
}

it('answers in lower case, and finds a thing and its history by either', async () => {
	const customer_id = randomUUID();
	const created = await createCustomer(customer_id.toUpperCase());
	assert.equal(created.customer_id, customer_id);
	for (const id of [customer_id, customer_id.toUpperCase()]) {
		assert.deepEqual(await system.call(`${CUSTOMERS}/GetCustomer`, { customer_id: id }), created);
		const { entries } = await system.call(`${CUSTOMERS}/ListCustomerHistory`, { customer_id: id });
		assert.equal(entries.length, 1);
	}
});

it('takes the same request in another case for the same request', async () => {
	const customer_id = randomUUID();
	const key = randomUUID();
	const created = await createCustomer(customer_id, { key });
	assert.deepEqual(await createCustomer(customer_id.toUpperCase(), { key }), created);
});

it('does so in nested messages and in lists', async () => {
	const [order_id, reservation_id] = [randomUUID(), randomUUID()];
	const { sku } = await makeProduct(system);
	const inEitherCase = async (method, request) => {
		const key = randomUUID();
		const upper = JSON.parse(JSON.stringify(request), (name, value) => (/_ids?$|^\d+$/.test(name) && typeof value === 'string' ? value.toUpperCase() : value));
		assert.notDeepEqual(upper, request);
		const answer = await system.call(`${RESERVATIONS}/${method}`, upper, { key });
		assert.deepEqual(await system.call(`${RESERVATIONS}/${method}`, request, { key }), answer);
		return answer.reservations.map((held) => [held.order_id, held.reservation_id]);
	};
	assert.deepEqual(await inEitherCase('ReserveStock', { order_id, lines: [{ reservation_id, sku, quantity: 1 }] }), [[order_id, reservation_id]]);
	assert.deepEqual(await inEitherCase('ReleaseReservations', { order_id, reservation_ids: [reservation_id] }), [[order_id, reservation_id]]);
});
