// Everything at once: real processes that are killed, frozen and cut off at random, while people work; then peace, and the books have to be right.
//
//     node test/storm/storm.mjs            MINUTES=0.5 SEED=(by the clock) BUS=on|cut CLIENTS=8 KINDS=kill,reset SOAK=(seconds)
//
// Ends with 0: passed; 1: something is wrong; 3: unknown, because too little was tried (a kind of fault that never struck, ...).
// The seed fixes what strikes when; what it strikes depends on how fast this machine is. Everything is kept where the first line says, unless it passed.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CannotCheck } from '../check/snapshot.mjs';
import { audit } from './audit.mjs';
import { Load, WRITES } from './load.mjs';
import { Nemesis, kinds, schedule } from './nemesis.mjs';
import { Random } from './random.mjs';
import { Recorder } from './recorder.mjs';
import { Rest } from './rest.mjs';
import { soak } from './soak.mjs';
import { Watcher } from './watcher.mjs';
import { startWorld } from './world.mjs';

const MINUTES = Number(process.env.MINUTES || 0.5);
const SEED = Number(process.env.SEED || Date.now() % 1_000_000);
const SOAK = Number(process.env.SOAK || (MINUTES < 5 ? 10 : 60));
const CLIENTS = Number(process.env.CLIENTS || 8);
const BUS = process.env.BUS || 'on';
const KINDS = process.env.KINDS ? process.env.KINDS.split(',') : kinds();
const WARM_UP = 3000;
const CONFLICTS_FROM = 1; // minutes in which people must have got in each other's way
const AUDIT_EVERY = 2000;
const AUDIT_SHARE = 4; // waits at least so many times as long as the last one took
const SERVER_AWAY = /connection|the database system|psql ended/;
const SILENCE_MAX = 60_000; // faults overlap here, and come faster than what they hit comes back: so long as healing may take, nobody may be without an answer
const READY_MAX = 30_000;
const REST_MAX = 60_000; // from healing on
const JUMP = 7_200_000; // of the nemesis' clocks

const say = (...words) => console.log(...words);
const took = async (what) => {
	const began = performance.now();
	await what;
	return Math.round(performance.now() - began);
};

// While it storms, only what holds always can be asked, and only when the server answers. Most of the time is left to the storm.
async function watch(world, until) {
	let looked = 0;
	let cost = 0;
	while (!until.over) {
		await world.later(Math.max(AUDIT_EVERY, cost * AUDIT_SHARE));
		if (until.over) break;
		const began = performance.now();
		try {
			await audit(world.system, { quiescent: false });
			looked++;
		} catch (error) {
			if (!(error instanceof CannotCheck && SERVER_AWAY.test(error.message))) world.fail(`an audit: ${error.message}`);
		}
		cost = performance.now() - began;
	}
	return looked;
}

async function safety(world) {
	const plan = schedule(new Random(SEED), MINUTES * 60_000, KINDS);
	fs.writeFileSync(path.join(world.folder, 'schedule.jsonl'), plan.map((fault) => `${JSON.stringify(fault)}\n`).join(''));
	const nemesis = new Nemesis(world);
	const until = { over: false };
	const watching = watch(world, until);
	say(`storm of ${MINUTES} minutes: ${plan.length} faults, ${CLIENTS} clients`);
	const storming = nemesis.carryOut(plan);
	await Promise.race([storming, pause(MINUTES * 60_000)]);
	until.over = true;
	return { nemesis, storming, watching };
}

async function atRest(world, ms) {
	const rest = new Rest(world.system.database);
	await rest.reached(ms).finally(() => rest.close());
}

// Peace: everything comes up, everyone gets his answer, everything comes to rest, and is seen by who watches, all within one time.
async function liveness(world, load, watcher, { storming, watching }) {
	const healed = performance.now();
	const left = () => Math.max(0, healed + REST_MAX - performance.now());
	const ready = await took(world.heal().then(() => world.allReady(Math.min(READY_MAX, left()))));
	await storming;
	const answered = await took(load.finish(left()));
	const reached = await took(atRest(world, left()));
	const seen = await took(watcher.caughtUp(world.system, left()));
	say(`healed: all ready after ${ready} ms, everyone answered after ${answered} ms more, at rest after ${reached} ms more, all seen after ${seen} ms more: ${Math.round(performance.now() - healed)} of ${REST_MAX} ms`);
	const looked = await watching;
	say(`audits while it stormed: ${looked}`);
	return looked;
}

// From a shipment's dispatch to its invoice: what the doorbells are for. Where one of the two clocks had jumped, there is nothing to compare.
async function eventDelay(world) {
	const sent = new Map(await world.system.sql('shipping', `SELECT shipment_id, extract(epoch FROM dispatch_time) FROM shipment WHERE dispatch_time IS NOT NULL`));
	const billed = await world.system.sql('billing', `SELECT shipment_id, extract(epoch FROM create_time) FROM invoice`);
	const delays = billed.filter(([id]) => sent.has(id)).map(([id, time]) => Math.round((time - sent.get(id)) * 1000)).filter((ms) => Math.abs(ms) < JUMP / 2).sort((a, b) => a - b);
	return { invoices: delays.length, p50: delays[Math.floor(delays.length / 2)], p99: delays[Math.floor(delays.length * 0.99)] };
}

// Once more, in peace: nothing grows, what was acknowledged long ago is answered as it was then, and all of it comes to rest again.
async function peace(world, load, watcher) {
	for (const worse of await soak(world, load, SOAK * 1000, say)) world.fail(worse);
	say(`replayed afterwards: ${await load.replayKept()} of ${load.keys.seen} acknowledged writes`);
	await atRest(world, REST_MAX);
	await watcher.caughtUp(world.system, REST_MAX);
	for (const fault of await watcher.faults(world.system)) world.fail(`the live stream: ${fault}`);
	await watcher.stop();
}

// Why it may have tried too little to say anything.
function doubts(world, load, looked) {
	const { ok, fail, unknown } = load.figures();
	const found = [];
	if (ok + fail < unknown) found.push('less than half of the requests were answered');
	const missing = KINDS.filter((kind) => !world.counts[kind]);
	if (missing.length > 0) found.push(`these faults never struck: ${missing.join(', ')}`);
	const untried = WRITES.filter((name) => !load.methods[name]);
	if (untried.length > 0) found.push(`these writes never ended well: ${untried.join(', ')}`);
	if (MINUTES >= CONFLICTS_FROM && !load.reasons['FAILED_PRECONDITION OUT_OF_STOCK']) found.push('nothing was out of stock');
	if (MINUTES >= CONFLICTS_FROM && load.lostRaces === 0) found.push('nobody lost a race between cancelling and dispatching');
	if (looked === 0) found.push('no audit while it stormed');
	return found;
}

function verdict(world, unknown) {
	for (const failure of world.failures) say(`WRONG: ${failure}`);
	for (const doubt of unknown) say(`UNKNOWN: ${doubt}`);
	if (world.failures.length > 0) return 1;
	return unknown.length > 0 ? 3 : 0;
}

// For good: no doorbell rings any more.
function cutBus(world) {
	for (const [name, edge] of [...world.edges].filter(([each]) => each.startsWith('bus:'))) {
		edge.close();
		world.edges.delete(name);
	}
}

async function storm(world) {
	const recorder = new Recorder(path.join(world.folder, 'history.jsonl'));
	recorder.write({ type: 'whole' });
	const load = new Load({ port: world.front.port, recorder, random: new Random(SEED + 1), clients: CLIENTS });
	await load.open();
	const watcher = new Watcher(world.front.port);
	watcher.start();
	load.start();
	await pause(WARM_UP);
	if (BUS === 'cut') cutBus(world);
	const stormed = await safety(world);
	const looked = await liveness(world, load, watcher, stormed);
	await peace(world, load, watcher);
	if (load.keys.broken) world.fail(`a key was not kept: ${load.keys.broken}`);
	for (const line of world.impossible()) world.fail(`a statement that can never be right: ${line}`);
	for (const [kind, ms] of Object.entries(load.silence.longest())) if (ms > SILENCE_MAX) world.fail(`nobody got an answer to ${kind} for ${Math.round(ms)} ms`);
	await audit(world.system, { quiescent: true, history: path.join(world.folder, 'history.jsonl') }).catch((error) => world.fail(error.message));
	recorder.close();
	say(`faults: ${Object.entries(world.counts).map(([kind, count]) => `${kind} ${count}`).join(', ')}`);
	const { ok, fail, unknown, replays, reuses, p50, p99 } = load.figures();
	say(`requests: ${ok} ok, ${fail} refused, ${unknown} unknown (each repeated until known), ${replays} replayed, ${reuses} keys used twice; p50 ${p50} ms, p99 ${p99} ms`);
	say(`longest without an answer: ${Object.entries(load.silence.longest()).map(([kind, ms]) => `${kind} ${Math.round(ms)} ms`).join(', ')}`);
	say(`ended well: ${Object.entries(load.methods).map(([name, count]) => `${name} ${count}`).join(', ')}; ${load.lostRaces} races lost`);
	say(`answers that were no: ${Object.entries(load.reasons).sort((a, b) => b[1] - a[1]).slice(0, 20).map(([reason, count]) => `${reason} ${count}`).join(', ')}`);
	say(`live stream: ${watcher.ids.length} changes in ${watcher.streams} connections`);
	const delay = await eventDelay(world);
	say(`dispatch to invoice: ${delay.invoices} invoices, p50 ${delay.p50} ms, p99 ${delay.p99} ms (doorbells ${BUS})`);
	say(`kills: ${stormed.nemesis.kills}`);
	return verdict(world, doubts(world, load, looked));
}

const world = await startWorld({ random: new Random(SEED + 2) });
say(`SEED=${SEED}, in ${world.folder}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => world.stop().finally(() => process.exit(130)));
let status = 1;
try {
	status = await storm(world);
} catch (error) {
	for (const failure of world.failures) say(`WRONG: ${failure}`);
	say(`WRONG: ${error.stack}${error.cause ? `\n  because ${error.cause.stack ?? error.cause}` : ''}`);
}
if (status !== 0 && process.env.KEEP) fs.cpSync(world.folder, process.env.KEEP, { recursive: true, filter: (file) => !file.includes('/pg/') && !file.endsWith('.sock') });
const ended = await world.stop();
for (const [name, { code, signal }] of Object.entries(ended)) {
	if (code === 0) continue;
	say(`WRONG: ${name} did not stop as asked: ${signal ?? `status ${code}`}`);
	status = 1;
}
say(status === 0 ? `passed: SEED=${SEED}` : `not passed: SEED=${SEED}`);
process.exit(status); // a socket that a fault left half open must not keep it
