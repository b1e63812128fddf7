// Live streams of a gateway alone: clients that are slow, or do not read at all, events of any size, and the end. What comes from ordering is made up.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type } from '../harness/contract.mjs';
import { patience, startGateway, until } from './gateway.mjs';

const WATCH = 'GET /v1/orders:watch HTTP/1.1\r\nHost: a\r\n\r\n';
const MANY = 60;
const LARGE = 200_000; // bytes; MANY of them are more than what two sockets hold

const Response = type('quayside.ordering.v1.WatchOrdersResponse');
const message = (token, fields = {}) => Buffer.from(Response.encode(Response.fromObject({ resume_token: String(token), ...fields })).finish());
const large = (token) => message(token, { order: { note: `${token} ${'n'.repeat(LARGE)}` } });

// Runs the body beside a gateway whose ordering has been asked for a stream; it must end well afterwards.
async function withStream(flags, body) {
	const gateway = await startGateway(flags, { silent: 'ordering' });
	try {
		const peer = gateway.connect();
		peer.write(WATCH);
		await body({ gateway, peer, call: await gateway.silent.called() });
	} finally {
		assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
	}
}

const ids = ({ received }) => [...received.toString('latin1').matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
const numbers = (count) => Array.from({ length: count }, (_, i) => i + 1);
const delivered = (gateway) => gateway.logged('the end of the stream', ({ msg }) => msg === 'request').then((line) => line.delivered);

describe('a live stream', () => {
	it('waits for a client that is slow, and loses nothing', () => withStream([], async ({ peer, call }) => {
		call.answer(message(1));
		await until('the first token', () => ids(peer).length === 1);
		peer.socket.pause();
		call.answer(...numbers(MANY).slice(1).map(large));
		await until('no room', () => peer.socket.readableLength > 0);
		peer.socket.resume();
		await until('everything', () => peer.closed || ids(peer).length === MANY);
		assert.deepEqual(ids(peer), numbers(MANY));
	}));

	it('takes no more from the service than its client takes', () => withStream([], async ({ peer, call }) => {
		peer.socket.pause();
		let sent = 0;
		while (sent < 4 * MANY && !call.full()) {
			call.answer(large(++sent));
			await new Promise(setImmediate);
		}
		assert.ok(call.full(), `${sent} events are somewhere`);
	}));

	it('brings an event of any size', () => withStream([], async ({ peer, call }) => {
		call.answer(message(1), message(2, { order: { note: '\u0001'.repeat(LARGE) } }), message(3)); // as JSON each is six bytes
		await until('three events', () => peer.closed || ids(peer).length === 3);
		assert.deepEqual(ids(peer), [1, 2, 3]);
		assert.ok(peer.received.length > 6 * LARGE);
	}));

	it('is cut when its client takes nothing for too long', () => withStream(['--write-timeout-ms=500'], async ({ gateway, peer, call }) => {
		peer.socket.pause();
		call.answer(...numbers(MANY).map(large));
		assert.equal(await delivered(gateway), 'client gone');
		await until('the call to end', () => call.ended);
		peer.destroy();
	}));
});

describe('the end of the gateway', () => {
	const ENDED = ['--drain-ms=60000'];
	const end = async (gateway) => {
		gateway.signal('SIGTERM');
		await gateway.logged('draining', ({ msg }) => msg === 'draining');
	};

	it('is not delayed by a stream that began after it', () => withStream(ENDED, async ({ gateway, peer, call }) => {
		await end(gateway);
		call.answer(message(1));
		await peer.end();
		assert.ok(peer.lived < patience(10_000), `${peer.lived} ms`);
		assert.match(peer.received.toString('latin1'), /^HTTP\/1.1 200 /);
		assert.equal(await delivered(gateway), 'yes');
	}));

	it('lets a slow client have the event that it is reading', () => withStream(ENDED, async ({ gateway, peer, call }) => {
		peer.socket.pause();
		call.answer(...numbers(MANY).map(large));
		await until('no room', () => peer.socket.readableLength > 0);
		await end(gateway);
		peer.socket.resume();
		await peer.end();
		const text = peer.received.toString('latin1');
		assert.ok(text.endsWith('\n\n'), 'cut within an event');
		assert.deepEqual(ids(peer), numbers(ids(peer).length));
		assert.equal(await delivered(gateway), 'yes');
	}));
});
