// The storm's watcher goes on where it was cut off, and sees what a stream does wrong.
import assert from 'node:assert/strict';
import http from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { until } from '../harness/wait.mjs';
import { Watcher } from './watcher.mjs';

const change = (id) => `id: ${id}\ndata: {"order":{},"resumeToken":"${id}"}\n\n`;
const token = (id) => `id: ${id}\ndata: {"resumeToken":"${id}"}\n\n`;

let asked;
let answers;
let server;
let watcher;

// Each connection gets the next of the answers, and is cut off.
beforeEach(() => new Promise((resolve) => {
	asked = [];
	answers = [];
	server = http.createServer((request, response) => {
		asked.push(request.headers['last-event-id']);
		const { status = 200, text = '' } = answers.shift() ?? {};
		response.writeHead(status);
		response.write(text || ':\n\n', () => setTimeout(() => response.destroy(), 20));
	}).listen(0, '127.0.0.1', () => {
		watcher = new Watcher(server.address().port);
		resolve();
	});
}));
afterEach(async () => {
	await watcher.stop();
	server.close();
});

async function watch(...texts) {
	answers.push(...texts.map((text) => (typeof text === 'string' ? { text } : text)));
	watcher.start();
	await until('all connections', () => asked.length > texts.length);
}

const written = (...ids) => ({ sql: () => ids.map((id) => [String(id)]) });

describe('the storm\'s watcher', () => {
	it('comes back with the last event that came whole', async () => {
		await watch(`retry: 1000\n\n${token(7)}${change(9)}id: 12\ndata: {"ord`, `${token(9)}:\n\n${change(12)}`);
		assert.deepEqual(asked, [undefined, '9', '12']);
		assert.deepEqual(watcher.ids, [9, 12]);
		assert.equal(watcher.first, 7);
		assert.deepEqual(await watcher.faults(written(9, 12)), []);
	});

	for (const [what, ids, kept] of [['lost', [8, 10], [8, 9, 10]], ['doubled', [8, 9, 9], [8, 9]], ['out of order', [9, 8], [8, 9]], ['never written', [8, 9], [8]]]) {
		it(`sees what is ${what}`, async () => {
			await watch(token(7) + ids.map(change).join(''));
			const faults = await watcher.faults(written(...kept));
			assert.equal(faults.length, 1);
			assert.match(faults[0], new RegExp(what));
		});
	}

	it('sees that its token was refused', async () => {
		await watch({ status: 400, text: '{"reason":"RESUME_TOKEN_UNKNOWN"}' });
		await until('the refusal', () => watcher.broken);
		assert.match((await watcher.faults(written()))[0], /RESUME_TOKEN_UNKNOWN/);
	});

	it('takes it well that nobody could answer', async () => {
		await watch({ status: 503, text: '{"reason":"PEER_UNAVAILABLE"}' }, token(7) + change(8));
		assert.deepEqual(await watcher.faults(written(8)), []);
	});
});
