// The gateway alone, for what it does without services: they are unreachable, or one of them takes calls and never answers.
//
//     const gateway = await startGateway(['--head-timeout-ms=300']);
//     const answers = await gateway.raw('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
//     await gateway.stop();
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { BUILD } from '../harness/contract.mjs';
import { patience, until } from '../harness/wait.mjs';

const SERVICES = ['customers', 'ordering', 'warehouse', 'shipping', 'billing'];

class Gateway {
	constructor(folder) {
		this.folder = folder;
		this.logFile = path.join(folder, 'gateway.log');
	}

	start(flags) {
		const peers = SERVICES.map((name) => `--${name}-address=unix:${path.join(this.folder, name)}.sock`);
		const log = fs.openSync(this.logFile, 'a');
		this.process = spawn(path.join(BUILD, 'bin/gateway'), ['--http-listen=127.0.0.1:0', ...peers, ...flags], { stdio: ['ignore', log, log] });
		fs.closeSync(log);
		this.ended = new Promise((resolve) => this.process.on('exit', (code, signal) => resolve({ code, signal })));
	}

	get running() {
		return this.process.exitCode === null && this.process.signalCode === null;
	}

	// Its log, as objects.
	lines() {
		return fs.readFileSync(this.logFile, 'utf8').split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
	}

	// Waits for a line of its log that the predicate likes.
	logged(what, predicate) {
		return until(`a log line: ${what}`, () => this.lines().find(predicate));
	}

	async ready() {
		await until('the gateway', () => {
			if (!this.running) throw new Error(`the gateway ended by itself:\n${fs.readFileSync(this.logFile, 'utf8')}`);
			return this.lines().some((line) => line.msg === 'listening');
		});
		this.port = this.lines().find((line) => line.msg === 'listening').port;
		this.url = `http://127.0.0.1:${this.port}`;
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

	async stop(signal = 'SIGTERM') {
		if (this.running) this.process.kill(signal);
		const ended = await this.ended;
		fs.rmSync(this.folder, { recursive: true, force: true });
		return ended;
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

// Takes calls (HTTP/2 streams) and never answers; notes how each ended.
class Silent {
	calls = [];

	constructor(address) {
		this.server = http2.createServer();
		this.server.on('session', (session) => session.on('error', () => {}));
		this.server.on('stream', (stream) => {
			const call = { ended: false };
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

// silent: the name of a service that takes calls and never answers.
export async function startGateway(flags = [], { silent = undefined } = {}) {
	const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'g'));
	const gateway = new Gateway(folder);
	if (silent) gateway.silent = new Silent(path.join(folder, `${silent}.sock`));
	gateway.start(flags);
	try {
		await gateway.ready();
	} catch (error) {
		await gateway.stop('SIGKILL');
		throw error;
	}
	return gateway;
}

export { patience, until };
