// A client that writes down what it asked and what it was told: a history for quayside-check (its form: history.mjs).
//
//     const recorder = new Recorder('history.jsonl', (method) => system.client(method.split('.')[1]));
//     const order = await recorder.call('quayside.ordering.v1.OrderService/SubmitOrder', {...}, { key });
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { grpc } from '../harness/client.mjs';
import { contract } from '../harness/contract.mjs';

const PLAIN = { longs: String, enums: String, defaults: true, arrays: true };

// Answers after which nothing can have happened. All others leave it open.
const WITHOUT_EFFECT = new Set(['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'OUT_OF_RANGE', 'PERMISSION_DENIED', 'UNAUTHENTICATED',
	'UNIMPLEMENTED'].map((name) => grpc.status[name]));

export class Recorder {
	constructor(file, client) {
		this.file = fs.openSync(file, 'a');
		this.client = client;
	}

	// The only history of databases that were empty before it.
	whole() {
		this.write({ type: 'whole' });
	}

	write(line) {
		fs.writeSync(this.file, `${JSON.stringify(line)}\n`);
	}

	async call(method, request = {}, { key = randomUUID(), ...options } = {}) {
		const [service, name] = method.split('/');
		const { resolvedRequestType: input, resolvedResponseType: output } = contract().lookupService(service).methods[name];
		const op = randomUUID();
		const packed = Buffer.from(input.encode(input.fromObject(request)).finish());
		this.write({ op, type: 'invoke', time: Date.now(), method, key, request });
		try {
			const bytes = await this.client(method).callBytes(method, packed, { key, ...options });
			const answer = output.toObject(output.decode(bytes), PLAIN);
			this.write({ op, type: 'ok', time: Date.now(), answer, bytes: bytes.toString('base64') });
			return answer;
		} catch (error) {
			this.write({ op, type: WITHOUT_EFFECT.has(error.code) ? 'fail' : 'unknown', time: Date.now(), code: error.codeName, reason: error.reason });
			throw error;
		}
	}

	close() {
		fs.closeSync(this.file);
	}
}
