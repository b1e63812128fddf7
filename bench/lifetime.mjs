// What a benchmark starts ends with it: when it is done, when it fails, and when it is told to stop (SIGINT, SIGTERM, SIGHUP).
//
// A signal does not end the process at once. It ends the programs under way and makes whatever comes next fail, so that all is taken down on the way out.
//
//     await benchmark(async (folder) => {
//         await withSystem({ services: ['customers'] }, async (system) => {
//             ... await run('h2load', [...]) ...
//         });
//     });
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { startSystem } from '../test/harness/system.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const ending = new AbortController(); // its reason is a signal's name, or what failed first
const underWay = new Set(); // promises of programs that have ended

// Fails when the benchmark is to end. For what takes long without running a program.
export function goOn() {
	ending.signal.throwIfAborted();
}

// Until a child process has ended, if it could be started. An error is also said when it is told to end, before it does.
function endOf(child) {
	const ended = new Promise((resolve) => child.on('exit', resolve).on('error', () => child.pid === undefined && resolve()));
	underWay.add(ended);
	return ended.finally(() => underWay.delete(ended));
}

// Runs a program to its end; returns {stdout, stderr}.
export async function run(program, args, options = {}) {
	goOn();
	const running = promisify(execFile)(program, args, { signal: ending.signal, ...options });
	const ended = endOf(running.child);
	try {
		return await running;
	} finally {
		await ended;
	}
}

// work({pid, says}) beside a server; says is what it wrote when it was ready.
export async function withServer(program, args, work) {
	goOn();
	const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
	const ended = endOf(child);
	try {
		const ready = once(child.stdout, 'data', { signal: ending.signal });
		const says = await Promise.race([ready, ended.then(() => { throw new Error(`${program} did not start`); })]);
		return await work({ pid: child.pid, says: String(says) });
	} finally {
		child.kill();
		await ended;
	}
}

// work(system) with a system made by startSystem(options).
export async function withSystem(options, work) {
	goOn();
	const system = await startSystem(options);
	try {
		goOn();
		return await work(system);
	} finally {
		await system.stop({ audit: false });
	}
}

// The whole run: work(folder) with a folder that other users may enter (PostgreSQL does), then the end of everything, in the way that its reason asks for.
export async function benchmark(work) {
	for (const name of SIGNALS) process.on(name, () => ending.abort(name));
	process.on('uncaughtException', (error) => ending.abort(error)); // such as standard output closed by its reader
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'qb'));
	fs.chmodSync(folder, 0o755);
	process.env.TMPDIR = folder;
	try {
		await work(folder);
	} catch (error) {
		ending.abort(error);
	} finally {
		await Promise.all(underWay);
		fs.rmSync(folder, { recursive: true, force: true });
	}
	if (ending.signal.aborted) end(ending.signal.reason);
}

function end(reason) {
	if (SIGNALS.includes(reason)) {
		process.removeAllListeners(reason);
		process.kill(process.pid, reason);
		return;
	}
	console.error(reason);
	process.exitCode = 1;
}
