// Every RPC against everything that is wrong with a request. The cases are made from the contracts: a new RPC or field is tested the day it is written.
// Each must be refused with a typed error that names the field, must change nothing, and must leave the process alive.
// test-seconds: 400
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import protobuf from 'protobufjs';
import { methods, rulesOf } from '../harness/contract.mjs';
import { grpc } from '../harness/client.mjs';
import { ADDRESS, dispatch, makeCustomer, makeProduct, orderIn, submit } from '../harness/fixtures.mjs';
import { SERVICES, startSystem } from '../harness/system.mjs';
import { until } from '../harness/wait.mjs';

const { status } = grpc;
const WIRE_FIXED32 = 5;
const SCALAR_LEN = new Set(['string', 'bytes']);

let system;
let summaries;
let unchanged; // what everything() says, from before the first bad request to after the last
let known; // ids of things that exist, by the name of the field that holds them

before(async () => {
	system = await startSystem({ gateway: false });
	known = await makeOneOfEach();
	summaries = await summariesOf();
	unchanged = await settled();
});
after(() => system?.stop());

async function makeOneOfEach() {
	const customer = await makeCustomer(system);
	const product = await makeProduct(system);
	const order = await submit(system, customer, [[product.sku, 1]]);
	const [shipment_id] = order.shipment_ids;
	await dispatch(system, shipment_id);
	const done = await orderIn(system, order.order_id, 'ORDER_STATE_COMPLETED');
	return {
		customer_id: customer.customer_id,
		sku: product.sku,
		order_id: order.order_id,
		item_id: order.items[0].item_id,
		reservation_id: order.items[0].item_id,
		shipment_id,
		invoice_id: done.invoice_ids[0],
		saga_id: randomUUID(),
	};
}

// A request that breaks no rule.
function validRequest(message) {
	return Object.fromEntries(message.fieldsArray.filter((field) => rulesOf(field).required).map((field) => [field.name, validValue(field)]));
}

function validValue(field) {
	const value = validSingle(field);
	return field.repeated ? [value] : value;
}

function validSingle(field) {
	const rules = rulesOf(field);
	if (field.resolvedType instanceof protobuf.Type) return validMessage(field.resolvedType);
	if (field.resolvedType instanceof protobuf.Enum) return 1;
	if (field.type === 'bool') return true;
	if (!SCALAR_LEN.has(field.type)) return Math.max(1, Number(rules.range?.min ?? 1));
	return validText(field, rules);
}

function validMessage(message) {
	return message.fullName === '.quayside.common.v1.Address' ? ADDRESS : validRequest(message);
}

function validText(field, rules) {
	const known_ = known[field.name];
	if (known_) return known_;
	switch (rules.format) {
		case 'FORMAT_UUID':
			return randomUUID();
		case 'FORMAT_EMAIL':
			return 'someone@example.com';
		case 'FORMAT_CURRENCY_CODE':
			return 'EUR';
		case 'FORMAT_COUNTRY_CODE':
			return 'DE';
		case 'FORMAT_DATE':
			return '2026-01-31';
		case 'FORMAT_URL':
			return 'https://example.com/';
		case 'FORMAT_SKU':
			return 'SKU-1';
		default:
			return 'x'.repeat(Number(rules.min_length ?? 1));
	}
}

// All fields below a message that a client may set, each with a way to put something into a request there.
function* fieldsBelow(message, prefix = '', wrap = (value) => value, depth = 0) {
	for (const field of message.fieldsArray) {
		const rules = rulesOf(field);
		if (rules.output_only) continue;
		const path = prefix + field.name;
		const put = (value) => wrap({ [field.name]: value });
		yield { field, rules, path: field.repeated ? `${path}[0]` : path, listPath: path, put, depth };
		if (field.resolvedType instanceof protobuf.Type && depth < 4 && !field.resolvedType.fullName.startsWith('.google.')) {
			const inner = field.repeated ? `${path}[0].` : `${path}.`;
			const base = validMessage(field.resolvedType);
			yield* fieldsBelow(field.resolvedType, inner, (value) => put(field.repeated ? [{ ...base, ...value }] : { ...base, ...value }), depth + 1);
		}
	}
}

const OVERLONG = (n) => 'a'.repeat(n);

// What can be wrong with one field: [name, value].
function* wrongValues({ field, rules }) {
	const one = (value) => (field.repeated ? [value] : value);
	if (field.type === 'string') {
		if (rules.max_length) yield ['too long', one(OVERLONG(Number(rules.max_length) + 1))];
		if (Number(rules.min_length ?? 0) > 1) yield ['too short', one('x')];
		if (rules.format && rules.format !== 'FORMAT_UNSPECIFIED') yield ['malformed', one('!?')];
		if (rules.pattern) yield ['malformed', one('\u20ac!')];
	}
	if (rules.range) {
		const { min, max } = rules.range;
		if (BigInt(min) > -(2n ** 31n)) yield ['below its range', one(String(BigInt(min) - 1n))];
		if (BigInt(max) < 2n ** 31n - 2n || (field.type === 'int64' && BigInt(max) < 2n ** 63n - 1n)) yield ['above its range', one(String(BigInt(max) + 1n))];
	}
	if (field.resolvedType instanceof protobuf.Enum) yield ['an unknown value', one(999)];
	if (rules.max_items) yield ['too many', Array.from({ length: Number(rules.max_items) + 1 }, () => validSingle(field))];
}

function encode(message, request) {
	return Buffer.from(message.encode(message.fromObject(request)).finish());
}

// A valid request followed by one of its fields as a fixed32, a wire type that no field of ours has.
function withWrongType(method, field) {
	const writer = new protobuf.Writer();
	writer.uint32((field.id << 3) | WIRE_FIXED32);
	writer.fixed32(1);
	return Buffer.concat([encode(method.input, validRequest(method.input)), Buffer.from(writer.finish())]);
}

// One query a database that sums up every row of every table.
async function summariesOf() {
	const summary = (table) => `SELECT '${table}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM "${table}" t`;
	// What consumers say of themselves now and then is no effect of a call.
	const tablesOf = (name) => system.sql(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'outbox_consumer' ORDER BY 1");
	return Promise.all(SERVICES.map(async (name) => [name, (await tablesOf(name)).map(([table]) => summary(table)).join(' UNION ALL ')]));
}

async function everything() {
	return JSON.stringify(await Promise.all(summaries.map(async ([name, query]) => [name, await system.sql(name, query)])));
}

// Numbering of the last events may still be under way when the tests begin.
async function settled() {
	let last;
	return until('the databases to be quiet', async () => {
		const now = await everything();
		const same = now === last;
		last = now;
		return same && now;
	});
}

// A violation of the field itself, or of the element or message that holds it.
function names(error, path) {
	return error.violations?.some(({ field }) => field === path);
}

// Core refuses by itself, without details, what is far too large; what is a little too large is read and refused by us, by name.
async function oversized(method) {
	await refused(method, Buffer.alloc(300 * 1024), null, [status.RESOURCE_EXHAUSTED]);
	await assert.rejects(system.client(method.path.split('.')[1]).callBytes(method.path.slice(1), Buffer.alloc(8 * 1024 * 1024)),
		(error) => [status.RESOURCE_EXHAUSTED, status.UNIMPLEMENTED].includes(error.code));
}

async function refused(method, bytes, path, expected = [status.INVALID_ARGUMENT]) {
	try {
		await system.client(method.path.split('.')[1]).callBytes(method.path.slice(1), bytes);
	} catch (error) {
		if (error.code === status.UNIMPLEMENTED) return;
		assert.ok(expected.includes(error.code), `expected ${expected.map((c) => status[c])}, got ${error.message}`);
		assert.ok(error.reason, `no reason in ${error.message}`);
		if (path) assert.ok(names(error, path), `${path} is not among ${JSON.stringify(error.violations)}`);
		return;
	}
	assert.fail('was accepted');
}

const unary = methods().filter((method) => !method.streaming && !method.service.startsWith('quayside.events'));

for (const method of unary) {
	describe(method.path.slice(1), () => {
		after(async () => {
			assert.equal(await everything(), unchanged, 'something was changed');
		});

		const all = [...fieldsOf(method)];
		for (const { label, path, bytes } of all) {
			it(`refuses ${label}`, () => refused(method, bytes(), path));
		}
		it('refuses an oversized message', () => oversized(method));
		it('refuses what is no message', () => refused(method, Buffer.from('ffffffffff', 'hex'), null));
		it('gives up when the deadline has passed', () => expired(method));
		if (idFields(method).length > 0) it('does not find an unknown id', () => unknownId(method));
		if (etagAt(method)) it('refuses a stale etag', () => staleEtag(method));
	});
}

// Lazy: the values that exist are known only when the tests run.
function* fieldsOf(method) {
	known ??= {};
	for (const at of fieldsBelow(method.input)) {
		const { field, rules, path, listPath, depth } = at;
		const request = () => merge(validRequest(method.input), again(method, path).put);
		if (rules.required) yield { label: `${listPath} missing`, path: listPath, bytes: () => without(method, path) };
		for (const [label, value] of wrongValues(at)) {
			const where = label === 'too many' ? listPath : path;
			yield { label: `${listPath} ${label}`, path: where, bytes: () => encode(method.input, request()(wrongAgain(method, path, label, value))) };
		}
		if (field.type === 'string') {
			yield { label: `${listPath} with bad UTF-8`, path, bytes: () => spliced(method, path, Buffer.from([0x61, 0xff])) };
			yield { label: `${listPath} with a NUL`, path, bytes: () => spliced(method, path, Buffer.from('a\0b')) };
		}
		if (depth === 0) {
			yield { label: `${listPath} of a wrong type`, path: field.repeated ? listPath : path, bytes: () => withWrongType(method, field) };
		}
	}
}

// The field at a path again, now that the ids are known.
function again(method, path) {
	return [...fieldsBelow(method.input)].find((at) => at.path === path);
}

function wrongAgain(method, path, label, value) {
	const found = [...wrongValues(again(method, path))].find(([name]) => name === label);
	return found ? found[1] : value;
}

// Lays what a field's path leads to over a valid request.
function merge(request, put) {
	return (value) => ({ ...request, ...put(value) });
}

// An update requires a field only when its mask names it (AIP-134).
function without(method, path) {
	const at = again(method, path);
	const request = merge(validRequest(method.input), at.put)(at.field.repeated ? [] : emptyOf(at.field));
	if (method.input.fields.update_mask) request.update_mask = { paths: [path.split('.')[1] ?? path] };
	return encode(method.input, request);
}

function emptyOf(field) {
	if (field.resolvedType instanceof protobuf.Type) return undefined;
	if (field.type === 'string') return '';
	return 0;
}

// A valid request in which one text field, wherever it is, holds other bytes: a mark is encoded and then replaced by bytes of the same length.
function spliced(method, path, payload) {
	const at = again(method, path);
	const mark = '\u0001'.repeat(payload.length);
	const bytes = encode(method.input, merge(validRequest(method.input), at.put)(at.field.repeated ? [mark] : mark));
	const index = bytes.indexOf(Buffer.from(mark));
	assert.ok(index > 0);
	payload.copy(bytes, index);
	return bytes;
}

// Fields that say which thing is meant, at the top of the request.
function idFields(method) {
	const creates = /^(Create|Submit|Receive|Adjust|Reserve|Issue|Release|List|Confirm|Fulfil|CancelShipment$)/.test(method.name); // or remembers
	return creates ? [] : method.input.fieldsArray.filter((field) => rulesOf(field).required && ['FORMAT_UUID', 'FORMAT_SKU'].includes(rulesOf(field).format));
}

async function unknownId(method) {
	const [field] = idFields(method);
	const id = rulesOf(field).format === 'FORMAT_UUID' ? randomUUID() : 'NO-SUCH-SKU';
	await refused(method, encode(method.input, { ...validRequest(method.input), [field.name]: id }), null, [status.NOT_FOUND]);
}

function etagAt(method) {
	if (method.input.fields.etag) return (etag) => ({ etag });
	const resource = method.input.fieldsArray.find((field) => field.resolvedType?.fields?.etag);
	return method.name.startsWith('Update') && resource ? (etag) => ({ [resource.name]: { ...validMessage(resource.resolvedType), ...idOf(resource), etag } }) : null;
}

function idOf(field) {
	return Object.fromEntries(field.resolvedType.fieldsArray.filter((inner) => known[inner.name]).map((inner) => [inner.name, known[inner.name]]));
}

async function staleEtag(method) {
	const request = { ...validRequest(method.input), ...etagAt(method)('999') };
	try {
		await system.call(method.path.slice(1), request);
	} catch (error) {
		if (error.code === status.UNIMPLEMENTED) return;
		assert.equal(error.reason, 'ETAG_MISMATCH', error.message);
		assert.equal(error.code, status.ABORTED);
		return;
	}
	assert.fail('was accepted');
}

// grpc-js gives up by itself before it sends; so the frames are sent by hand.
async function expired(method) {
	const socket = system.address(method.path.split('.')[1]).slice('unix:'.length);
	const session = http2.connect('http://localhost', { createConnection: () => net.connect(socket) });
	try {
		await once(session, 'connect'); // or headers and message would leave together
		const code = await new Promise((resolve, reject) => {
			const stream = session.request({ ':method': 'POST', ':path': method.path, 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': '1n' });
			const seen = (headers) => headers['grpc-status'] !== undefined && resolve(Number(headers['grpc-status']));
			stream.on('response', seen);
			stream.on('trailers', seen);
			stream.on('error', (error) => (/NGHTTP2_CANCEL|closed with error/.test(String(error)) ? resolve(status.DEADLINE_EXCEEDED) : reject(error)));
			stream.on('close', () => resolve(stream.rstCode === http2.constants.NGHTTP2_NO_ERROR ? -1 : status.DEADLINE_EXCEEDED));
			stream.resume();
			const body = encode(method.input, validRequest(method.input));
			const head = Buffer.alloc(5);
			head.writeUInt32BE(body.length, 1);
			// The deadline passes before the message is there.
			setTimeout(() => stream.end(Buffer.concat([head, body])), 30);
		});
		assert.ok([status.DEADLINE_EXCEEDED, status.CANCELLED, status.UNIMPLEMENTED].includes(code), `status ${code}`);
	} finally {
		session.destroy();
	}
}

describe('afterwards', () => {
	it('every process is alive and serving', async () => {
		for (const name of SERVICES) {
			assert.ok(system.alive(name));
			assert.ok(await system.serving(name));
		}
	});
});
