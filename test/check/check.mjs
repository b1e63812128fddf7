// Runs the invariants on a snapshot of all databases and says how each one is.
//
//     const results = await check({ databases: databasesAt('/run/pg'), quiescent: true });
//     if (violated(results).length > 0) console.log(report(results));
//
// An invariant is { id, text, advice, parts }. Its parts are looked at by themselves: { kind, needs: {database: [table]}, find(snapshot, context) -> rows };
// decodes: it reads messages, by context.decode(name, bytes). Kinds: A holds always, Q when nothing is under way, H needs the clients' history.
import { setTimeout as pause } from 'node:timers/promises';
import { CannotCheck, openSnapshot } from './snapshot.mjs';
import events from './events.mjs';
import history from './history.mjs';
import money from './money.mjs';
import orders from './orders.mjs';
import sagas from './sagas.mjs';
import stock from './stock.mjs';

export const SERVICES = ['customers', 'ordering', 'warehouse', 'shipping', 'billing'];
export const INVARIANTS = [...stock, ...money, ...orders, ...sagas, ...events, ...history];

const ROWS_SHOWN = 20;
const UNREADABLE = 'events cannot be read without the contracts';
const WAIT = { Q: 'only when nothing is under way (--quiescent)', H: 'only with a history (--history)' };

// How the auditor reaches each database of one server.
export function databasesAt(host) {
	return Object.fromEntries(SERVICES.map((name) => [name, `host='${host}' user=auditor dbname=${name}`]));
}

// Why a part is not looked at, or undefined.
function skipped(part, snapshot, { quiescent, history, decode }) {
	if (part.kind === 'Q' && !quiescent) return WAIT.Q;
	if (part.kind === 'H' && !history) return WAIT.H;
	if (part.decodes && !decode) return UNREADABLE;
	for (const [database, tables] of Object.entries(part.needs)) {
		const table = tables.find((name) => !snapshot[database].has(name));
		if (table) return `no table ${table} in ${database}`;
	}
	return undefined;
}

async function look({ id, text, advice, parts }, snapshot, context) {
	const asked = parts.map((part) => ({ ...part, why: skipped(part, snapshot, context) }));
	const due = asked.filter(({ why }) => !why);
	return {
		id,
		text,
		advice,
		kinds: [...new Set(parts.map(({ kind }) => kind))].join('+'),
		looked: due.length,
		skipped: [...new Set(asked.filter(({ why }) => why).map(({ why }) => why))],
		rows: (await Promise.all(due.map((part) => part.find(snapshot, context)))).flat(),
	};
}

// context: { databases, quiescent, history, only: [id], decode, begin (see openSnapshot) }.
export async function check(context) {
	const chosen = INVARIANTS.filter(({ id }) => !context.only || context.only.includes(id));
	const snapshot = await openSnapshot(context.databases, context.begin);
	try {
		const results = await Promise.all(chosen.map((invariant) => look(invariant, snapshot, context)));
		if (results.every(({ looked }) => looked === 0)) throw new CannotCheck('there was nothing to look at');
		return results;
	} finally {
		snapshot.close();
	}
}

export const violated = (results) => results.filter(({ rows }) => rows.length > 0);

// What does not hold yet may only need a moment: looks again until everything holds or the time is over.
export async function checkWithin(seconds, context) {
	const end = performance.now() + seconds * 1000;
	for (;;) {
		const results = await check(context);
		if (violated(results).length === 0 || performance.now() > end) return results;
		await pause(100);
	}
}

// Tables that should have been there and were not. (What was not asked for is no gap.)
export const gaps = (results) => results.filter((result) => result.skipped.some((why) => !Object.values(WAIT).includes(why)));

function word({ rows, looked }) {
	if (rows.length > 0) return 'VIOLATED';
	return looked > 0 ? 'ok' : 'skipped';
}

const show = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function line({ what, ...row }) {
	const parts = Object.entries(row).filter(([, value]) => value !== null && value !== undefined);
	return `    ${what}: ${parts.map(([name, value]) => `${name}=${show(value)}`).join(' ')}`;
}

// One line for each invariant; below it, what violates it.
export function report(results) {
	const lines = [];
	for (const result of results) {
		const note = result.skipped.length > 0 ? ` [${result.looked > 0 ? 'partly ' : ''}skipped: ${result.skipped.join('; ')}]` : '';
		lines.push(`${word(result).padEnd(8)} ${result.id.padEnd(7)} ${result.kinds.padEnd(3)} ${result.text}${note}`);
		lines.push(...result.rows.slice(0, ROWS_SHOWN).map(line));
		if (result.rows.length > ROWS_SHOWN) lines.push(`    ... and ${result.rows.length - ROWS_SHOWN} more`);
	}
	return lines.join('\n');
}
