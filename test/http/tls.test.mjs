// The same over TLS, with a certificate made for the test.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { BUILD } from '../harness/contract.mjs';
import { patience, Peer, startGateway, until } from './gateway.mjs';

const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'tls'));
const certificate = path.join(folder, 'server.crt');
const key = path.join(folder, 'server.key');
let gateway;

function make(name) {
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
		'-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', path.join(folder, `${name}.key`), '-out', path.join(folder, `${name}.crt`)], { stdio: 'ignore' });
}

before(async () => {
	make('server');
	make('other');
	gateway = await startGateway([`--tls-certificate=${certificate}`, `--tls-key=${key}`, '--head-timeout-ms=500'], { silent: 'customers' });
});
after(async () => {
	assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
	fs.rmSync(folder, { recursive: true });
});

function connect(options = {}) {
	const socket = tls.connect({ port: gateway.port, host: '127.0.0.1', servername: 'localhost', ca: fs.readFileSync(certificate), ...options });
	socket.on('error', (error) => (socket.failure = error));
	return new Peer(socket);
}

const GET = (target) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

test('requests are answered, and browsers are told to stay', async () => {
	const peer = connect({ ALPNProtocols: ['h2', 'http/1.1'] });
	peer.write(GET('/healthz') + GET('/nowhere'));
	const answers = await peer.answers(2);
	assert.deepEqual(answers.map((answer) => answer.status), [200, 404]);
	assert.match(answers[0].headers['strict-transport-security'], /^max-age=\d{8}/);
	assert.equal(peer.socket.alpnProtocol, 'http/1.1');
	assert.ok(peer.socket.authorized);
	peer.destroy();
});

test('a large body and a large answer pass', async () => {
	const peer = connect();
	const body = JSON.stringify({ name: 'x'.repeat(900_000), quantity: [] });
	peer.write(`POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
	const [answer] = await peer.answers(1);
	assert.equal(JSON.parse(answer.body).violations[0].field, 'quantity');
	peer.destroy();
});

test('an answer with Connection: close ends well', async () => {
	const peer = connect();
	peer.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
	assert.equal((await peer.answers())[0].status, 200);
	assert.equal(peer.socket.failure, undefined);
});

test('old versions and other protocols are refused', async () => {
	for (const options of [{ maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, { ALPNProtocols: ['h2'] }]) {
		const peer = connect(options);
		await peer.end();
		assert.ok(peer.socket.failure, JSON.stringify(options));
	}
});

test('plain HTTP gets no answer', async () => {
	const answers = await gateway.raw(GET('/healthz'));
	assert.equal(answers.length, 0);
	assert.ok(answers.closed);
});

test('a handshake that does not come is given up', async () => {
	const peer = gateway.connect();
	const lived = await peer.end();
	assert.ok(lived >= 490 && lived < patience(3000), `${lived} ms`);
});

test('a call is cancelled when its client goes', async () => {
	const peer = connect();
	peer.write(GET('/v1/customers'));
	const call = await gateway.silent.called();
	peer.destroy();
	await until('the call to end', () => call.ended);
	assert.equal((await gateway.logged('of the call', (line) => line.msg === 'request' && line.reason === 'CALL_CANCELLED')).delivered, 'client gone');
});

test('what cannot be served is refused at the start, by name', () => {
	const start = (...flags) => spawnSync(path.join(BUILD, 'bin/gateway'), ['--http-listen=127.0.0.1:0', ...flags], { encoding: 'utf8' });
	const cases = [
		[2, /tls-key/, [`--tls-certificate=${certificate}`]],
		[1, /tls-certificate/, [`--tls-certificate=${folder}/none`, `--tls-key=${key}`]],
		[1, /tls-key/, [`--tls-certificate=${certificate}`, `--tls-key=${folder}/other.key`]],
		[1, /listen/, ['--http-listen=nowhere']],
		[1, /cannot listen/, [`--http-listen=127.0.0.1:${gateway.port}`]],
		[1, /UI cannot be read/, [`--ui-dir=${folder}/none`]],
		[2, /max-body-bytes/, ['--max-body-bytes=1']],
		[2, /head-timeout-ms/, ['--head-timeout-ms=soon']],
		[2, /log-level/, ['--log-level=loud']],
	];
	for (const [status, sentence, flags] of cases) {
		const ended = start(...flags);
		assert.equal(ended.status, status, `${flags}: ${ended.stderr}`);
		assert.match(ended.stderr, sentence);
	}
	assert.match(start('--help').stdout, /http-listen/);
});
