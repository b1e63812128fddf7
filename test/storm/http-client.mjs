// Calls RPCs the way a browser does: JSON over HTTP, by the routes of the contract. The answer comes back in the contract's spelling.
//
//     const api = new HttpClient(port);
//     const { status, bytes, answer } = await api.call('quayside.ordering.v1.OrderService/SubmitOrder', { customer_id, lines }, { key, timeout: 8000 });
//     // or throws an error with codeName (as gRPC names it), reason
import http from 'node:http';
import { methods } from '../harness/contract.mjs';

const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const VERBS = ['get', 'post', 'put', 'patch', 'delete'];
const CODES = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 409: 'ABORTED', 412: 'FAILED_PRECONDITION', 422: 'FAILED_PRECONDITION',
	429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 501: 'UNIMPLEMENTED', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED' };

const routes = new Map(methods().filter(({ http: rule }) => rule).map((method) => [method.path.slice(1), method]));

// Names as JSON has them.
function toJson(value) {
	if (Array.isArray(value)) return value.map(toJson);
	if (value === null || typeof value !== 'object') return value;
	return Object.fromEntries(Object.entries(value).map(([name, part]) => [camel(name), toJson(part)]));
}

// And back, with what JSON leaves out. Times stay texts.
export function fromJson(type, json) {
	if (type.fullName === '.google.protobuf.Timestamp' || typeof json !== 'object' || json === null) return json;
	const message = {};
	for (const field of type.fieldsArray) {
		const value = json[camel(field.name)];
		const inner = field.resolvedType?.fieldsArray ? (part) => fromJson(field.resolvedType, part) : (part) => part;
		if (field.repeated) message[field.name] = (value ?? []).map(inner);
		else if (value !== undefined) message[field.name] = inner(value);
		else if (field.resolvedType?.fieldsArray) message[field.name] = null;
		else message[field.name] = field.resolvedType ? Object.keys(field.resolvedType.values)[0] : { bool: false, string: '', int64: '0' }[field.type] ?? 0;
	}
	return message;
}

export class HttpError extends Error {
	constructor(message, codeName, reason) {
		super(message);
		Object.assign(this, { codeName, reason });
	}
}

export class HttpClient {
	constructor(port) {
		this.port = port;
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	}

	async call(name, request, { key, timeout = 8000 } = {}) {
		const method = routes.get(name);
		const { verb, path, body } = place(method.http, request);
		const headers = { ...(body ? { 'content-type': 'application/json' } : {}), ...(key ? { 'idempotency-key': key } : {}) };
		const { status, bytes } = await this.send({ method: verb.toUpperCase(), path, headers, timeout }, body);
		if (status >= 200 && status < 300) return { status, bytes, answer: fromJson(method.output, JSON.parse(bytes)) };
		let problem = {};
		try {
			problem = JSON.parse(bytes);
		} catch {
			// not ours to read
		}
		throw new HttpError(`${status} ${problem.title ?? ''}: ${problem.detail ?? ''}`, problem.code ?? CODES[status] ?? 'UNKNOWN', problem.reason);
	}

	send(options, body) {
		return new Promise((resolve, reject) => {
			const lost = (why) => reject(new HttpError(why, 'UNAVAILABLE', 'NO_ANSWER'));
			const request = http.request({ host: '127.0.0.1', port: this.port, agent: this.agent, ...options }, (response) => {
				const pieces = [];
				response.on('data', (piece) => pieces.push(piece));
				response.on('error', (error) => lost(error.message));
				response.on('close', () => (response.complete ? resolve({ status: response.statusCode, bytes: Buffer.concat(pieces) }) : lost('cut off')));
			});
			const timer = setTimeout(() => request.destroy(new Error('too late')), options.timeout);
			request.on('close', () => clearTimeout(timer));
			request.on('error', (error) => lost(error.message));
			request.end(body);
		});
	}

	close() {
		this.agent.destroy();
	}
}

// Where a request goes: path, query and body by its rule.
function place(rule, request) {
	const rest = { ...request };
	const verb = VERBS.find((each) => rule[each]);
	let path = rule[verb].replace(/\{(\w+)(?:\.(\w+))?[^}]*\}/g, (_, field, inner) => {
		if (inner) return encodeURIComponent(request[field][inner]);
		delete rest[field];
		return encodeURIComponent(request[field]);
	});
	let body;
	if (rule.body === '*') {
		body = rest;
	} else if (rule.body) {
		body = rest[rule.body];
		delete rest[rule.body];
	}
	if (rule.body !== '*') {
		const query = Object.entries(rest).map(([name, value]) => `${camel(name)}=${encodeURIComponent(value)}`).join('&');
		if (query) path += `?${query}`;
	}
	return { verb, path, body: body && JSON.stringify(toJson(body)) };
}
