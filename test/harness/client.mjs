// A gRPC client for the tests: @grpc/grpc-js for the transport, protobufjs for the messages. Nothing of it was written here.
//
//     const client = new Client('unix:/run/customers.sock');
//     const customer = await client.call('quayside.customers.v1.CustomerService/GetCustomer', { customer_id: id });
//     await assert.rejects(client.call(...), (e) => e.code === grpc.status.NOT_FOUND && e.reason === 'NOT_FOUND');
import grpc from '@grpc/grpc-js';
import { contract, type } from './contract.mjs';

export { grpc };

const PLAIN = { longs: String, enums: String, bytes: Buffer, defaults: true, arrays: true };

// A refused call, with what google.rpc.Status says.
export class CallError extends Error {
	constructor(error) {
		super(`${grpc.status[error.code]}: ${error.details}`);
		this.code = error.code;
		this.codeName = grpc.status[error.code];
		this.details = error.details;
		const [packed] = error.metadata?.get('grpc-status-details-bin') ?? [];
		for (const any of packed ? type('google.rpc.Status').decode(packed).details : []) this.read(any);
		this.violations ??= [];
		this.info ??= {};
	}

	read(any) {
		const name = any.type_url.split('/').pop();
		const detail = type(name).toObject(type(name).decode(any.value), PLAIN);
		if (name === 'google.rpc.ErrorInfo') {
			this.reason = detail.reason;
			this.info = detail.metadata ?? {};
		} else if (name === 'google.rpc.BadRequest') {
			this.violations = detail.field_violations;
		} else if (name === 'google.rpc.RetryInfo') {
			this.retry = detail.retry_delay;
		}
	}
}

export class Client {
	constructor(address, options = {}) {
		this.grpc = new grpc.Client(address, grpc.credentials.createInsecure(), {
			'grpc.initial_reconnect_backoff_ms': 50,
			'grpc.max_reconnect_backoff_ms': 500,
			'grpc.use_local_subchannel_pool': 1,
			'grpc.max_send_message_length': -1,
			'grpc.enable_retries': 0,
			...options,
		});
	}

	// method: "package.Service/Method"; request: a plain object in the contract's spelling. options: {key, metadata, timeout (ms), signal}.
	async call(method, request = {}, options = {}) {
		const { input, output } = signature(method);
		const problem = input.verify(request);
		if (problem) throw new TypeError(`${method}: ${problem}`);
		const bytes = await this.callBytes(method, Buffer.from(input.encode(input.fromObject(request)).finish()), options);
		return output.toObject(output.decode(bytes), PLAIN);
	}

	// The same with bytes both ways, for messages that no library would make.
	callBytes(method, bytes, { key, metadata = {}, timeout = 10_000, signal, trailers } = {}) {
		const sent = new grpc.Metadata();
		if (key !== undefined) sent.set('idempotency-key', key);
		for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
		return new Promise((resolve, reject) => {
			const call = this.grpc.makeUnaryRequest(
				`/${method}`,
				(message) => message,
				(message) => message,
				bytes,
				sent,
				{ deadline: Date.now() + timeout },
				(error, reply) => (error ? reject(new CallError(error)) : resolve(reply)),
			);
			if (trailers) call.on('status', (status) => trailers(status.metadata.getMap()));
			signal?.addEventListener('abort', () => call.cancel());
		});
	}

	// A server stream as an async iterator of plain objects; break ends it.
	stream(method, request = {}, { timeout = 10_000 } = {}) {
		const { input, output } = signature(method);
		const call = this.grpc.makeServerStreamRequest(
			`/${method}`,
			(message) => Buffer.from(input.encode(input.fromObject(message)).finish()),
			(bytes) => output.toObject(output.decode(bytes), PLAIN),
			request,
			new grpc.Metadata(),
			{ deadline: Date.now() + timeout },
		);
		return call;
	}

	close() {
		this.grpc.close();
	}
}

function signature(method) {
	const [service, name] = method.split('/');
	const found = contract().lookupService(service).methods[name];
	return { input: found.resolvedRequestType, output: found.resolvedResponseType };
}
