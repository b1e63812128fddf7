// One key, one effect, one answer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { grpc } from '../harness/client.mjs';
import { type } from '../harness/contract.mjs';
import { makeCustomer, makeProduct, stockOf } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';

const SUBMIT = 'quayside.ordering.v1.OrderService/SubmitOrder';
const request = type('quayside.ordering.v1.SubmitOrderRequest');
const encode = (plain) => Buffer.from(request.encode(request.fromObject(plain)).finish());

let system;

before(async () => {
	// Several write connections, so that the same key is used in several transactions at once.
	const flags = ['--db-write-connections=4'];
	system = await startSystem({ gateway: false, flags: { ordering: flags, warehouse: flags } });
});
after(() => system?.stop({ quiescent: true }));

it('makes one order of the same key sent 50 times at once, and 50 equal answers', async () => {
	const customer = await makeCustomer(system);
	const product = await makeProduct(system, { stock: 100 });
	const bytes = encode({ customer_id: customer.customer_id, lines: [{ sku: product.sku, quantity: 2 }] });
	const key = randomUUID();
	const answers = await Promise.all(Array.from({ length: 50 }, () => system.client('ordering').callBytes(SUBMIT, bytes, { key, timeout: 30_000 })));

	for (const answer of answers) assert.ok(answer.equals(answers[0]), 'answers differ');
	const [[orders]] = await system.sql('ordering', `SELECT count(*) FROM customer_order WHERE customer_id = '${customer.customer_id}'`);
	assert.equal(orders, '1');
	assert.deepEqual(await stockOf(system, product.sku), { on_hand: 100, reserved: 2, available: 98 });
});

it('receives goods once for the same key sent 50 times at once, and gives 50 equal levels', async () => {
	const product = await makeProduct(system, { stock: 0 });
	const receive = type('quayside.warehouse.v1.ReceiveStockRequest');
	const bytes = Buffer.from(receive.encode(receive.fromObject({ sku: product.sku, quantity: 7 })).finish());
	const key = randomUUID();
	const answers = await Promise.all(Array.from({ length: 50 }, () =>
		system.client('warehouse').callBytes('quayside.warehouse.v1.StockService/ReceiveStock', bytes, { key, timeout: 30_000 })));
	for (const answer of answers) assert.ok(answer.equals(answers[0]), 'answers differ');
	assert.equal((await stockOf(system, product.sku)).on_hand, 7);
});

it('says that an answer is a repeated one', async () => {
	const key = randomUUID();
	const ask = () => new Promise((resolve, reject) => {
		system.call('quayside.customers.v1.CustomerService/CreateCustomer',
			{ customer: { first_name: 'A', last_name: 'B', email: 'a@example.com' } }, { key, trailers: resolve }).catch(reject);
	});
	assert.equal((await ask())['idempotency-replayed'], undefined);
	assert.equal((await ask())['idempotency-replayed'], 'true');
});

it('refuses the key with another body', async () => {
	const customer = await makeCustomer(system);
	const product = await makeProduct(system, { stock: 10 });
	const key = randomUUID();
	const lines = (quantity) => ({ customer_id: customer.customer_id, lines: [{ sku: product.sku, quantity }] });
	await system.call(SUBMIT, lines(1), { key });
	await assert.rejects(system.call(SUBMIT, lines(2), { key }), (error) => {
		assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
		assert.equal(error.reason, 'KEY_REUSED');
		return true;
	});
	assert.equal((await stockOf(system, product.sku)).reserved, 1);
});

it('keeps a refusal under its key, even when it would succeed later', async () => {
	const customer = await makeCustomer(system);
	const product = await makeProduct(system, { stock: 0 });
	const key = randomUUID();
	const order = () => system.call(SUBMIT, { customer_id: customer.customer_id, lines: [{ sku: product.sku, quantity: 1 }] }, { key });
	const out = (error) => error.reason === 'OUT_OF_STOCK' && error.info.available === '0';
	await assert.rejects(order(), out);
	await system.call('quayside.warehouse.v1.StockService/ReceiveStock', { sku: product.sku, quantity: 5 });
	await assert.rejects(order(), out);
});
