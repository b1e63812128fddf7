// Small things that every benchmark needs: medians, the CPU time and memory of processes, and h2load as a load generator that nobody here wrote.
import fs from 'node:fs';
import { run } from './lifetime.mjs';

const TICKS = 100; // USER_HZ of Linux

export function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[sorted.length >> 1];
}

// CPU seconds that a process has used: user and system.
export function cpuOf(pid) {
	const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
	return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

// Resident and proportional memory in MB (proportional: shared pages are divided among those who share them).
export function memoryOf(pid) {
	const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
	const kb = (key) => Number(text.match(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm'))[1]);
	return { rss: kb('Rss') / 1024, pss: kb('Pss') / 1024 };
}

// One gRPC message as the bytes of an HTTP/2 body.
export function frame(message) {
	const head = Buffer.alloc(5);
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, message]);
}

// Sends the same unary call again and again; returns {calls, failed, seconds}. Bounded by `seconds`.
export async function h2load({ port, path, body, connections, streams, seconds }) {
	const { stdout } = await run('h2load', ['-c', String(connections), '-m', String(streams), '-t', '1', '-D', String(seconds), '--warm-up-time', '1',
		'-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers', `http://127.0.0.1:${port}${path}`], { maxBuffer: 1 << 24 });
	const [, succeeded, failed] = stdout.match(/requests: \d+ total.*?(\d+) succeeded, (\d+) failed/);
	return { calls: Number(succeeded), failed: Number(failed), seconds };
}
