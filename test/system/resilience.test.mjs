// Peers that are frozen, slow, dead or refuse; clients that leave or wait too long. What has nothing to do with it goes on.
// test-alone: it measures
// test-seconds: 300
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { grpc } from '../harness/client.mjs';
import { makeCustomer, makeProduct, receive, stockOf } from '../harness/fixtures.mjs';
import { percentile } from '../harness/load.mjs';
import { startPeer } from '../harness/peer.mjs';
import { startProxy } from '../harness/proxy.mjs';
import { startSystem } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const CREATE = 'quayside.ordering.v1.OrderService/CreateOrder';
const REST = 1_000; // of a breaker, here

async function timed(work) {
	const began = performance.now();
	const error = await work().then(() => null, (failure) => failure);
	return { ms: performance.now() - began, error };
}

describe('a peer that is frozen or slow', () => {
	let system;
	let proxy;
	let customer;
	before(async () => {
		system = await startSystem({ services: [], gateway: false });
		proxy = await startProxy(path.join(system.folder, 'slow.sock'), system.address('customers').slice('unix:'.length));
		for (const name of ['customers', 'warehouse']) system.startService(name);
		system.startService('ordering', [`--customers-address=unix:${path.join(system.folder, 'slow.sock')}`, `--peer-rest-ms=${REST}`]);
		for (const name of ['customers', 'warehouse', 'ordering']) await system.ready(name);
		await system.startGateway([`--peer-rest-ms=${REST}`]);
		customer = await makeCustomer(system);
		await until('the way to customers', () => create());
	});
	after(async () => {
		system?.programs.customers?.signal('SIGCONT');
		proxy?.close();
		await system?.stop();
	});

	const create = () => system.call(CREATE, { customer_id: customer.customer_id, name: 'needs the customer' });
	// Through the gateway to ordering, and to the warehouse: neither needs customers for these.
	const others = async () => {
		for (const way of ['/v1/orders?page_size=1', '/v1/products?page_size=1']) {
			const response = await fetch(system.url + way);
			if (!response.ok) throw new Error(`${way}: ${response.status} ${await response.text()}`);
			await response.text();
		}
	};

	// Those that need it are sent all the time; the others are measured meanwhile.
	async function beside(t, what, milliseconds) {
		const alone = [];
		for (let i = 0; i < 60; i++) alone.push(await timed(others));
		const needing = [];
		const end = performance.now() + milliseconds;
		const sending = (async () => {
			const sent = [];
			while (performance.now() < end) {
				sent.push(timed(create).then((result) => needing.push(result)));
				await pause(20);
			}
			await Promise.all(sent);
		})();
		const meanwhile = [];
		while (performance.now() < end) meanwhile.push(await timed(others));
		await sending;
		const [before_, during] = [alone, meanwhile].map((list) => percentile(list.map(({ ms }) => ms), 90));
		const quick = needing.filter(({ error, ms }) => error && ms < 100).length;
		t.diagnostic(`${what}: ${meanwhile.length} others, p90 ${before_.toFixed(1)} -> ${during.toFixed(1)} ms, ${meanwhile.filter(({ error }) => error).length} failed; ` +
			`${needing.length} that need it: ${needing.filter(({ error }) => !error).length} succeeded, ${quick} were refused at once`);
		for (const { error } of [...alone, ...meanwhile]) assert.ifError(error);
		assert.ok(during < before_ * 3 + patience(50), 'calls that do not need it became slow');
		return { needing, quick };
	}

	it('slows and fails no call that does not need it, when it is frozen', async (t) => {
		system.programs.customers.signal('SIGSTOP');
		const { needing, quick } = await beside(t, 'frozen', 4_000);
		system.programs.customers.signal('SIGCONT');
		assert.ok(quick > needing.length / 4, 'nobody was spared the wait for a frozen peer');
		const opened = system.programs.ordering.lines().filter((line) => line.msg === 'circuit breaker' && line.state === 'open');
		assert.ok(opened.length > 0, 'the breaker did not say that it opened');
		await until('the breaker to close', () => create());
	});

	it('nor when it answers half a second later', async (t) => {
		proxy.close();
		proxy = await startProxy(path.join(system.folder, 'slow.sock'), system.address('customers').slice('unix:'.length), { delay: 250 });
		await until('the way to customers', () => create());
		const { needing } = await beside(t, 'browned out', 3_000);
		const slow = needing.filter(({ error }) => !error);
		assert.ok(slow.length > 0 && slow.every(({ ms }) => ms >= 450), 'it was not slow');
	});
});

describe('a peer that answers by a script', () => {
	let system;
	let peer;
	const { status } = grpc;
	before(async () => {
		system = await startSystem({ services: [], gateway: false });
		peer = await startPeer(system.address('scripted'), 'quayside.customers.v1.CustomerService');
		system.startService('ordering', [`--customers-address=${system.address('scripted')}`, `--peer-rest-ms=${REST}`]);
		await system.ready('ordering');
	});
	after(async () => {
		await system?.stop();
		peer?.close();
	});

	const create = () => timed(() => system.call(CREATE, { customer_id: randomUUID(), name: 'scripted' }, { timeout: 5_000 }));
	const changes = () => system.programs.ordering.lines().filter((line) => line.msg === 'circuit breaker');

	// First, while the budget of retries is full and the breaker knows nothing.
	it('is asked again when it says so', async (t) => {
		peer.answer = () => ({ code: status.UNAVAILABLE, metadata: { 'grpc-retry-pushback-ms': '400' } });
		await create();
		const gaps = peer.calls.slice(1).map(({ at }, i) => at - peer.calls[i].at);
		t.diagnostic(`asked ${peer.calls.length} times, after ${gaps.map((gap) => gap.toFixed(0)).join(' and ')} ms`);
		assert.equal(peer.calls.length, 3);
		for (const gap of gaps) assert.ok(gap >= 380, 'too soon');

		peer.calls.length = 0;
		peer.answer = () => ({ code: status.UNAVAILABLE, metadata: { 'grpc-retry-pushback-ms': '-1' } });
		await create();
		assert.equal(peer.calls.length, 1, 'asked again though it said no');
	});

	it('may refuse as often as business wants', async () => {
		for (const name of ['FAILED_PRECONDITION', 'NOT_FOUND', 'RESOURCE_EXHAUSTED', 'ABORTED']) {
			peer.calls.length = 0;
			peer.answer = () => ({ code: status[name], reason: `NO_${name}` });
			for (let i = 0; i < 30; i++) await create();
			assert.ok(peer.calls.length >= 30, `${name}: ${peer.calls.length} of 30 calls arrived`);
		}
		assert.deepEqual(changes(), []);
	});

	it('costs hardly more than one attempt for each request when it is dead, and is found again', async (t) => {
		const requests = 300;
		peer.calls.length = 0;
		peer.answer = () => ({ code: status.UNAVAILABLE });
		const results = [];
		for (let i = 0; i < requests; i++) results.push(await create());
		t.diagnostic(`${requests} requests, ${peer.calls.length} attempts; the last ones failed after ${percentile(results.slice(-100).map(({ ms }) => ms), 50).toFixed(1)} ms`);
		assert.ok(results.every(({ error }) => error?.codeName === 'UNAVAILABLE'));
		assert.ok(peer.calls.length <= requests * 1.1, 'a storm of retries');
		assert.ok(peer.calls.length < requests / 2, 'the breaker did not spare it');
		assert.equal(changes()[0].state, 'open');

		peer.answer = () => ({ code: status.NOT_FOUND, reason: 'NOT_FOUND' });
		await until('the breaker to close', async () => {
			await create();
			return changes().at(-1).state === 'closed';
		});
	});
});

describe('a call in the queue of the database', () => {
	const RECEIVE = 'quayside.warehouse.v1.StockService/ReceiveStock';
	let system;
	let product;
	before(async () => {
		system = await startSystem({ services: ['warehouse'], gateway: false });
		product = await makeProduct(system, { stock: 10 });
	});
	after(() => system?.stop());

	const receiving = (quantity, options) => system.call(RECEIVE, { sku: product.sku, quantity }, { key: randomUUID(), ...options }).then(() => null, (error) => error);

	it('is stopped before the commit when its client leaves, and refused when it has waited for half of its time', async (t) => {
		const leaving = new AbortController();
		await system.freezeDatabase('warehouse');
		let results;
		try {
			const hanging = [];
			for (let connections = 0; connections < 2; connections++) {
				hanging.push(receiving(1, { timeout: 1_900 })); // goes to the server, over one of two connections, and hangs there
				await pause(100);
			}
			const left = receiving(100, { timeout: 10_000, signal: leaving.signal });
			const late = receiving(1_000, { timeout: 1_500 });
			await pause(300);
			leaving.abort();
			await pause(800);
			system.thawDatabase();
			results = await Promise.all([left, late, ...hanging]);
		} finally {
			system.thawDatabase();
		}
		t.diagnostic(results.map((error) => (error ? `${error.codeName} ${error.reason ?? ''}` : 'OK')).join(', '));
		assert.equal(results[0].codeName, 'CANCELLED');
		assert.ok(results[1]?.reason === 'OVERLOADED' || results[1]?.codeName === 'DEADLINE_EXCEEDED', 'it was done although it had waited too long');
		await receive(system, product.sku, 10_000); // behind all of them
		const { on_hand } = await stockOf(system, product.sku);
		assert.ok([10_010, 10_011, 10_012].includes(on_hand), `${on_hand}: what was given up was done`);
	});
});
