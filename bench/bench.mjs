// `make bench`: what Quayside costs, always beside something well known in the same run, as ratios of medians of interleaved rounds.
// The machine may be shared and noisy: look at the ratios, not at the absolute figures.
import fs from 'node:fs';
import path from 'node:path';
import { BUILD, type } from '../test/harness/contract.mjs';
import { makeCustomer } from '../test/harness/fixtures.mjs';
import { freePort, SERVICES } from '../test/harness/system.mjs';
import { benchmark, goOn, withServer, withSystem } from './lifetime.mjs';
import { cpuOf, frame, h2load, median, memoryOf } from './measure.mjs';
import { submitBesidePgbench } from './submit.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 3);
const LOAD = { connections: 2, streams: 32, seconds: SECONDS };

const encode = (name, plain) => frame(type(name).encode(type(name).fromObject(plain)).finish());

function heading(text) {
	console.log(`\n${text}\n${'-'.repeat(text.length)}`);
}

function row(cells, widths = [44, 16, 16, 16, 16]) {
	console.log(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[0]) : String(cell).padStart(widths[i] ?? 16))).join(''));
}

// CPU microseconds of the server per call, by h2load, one round.
async function cpuPerCall(server, call) {
	const before = cpuOf(server.pid);
	const { calls, failed, seconds } = await h2load({ ...LOAD, port: server.port, path: call.path, body: call.body });
	if (failed > 0) throw new Error(`${failed} calls of ${call.path} failed`);
	// h2load counts the calls after its warm-up second; the processor time covers both, so it is scaled to what was counted.
	return { micros: ((cpuOf(server.pid) - before) * 1e6) / (calls * ((seconds + 1) / seconds)), rate: calls / seconds };
}

async function serverCpu(folder) {
	heading(`Server CPU per call (h2load, ${LOAD.connections} connections x ${LOAD.streams} streams, medians of ${ROUNDS} interleaved rounds)`);
	await withSystem({ services: [], gateway: false }, (system) =>
		withServer(path.join(BUILD, 'bench/peer'), ['127.0.0.1:0'], (peer) => compareCpu(folder, system, { pid: peer.pid, port: Number(peer.says) })));
	console.log('The C++ server holds its answers in code; ours checks the request and, for Get, asks PostgreSQL.');
}

async function compareCpu(folder, system, peer) {
	const port = await freePort();
	system.startService('customers', ['--log-level=warn'], port);
	await system.ready('customers');
	const customer = await makeCustomer(system);
	const calls = [
		{ name: 'health Check', path: '/grpc.health.v1.Health/Check', body: path.join(folder, 'check'), bytes: encode('grpc.health.v1.HealthCheckRequest', {}) },
		{ name: 'customers Get', path: '/quayside.customers.v1.CustomerService/GetCustomer', body: path.join(folder, 'get'),
			bytes: encode('quayside.customers.v1.GetCustomerRequest', { customer_id: customer.customer_id }) },
	];
	row(['', 'ours us', 'C++ us', 'ours / C++', 'calls/s ratio']);
	for (const call of calls) {
		fs.writeFileSync(call.body, call.bytes);
		const ours = [];
		const theirs = [];
		for (let round = 0; round < ROUNDS; round++) {
			ours.push(await cpuPerCall({ pid: system.programs.customers.pid, port }, call));
			theirs.push(await cpuPerCall(peer, call));
		}
		const [a, b] = [median(ours.map((r) => r.micros)), median(theirs.map((r) => r.micros))];
		row([call.name, a.toFixed(1), b.toFixed(1), (a / b).toFixed(2), (median(ours.map((r) => r.rate)) / median(theirs.map((r) => r.rate))).toFixed(2)]);
	}
}

async function startAndMemory() {
	heading(`Start to SERVING on an existing database (median of ${ROUNDS}), and memory of the idle processes`);
	await withSystem({}, restartAndWeigh);
}

async function restartAndWeigh(system) {
	const times = Object.fromEntries([...SERVICES, 'all five'].map((name) => [name, []]));
	for (let round = 0; round < ROUNDS; round++) {
		goOn();
		await Promise.all(SERVICES.map((name) => system.programs[name].stop()));
		const began = performance.now();
		await Promise.all(SERVICES.map(async (name) => {
			system.startService(name);
			await system.ready(name);
			times[name].push(performance.now() - began);
		}));
		times['all five'].push(performance.now() - began);
	}
	row(['', 'start ms', 'resident MB', 'proportional MB']);
	let sum = 0;
	for (const name of [...SERVICES, 'gateway']) {
		const { rss, pss } = memoryOf(system.programs[name].pid);
		sum += pss;
		row([name, times[name] ? median(times[name]).toFixed(0) : '-', rss.toFixed(1), pss.toFixed(1)]);
	}
	row(['all five started together', median(times['all five']).toFixed(0), '', '']);
	row(['services and gateway together', '', '', sum.toFixed(1)]);
	const database = await databaseMemory(system);
	row(['PostgreSQL, all its processes', '', '', database.toFixed(1)]);
}

async function databaseMemory(system) {
	const [[living]] = await system.sql('customers', "SELECT pid FROM pg_stat_activity WHERE datname = 'customers' AND pid <> pg_backend_pid() LIMIT 1");
	const postmaster = Number(fs.readFileSync(`/proc/${living}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[1]);
	const children = fs.readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ').map(Number);
	return [postmaster, ...children].reduce((sum, pid) => sum + shareOf(pid), 0);
}

// Proportional memory; nothing for a process that has just ended, as those of the query above.
function shareOf(pid) {
	try {
		return memoryOf(pid).pss;
	} catch (error) {
		if (['ENOENT', 'ESRCH'].includes(error.code)) return 0;
		throw error;
	}
}

await benchmark(async (folder) => {
	await serverCpu(folder);
	await submitBesidePgbench({ heading, row, seconds: SECONDS });
	await startAndMemory();
});
