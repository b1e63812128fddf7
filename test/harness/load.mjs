// Load that nobody here wrote (h2load), and what came of it, as the server's log tells: its own clients would be slower than what they measure.
//
//     const load = startLoad({ port, method, request, rate: 900, seconds: 6, timeout: 2000 });   // an open loop: it sends whatever becomes of it
//     const load = startLoad({ port, method, request, clients: 64, seconds: 3 });                // a closed loop: each client waits for its answer
//     await load;
//     callsOf(program, method, since)   // [{at (ms), code, reason, ms}], from the log
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { type } from './contract.mjs';

const run = promisify(execFile);
let files = 0;

// One gRPC message as the bytes of an HTTP/2 body.
function frame(name, plain) {
	const message = type(name).encode(type(name).fromObject(plain)).finish();
	const head = Buffer.alloc(5);
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, message]);
}

// Sends the same call again and again for so long; answers how many it sent and how many the transport failed.
export async function startLoad({ folder, port, method, input, request, seconds, clients = 64, rate, timeout = 10_000 }) {
	const body = path.join(folder, `load-${files++}`);
	const connections = 4;
	const streams = rate ? 1000 : Math.ceil(clients / connections);
	fs.writeFileSync(body, frame(input, request));
	const { stdout } = await run('h2load', ['-c', String(connections), '-m', String(streams), '-t', '1', '-D', String(seconds),
		...(rate ? [`--rps=${Math.ceil(rate / connections)}`] : []), '-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers',
		'-H', `grpc-timeout: ${timeout}m`, `http://127.0.0.1:${port}/${method}`], { maxBuffer: 1 << 24 });
	const [, total, done, failed] = stdout.match(/requests: (\d+) total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed/);
	return { total: Number(total), done: Number(done), failed: Number(failed) };
}

// The calls of one method that ended since then (ms since 1970), as the log of the program that served them has them.
export function callsOf(program, method, since = 0) {
	return program
		.lines()
		.filter((line) => line.msg === 'call' && line.method === `/${method}`)
		.map((line) => ({ at: Date.parse(line.ts), code: line.code, reason: line.reason, ms: line.duration_us / 1000 }))
		.filter((call) => call.at >= since);
}

export function percentile(values, p) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))];
}
