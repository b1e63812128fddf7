// quayside-check finds nothing wrong after real work, and finds every kind of wrong when the data are spoilt behind the services' backs.
// test-seconds: 600
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { decode, methods, ROOT } from '../harness/contract.mjs';
import { startSystem } from '../harness/system.mjs';
import { patience } from '../harness/wait.mjs';
import { Recorder } from '../storm/recorder.mjs';
import { check, checkWithin, databasesAt, INVARIANTS, report, SERVICES, violated } from './check.mjs';
import { readHistory } from './history.mjs';
import { METHODS } from './keys.mjs';
import { HISTORIES, SPOILT } from './spoilt.mjs';
import { work } from './work.mjs';

const run = promisify(execFile);
const PROGRAM = path.join(ROOT, 'test/check/quayside-check.mjs');

let system;
let ids; // what the work made
let historyFile;

before(async () => {
	system = await startSystem({ gateway: false });
	historyFile = path.join(system.folder, 'history.jsonl');
	const recorder = new Recorder(historyFile);
	recorder.write({ type: 'whole' });
	ids = await work({ call: (method, request, options) => recorded(recorder, method, request, options) });
	recorder.close();
});
after(() => system?.stop());

async function recorded(recorder, method, request, { key = randomUUID() } = {}) {
	const { answer, error } = await recorder.call(system.client(method.split('.')[1]), method, request, { key });
	if (error) throw error;
	return answer;
}

async function sql(database, text) {
	await run('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', system.database, '-U', 'postgres', '-d', database, '-c', text]);
}

function program(...args) {
	return spawnSync('node', [PROGRAM, ...args], { encoding: 'utf8' });
}

const whole = (changes = {}) => ({ databases: databasesAt(system.database), quiescent: true, history: readHistory(historyFile), decode, ...changes });
const ofViolated = (results) => violated(results).map(({ id }) => id).sort();

it('finds nothing wrong after real work, and leaves nothing out', async () => {
	const results = await checkWithin(patience(20_000) / 1000, whole());
	assert.deepEqual(ofViolated(results), [], report(violated(results)));
	assert.deepEqual(results.map(({ id }) => id), INVARIANTS.map(({ id }) => id));
	const left = results.filter(({ looked, skipped }) => looked === 0 || skipped.length > 0).map(({ id, skipped }) => `${id}: ${skipped}`);
	assert.deepEqual(left, [], 'something was not looked at');
});

it('tells by its exit status, and by one line for each invariant', () => {
	const good = program('--host', system.database, '--quiescent', '--within', '20', '--history', historyFile, '--strict');
	assert.equal(good.status, 0, good.stdout + good.stderr);
	assert.deepEqual(good.stdout.match(/^ok +[A-Z0-9-]+/gm).map((line) => line.split(/ +/)[1]), INVARIANTS.map(({ id }) => id));

	const only = program('--host', system.database, '--only', 'STOCK-1,STOCK-3');
	assert.equal(only.status, 0);
	assert.match(only.stdout, /^ok +STOCK-1 .*\nskipped +STOCK-3 .*--quiescent/);
	assert.equal(program('--host', system.database, '--only', 'STOCK-9').status, 2);
	assert.equal(program('--host', path.join(system.folder, 'nowhere')).status, 2);
	assert.equal(program('--quiescent').status, 2);
	assert.equal(program('--host', system.database, '--history', PROGRAM).status, 2, 'not a history');
});

it('knows every method that changes something', () => {
	const writes = methods().filter(({ policy }) => policy.write).map(({ service, name }) => `${service.split('.')[1]}.${name}`);
	const known = Object.entries(METHODS).flatMap(([service, { aggregates, goods = [], others = [] }]) => [...aggregates, ...goods, ...others].map((name) => `${service}.${name}`));
	assert.deepEqual(known.sort(), writes.sort());
});

it('reads as somebody who can write nothing, in one moment', async () => {
	const as = (...texts) => run('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', system.database, '-U', 'auditor', '-d', 'billing', ...texts.flatMap((text) => ['-c', text])]);
	await as('SELECT count(*) FROM invoice');
	await assert.rejects(as("UPDATE invoice SET number = 'x'"), /read-only transaction/);
	await assert.rejects(as('SET default_transaction_read_only = off', "UPDATE invoice SET number = 'x'"), /permission denied/);
});

it('tells operators what does not agree and stays so, and what to do', async () => {
	fs.symlinkSync(system.cluster, path.join(system.folder, 'postgres')); // as in RUN_DIR
	const reconcile = (folder) => spawnSync('node', [path.join(ROOT, 'deploy/local/reconcile.mjs'), folder, '0.5'], { encoding: 'utf8' });
	const good = reconcile(system.folder);
	assert.equal(good.status, 0, good.stdout + good.stderr);
	for (const title of ['Stock', 'Orders', 'Shipments', 'Invoices', 'Payments']) assert.match(good.stdout, new RegExp(`^${title} +agree \\(\\d`, 'm'));

	await sql('warehouse', `UPDATE stock SET reserved = reserved + 1 WHERE sku = '${ids.lamp}'`);
	const bad = reconcile(system.folder);
	await assert.rejects(system.audit(), /VIOLATED STOCK-2/, 'so that every system test ends with it');
	await sql('warehouse', `UPDATE stock SET reserved = reserved - 1 WHERE sku = '${ids.lamp}'`);
	assert.equal(bad.status, 1, bad.stdout + bad.stderr);
	assert.match(bad.stdout, new RegExp(`^Stock +1 difference .*\\n +- reserved is not the sum.*\\n +sku ${ids.lamp}.*\\n +What to do: `, 'm'));
	assert.equal(reconcile(path.join(system.folder, 'nowhere')).status, 2);
});

// Whatever keeps a table clean is taken away, so that every kind of wrong can be written.
const LOOSE = `DO $$ DECLARE r record; BEGIN
	FOR r IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY contype <> 'f' LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.t, r.conname); END LOOP;
	FOR r IN SELECT indexrelid::regclass AS i FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace AND indisunique LOOP
		EXECUTE format('DROP INDEX %s', r.i); END LOOP;
	FOR r IN SELECT attrelid::regclass AS t, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND attnotnull AND attidentity = '' AND NOT attisdropped LOOP
		EXECUTE format('ALTER TABLE %s ALTER %I DROP NOT NULL', r.t, r.attname); END LOOP;
END $$`;

// Looks at the copies after they were spoilt, in the same transaction, which is rolled back at the end.
function spoilt(statements, changes) {
	const databases = Object.fromEntries(SERVICES.map((name) => [name, `host='${system.database}' user=postgres dbname=loose_${name}`]));
	const begin = Object.fromEntries(Object.entries(statements).map(([name, text]) => [name, `BEGIN; SET LOCAL client_min_messages = warning; ${text};`]));
	return check(whole({ databases, begin, ...changes }));
}

describe('spoilt data', () => {
	before(async () => {
		for (const name of Object.keys(system.programs)) await system.programs[name].stop();
		for (const name of SERVICES) {
			await sql('postgres', `CREATE DATABASE loose_${name} TEMPLATE ${name}`);
			await sql(`loose_${name}`, LOOSE);
		}
	});

	it('is clean before it is spoilt', async () => {
		const results = await spoilt(Object.fromEntries(SERVICES.map((name) => [name, 'SELECT 1'])));
		assert.deepEqual(ofViolated(results), [], report(violated(results)));
	});

	for (const { id, name, quiescent = true, told = true, ...statements } of SPOILT) {
		it(`${id ?? 'nothing'}: ${name}`, async () => {
			const filled = Object.fromEntries(Object.entries(statements).map(([database, text]) => [database, text(ids)]));
			const results = await spoilt(filled, { history: undefined, quiescent, decode: told ? decode : undefined });
			assert.deepEqual(ofViolated(results), id ? [id] : [], report(violated(results)));
		});
	}

	for (const { id, name, change, unkept } of HISTORIES) {
		it(`${id ?? 'nothing'}: ${name}`, async () => {
			const lines = fs.readFileSync(historyFile, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
			const file = path.join(system.folder, `${randomUUID()}.jsonl`);
			fs.writeFileSync(file, change(lines, ids).map((line) => JSON.stringify(line)).join('\n'));
			const results = await check(whole({ history: readHistory(file) }));
			assert.deepEqual(ofViolated(results), [...(unkept ? ['IDEM-1'] : []), ...(id ? [id] : [])], report(violated(results)));
		});
	}

	it('has a case for every invariant', () => {
		const tried = new Set([...SPOILT, ...HISTORIES].map(({ id }) => id));
		assert.deepEqual(INVARIANTS.map(({ id }) => id).filter((id) => !tried.has(id)), []);
	});
});
