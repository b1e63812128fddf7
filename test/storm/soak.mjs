// Calm work for a while, to see whether anything grows that should not. In the storm itself nobody lives long enough for that.
//
//     for (const fault of await soak(world, load, 60_000, say)) ...     // what grew, as words; the figures are said as a table
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../harness/wait.mjs';

const WARM_UP = 0.5; // of the time: pools, caches and the allocator come to their size
const ANSWER_MAX = 20_000;
const SETTLE_MAX = 10_000;
const MEMORY_SHARE = 1.05;
const MEMORY_MORE = 2048; // kB
const THREADS_MORE = 4; // gRPC core's own come and go

async function work(world, load, ms) {
	load.start();
	await pause(ms);
	await load.finish(ANSWER_MAX);
}

const settled = (a, b) => a && Object.entries(b).every(([name, { fds, threads, connections }]) => a[name].fds === fds && a[name].threads === threads && a[name].connections === connections);

// When those who have gone are gone on the other side, too.
async function figures(world) {
	let last;
	return until('the figures to settle', async () => {
		const before = last;
		last = await world.figures();
		return settled(before, last) && last;
	}, SETTLE_MAX);
}

function grown(name, then, now) {
	const worse = [];
	if (now.rss > then.rss * MEMORY_SHARE + MEMORY_MORE) worse.push(`${name} takes ${now.rss} kB instead of ${then.rss}`);
	if (now.fds > then.fds) worse.push(`${name} has ${now.fds} descriptors instead of ${then.fds}`);
	if (now.connections > then.connections) worse.push(`${name} has ${now.connections} connections to its database instead of ${then.connections}`);
	if (now.threads > then.threads + THREADS_MORE) worse.push(`${name} has ${now.threads} threads instead of ${then.threads}`);
	return worse;
}

function table(before, after, say) {
	const columns = { 'memory (kB)': 'rss', descriptors: 'fds', threads: 'threads', connections: 'connections' };
	say(`  ${''.padEnd(10)}${Object.keys(columns).map((title) => title.padStart(18)).join('')}`);
	for (const [name, then] of Object.entries(before)) {
		say(`  ${name.padEnd(10)}${Object.values(columns).map((key) => `${then[key]} -> ${after[name][key]}`.padStart(18)).join('')}`);
	}
}

export async function soak(world, load, ms, say) {
	await work(world, load, ms * WARM_UP);
	const before = await figures(world);
	await work(world, load, ms * (1 - WARM_UP));
	const after = await figures(world);
	say(`calm work for ${ms / 1000} s, the second half of it:`);
	table(before, after, say);
	return Object.entries(before).flatMap(([name, then]) => grown(name, then, after[name]));
}
