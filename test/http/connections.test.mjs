// Clients that are slow, greedy, or gone; and the end of the process.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { patience, startGateway, until } from './gateway.mjs';

// Runs the body beside a gateway with these flags; the gateway must end well afterwards.
function withGateway(name, flags, body, options) {
	test(name, async () => {
		const gateway = await startGateway(flags, options);
		try {
			await body(gateway);
		} finally {
			assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
		}
	});
}

// Sends a byte every now and then until the server closes.
async function trickle(peer, bytes, every) {
	for (let i = 0; !peer.closed; i++) {
		peer.write(bytes[i % bytes.length]);
		const end = performance.now() + every;
		await until('the next byte, or the end', () => peer.closed || performance.now() > end);
	}
}

const GET = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('slow clients', () => {
	withGateway('a head that trickles in is given up at its deadline', ['--head-timeout-ms=400', '--idle-timeout-ms=60000'], async (gateway) => {
		const peer = gateway.connect();
		peer.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
		await trickle(peer, 'y', 50);
		const [answer] = peer.parsed();
		assert.equal(answer.status, 408);
		assert.equal(JSON.parse(answer.body).reason, 'REQUEST_TOO_SLOW');
		assert.ok(peer.lived >= 390 && peer.lived < patience(3000), `closed after ${peer.lived} ms`);
	});

	withGateway('so is the head of a later request', ['--head-timeout-ms=300', '--idle-timeout-ms=60000'], async (gateway) => {
		const peer = gateway.connect();
		peer.write(GET('/healthz'));
		await peer.answers(1);
		peer.write('GET /');
		await trickle(peer, 'y', 50);
		assert.deepEqual(peer.parsed().map((answer) => answer.status), [200, 408]);
	});

	withGateway('a body that trickles in is given up at its deadline', ['--body-timeout-ms=400'], async (gateway) => {
		const peer = gateway.connect();
		peer.write('POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{');
		await trickle(peer, ' ', 50);
		assert.equal(peer.parsed()[0].status, 408);
		assert.ok(peer.lived >= 390 && peer.lived < patience(3000), `closed after ${peer.lived} ms`);
	});

	withGateway('chunks do not extend the deadline', ['--body-timeout-ms=400'], async (gateway) => {
		const peer = gateway.connect();
		peer.write('POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
		await trickle(peer, ['1\r\n \r\n'], 50);
		assert.equal(peer.parsed()[0].status, 408);
	});

	withGateway('an idle connection is closed without a word', ['--idle-timeout-ms=300'], async (gateway) => {
		const silent = gateway.connect();
		const used = gateway.connect();
		used.write(GET('/healthz'));
		await used.answers(1);
		await Promise.all([silent.end(), used.end()]);
		assert.equal(silent.received.length, 0);
		assert.equal(used.parsed().length, 1);
	});

	withGateway('a client that does not read is cut, and holds little meanwhile', ['--write-timeout-ms=700', `--ui-dir=${bigFolder()}`], async (gateway) => {
		const peer = gateway.connect();
		peer.socket.pause();
		for (let i = 0; i < 2000; i++) peer.write(GET('/big.bin'));
		await gateway.logged('of the answer', (line) => line.path === '/big.bin');
		if (!process.env.QUAYSIDE_MODE) assert.ok(residentMegabytes(gateway) < 60, `${residentMegabytes(gateway)} MB`);
		const port = peer.socket.localPort;
		await until('the connection to be cut', () => !isEstablished(gateway.port, port));
		assert.ok(gateway.lines().filter((line) => line.path === '/big.bin').length < 10, 'further requests wait unread');
		peer.destroy();
	});
});

function bigFolder() {
	const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'big'));
	fs.writeFileSync(path.join(folder, 'big.bin'), Buffer.alloc(7 * 1024 * 1024, 'x'));
	process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
	return folder;
}

function residentMegabytes(gateway) {
	return Number(fs.readFileSync(`/proc/${gateway.process.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;
}

// Is there a connection, seen from the server's side? (proc(5): state 01 is ESTABLISHED)
function isEstablished(serverPort, clientPort) {
	const hex = (port) => port.toString(16).toUpperCase().padStart(4, '0');
	return new RegExp(`:${hex(serverPort)} [0-9A-F]{8}:${hex(clientPort)} 01 `).test(fs.readFileSync('/proc/net/tcp', 'utf8'));
}

describe('many clients', () => {
	withGateway('connections from one address are limited', ['--max-connections-per-address=4'], async (gateway) => {
		const peers = Array.from({ length: 4 }, () => gateway.connect());
		for (const peer of peers) peer.write(GET('/healthz'));
		for (const peer of peers) assert.equal((await peer.answers(1))[0].status, 200);
		const refused = gateway.connect();
		assert.equal((await refused.answers())[0].status, 503);
		peers[0].destroy();
		await until('room for another', async () => (await gateway.raw(GET('/healthz'), 1))[0]?.status === 200);
		for (const peer of peers) peer.destroy();
	});

	withGateway('connections are limited altogether', ['--max-connections=3'], async (gateway) => {
		const peers = Array.from({ length: 3 }, () => gateway.connect());
		for (const peer of peers) peer.write(GET('/healthz'));
		for (const peer of peers) await peer.answers(1);
		assert.equal((await gateway.connect().answers())[0].status, 503);
		for (const peer of peers) peer.destroy();
	});

	withGateway('bodies under way are limited altogether', ['--max-bodies-bytes=100000', '--max-body-bytes=90000'], async (gateway) => {
		const start = 'POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n' + ' '.repeat(60_000);
		const first = gateway.connect();
		first.write(start);
		const second = gateway.connect();
		second.write(start);
		await until('one to be refused', () => first.closed || second.closed);
		const [refused, other] = first.closed ? [first, second] : [second, first];
		assert.equal(refused.parsed()[0].status, 503);
		assert.equal(refused.parsed()[0].headers['retry-after'], '1');
		other.write(' '.repeat(30_000 - 2) + '{}');
		assert.equal((await other.answers(1))[0].status, 503, 'it went on to a service, which is not there');
		assert.equal(JSON.parse(other.parsed()[0].body).reason, 'PEER_UNAVAILABLE');
		other.destroy();
	});

	withGateway('a thousand idle connections cost little', ['--max-connections-per-address=2000'], async (gateway) => {
		const before = residentMegabytes(gateway);
		const peers = Array.from({ length: 1000 }, () => gateway.connect());
		for (const peer of peers) peer.write(GET('/healthz'));
		for (const peer of peers) assert.equal((await peer.answers(1))[0].status, 200);
		const grown = residentMegabytes(gateway) - before;
		if (!process.env.QUAYSIDE_MODE) assert.ok(grown < 20, `${grown} MB`);
		for (const peer of peers) peer.destroy();
	});
});

describe('clients that go', () => {
	const silent = { silent: 'customers' };

	// The service sees its call end, long before the deadline of 5 s, and the log says why.
	async function cancelled(gateway) {
		const line = await gateway.logged('of the cancelled call', (one) => one.msg === 'request' && one.reason === 'CALL_CANCELLED');
		assert.equal(line.delivered, 'client gone');
		assert.ok(line.us < 4_000_000, `after ${line.us} us`);
		await until('the call to end', () => gateway.silent.calls[0].ended);
	}

	for (const [how, go] of Object.entries({
		'closes': (socket) => socket.destroy(),
		'closes only its own half': (socket) => socket.end(),
		'resets the connection': (socket) => socket.resetAndDestroy(),
	}))
		withGateway(`a call is cancelled when its client ${how}`, [], async (gateway) => {
			const peer = gateway.connect();
			peer.write(GET('/v1/customers'));
			const call = await gateway.silent.called();
			assert.equal(call.ended, false);
			go(peer.socket);
			await cancelled(gateway);
		}, silent);

	withGateway('the connection serves on after a client that stayed', [], async (gateway) => {
		const peer = gateway.connect();
		peer.write('GET /v1/customers HTTP/1.1\r\nHost: a\r\nRequest-Timeout: 1\r\n\r\n' + GET('/healthz'));
		assert.deepEqual((await peer.answers(2)).map((answer) => answer.status), [504, 200]);
		peer.destroy();
	}, silent);

	withGateway('an answer that is ready reaches a client that sends no more', [], async (gateway) => {
		const peer = gateway.connect();
		peer.socket.end(GET('/healthz'));
		assert.equal((await peer.answers())[0].status, 200);
	});

	withGateway('a call ends at the time that the client grants', [], async (gateway) => {
		const [answer] = await gateway.raw('GET /v1/customers HTTP/1.1\r\nHost: a\r\nRequest-Timeout: 1\r\n\r\n', 1);
		assert.equal(answer.status, 504);
		assert.equal(JSON.parse(answer.body).code, 'DEADLINE_EXCEEDED');
	}, silent);
});

describe('the end of the process', () => {
	withGateway('what was asked is answered, then the connection closes', [], async (gateway) => {
		const waiting = gateway.connect();
		waiting.write('GET /v1/customers HTTP/1.1\r\nHost: a\r\nRequest-Timeout: 1\r\n\r\n');
		await gateway.silent.called();
		const idle = gateway.connect();
		idle.write(GET('/healthz'));
		await idle.answers(1);
		gateway.process.kill('SIGTERM');
		await gateway.logged('of draining', (line) => line.msg === 'draining');
		idle.write(GET('/readyz'));
		const [, late] = await idle.answers(2);
		assert.equal(late.status, 503);
		assert.equal(late.headers.connection, 'close');
		assert.equal((await waiting.answers())[0].status, 504);
		assert.equal(waiting.parsed()[0].headers.connection, 'close');
		assert.deepEqual(await gateway.ended, { code: 0, signal: null });
	}, { silent: 'customers' });

	withGateway('it does not wait for ever', ['--drain-ms=300'], async (gateway) => {
		const peer = gateway.connect();
		peer.write(GET('/v1/customers'));
		await gateway.silent.called();
		gateway.process.kill('SIGTERM');
		assert.deepEqual(await gateway.ended, { code: 0, signal: null });
		assert.equal(peer.parsed().length, 0);
		await peer.end();
	}, { silent: 'customers' });

	withGateway('new connections are refused', [], async (gateway) => {
		gateway.process.kill('SIGTERM');
		await gateway.ended;
		await gateway.connect().end();
	});
});
