// `make run`, as a person uses it: up with one command, down with Ctrl-C, its data still there the next time, and nothing left behind whatever dies.
// test-seconds: 600
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test, { after, afterEach } from 'node:test';
import { BUILD, ROOT } from '../harness/contract.mjs';
import { freePort } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const RUN_DIR = path.join(os.tmpdir(), 'run');
const PROGRAMS = ['customers', 'ordering', 'warehouse', 'shipping', 'billing', 'gateway'];
const env = { ...process.env, BUILD, UI_DIR: path.join(ROOT, 'ui-static'), RUN_DIR, DEMO: '0', READY_FILE: path.join(RUN_DIR, 'ready') };

let current; // what start() started last

afterEach(async () => {
	if (current?.run.exitCode === null && current.run.signalCode === null) {
		current.run.kill('SIGTERM');
		await current.ended;
	}
});
after(() => spawnSync(path.join(ROOT, 'deploy/local/postgres.sh'), ['destroy', path.join(RUN_DIR, 'postgres')]));

// The number before five ports in a row that nobody uses now, below those that the system hands out by itself.
async function portBase() {
	for (;;) {
		const base = 10_000 + crypto.randomInt(20_000);
		const free = await Promise.all([1, 2, 3, 4, 5].map((i) => isFree(base + i)));
		if (free.every(Boolean)) return base;
	}
}

function isFree(port) {
	return new Promise((resolve) => {
		const server = net.createServer();
		server.on('error', () => resolve(false));
		server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
	});
}

async function start() {
	fs.rmSync(env.READY_FILE, { force: true });
	Object.assign(env, { HTTP_PORT: String(await freePort()), GRPC_PORT_BASE: String(await portBase()) });
	const run = spawn(path.join(ROOT, 'deploy/local/run.sh'), { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
	let output = '';
	run.stdout.on('data', (text) => (output += text));
	run.stderr.on('data', (text) => (output += text));
	const ended = new Promise((resolve) => run.on('exit', (code, signal) => resolve({ code, signal, output })));
	current = { run, ended };
	await until('everything to be ready', () => run.exitCode !== null || fs.existsSync(env.READY_FILE), 90_000);
	assert.equal(run.exitCode, null, `run.sh ended: ${output}`);
	return { run, ended, url: fs.readFileSync(env.READY_FILE, 'utf8').trim() };
}

// {name: pid} of what RUN_DIR/pids says.
function processes() {
	return Object.fromEntries(fs.readFileSync(path.join(RUN_DIR, 'pids'), 'utf8').trim().split('\n').map((line) => line.split(' ')));
}

function alive(pid) {
	try {
		return !fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z');
	} catch {
		return false;
	}
}

const post = (url, body) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() }, body: JSON.stringify(body) });

test('up, a second one refused, down by Ctrl-C; the data is there the next time', async () => {
	const first = await start();
	const pids = processes();
	assert.deepEqual(Object.keys(pids).sort(), [...PROGRAMS, 'run.sh'].sort());
	const made = await post(`${first.url}v1/customers`, { firstName: 'Ada', lastName: 'Kay', email: 'ada@example.com' });
	assert.equal(made.status, 201, await made.clone().text());

	const second = spawnSync(path.join(ROOT, 'deploy/local/run.sh'), { env, encoding: 'utf8' });
	assert.equal(second.status, 1);
	assert.match(second.stderr, /already running/);

	process.kill(-first.run.pid, 'SIGINT'); // as a terminal does: to the whole group
	const { code, output } = await first.ended;
	assert.equal(code, 0, output);
	assert.ok(Object.values(pids).every((pid) => !alive(pid)));
	assert.ok(!fs.existsSync(env.READY_FILE));

	const again = await start();
	const list = await (await fetch(`${again.url}v1/customers`)).json();
	assert.equal(list.customers?.[0]?.lastName, 'Kay');
	const reconcile = spawnSync('node', [path.join(ROOT, 'deploy/local/reconcile.mjs'), RUN_DIR, '0.2'], { encoding: 'utf8' });
	assert.equal(reconcile.status, 0, reconcile.stdout + reconcile.stderr);
	again.run.kill('SIGTERM');
	assert.equal((await again.ended).code, 0);
});

test('when a process dies, it is named, and everything else is stopped', async () => {
	const { ended } = await start();
	const pids = processes();
	process.kill(Number(pids.shipping), 'SIGKILL');
	const { code, output } = await ended;
	assert.equal(code, 1);
	assert.match(output, /shipping ended by itself \(status 137\)/);
	assert.ok(Object.values(pids).every((pid) => !alive(pid)));
});

test('when it is killed itself, its processes end too, and the next run works', async () => {
	const { run, ended } = await start();
	const pids = processes();
	run.kill('SIGKILL');
	await ended;
	const next = await start();
	assert.ok(Object.values(pids).every((pid) => !alive(pid)));
	next.run.kill('SIGTERM');
	assert.equal((await next.ended).code, 0);
});

test('a port that is taken is said at once', async () => {
	const taken = await start();
	const other = spawnSync(path.join(ROOT, 'deploy/local/run.sh'), { env: { ...env, RUN_DIR: `${RUN_DIR}2`, READY_FILE: '' }, encoding: 'utf8', timeout: patience(60_000) });
	spawnSync(path.join(ROOT, 'deploy/local/postgres.sh'), ['destroy', `${RUN_DIR}2/postgres`]);
	assert.equal(other.status, 1, other.stderr);
	assert.match(other.stderr, /ended by itself/);
	taken.run.kill('SIGTERM');
	assert.equal((await taken.ended).code, 0);
});
