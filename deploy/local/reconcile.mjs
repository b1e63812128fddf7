// reconcile.mjs RUN_DIR [SECONDS]: do stock, orders, shipments, invoices and payments of the system that runs in RUN_DIR agree? What `make reconcile` calls.
//
// Looks twice, SECONDS apart (5): what is under way has moved on by then, and what is the same both times is drift. Reads only. What is looked at, and the words for
// it, are the invariants of test/check; here are those that a person can do something about.
//
// Exit status: 0 everything agrees, 1 something does not, 2 could not look.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { check, databasesAt, INVARIANTS } from '../../test/check/check.mjs';
import { CannotCheck, openSnapshot } from '../../test/check/snapshot.mjs';

const HERE = path.dirname(new URL(import.meta.url).pathname);
const ROWS_SHOWN = 10;

// What the report is divided into: what there is, in numbers, and which invariants speak of it.
const SECTIONS = [
	{
		title: 'Stock',
		ids: ['STOCK-1', 'STOCK-2', 'STOCK-3', 'STOCK-4'],
		database: 'warehouse',
		query: `SELECT count(*) || ' shelves, ' || coalesce(sum(on_hand), 0) || ' on hand, ' || coalesce(sum(reserved), 0) || ' reserved' AS text FROM stock`,
	},
	{
		title: 'Orders',
		ids: ['ORD-4', 'SAGA-1'],
		database: 'ordering',
		query: `SELECT count(*) || ' ' || lower(replace(substr(state, 13), '_', ' ')) AS text FROM customer_order GROUP BY state ORDER BY count(*) DESC`,
	},
	{
		title: 'Shipments',
		ids: ['BILL-1', 'EVT-1'],
		database: 'shipping',
		query: `SELECT count(*) || ' ' || lower(substr(state, 16)) AS text FROM shipment WHERE order_id IS NOT NULL GROUP BY state ORDER BY count(*) DESC`,
	},
	{
		title: 'Invoices',
		ids: ['MONEY-1', 'MONEY-2'],
		database: 'billing',
		query: `SELECT count(*) AS text, currency, sum(i.gross)::text AS gross, sum(i.gross - paid - credited)::text AS open
			FROM invoice i JOIN invoice_balance USING (invoice_id) GROUP BY currency ORDER BY currency`,
	},
	{
		title: 'Payments',
		ids: ['MONEY-3'],
		database: 'billing',
		query: `SELECT count(*) AS text, currency, sum(amount)::text AS received
			FROM payment JOIN invoice USING (invoice_id) GROUP BY currency ORDER BY currency`,
	},
];

// Fields that say how long something has lasted, not what it is.
const VOLATILE = new Set(['last', 'attempts', 'last_error', 'step']);

const identity = (row) => JSON.stringify(row, (name, value) => (VOLATILE.has(name) ? undefined : value));

// The results of the second look, with only those rows that the first one had, too.
function lasting(first, second) {
	return second.map((result) => {
		const before = new Set(first.find(({ id }) => id === result.id).rows.map(identity));
		return { ...result, rows: result.rows.filter((row) => before.has(identity(row))) };
	});
}

function server(folder) {
	const said = execFileSync(path.join(HERE, 'postgres.sh'), ['env', path.join(folder, 'postgres')], { encoding: 'utf8' });
	return said.match(/PGHOST='([^']*)'/)[1];
}

// "12.34 EUR gross": minor units, as many decimals as the currency has.
function amount([name, minor], currency) {
	const { maximumFractionDigits: decimals } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions();
	const digits = minor.padStart(decimals + 1, '0');
	return `${digits.slice(0, digits.length - decimals)}${decimals > 0 ? `.${digits.slice(-decimals)}` : ''} ${currency} ${name}`;
}

const sentence = ({ text, currency, ...amounts }) => [text, ...Object.entries(amounts).map((each) => amount(each, currency))].join(', ');

async function numbers(databases) {
	const snapshot = await openSnapshot(databases);
	try {
		const rows = await Promise.all(SECTIONS.map(({ database, query }) => snapshot[database].rows(query)));
		return rows.map((list) => list.map(sentence).join('; ') || 'none');
	} finally {
		snapshot.close();
	}
}

function describe({ what, ...row }) {
	const fields = Object.entries(row).filter(([, value]) => value !== null && value !== undefined);
	return `  - ${what}\n      ${fields.map(([name, value]) => `${name.replaceAll('_', ' ')} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ')}`;
}

function section({ title, ids }, count, results) {
	const wrong = results.filter(({ id, rows }) => ids.includes(id) && rows.length > 0);
	const differences = wrong.reduce((sum, { rows }) => sum + rows.length, 0);
	const lines = [`${title.padEnd(10)} ${differences === 0 ? 'agree' : `${differences} difference${differences > 1 ? 's' : ''}`} (${count})`];
	for (const { rows, advice, id } of wrong) {
		lines.push(...rows.slice(0, ROWS_SHOWN).map(describe));
		if (rows.length > ROWS_SHOWN) lines.push(`  - and ${rows.length - ROWS_SHOWN} more like these`);
		lines.push(`    What to do: ${advice} [${id}]`);
	}
	return lines.join('\n');
}

async function main(folder, seconds) {
	const only = INVARIANTS.filter(({ id }) => SECTIONS.some(({ ids }) => ids.includes(id))).map(({ id }) => id);
	const context = { databases: databasesAt(server(folder)), quiescent: true, only };
	const first = await check(context);
	await pause(seconds * 1000);
	const results = lasting(first, await check(context));
	const counts = await numbers(context.databases);
	console.log(`Looked twice, ${seconds} s apart; what was under way and has moved on is not shown.\n`);
	SECTIONS.forEach((each, i) => console.log(section(each, counts[i], results)));
	return results.some(({ rows }) => rows.length > 0) ? 1 : 0;
}

const [folder = 'run', seconds = '5'] = process.argv.slice(2);
main(folder, Number(seconds)).then((status) => (process.exitCode = status), (error) => {
	console.error(`reconcile: could not look at what is in ${folder} (does it run? make run): ${error instanceof CannotCheck ? error.message : error.stack}`);
	process.exitCode = 2;
});
