// What a stranger can send instead of a request: everything that two readers could understand differently is refused, and the connection ends there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startGateway } from './gateway.mjs';

let gateway;
before(async () => (gateway = await startGateway(['--max-body-bytes=65536'])));
after(async () => assert.deepEqual(await gateway.stop(), { code: 0, signal: null }));

const NEXT = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (fields, body = '') => `POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${fields}\r\n${body}`;
const chunked = (frames) => post('Transfer-Encoding: chunked\r\n', frames);

// One answer with this status, then the end: what follows is not read as a request.
async function refused(bytes, status) {
	const answers = await gateway.raw(bytes + NEXT);
	assert.equal(answers.length, 1, `answers: ${answers.map((answer) => answer.status)}`);
	assert.equal(answers[0].status, status, answers[0].body);
	assert.equal(answers[0].headers.connection, 'close');
	assert.equal(answers[0].headers['content-type'], 'application/problem+json');
	assert.equal(JSON.parse(answers[0].body).status, status);
	assert.ok(answers.closed);
}

const malformed = {
	'Content-Length and Transfer-Encoding': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
	'Transfer-Encoding and Content-Length': post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
	'two different Content-Lengths': post('Content-Length: 2\r\nContent-Length: 3\r\n', '{}'),
	'the same Content-Length twice': post('Content-Length: 2\r\nContent-Length: 2\r\n', '{}'),
	'a list of Content-Lengths': post('Content-Length: 2, 2\r\n', '{}'),
	'Content-Length +2': post('Content-Length: +2\r\n', '{}'),
	'Content-Length 2x': post('Content-Length: 2x\r\n', '{}'),
	'Content-Length 0x2': post('Content-Length: 0x2\r\n', '{}'),
	'Content-Length -2': post('Content-Length: -2\r\n', '{}'),
	'Content-Length 2^64+2': post('Content-Length: 18446744073709551618\r\n', '{}'),
	'an empty Content-Length': post('Content-Length: \r\n', '{}'),
	'a space before the colon': post('Content-Length : 2\r\n', '{}'),
	'a tab before the colon': post('Content-Length\t: 2\r\n', '{}'),
	'Transfer-Encoding xchunked': post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'),
	'Transfer-Encoding chunked twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
	'Transfer-Encoding chunked, identity': post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'),
	'Transfer-Encoding gzip, chunked': post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
	'Transfer-Encoding identity': post('Transfer-Encoding: identity\r\n'),
	'Transfer-Encoding behind a vertical tab': post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'),
	'Transfer-Encoding in HTTP/1.0': 'POST /v1/orders HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
	'bare LF everywhere': 'GET / HTTP/1.1\nHost: a\n\n',
	'a bare LF behind the request line': 'GET / HTTP/1.1\nHost: a\r\n\r\n',
	'a bare LF between fields': 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n',
	'a bare LF at the end of the head': 'GET / HTTP/1.1\r\nHost: a\r\n\n',
	'a bare CR in a field': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n',
	'a bare CR instead of a line end': 'GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n',
	'a folded field': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n',
	'a folded Content-Length': 'POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 2\r\n\r\n{}',
	'a field that begins with a space': 'GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n',
	'NUL in a field': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n',
	'NUL in a name': 'GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n',
	'NUL in the target': 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n',
	'no Host': 'GET / HTTP/1.1\r\n\r\n',
	'two Hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
	'a Host that is none': 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
	'a name that is none': 'GET / HTTP/1.1\r\nHost: a\r\nX(Y): z\r\n\r\n',
	'a field without colon': 'GET / HTTP/1.1\r\nHost: a\r\nfield\r\n\r\n',
	'a target that is no path': 'GET orders HTTP/1.1\r\nHost: a\r\n\r\n',
	'a target with a fragment': 'GET /#a HTTP/1.1\r\nHost: a\r\n\r\n',
	'a target beyond ASCII': 'GET /\xfc HTTP/1.1\r\nHost: a\r\n\r\n',
	'CONNECT': 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n',
	'HTTP/2 without being asked': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
	'no HTTP at all': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
	'two If-Matches': 'GET / HTTP/1.1\r\nHost: a\r\nIf-Match: "1"\r\nIf-Match: "2"\r\n\r\n',
	'a chunk that is longer than it says': chunked('2\r\n{}xx0\r\n\r\n'),
	'a chunk without its line end': chunked('2\r\n{}0\r\n\r\n'),
	'a chunk size with a bare LF': chunked('2\n{}\r\n0\r\n\r\n'),
	'a chunk that ends in a bare LF': chunked('2\r\n{}\n0\r\n\r\n'),
	'a chunk size with a sign': chunked('+2\r\n{}\r\n0\r\n\r\n'),
	'a chunk size with 0x': chunked('0x2\r\n{}\r\n0\r\n\r\n'),
	'a chunk size behind a space': chunked(' 2\r\n{}\r\n0\r\n\r\n'),
	'a chunk size beyond 64 bits': chunked('10000000000000002\r\n{}\r\n0\r\n\r\n'),
	'a chunk extension with a bare LF': chunked('2;a\nb\r\n{}\r\n0\r\n\r\n'),
	'a trailer with a bare LF': chunked('2\r\n{}\r\n0\r\nX: y\n\r\n'),
};
for (const [name, bytes] of Object.entries(malformed)) test(`400: ${name}`, () => refused(bytes, 400));

test('505: another version', () => refused('GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505));
test('417: an unknown expectation', () => refused(post('Content-Length: 2\r\nExpect: tea\r\n', '{}'), 417));

test('414: a request line of more than 8 KiB', () => refused(`GET /${'x'.repeat(8192)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414));
test('414: a request line without end', () => refused(`GET /${'x'.repeat(20_000)}`, 414));
test('431: a field of more than 8 KiB', () => refused(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(8192)}\r\n\r\n`, 431));
test('431: a head of more than 16 KiB', () => refused(`GET / HTTP/1.1\r\nHost: a\r\n${`X: ${'x'.repeat(5000)}\r\n`.repeat(4)}\r\n`, 431));
test('431: more than 100 fields', () => refused(`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(100)}\r\n`, 431));
test('413: a length beyond the limit', () => refused(post('Content-Length: 65537\r\n'), 413));
test('413: a length beyond the limit is not asked for', () => refused(post('Content-Length: 65537\r\nExpect: 100-continue\r\n'), 413));
test('413: chunks beyond the limit', () => refused(chunked(`8000\r\n${'x'.repeat(0x8000)}\r\n8001\r\n${'x'.repeat(0x8001)}\r\n0\r\n\r\n`), 413));
test('413: more frames than content', () => refused(chunked('1;' + 'x'.repeat(4000) + '\r\n \r\n').repeat(1) + `1;${'x'.repeat(4000)}\r\n \r\n`.repeat(20), 413));

test('a body within the limit is read', async () => {
	const body = JSON.stringify({ name: 'x'.repeat(65_000) });
	const [answer] = await gateway.raw(post(`Content-Length: ${body.length}\r\n`, body), 1);
	assert.equal(answer.status, 503, 'it went on to a service, which is not there');
	assert.equal(JSON.parse(answer.body).reason, 'PEER_UNAVAILABLE');
});

test('chunks, their extensions and trailers are read', async () => {
	const [answer] = await gateway.raw(chunked('3;a=b\r\n{"n\r\n004\r\name"\r\n5\r\n: 1 }\r\n0\r\nX: y\r\n\r\n'), 1);
	assert.equal(answer.status, 400);
	assert.deepEqual(JSON.parse(answer.body).violations, [{ field: 'name', description: 'must be text' }]);
});

test('ten pipelined requests are answered in order, slow and quick ones', async () => {
	const paths = ['/v1/orders/1', '/healthz', '/v1/customers', '/nowhere', '/v1/products/a', '/v1/nothing', '/v1/stock', '/healthz', '/v1/invoices', '/v1/shipments'];
	const answers = await gateway.raw(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''), paths.length);
	assert.deepEqual(answers.map((answer) => JSON.parse(answer.body).instance ?? '/healthz'), paths);
});

test('a client that waits to be asked for its body is asked', async () => {
	const peer = gateway.connect();
	peer.write(post('Content-Length: 12\r\nExpect: 100-Continue\r\n'));
	assert.equal((await peer.answers(1))[0].status, 100);
	peer.write('{"name": 12}');
	const [, answer] = await peer.answers(2);
	assert.equal(JSON.parse(answer.body).violations[0].field, 'name');
	peer.destroy();
});

test('HEAD is answered as GET without the body', async () => {
	const peer = gateway.connect();
	peer.bodiless = true;
	peer.write('HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\nHEAD /v1/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
	const answers = await peer.answers();
	assert.deepEqual(answers.map((answer) => answer.status), [200, 404]);
	assert.ok(Number(answers[0].headers['content-length']) > 0);
	assert.ok(peer.received.toString().endsWith('\r\n\r\n'));
});

test('HTTP/1.0 gets one answer, and keeps the connection only when it asks', async () => {
	assert.equal((await gateway.raw('GET /healthz HTTP/1.0\r\n\r\n' + NEXT)).length, 1);
	const answers = await gateway.raw('GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n');
	assert.deepEqual(answers.map((answer) => answer.headers.connection), ['keep-alive', 'close']);
});

test('an offer to speak another protocol is ignored', async () => {
	const answers = await gateway.raw('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n', 1);
	assert.equal(answers[0].status, 200);
});

test('a request may come in single bytes', async () => {
	const peer = gateway.connect();
	peer.socket.setNoDelay(true);
	for (const byte of chunked('2\r\n{}\r\n0\r\n\r\n')) {
		peer.write(byte);
		await new Promise(setImmediate);
	}
	assert.equal((await peer.answers(1))[0].status, 503);
	peer.destroy();
});

test('every answer carries the guards', async () => {
	for (const path of ['/healthz', '/v1/nothing', '/nowhere']) {
		const { headers } = (await gateway.raw(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, 1))[0];
		assert.equal(headers['x-content-type-options'], 'nosniff');
		assert.equal(headers['referrer-policy'], 'no-referrer');
		assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
		assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
		assert.equal(headers['cache-control'], 'no-store');
		assert.match(headers['content-security-policy'], /^default-src 'none'/);
		assert.match(headers['permissions-policy'], /camera=\(\)/);
		assert.equal(headers['access-control-allow-origin'], undefined);
		assert.equal(headers.server, undefined);
	}
});

test('nothing in a request forges a log line', async () => {
	await gateway.raw('GET /%0a{"msg":"forged"} HTTP/1.1\r\nHost: a\r\n\r\n', 1);
	const line = await gateway.logged('of the request', (one) => one.path?.includes('forged'));
	assert.equal(line.msg, 'request');
	assert.ok(!gateway.lines().some((one) => one.msg === 'forged'));
});
