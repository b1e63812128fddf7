// Live streams: server-sent events of orders' changes, for curl, for a browser, for those who do not read, and for those who leave.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../browser/browser.mjs';
import { makeCustomer, makeProduct } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const ORDERS = 'quayside.ordering.v1.OrderService';
const WATCH = '/v1/orders:watch';

let system;
let customer;
before(async () => {
	system = await startSystem({
		services: ['customers', 'warehouse', 'ordering'],
		flags: { gateway: ['--max-live-streams=3', '--live-heartbeat-ms=200', '--write-timeout-ms=3000'] },
	});
	customer = await makeCustomer(system);
});
after(() => system?.stop());

const createOrder = (fields = {}) => system.call(`${ORDERS}/CreateOrder`, { customer_id: customer.customer_id, name: 'watched', ...fields });
const rename = (order, name) => system.call(`${ORDERS}/UpdateOrder`, { order_id: order.order_id, name, update_mask: { paths: ['name'] } });

// One stream, as it comes: its head, its events as {id, event, data}, its comments.
class Stream {
	static open(path, headers = {}) {
		return new Promise((resolve, reject) => {
			const request = http.get(`${system.url}${path}`, { headers, agent: false }, (response) => resolve(new Stream(request, response)));
			request.on('error', reject);
		});
	}

	constructor(request, response) {
		Object.assign(this, { request, response, text: '', ended: false });
		response.setEncoding('utf8');
		response.on('data', (text) => (this.text += text));
		for (const end of ['end', 'close', 'error']) response.on(end, () => (this.ended = true));
	}

	get blocks() {
		return this.text.split('\n\n').slice(0, -1);
	}

	get events() {
		return this.blocks.filter((block) => /^data: /m.test(block)).map((block) => {
			const field = (name) => block.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
			return { id: field('id'), event: field('event'), data: JSON.parse(field('data')) };
		});
	}

	get changes() {
		return this.events.filter(({ data }) => data.order);
	}

	get names() {
		return this.changes.map(({ data }) => data.order.name);
	}

	heard(what, predicate) {
		return until(what, () => predicate(this));
	}

	close() {
		this.request.destroy();
	}
}

// Opens a stream that has begun, and closes it when the body is done.
async function watching(path, headers, body) {
	const stream = await Stream.open(path, headers);
	try {
		await stream.heard('the first token', ({ events }) => events.length > 0);
		await body(stream);
	} finally {
		stream.close();
	}
}

// Calls of WatchOrders that have ended, in ordering's log.
const watchesEnded = () => system.programs.ordering.lines().filter((line) => line.msg === 'call' && line.method?.endsWith('/WatchOrders')).length;

describe('what comes', () => {
	it('is every change, in order, with its id, as it happens', () => watching(WATCH, {}, async (stream) => {
		assert.equal(stream.response.statusCode, 200);
		assert.equal(stream.response.headers['content-type'], 'text/event-stream');
		assert.equal(stream.response.headers['cache-control'], 'no-store');
		assert.match(stream.text, /^retry: \d+\n\n/);
		assert.deepEqual(Object.keys(stream.events[0].data), ['resumeToken']);
		const order = await createOrder({ name: 'one' });
		await rename(order, 'two');
		await rename(order, 'three');
		await stream.heard('three changes', ({ changes }) => changes.length === 3);
		assert.deepEqual(stream.names, ['one', 'two', 'three']);
		assert.deepEqual(stream.changes.map(({ data }) => data.action), ['CreateOrder', 'UpdateOrder', 'UpdateOrder']);
		const ids = stream.events.map(({ id }) => Number(id));
		assert.deepEqual(ids, ids.map((_, i) => ids[0] + i));
		assert.deepEqual(stream.events.map(({ data }) => data.resumeToken), stream.events.map(({ id }) => id));
	}));

	it('is soon there', (t) => watching(WATCH, {}, async (stream) => {
		const times = [];
		const order = await createOrder();
		for (let i = 0; i < 40; i++) {
			await rename(order, `round ${i}`);
			const written = performance.now();
			while (stream.names.at(-1) !== `round ${i}`) {
				assert.ok(performance.now() - written < patience(5000));
				await new Promise(setImmediate);
			}
			times.push(performance.now() - written);
		}
		times.sort((a, b) => a - b);
		t.diagnostic(`shown after p50 ${times[20].toFixed(1)} ms, p99 ${times[39].toFixed(1)} ms of ${times.length}`);
		assert.ok(times[20] < patience(250));
	}));

	it('is of one order or one customer only, if so asked', async () => {
		const other = await makeCustomer(system);
		const mine = await createOrder();
		await watching(`${WATCH}?orderId=${mine.order_id}`, {}, (one) => watching(`${WATCH}?customerId=${other.customer_id}`, {}, async (theirs) => {
			await createOrder({ name: 'another' });
			await createOrder({ name: 'theirs', customer_id: other.customer_id });
			await rename(mine, 'mine');
			await one.heard('my change', ({ names }) => names.includes('mine'));
			await theirs.heard('their change', ({ names }) => names.includes('theirs'));
			assert.deepEqual(one.names.filter((name) => name !== 'watched'), ['mine']); // 'watched' may have been numbered late
			assert.deepEqual(theirs.names, ['theirs']);
		}));
	});

	it('goes on where it was: by Last-Event-ID, which wins over the query', async () => {
		let last;
		const order = await createOrder({ name: 'before' });
		await watching(WATCH, {}, async (stream) => {
			await rename(order, 'seen');
			await stream.heard('a change', ({ names }) => names.includes('seen'));
			last = stream.events.at(-1).id;
		});
		await rename(order, 'missed');
		await rename(order, 'missed too');
		await watching(`${WATCH}?resumeToken=0`, { 'Last-Event-ID': last }, async (stream) => {
			await stream.heard('what was missed', ({ changes }) => changes.length === 2);
			assert.deepEqual(stream.names, ['missed', 'missed too']);
		});
		await watching(`${WATCH}?resumeToken=${last}`, {}, (stream) => stream.heard('the same by the query', ({ changes }) => changes.length === 2));
	});

	it('is also what was missed of large orders', async () => {
		const ITEMS = 200; // the most that an order has
		const order = await createOrder({ name: 'large' });
		let last;
		await watching(WATCH, {}, async (stream) => {
			await rename(order, 'larger');
			await stream.heard('the order', ({ names }) => names.includes('larger'));
			last = stream.events.at(-1).id;
		});
		for (let i = 0; i < ITEMS; i++) {
			const { sku } = await makeProduct(system, { stock: 1 });
			await system.call(`${ORDERS}/AddOrderItem`, { order_id: order.order_id, sku, quantity: 1 });
		}
		await watching(WATCH, { 'Last-Event-ID': last }, async (stream) => {
			await stream.heard('all of it', ({ changes, ended }) => ended || changes.length === ITEMS);
			assert.deepEqual(stream.changes.map(({ data }) => data.order.items.length), Array.from({ length: ITEMS }, (_, i) => i + 1));
		});
	});

	it('is kept alive by comments', () => watching(WATCH, {}, (stream) => stream.heard('comments', ({ blocks }) => blocks.filter((b) => b === ':').length >= 3)));

	it('has an end after the deadline that the client chose', async () => {
		const stream = await Stream.open(WATCH, { 'Request-Timeout': '2' });
		await stream.heard('the end', ({ ended }) => ended);
		assert.ok(stream.response.complete);
		assert.equal(stream.events.filter(({ event }) => event === 'problem').length, 0);
	});
});

describe('what is refused', () => {
	const refused = async (path, headers, status, reason) => {
		const response = await fetch(`${system.url}${path}`, { headers });
		assert.equal(response.status, status);
		assert.equal(response.headers.get('content-type'), 'application/problem+json');
		assert.equal((await response.json()).reason, reason);
	};
	it('a token that was never given out', () => refused(`${WATCH}?resumeToken=nonsense`, {}, 400, 'INVALID_REQUEST'));
	it('the same as Last-Event-ID', () => refused(WATCH, { 'Last-Event-ID': 'nonsense' }, 400, 'INVALID_REQUEST'));
	it('a token of the future', () => refused(WATCH, { 'Last-Event-ID': '999999999' }, 400, 'RESUME_TOKEN_UNKNOWN'));
	it('a parameter that is none', () => refused(`${WATCH}?colour=red`, {}, 400, 'INVALID_REQUEST'));
	it('one stream too many, until another one ends', async () => {
		const streams = [];
		await until('room', async () => {
			while (streams.length < 3) {
				const stream = await Stream.open(WATCH);
				if (stream.response.statusCode !== 200) return false;
				streams.push(stream);
			}
			return true;
		});
		await refused(WATCH, {}, 503, 'OVERLOADED');
		streams.pop().close();
		await until('room again', async () => {
			const stream = await Stream.open(WATCH);
			streams.push(stream);
			return stream.response.statusCode === 200;
		});
		for (const stream of streams) stream.close();
	});
	it('HEAD is answered, without a stream', async () => {
		const response = await until('room', async () => {
			const head = await fetch(`${system.url}${WATCH}`, { method: 'HEAD' });
			return head.status === 200 && head;
		});
		assert.equal(response.headers.get('content-type'), 'text/event-stream');
		assert.equal(await response.text(), '');
	});
});

// Connects with a tiny window, asks, reads nothing until its standard input ends, and then says how much there was.
const LAZY = `use Socket; my ($port, $path) = @ARGV;
	socket(my $s, PF_INET, SOCK_STREAM, 0) or die; setsockopt($s, SOL_SOCKET, SO_RCVBUF, 2048) or die;
	connect($s, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die;
	syswrite($s, "GET $path HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"); my ($all, $n) = (0); my $x = <STDIN>;
	$all += $n while $n = sysread($s, my $bytes, 65536); print "$all\\n"`;

describe('who leaves or does not read', () => {
	it('who leaves ends the call behind it at once', async () => {
		const before = watchesEnded();
		await watching(WATCH, {}, async () => {});
		await until('the call to end', () => watchesEnded() > before, 5000);
	});

	it('who does not read is cut off, and nobody waits for him', async () => {
		const order = await createOrder({ note: 'n'.repeat(1000) });
		const lazy = spawn('perl', ['-e', LAZY, new URL(system.url).port, WATCH], { stdio: ['pipe', 'pipe', 'inherit'] });
		const gone = new Promise((resolve) => lazy.stdout.on('data', (text) => resolve(Number(text))));
		const cut = () => system.programs.gateway.lines().filter((line) => line.path === WATCH && line.delivered === 'client gone').length;
		const before = cut();
		await watching(`${WATCH}?orderId=${order.order_id}`, {}, async (stream) => {
			let rounds = 0;
			await until('the cut', async () => {
				for (let i = 0; i < 20; i++) await rename(order, `round ${rounds++}`);
				return cut() > before;
			}, 60_000);
			await stream.heard('the last round', ({ names }) => names.at(-1) === `round ${rounds - 1}`);
			assert.equal(stream.names.filter((name) => name !== 'watched').length, rounds); // the first one may have been numbered late
		}).finally(() => lazy.stdin.end());
		assert.ok((await gone) < 4 * 1024 * 1024);
	});
});

describe('a browser', () => {
	let browser;
	before(async () => {
		browser = await openBrowser(system.url);
		await browser.page.goto(`${system.url}/`);
	});
	after(() => browser?.close());

	const watch = () => browser.page.evaluate((path) => {
		window.seen = [];
		window.opened = 0;
		window.source = new EventSource(path);
		window.source.onopen = () => window.opened++;
		window.source.onmessage = ({ data }) => {
			const { order } = JSON.parse(data);
			if (order) window.seen.push(order.name);
		};
	}, WATCH);
	const seen = () => browser.page.evaluate(() => window.seen);
	const opened = () => browser.page.evaluate(() => window.opened);
	const close = () => browser.page.evaluate(() => window.source.close());

	it('loses nothing and sees nothing twice when the gateway is killed', async () => {
		const order = await createOrder();
		await watch();
		await until('the stream', async () => (await opened()) === 1);
		await rename(order, 'first');
		await until('a change', async () => (await seen()).includes('first'));
		await system.programs.gateway.kill();
		await rename(order, 'second');
		await rename(order, 'third');
		system.programs.gateway.start();
		await until('it to come back', async () => (await opened()) === 2, 30_000);
		await rename(order, 'fourth');
		await until('all changes', async () => (await seen()).includes('fourth'));
		assert.deepEqual((await seen()).filter((name) => name !== 'watched'), ['first', 'second', 'third', 'fourth']);
		await close();
	});

	it('or when ordering is', async () => {
		const order = await createOrder();
		await watch();
		await until('the stream', async () => (await opened()) === 1);
		await system.programs.ordering.kill();
		system.programs.ordering.start();
		await system.ready('ordering');
		await rename(order, 'after');
		await until('the change', async () => (await seen()).includes('after'), 30_000);
		assert.deepEqual((await seen()).filter((name) => name !== 'watched'), ['after']);
		await close();
	});
});

describe('the end', () => {
	it('an ordering that stops says so, and does not wait for its watchers', async () => {
		const stream = await Stream.open(WATCH);
		await stream.heard('the first token', ({ events }) => events.length > 0);
		const { code, ms } = await system.programs.ordering.stop();
		assert.equal(code, 0);
		assert.ok(ms < patience(5000), `${ms} ms`);
		await stream.heard('the end', ({ ended }) => ended);
		assert.equal(stream.events.at(-1).event, 'problem');
		assert.equal(stream.events.at(-1).data.code, 'UNAVAILABLE');
		system.programs.ordering.start();
		await system.ready('ordering');
	});

	it('a gateway that stops ends its streams and does not wait for their clients', async () => {
		let stream;
		await until('the way to ordering', async () => {
			stream = await Stream.open(WATCH);
			return stream.response.statusCode === 200;
		});
		await stream.heard('the first token', ({ events }) => events.length > 0);
		const { code, ms } = await system.programs.gateway.stop();
		assert.equal(code, 0);
		assert.ok(ms < patience(5000), `${ms} ms`);
		await stream.heard('the end', ({ ended }) => ended);
	});
});
