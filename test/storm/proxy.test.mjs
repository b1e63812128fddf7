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
});
