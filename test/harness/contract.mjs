// The contracts as the tests see them: parsed from the .proto files by protobufjs, a library that shares nothing with the services.
//
//     const method = methods().find((m) => m.name === 'GetCustomer');
//     method.path, method.input, method.policy, rulesOf(field)
import fs from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';

export const ROOT = process.env.QUAYSIDE_ROOT ?? path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
export const BUILD = path.resolve(process.env.QUAYSIDE_BUILD ?? path.join(ROOT, 'build'));

const OWN = path.join(ROOT, 'protos');
const THIRD = [path.join(BUILD, 'third_party'), path.join(BUILD, '../third_party')].find((folder) => fs.existsSync(folder));
const FOREIGN = ['google/rpc/status.proto', 'google/rpc/error_details.proto', 'grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto'];

let loaded;

export function contract() {
	loaded ??= load();
	return loaded;
}

function load() {
	const root = new protobuf.Root();
	root.resolvePath = (origin, target) => [OWN, THIRD].map((folder) => path.join(folder, target)).find((file) => fs.existsSync(file)) ?? null;
	const own = fs.readdirSync(OWN, { recursive: true }).filter((file) => file.endsWith('.proto'));
	root.loadSync([...own, ...FOREIGN], { keepCase: true });
	root.resolveAll();
	return root;
}

export function type(name) {
	return contract().lookupType(name);
}

// A message as a plain object in the contract's spelling; int64 as text, absent fields as their defaults.
export function decode(name, bytes) {
	return type(name).toObject(type(name).decode(bytes), { longs: String, enums: String, defaults: true, arrays: true });
}

// One entry for each method of every service below a package.
export function methods(below = 'quayside') {
	const found = [];
	const walk = (namespace) => {
		for (const nested of namespace.nestedArray ?? []) {
			if (nested instanceof protobuf.Service) found.push(...nested.methodsArray.map(describe));
			walk(nested);
		}
	};
	walk(contract().lookup(below));
	return found;
}

function describe(method) {
	const service = method.parent.fullName.slice(1);
	return {
		name: method.name,
		service,
		path: `/${service}/${method.name}`,
		input: method.resolvedRequestType,
		output: method.resolvedResponseType,
		streaming: Boolean(method.requestStream || method.responseStream),
		policy: option(method, '(common.v1.policy)') ?? {},
		http: option(method, '(google.api.http)'),
	};
}

export function rulesOf(field) {
	return option(field, '(common.v1.rules)') ?? option(field, '(rules)') ?? {};
}

function option(object, name) {
	return object.parsedOptions?.map((options) => options[name]).find((value) => value !== undefined);
}
