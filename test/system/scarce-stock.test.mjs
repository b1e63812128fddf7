// The last units of a product, and more buyers than units.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { Client } from '../harness/client.mjs';
import { makeCustomer, makeProduct, stockOf, submit } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';
import { insist } from '../harness/wait.mjs';

const BUYERS = 64;
const UNITS = 100;
const SUBMIT = 'quayside.ordering.v1.OrderService/SubmitOrder';

let system;

before(async () => {
	system = await startSystem({ gateway: false });
});
after(() => system?.stop({ quiescent: true }));

// Buys until the goods are gone: one unit an order, in every fifth order as two lines of the same product.
async function buy(client, customer, sku, buyer) {
	const outcomes = [];
	for (let n = 0; n < 4; n++) {
		const lines = (buyer + n) % 5 === 0 ? [1, 1] : [1];
		const request = { customer_id: customer.customer_id, lines: lines.map((quantity) => ({ sku, quantity })) };
		const key = randomUUID();
		outcomes.push(await insist(() => client.call(SUBMIT, request, { key, timeout: 60_000 })).then((order) => ({ order }), (error) => ({ error })));
	}
	return outcomes;
}

it('sells exactly what there is, and tells the others what is left', async () => {
	const customer = await makeCustomer(system);
	const { sku } = await makeProduct(system, { stock: UNITS });
	const clients = Array.from({ length: BUYERS }, () => new Client(system.address('ordering')));
	const outcomes = (await Promise.all(clients.map((client, i) => buy(client, customer, sku, i)))).flat();
	for (const client of clients) client.close();

	const sold = outcomes.filter(({ order }) => order).flatMap(({ order }) => order.items).reduce((sum, item) => sum + Number(item.quantity), 0);
	const refusals = outcomes.filter(({ error }) => error).map(({ error }) => error);
	assert.ok(refusals.length > 0, 'nobody was refused');
	for (const error of refusals) {
		assert.equal(error.reason, 'OUT_OF_STOCK', error.message);
		assert.equal(error.info.sku, sku);
		assert.match(error.info.available, /^\d+$/);
	}
	assert.equal(sold, UNITS);
	assert.deepEqual(await stockOf(system, sku), { on_hand: UNITS, reserved: UNITS, available: 0 });
	const [[ledger]] = await system.sql('warehouse', `SELECT sum(quantity) FROM stock_movement WHERE sku = '${sku}'`);
	assert.equal(Number(ledger), UNITS);
});

it('keeps the merged line of two lines of one product', async () => {
	const customer = await makeCustomer(system);
	const { sku } = await makeProduct(system, { stock: 10 });
	const order = await submit(system, customer, [[sku, 2], [sku, 3]]);
	assert.equal(order.items.length, 1);
	assert.equal(order.items[0].quantity, '5');
});
