// Submit per second, beside pgbench running the same statements on the same cluster.
//
// What "the same statements" are is not claimed but recorded: the server logs the statements of one SubmitOrder with their parameters, in all databases, in their transactions.
// From that log a pgbench script is made: fresh ids in place of the recorded ones, one of the same products, everything else as it was. It runs against one database that has all
// tables. So pgbench does what PostgreSQL has to do for one order, one transaction at a time for each client, and nothing else: no network hop, no check, no protobuf.
import fs from 'node:fs';
import path from 'node:path';
import { type } from '../test/harness/contract.mjs';
import { EUR, makeCustomer, receive } from '../test/harness/fixtures.mjs';
import { freePort, SERVICES } from '../test/harness/system.mjs';
import { run, withSystem } from './lifetime.mjs';
import { frame, h2load, median } from './measure.mjs';

const CLIENTS = [1, 8, 32, 128];
const ROUNDS = 3;
const PRODUCTS = 8;
const SKU = (n) => `BENCH-${n}`;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const SUBMIT = 'quayside.ordering.v1.OrderService/SubmitOrder';

// Numbering and fetching of events and looking for work go on by themselves and belong to no order in particular.
const BACKGROUND = /outbox_sequence|consumer_cursor|position > |set_config|SKIP LOCKED|update_time < now\(\)|DELETE FROM (?:saga|outbox)|idempotency WHERE \(scope, key\) IN/;

function psql(system, database, query) {
	return run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', system.database, '-U', 'postgres', '-d', database, '-c', query]);
}

// pgbench takes one connection for each client, more than our services ever need.
async function admitMany(system) {
	await psql(system, 'postgres', `ALTER SYSTEM SET max_connections = ${2 * Math.max(...CLIENTS)}`);
	await system.stopDatabase();
	await system.startDatabase();
}

async function prepare(system) {
	const customer = await makeCustomer(system);
	for (let n = 1; n <= PRODUCTS; n++) {
		await system.call('quayside.warehouse.v1.ProductService/CreateProduct', { product: { sku: SKU(n), name: 'Bench', unit_price: EUR(1250), tax_rate_basis_points: 1900 } });
		await receive(system, SKU(n), 1_000_000_000);
	}
	return customer;
}

// The statements of one order as [{transaction, database, sql, parameters}], in the order in which they ran.
async function record(system, customer) {
	const log = path.join(system.cluster, 'postgres.log');
	const submitOnce = () => system.call(SUBMIT, { customer_id: customer.customer_id, lines: [{ sku: SKU(1), quantity: 1 }] });
	await submitOnce(); // what is done once (preparing statements, taking a block of numbers) is done now
	await psql(system, 'postgres', "ALTER SYSTEM SET log_line_prefix = '%d|%p|%v|'");
	await psql(system, 'postgres', "ALTER SYSTEM SET log_statement = 'all'");
	await psql(system, 'postgres', 'SELECT pg_reload_conf()');
	const from = fs.statSync(log).size;
	await submitOnce();
	await psql(system, 'postgres', 'ALTER SYSTEM RESET log_statement');
	await psql(system, 'postgres', 'SELECT pg_reload_conf()');
	return parse(fs.readFileSync(log).subarray(from).toString());
}

function parse(text) {
	const statements = [];
	for (const line of text.split('\n')) {
		const executed = line.match(/^(\w+)\|(\d+)\|(\S+)\|LOG: {2}execute \S+: (.*)$/);
		const detail = line.match(/^\w+\|\d+\|\S+\|DETAIL: {2}[Pp]arameters: (.*)$/);
		if (executed && SERVICES.includes(executed[1])) {
			statements.push({ database: executed[1], transaction: `${executed[2]} ${executed[3]}`, sql: executed[4], parameters: [] });
		} else if (detail && statements.length > 0) {
			statements.at(-1).parameters = [...detail[1].matchAll(/\$\d+ = (?:NULL|'((?:[^']|'')*)')/g)].map(([, value]) => value ?? null);
		}
	}
	return statements.filter(({ sql }) => !BACKGROUND.test(sql));
}

// The types that the server has found for a statement's parameters.
async function parameterTypes(system, { database, sql }) {
	const { stdout } = await psql(system, database, `PREPARE p AS ${sql}; SELECT parameter_types FROM pg_prepared_statements`);
	const [list] = stdout.match(/\{.*\}/) ?? ['{}'];
	return list.slice(1, -1).match(/"[^"]*"|[^,]+/g)?.map((name) => name.replaceAll('"', '')) ?? [];
}

// A recorded value as an SQL expression in which ids, the product and the order's number are another run's own.
function fresh(value, name, ids) {
	if (value === null) return `NULL::${name}`;
	if (name === 'bytea') return `'${value}'::bytea`;
	const parts = value.split(/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|BENCH-\d+|ORD-\d+)/).filter((part) => part !== '');
	const expressions = parts.map((part) => {
		if (ids.has(part)) return `'${String(ids.get(part)).padStart(8, '0')}-0000-7000-8000-' || lpad(to_hex(:r::bigint), 12, '0')`;
		if (/^BENCH-\d+$/.test(part)) return "'BENCH-' || :s::text";
		if (/^ORD-\d+$/.test(part)) return "'ORD-' || to_hex(:r::bigint)";
		return `'${part}'`;
	});
	return `(${expressions.join(' || ') || "''"})::${name}`;
}

async function makeScript(system, statements, customer) {
	const seen = statements.flatMap(({ parameters }) => parameters.flatMap((value) => value?.match(UUID) ?? []));
	const ids = new Map([...new Set(seen)].filter((id) => id !== customer.customer_id).map((id, i) => [id, i + 1]));
	const lines = ['\\set r random(1, 281474976710655)', `\\set s random(1, ${PRODUCTS})`];
	let open = null;
	for (const [i, statement] of statements.entries()) {
		const types = await parameterTypes(system, statement);
		const sql = statement.sql.replace(/\$(\d+)/g, (_, n) => fresh(statement.parameters[n - 1] ?? null, types[n - 1], ids));
		const grouped = statements[i + 1]?.transaction === statement.transaction;
		if (grouped && open === null) lines.push('BEGIN;');
		lines.push(`${sql};`);
		if (!grouped && open !== null) lines.push('COMMIT;');
		open = grouped ? statement.transaction : null;
	}
	return lines.join('\n');
}

// One database with the tables and rows of all: each table that several services have comes from the first.
async function unite(system) {
	await psql(system, 'postgres', 'CREATE DATABASE bench');
	for (const name of ['ordering', 'warehouse', 'shipping', 'customers']) {
		const { stdout } = await run('pg_dump', ['-h', system.database, '-U', 'postgres', '--no-owner', '--no-acl', '--inserts', name], { maxBuffer: 1 << 26 });
		const file = path.join(system.folder, 'dump.sql');
		fs.writeFileSync(file, stdout);
		await run('psql', ['-X', '-q', '-h', system.database, '-U', 'postgres', '-d', 'bench', '-f', file], { maxBuffer: 1 << 26 });
	}
}

// Orders per second with so many clients, spread over the products; counted where they are kept.
async function submitRate(system, port, bodies, clients, seconds) {
	const count = async () => Number((await system.sql('ordering', "SELECT count(*) FROM customer_order WHERE state = 'ORDER_STATE_PLACED'"))[0][0]);
	const groups = Math.min(clients, PRODUCTS);
	const before = await count();
	const began = performance.now();
	await Promise.all(bodies.slice(0, groups).map((body) => h2load({ port, path: `/${SUBMIT}`, body, connections: clients / groups, streams: 1, seconds })));
	return ((await count()) - before) / ((performance.now() - began) / 1000);
}

async function pgbenchRate(system, script, clients, seconds) {
	const { stdout } = await run('pgbench', ['-n', '-M', 'prepared', '-h', system.database, '-U', 'postgres', '-c', String(clients), '-j', '1', '-T', String(seconds + 1), '-f', script, 'bench'],
		{ maxBuffer: 1 << 24 });
	const failed = stdout.match(/number of failed transactions: (\d+)/);
	if (failed && failed[1] !== '0') throw new Error(`pgbench: ${failed[1]} transactions failed`);
	return Number(stdout.match(/tps = ([\d.]+)/)[1]);
}

export async function submitBesidePgbench({ heading, row, seconds }) {
	heading(`SubmitOrder per second beside pgbench with the same statements (medians of ${ROUNDS} interleaved rounds)`);
	await withSystem({ services: [], gateway: false }, (system) => compare(system, row, seconds));
}

async function compare(system, row, seconds) {
	await admitMany(system);
	const port = await freePort();
	for (const name of SERVICES) system.startService(name, ['--log-level=warn'], name === 'ordering' ? port : undefined);
	for (const name of SERVICES) await system.ready(name);
	const customer = await prepare(system);
	const statements = await record(system, customer);
	await unite(system);
	const script = path.join(system.folder, 'submit.sql');
	fs.writeFileSync(script, await makeScript(system, statements, customer));
	const transactions = new Set(statements.map(({ transaction }) => transaction)).size;
	console.log(`One order is ${statements.length} statements in ${transactions} transactions over ${new Set(statements.map(({ database }) => database)).size} databases.`);

	const request = type('quayside.ordering.v1.SubmitOrderRequest');
	const bodies = Array.from({ length: PRODUCTS }, (_, i) => {
		const file = path.join(system.folder, `submit-${i}`);
		const plain = { customer_id: customer.customer_id, lines: [{ sku: SKU(i + 1), quantity: 1 }] };
		fs.writeFileSync(file, frame(request.encode(request.fromObject(plain)).finish()));
		return file;
	});
	row(['clients', 'ours /s', 'pgbench /s', 'ours / pgbench']);
	for (const clients of CLIENTS) {
		const ours = [];
		const theirs = [];
		for (let round = 0; round < ROUNDS; round++) {
			ours.push(await submitRate(system, port, bodies, clients, seconds));
			theirs.push(await pgbenchRate(system, script, clients, seconds));
		}
		row([clients, median(ours).toFixed(0), median(theirs).toFixed(0), (median(ours) / median(theirs)).toFixed(2)]);
	}
}
