// The gateway alone, for what it does without services: they are unreachable, or one of them takes calls and never answers.
//
//     const gateway = await startGateway(['--head-timeout-ms=300']);
//     const answers = await gateway.raw('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
//     await gateway.stop();
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Program } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const SERVICES = ['customers', 'ordering', 'warehouse', 'shipping', 'billing'];

class Gateway extends Program {
	constructor(folder, flags) {
		const peers = SERVICES.map((name) => `--${name}-address=unix:${path.join(folder, name)}.sock`);
		super('gateway', ['--http-listen=127.0.0.1:0', ...peers, ...flags], folder);
		this.folder = folder;
	}

	// Waits for a line of its log that the predicate likes.
	logged(what, predicate) {
		return until(`a log line: ${what}`, () => this.lines().find(predicate));
	}

	async ready() {
		const line = await until('the gateway', () => {
			const listening = this.lines().find((one) => one.msg === 'listening');
			return listening ?? (!this.running && { ended: true });
		});
		if (line.ended) throw new Error(`the gateway ended by itself:\n${fs.readFileSync(this.log, 'utf8')}`);
		this.port = line.port;
	}

	connect() {
		const socket = net.connect({ port: this.port, host: '127.0.0.1' });
		socket.on('error', () => {}); // a reset shows as the end
		return new Peer(socket);
	}

	// Sends bytes and reads until `count` answers have come, or the server closes.
	async raw(bytes, count = Infinity) {
		const peer = this.connect();
		peer.write(bytes);
		const answers = await peer.answers(count);
		peer.destroy();
		return answers;
	}

	// Returns how it ended.
	async stop() {
		const { code, signal } = await super.stop();
		fs.rmSync(this.folder, { recursive: true, force: true });
		return { code, signal };
	}
}

// A raw client.
export class Peer {
	constructor(socket) {
		this.socket = socket;
		this.received = Buffer.alloc(0);
		this.closed = false;
		this.began = performance.now();
		socket.on('data', (data) => (this.received = Buffer.concat([this.received, data])));
		socket.on('end', () => this.close());
		socket.on('close', () => this.close());
	}

	close() {
		if (!this.closed) this.lived = performance.now() - this.began;
		this.closed = true;
	}

	write(bytes) {
		this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
	}

	destroy() {
		this.socket.destroy();
	}

	// The answers so far: {status, headers, body}; what is incomplete is left out.
	parsed() {
		const answers = [];
		let rest = this.received;
		for (;;) {
			const end = rest.indexOf('\r\n\r\n');
			if (end < 0) return answers;
			const [first, ...fields] = rest.subarray(0, end).toString('latin1').split('\r\n');
			const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]));
			const status = Number(first.split(' ')[1]);
			const length = this.bodiless || status < 200 || status === 304 ? 0 : Number(headers['content-length'] ?? 0);
			if (rest.length < end + 4 + length) return answers;
			answers.push({ status, headers, body: rest.subarray(end + 4, end + 4 + length).toString('utf8') });
			rest = rest.subarray(end + 4 + length);
		}
	}

	async answers(count = Infinity) {
		await until('the answers', () => this.closed || this.parsed().length >= count);
		return Object.assign(this.parsed(), { closed: this.closed });
	}

	async end() {
		await until('the server to close', () => this.closed);
		return this.lived;
	}
}

// Takes calls (HTTP/2 streams) and never answers, unless a test says what; notes how each ended.
class Silent {
	calls = [];

	constructor(address) {
		this.server = http2.createServer();
		this.server.on('session', (session) => session.on('error', () => {}));
		this.server.on('stream', (stream) => {
			const call = { ended: false, answer: (...messages) => answer(stream, messages), full: () => stream.writableNeedDrain };
			this.calls.push(call);
			stream.on('error', () => {});
			stream.on('close', () => (call.ended = true));
		});
		this.server.listen(address);
		this.server.unref();
	}

	// Waits until a call has arrived.
	called() {
		return until('a call', () => this.calls[0]);
	}
}

// Sends messages of a gRPC stream, and leaves it open.
function answer(stream, messages) {
	if (!stream.headersSent) stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
	for (const message of messages) {
		const head = Buffer.alloc(5); // not compressed
		head.writeUInt32BE(message.length, 1);
		stream.write(Buffer.concat([head, message]));
	}
}

// silent: the name of a service that takes calls and never answers.
export async function startGateway(flags = [], { silent = undefined } = {}) {
	const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'g'));
	const gateway = new Gateway(folder, flags);
	if (silent) gateway.silent = new Silent(path.join(folder, `${silent}.sock`));
	gateway.start();
	try {
		await gateway.ready();
	} catch (error) {
		await gateway.stop();
		throw error;
	}
	return gateway;
}

export { patience, until };
