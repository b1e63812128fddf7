// `make bench` leaves nothing running, wherever it fails or is told to stop. The C++ server it compares with and its load generator are stand-ins here.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { BUILD, ROOT } from '../harness/contract.mjs';
import { until } from '../harness/wait.mjs';

const PEER = 'echo 1\nexec cat';
process.env.QUAYSIDE_TEST_ID ??= randomUUID(); // what is started carries it, PostgreSQL too

function script(file, text) {
	fs.mkdirSync(path.dirname(file), { recursive: true });
	fs.writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

// Starts bench/run on a build of its own.
function bench({ peer = PEER, programs = true } = {}) {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'b'));
	const build = path.join(folder, 'build');
	const temporary = path.join(folder, 't');
	const working = path.join(folder, 'working');
	for (const made of [build, temporary]) fs.mkdirSync(made);
	fs.chmodSync(folder, 0o755);
	for (const name of programs ? ['bin', 'third_party'] : ['third_party']) {
		fs.symlinkSync([path.join(BUILD, name), path.join(BUILD, '..', name)].find((at) => fs.existsSync(at)), path.join(build, name));
	}
	if (peer) script(path.join(build, 'bench/peer'), peer);
	script(path.join(folder, 'tools/h2load'), `touch ${working}\nexec tail -f /dev/null`);
	const env = { ...process.env, TMPDIR: temporary, PATH: `${path.join(folder, 'tools')}:${process.env.PATH}` };
	const child = spawn(path.join(ROOT, 'bench/run'), [build], { env, stdio: ['ignore', 'pipe', 'pipe'] });
	const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
	let text = '';
	child.stderr.on('data', (piece) => (text += piece));
	return { child, ended, working, temporary, text: () => text };
}

// Process ids of what carries our mark, with their command lines.
function marked() {
	const read = (file) => {
		try {
			return fs.readFileSync(file, 'utf8');
		} catch {
			return ''; // it has just ended, or is not ours
		}
	};
	return new Map(fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
		.filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(`QUAYSIDE_TEST_ID=${process.env.QUAYSIDE_TEST_ID}`))
		.map((pid) => [Number(pid), read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')]).filter(([, command]) => command !== ''));
}

async function leavesNothing(run, before) {
	const how = await run.ended;
	const left = [...marked()].filter(([pid]) => !before.has(pid));
	for (const [pid] of left) process.kill(pid, 'SIGKILL');
	assert.deepEqual(left.map(([, command]) => command), []);
	assert.deepEqual(fs.readdirSync(run.temporary), []);
	return how;
}

for (const [what, options, message] of [
	['the peer is missing', { peer: null }, /bench\/peer/],
	['the peer ends at once', { peer: 'exit 1' }, /bench\/peer/],
	['a service is missing', { programs: false }, /customers/],
]) {
	test(`ends what it started when ${what}`, async () => {
		const before = marked();
		const run = bench(options);
		assert.deepEqual(await leavesNothing(run, before), { code: 1, signal: null });
		assert.match(run.text(), message);
	});
}

for (const signal of ['SIGINT', 'SIGTERM']) {
	test(`ends what it started at ${signal} under load`, async () => {
		const before = marked();
		const run = bench();
		await until('the load', () => fs.existsSync(run.working));
		run.child.kill(signal);
		assert.deepEqual(await leavesNothing(run, before), { code: null, signal });
	});

	test(`ends what it started at ${signal} while everything starts`, async () => {
		const before = marked();
		const run = bench();
		await until('PostgreSQL', () => [...marked()].some(([pid, command]) => !before.has(pid) && /bin\/postgres /.test(command)));
		run.child.kill(signal);
		assert.deepEqual(await leavesNothing(run, before), { code: null, signal });
	});
}
