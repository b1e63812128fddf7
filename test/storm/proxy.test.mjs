// The storm's proxy does what it says, and says only what it did.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { until } from '../harness/wait.mjs';
import { startEdge } from './proxy.mjs';

const MESSAGE = 'x'.repeat(1000);

// Answers each piece with as many bytes.
let server;
before(() => new Promise((resolve) => {
	server = net.createServer({ allowHalfOpen: true }, (socket) => {
		socket.on('data', (piece) => socket.write(piece));
		socket.on('end', () => socket.end());
		socket.on('error', () => {});
	}).listen(0, '127.0.0.1', resolve);
}));
after(() => server.close());

let edge;
beforeEach(async () => {
	edge = await startEdge('test', { host: '127.0.0.1', port: server.address().port });
	edge.fires = [];
	edge.fired = (kind) => edge.fires.push(kind);
});
afterEach(() => edge.close());

function connect() {
	const client = net.connect({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true });
	client.heard = 0;
	client.on('data', (piece) => (client.heard += piece.length));
	client.on('error', () => {});
	return client;
}

async function answered(client) {
	const before = client.heard;
	client.write(MESSAGE);
	await until('the answer', () => client.heard === before + MESSAGE.length);
}

const gone = (client) => until('the connection to end', () => client.destroyed || client.readableEnded);

describe('the storm\'s proxy', () => {
	it('cuts inside a message', async () => {
		const client = connect();
		edge.cut(1300);
		client.write(MESSAGE);
		await gone(client);
		assert.equal(client.heard, 300);
		assert.deepEqual(edge.fires, ['cut']);
	});

	for (const fault of ['latency', 'blackhole', 'stalled', 'sliced']) {
		it(`counts ${fault} when it struck, in its direction`, async () => {
			const client = connect();
			await answered(client);
			edge.set('up', { [fault]: fault === 'latency' ? 5 : true });
			assert.equal(edge.struck('up', fault), 0);
			client.write(MESSAGE);
			await until('a strike', () => edge.struck('up', fault) > 0);
			assert.equal(edge.struck('down', fault), 0);
			edge.set('up', { [fault]: fault === 'latency' ? 0 : false });
			await until('the answer', () => client.heard === 2 * MESSAGE.length);
			client.destroy();
		});
	}

	it('loses an answer when there is one', async () => {
		const client = connect();
		await answered(client);
		edge.loseAnswer();
		assert.deepEqual(edge.fires, []);
		client.write(MESSAGE);
		await gone(client);
		assert.equal(client.heard, MESSAGE.length);
		assert.deepEqual(edge.fires, ['lost-answer']);
	});

	it('has lost none while there is none', async () => {
		const [silent, client] = [connect(), connect()];
		await answered(client);
		edge.loseAnswer();
		edge.set('up', { blackhole: true });
		silent.write(MESSAGE);
		await until('the request', () => edge.struck('up', 'blackhole') > 0);
		edge.heal();
		await gone(silent);
		assert.deepEqual(edge.fires, []);
		await answered(client);
		client.destroy();
	});

	it('counts whom it refused', async () => {
		edge.refuse = true;
		assert.equal(edge.refused, 0);
		await gone(connect());
		assert.equal(edge.refused, 1);
	});
});
