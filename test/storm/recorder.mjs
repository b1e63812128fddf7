// A client that writes down what it asked and what it was told, as test/check/history.mjs reads it, and that does not give up on what is unknown.
//
//     const recorder = new Recorder(path.join(folder, 'history.jsonl'));
//     const outcome = await recorder.call(client, 'quayside.ordering.v1.OrderService/SubmitOrder', request, { key });   // { type: 'ok', answer, bytes }
//     const outcome = await recorder.insist(() => client, method, request, { key });                                   // never unknown
import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { contract } from '../harness/contract.mjs';

const PLAIN = { longs: String, enums: String, bytes: String, defaults: true, arrays: true };
// These answers say that nothing was done. What else is no answer is unknown.
const DEFINITE = new Set(['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'FAILED_PRECONDITION', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'UNAUTHENTICATED']);

export const isDefinite = (error) => DEFINITE.has(error.codeName);

export class Recorder {
	constructor(file) {
		this.file = fs.openSync(file, 'a');
		this.operations = 0;
	}

	write(line) {
		fs.writeSync(this.file, `${JSON.stringify({ ...line, time: Date.now() })}\n`);
	}

	// One attempt, by a gRPC client or one that has call(). outcome: { type: ok | fail | unknown, answer, bytes, error }, and status over HTTP.
	async call(client, method, request, { key, timeout = 10_000 } = {}) {
		const op = `${process.pid}-${++this.operations}`;
		this.write({ op, type: 'invoke', method, key, request });
		try {
			const { bytes, answer, status } = await (client.callBytes ? callBytes : callText)(client, method, request, { key, timeout });
			this.write({ op, type: 'ok', answer, bytes: bytes.toString('base64') });
			return { type: 'ok', answer, bytes, status };
		} catch (error) {
			const type = isDefinite(error) ? 'fail' : 'unknown';
			this.write({ op, type, code: error.codeName, reason: error.reason });
			return { type, error };
		}
	}

	// The same request with the same key until it is known how it ended.
	async insist(client, method, request, { key, timeout, patience = 60_000 } = {}) {
		const end = performance.now() + patience;
		for (let tries = 1; ; tries++) {
			const outcome = await this.call(client(), method, request, { key, timeout });
			if (outcome.type !== 'unknown') return { ...outcome, tries };
			if (performance.now() > end) throw new Error(`${method} has had no answer for ${patience} ms`, { cause: outcome.error });
			await pause(20);
		}
	}

	close() {
		fs.closeSync(this.file);
	}
}

const callText = (client, ...call) => client.call(...call);

async function callBytes(client, method, request, options) {
	const { input, output } = types(method);
	const bytes = await client.callBytes(method, Buffer.from(input.encode(input.fromObject(request)).finish()), options);
	return { bytes, answer: output.toObject(output.decode(bytes), PLAIN) };
}

const known = new Map();

function types(method) {
	if (!known.has(method)) {
		const [service, name] = method.split('/');
		const found = contract().lookupService(service).methods[name];
		known.set(method, { input: found.resolvedRequestType, output: found.resolvedResponseType });
	}
	return known.get(method);
}
