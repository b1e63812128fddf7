// The files of the UI.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { startGateway } from './gateway.mjs';

const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'ui'));
const SCRIPT = 'export const answer = 42;\n'.repeat(100);
let gateway;

before(async () => {
	fs.mkdirSync(path.join(folder, 'ui/js'), { recursive: true });
	fs.writeFileSync(path.join(folder, 'secret.txt'), 'outside');
	fs.writeFileSync(path.join(folder, 'ui/index.html'), '<!doctype html><title>Quayside</title>');
	fs.writeFileSync(path.join(folder, 'ui/js/main.js'), SCRIPT);
	fs.writeFileSync(path.join(folder, 'ui/js/vendor.3f29ab10.js'), SCRIPT);
	fs.writeFileSync(path.join(folder, 'ui/font.woff2'), Buffer.alloc(2000));
	fs.writeFileSync(path.join(folder, 'ui/.hidden'), 'hidden');
	gateway = await startGateway([`--ui-dir=${folder}/ui`]);
});
after(async () => {
	assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
	fs.rmSync(folder, { recursive: true });
});

// What fetch() would tidy up arrives as it is written here.
async function get(target, headers = {}, method = 'GET') {
	const peer = gateway.connect();
	const lines = Object.entries({ Host: 'a', Connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
	peer.bodiless = method === 'HEAD';
	peer.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
	return (await peer.answers())[0];
}

const page = { Accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' };

test('files have their types, a tag and the policy of pages', async () => {
	const answer = await get('/js/main.js');
	assert.equal(answer.status, 200);
	assert.equal(answer.body, SCRIPT);
	assert.equal(answer.headers['content-type'], 'text/javascript; charset=utf-8');
	assert.equal(answer.headers['cache-control'], 'no-cache');
	assert.match(answer.headers.etag, /^"[0-9a-f]{32}"$/);
	assert.match(answer.headers['content-security-policy'], /script-src 'self';.*require-trusted-types-for 'script'/);
	assert.equal((await get('/')).headers['content-type'], 'text/html; charset=utf-8');
	assert.equal((await get('/font.woff2')).headers['content-type'], 'font/woff2');
});

test('what the client has is not sent again', async () => {
	const { etag } = (await get('/js/main.js')).headers;
	for (const tags of [etag, `W/${etag}`, `"x", ${etag}`, '*']) assert.equal((await get('/js/main.js', { 'If-None-Match': tags })).status, 304, tags);
	assert.equal((await get('/js/main.js', { 'If-None-Match': '"x"' })).status, 200);
	const fresh = await get('/js/main.js', { 'If-None-Match': etag });
	assert.equal(fresh.body, '');
	assert.equal(fresh.headers.etag, etag);
});

test('text is compressed for who takes it', async () => {
	const peer = gateway.connect();
	peer.write('GET /js/main.js HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n');
	const [{ headers }] = await peer.answers();
	assert.equal(headers['content-encoding'], 'gzip');
	assert.equal(headers.vary, 'Accept-Encoding');
	assert.equal(gunzipSync(peer.received.subarray(peer.received.indexOf('\r\n\r\n') + 4)).toString(), SCRIPT);
	assert.notEqual(headers.etag, (await get('/js/main.js')).headers.etag);
	assert.equal((await get('/js/main.js', { 'If-None-Match': headers.etag, 'Accept-Encoding': 'gzip' })).status, 304);
	assert.equal((await get('/js/main.js', { 'Accept-Encoding': 'gzip;q=0' })).headers['content-encoding'], undefined);
	assert.equal((await get('/font.woff2', { 'Accept-Encoding': 'gzip' })).headers['content-encoding'], undefined);
});

test('a file whose name has its hash is kept for good', async () => {
	assert.match((await get('/js/vendor.3f29ab10.js')).headers['cache-control'], /immutable/);
});

test("paths of the UI's own are its page, but only where a page is wanted", async () => {
	const answer = await get('/orders/123', page);
	assert.equal(answer.status, 200);
	assert.match(answer.body, /Quayside/);
	assert.equal((await get('/orders/123')).status, 404);
	assert.equal((await get('/js/missing.js', { Accept: '*/*' })).status, 404);
	assert.equal((await get('/v1/nothing', page)).status, 404);
	assert.equal((await get('/orders/123', { Accept: 'text/html;q=0' })).status, 404);
});

test('nothing outside is reached', async () => {
	for (const target of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/js/../../secret.txt', '/js/..%2f..%2fsecret.txt', '//secret.txt', '/./index.html',
		'/js/../index.html', '/.hidden', '/js', '/js/', '/index.html%00', '/index.html%', '/%2findex.html'])
		assert.equal((await get(target)).status, 404, target);
});

test('HEAD says what GET would', async () => {
	const head = await get('/js/main.js', {}, 'HEAD');
	assert.equal(head.headers['content-length'], String(SCRIPT.length));
	assert.equal(head.body, '');
});

test('files cannot be changed', async () => {
	assert.equal((await get('/index.html', { 'Content-Length': '0' }, 'POST')).status, 404);
});
