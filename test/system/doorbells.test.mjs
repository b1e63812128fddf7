// Two processes of one service: who waits for events at one of them hears of those that the other one wrote. With doorbells at once, without them at the next look.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { Client } from '../harness/client.mjs';
import { makeCustomer } from '../harness/fixtures.mjs';
import { Program, startSystem } from '../harness/system.mjs';
import { patience } from '../harness/wait.mjs';

const FETCH = 'quayside.events.v1.EventService/FetchEvents';
const ROUNDS = process.env.QUAYSIDE_MODE ? 20 : 100;
const SLOW_ROUNDS = 15; // of a second each
const LOOK = 1000; // ms, between two looks into the database

let system;
before(async () => {
	system = await startSystem({ services: [], gateway: false });
});
after(() => system?.stop());

// Starts the same service twice on one database; answers the first one's client, and a system that writes at the second.
async function startPair(label, flagsOf) {
	const start = (name, flags) => {
		const address = system.address(`${label}-${name}`);
		const program = new Program('customers', [`--listen=${address}`, ...flags], system.folder, {
			QUAYSIDE_CUSTOMERS_DATABASE: `host=${system.database} user=customers dbname=customers`,
		});
		program.log = path.join(system.folder, `${label}-${name}.log`);
		program.start();
		system.programs[`${label}-${name}`] = program;
		system.clients[`${label}-${name}`] = new Client(address);
		return system.clients[`${label}-${name}`];
	};
	const reader = start('reader', flagsOf('reader'));
	const writer = start('writer', flagsOf('writer'));
	for (const name of ['reader', 'writer']) await system.ready(`${label}-${name}`);
	return { reader, writer: { call: (...args) => writer.call(...args) } };
}

async function stopPair(label) {
	for (const name of ['reader', 'writer']) await system.programs[`${label}-${name}`].stop();
}

async function lastPosition(client) {
	return Number((await client.call(FETCH, { after_position: 0, limit: 1 })).last_position);
}

// How long after its answer each of some writes is seen at the other process, in ms, sorted.
async function delays({ reader, writer }, rounds = ROUNDS) {
	const times = [];
	let position = await lastPosition(reader);
	for (let i = 0; i < rounds; i++) {
		const fetched = reader.call(FETCH, { after_position: position, wait: { seconds: 20 } }, { timeout: patience(25_000) });
		const seen = fetched.then((reply) => ({ reply, at: performance.now() }));
		await makeCustomer(writer);
		const written = performance.now();
		const { reply, at } = await seen;
		assert.equal(reply.events.length, 1);
		position = Number(reply.events[0].position);
		times.push(Math.max(0, at - written));
	}
	return times.sort((a, b) => a - b);
}

const p = (times, share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
const figures = (times) => `p50 ${p(times, 0.5).toFixed(1)} ms, p99 ${p(times, 0.99).toFixed(1)} ms of ${times.length}`;

it('with doorbells an event of another process is seen at once', async (t) => {
	const bus = (name) => `ipc://${path.join(system.folder, name)}.bus`;
	const pair = await startPair('with', (name) => [`--bus-publish=${bus(name)}`, `--bus-subscribe=${bus('reader')},${bus('writer')}`]);
	const times = await delays(pair);
	t.diagnostic(`seen after ${figures(times)}`);
	assert.ok(p(times, 0.5) < patience(LOOK / 4), figures(times));
	await stopPair('with');
});

it('without doorbells it is seen as well, only later', async (t) => {
	const pair = await startPair('without', () => []);
	const times = await delays(pair, SLOW_ROUNDS);
	t.diagnostic(`seen after ${figures(times)}; by who waits at the process that writes: ${figures(await delays({ reader: pair.reader, writer: pair.reader }))}`);
	assert.ok(p(times, 1) < patience(LOOK + 1500), figures(times));
	await stopPair('without');
});
