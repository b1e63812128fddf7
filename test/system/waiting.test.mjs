// What waits costs only itself: a slow peer, a silent peer, a frozen database.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { makeCustomer, makeProduct } from '../harness/fixtures.mjs';
import { startProxy } from '../harness/proxy.mjs';
import { startSystem } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const CREATE = 'quayside.ordering.v1.OrderService/CreateOrder';
const WAITING = process.env.QUAYSIDE_MODE ? 300 : 2_000;
const DELAY = 20;

let system;
let proxy;
let customer;

// Ordering reaches customers through a proxy; everybody else directly.
before(async () => {
	system = await startSystem({ services: [], gateway: false });
	proxy = await startProxy(path.join(system.folder, 'slow.sock'), system.address('customers').slice('unix:'.length), { delay: DELAY });
	// What this test does on purpose, they would otherwise not put up with: so many at once, so slow a peer.
	const patient = ['--peer-calls=4096', '--peer-slow-ms=60000', '--max-work=0'];
	for (const name of ['customers', 'warehouse']) system.startService(name, patient);
	system.startService('ordering', [`--customers-address=unix:${path.join(system.folder, 'slow.sock')}`, ...patient]);
	for (const name of ['customers', 'warehouse', 'ordering']) await system.ready(name);
	customer = await makeCustomer(system);
});
after(async () => {
	proxy?.close();
	await system?.stop();
});

const createOrder = (options) => system.call(CREATE, { customer_id: customer.customer_id, name: 'waits' }, { timeout: 60_000, ...options });
const listOrders = () => system.call('quayside.ordering.v1.OrderService/ListOrders', { page_size: 1 });

function proc(name) {
	const text = fs.readFileSync(`/proc/${system.programs[name].pid}/status`, 'utf8');
	const field = (key) => Number(text.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))[1]);
	return { threads: field('Threads'), rss: field('VmRSS') * 1024 };
}

async function timed(work) {
	const began = performance.now();
	await work();
	return performance.now() - began;
}

// The middle one of an odd number of runs: the machine is shared.
async function typical(work, runs = 9) {
	const times = [];
	for (let i = 0; i < runs; i++) times.push(await timed(work));
	return times.sort((a, b) => a - b)[runs >> 1];
}

it('a peer that answers after 20 ms slows only the calls that need it', async (t) => {
	await createOrder();
	const alone = await typical(listOrders);
	const slow = Array.from({ length: 200 }, () => timed(createOrder));
	const beside = await typical(listOrders);
	const slowest = Math.max(...(await Promise.all(slow)));
	t.diagnostic(`ListOrders alone ${alone.toFixed(1)} ms, beside 200 slow calls ${beside.toFixed(1)} ms; slowest of the 200: ${slowest.toFixed(0)} ms`);
	assert.ok(await typical(createOrder, 3) >= DELAY, 'the peer was not slow');
	assert.ok(slowest < 200 * DELAY, 'slow calls waited for each other');
});

it(`${WAITING} calls waiting at once cost memory, not threads`, async (t) => {
	await createOrder();
	const before_ = proc('ordering');
	proxy.hold();
	const calls = Array.from({ length: WAITING }, () => createOrder());
	await until('all calls to wait', async () => {
		const reply = await listOrders(); // others are served meanwhile
		const now = proc('ordering');
		return reply && now.rss > before_.rss + WAITING * 4096;
	});
	await until('memory to be still', async () => {
		const one = proc('ordering').rss;
		await pause(100);
		return proc('ordering').rss === one;
	});
	const during = proc('ordering');
	proxy.release();
	const orders = await Promise.all(calls);
	t.diagnostic(`threads ${before_.threads} -> ${during.threads}; memory ${(before_.rss / 1e6).toFixed(1)} -> ${(during.rss / 1e6).toFixed(1)} MB, ` +
		`${((during.rss - before_.rss) / WAITING / 1024).toFixed(1)} KiB a call`);
	assert.equal(new Set(orders.map((order) => order.order_id)).size, WAITING);
	assert.ok(during.threads <= before_.threads + 2, 'calls cost threads');
});

it('a database frozen for 5 s slows only the calls that need it', async (t) => {
	const product = await makeProduct(system, { stock: 5 });
	const getCustomer = () => system.call('quayside.customers.v1.CustomerService/GetCustomer', { customer_id: customer.customer_id });
	const alone = await typical(getCustomer);

	await system.freezeDatabase('warehouse');
	let stuck;
	let beside;
	try {
		const read = system.call('quayside.warehouse.v1.ProductService/GetProduct', { sku: product.sku }, { timeout: 4_000 }).then(() => null, (error) => error);
		const write = system.call('quayside.warehouse.v1.StockService/ReceiveStock', { sku: product.sku, quantity: 1 },
			{ timeout: 4_000, key: randomUUID() }).then(() => null, (error) => error);
		const began = performance.now();
		beside = await typical(getCustomer, 99);
		stuck = await Promise.all([read, write]);
		t.diagnostic(`GetCustomer alone ${alone.toFixed(1)} ms, while the warehouse's database is frozen ${beside.toFixed(1)} ms; ` +
			`GetProduct and ReceiveStock ended after ${(performance.now() - began).toFixed(0)} ms: ${stuck.map((e) => e && `${e.codeName} ${e.reason ?? ''}`).join(', ')}`);
		await pause(Math.max(0, 5_000 - (performance.now() - began)));
	} finally {
		system.thawDatabase();
	}
	const honest = ['UNAVAILABLE', 'DEADLINE_EXCEEDED'];
	for (const error of stuck) assert.ok(error === null || honest.includes(error.codeName), `${error}`);
	assert.ok(beside < alone + patience(100), 'calls that do not need it waited');
	await until('the warehouse to answer again', () =>
		system.call('quayside.warehouse.v1.ProductService/GetProduct', { sku: product.sku }, { timeout: 1_000 }));
});
