// What must be true of what clients were told: their history beside the databases.
//
// A history is a file of JSON lines, two for each request (several clients may write one file, a line at a time):
//
//     {"op": "c7-000123", "type": "invoke", "time": 1790000000000, "method": "quayside.ordering.v1.OrderService/SubmitOrder", "key": "5f1c...", "request": {...}}
//     {"op": "c7-000123", "type": "ok", "time": 1790000000041, "answer": {...}, "bytes": "<base64>"}
//
//   op       names the request in this file; a retry or a replay is a new op with the same method, key and request
//   type     invoke before it is sent; then one of
//              ok       answered
//              fail     refused by an answer that guarantees no effect; with "code" and "reason" as in the error (FAILED_PRECONDITION, OUT_OF_STOCK)
//              unknown  anything else: no answer, UNAVAILABLE, DEADLINE_EXCEEDED, OUTCOME_UNKNOWN, INTERNAL, ... Without a second line it is unknown, too
//   time     milliseconds since 1970 by the client's clock
//   method   of a unary RPC; reads may be left out
//   key      the idempotency key that was sent
//   request  in the contract's field names (as protobufjs takes it); int64 as text or number
//   answer   likewise; bytes: the answer as it came, where the client kept it (then replays are compared byte for byte)
//
// What is in the databases from before the first line (a second of grace) is left alone; with a line {"type": "whole"} everything there is must come from this history.
import fs from 'node:fs';
import { acknowledged, keysKept } from './keys.mjs';
import { CannotCheck } from './snapshot.mjs';

const ENDS = new Set(['ok', 'fail', 'unknown']);
const ORDERING = 'quayside.ordering.v1.OrderService/';
const KEPT_REFUSALS = new Set(['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'OUT_OF_RANGE']);

function parse(text, number) {
	try {
		return JSON.parse(text);
	} catch {
		throw new CannotCheck(`line ${number} of the history is no JSON`);
	}
}

function add(operations, line, number) {
	if (line.type === 'whole') {
		operations.whole = true;
	} else if (line.type === 'invoke') {
		operations.set(line.op, { ...line, type: undefined, outcome: 'unknown', begin: line.time, end: Infinity });
	} else if (ENDS.has(line.type) && operations.has(line.op)) {
		Object.assign(operations.get(line.op), { outcome: line.type, end: line.time, answer: line.answer, bytes: line.bytes, code: line.code, reason: line.reason });
	} else {
		throw new CannotCheck(`line ${number} of the history is neither the beginning nor the end of a request`);
	}
}

// The requests of a history, in the order of their beginning: the fields above, and outcome, begin, end.
export function readHistory(file) {
	const operations = new Map();
	fs.readFileSync(file, 'utf8').split('\n').forEach((text, i) => text.trim() && add(operations, parse(text, i + 1), i + 1));
	const history = [...operations.values()].sort((a, b) => a.begin - b.begin);
	const began = operations.whole ? '-infinity' : new Date((history[0]?.begin ?? Date.now()) - 1000).toISOString();
	return Object.assign(history, { since: `timestamptz '${began}'` });
}

const canonical = (value) => JSON.stringify(value, (name, part) =>
	(part && typeof part === 'object' && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part));

function groups(list, key) {
	const found = new Map();
	for (const entry of list) {
		const name = key(entry);
		if (name === undefined) continue;
		if (!found.has(name)) found.set(name, []);
		found.get(name).push(entry);
	}
	return found;
}

const sameRequest = ({ method, key, request }) => (key === undefined ? undefined : `${method} ${key} ${canonical(request)}`);

// One request with its retries and replays, as one: what came of it at best, and from when to when it may have come to it.
function merged(operations) {
	const answered = operations.filter(({ outcome }) => outcome === 'ok');
	const best = answered[0] ?? operations.find(({ outcome }) => outcome === 'unknown') ?? operations[0];
	const ends = (answered.length > 0 ? answered : operations).map(({ end }) => end);
	return { ...best, begin: operations[0].begin, end: answered.length > 0 ? Math.min(...ends) : Math.max(...ends) };
}

function attempts(history) {
	const keyed = [...groups(history, sameRequest).values()].map(merged);
	return [...keyed, ...history.filter(({ key }) => key === undefined)].sort((a, b) => a.begin - b.begin);
}

const shortName = ({ method }) => method.split('/').pop();
const isOrderWrite = ({ method }) => method.startsWith(ORDERING) && /\/(Create|Submit|Update|Add|Remove|Place|Cancel)/.test(method);
const orderOf = ({ request, answer }) => answer?.order_id || request?.order_id || undefined;

// sku -> quantity, lines of the same product merged.
function contents(lines) {
	const sum = new Map();
	for (const { sku, quantity } of lines ?? []) sum.set(sku, (sum.get(sku) ?? 0) + Number(quantity));
	return sum;
}

const sameContents = (a, b) => a.size === b.size && [...a].every(([sku, quantity]) => b.get(sku) === quantity);
const listed = (sum) => [...sum].map(([sku, quantity]) => `${quantity} x ${sku}`).sort().join(', ');

// The items that an order must have, where its requests came one after the other and each was answered: those of the last answer. Else undefined.
function expected(operations) {
	let items = [];
	let before = 0;
	for (const operation of operations.filter((each) => /^(Create|Add|Update|Remove)/.test(shortName(each)))) {
		if (operation.outcome === 'unknown' || operation.begin < before) return undefined;
		before = operation.end;
		if (operation.outcome === 'ok') items = operation.answer.items;
	}
	return contents(items);
}

async function keptOrders(ordering, history) {
	const orders = new Map((await ordering.rows(`SELECT order_id, number, customer_id, state, place_time FROM customer_order WHERE create_time >= ${history.since}`))
		.map((order) => [order.order_id, { ...order, items: [] }]));
	for (const item of await ordering.rows('SELECT order_id, sku, quantity FROM order_item')) orders.get(item.order_id)?.items.push(item);
	return orders;
}

// The order that the database says a key made, for answers that never came.
async function ordersByKey(ordering) {
	const rows = await ordering.rows(`SELECT key, subject FROM idempotency WHERE method LIKE '%/SubmitOrder' OR method LIKE '%/CreateOrder'`);
	return new Map(rows.map(({ key, subject }) => [key, subject]));
}

function* contentFaults(order, operations) {
	const made = operations.find((operation) => operation.outcome === 'ok' && /^(SubmitOrder|CreateOrder)$/.test(shortName(operation)));
	const items = contents(order.items);
	if (made && made.request.customer_id.toLowerCase() !== order.customer_id) yield 'it is another customer\'s';
	if (made && shortName(made) === 'SubmitOrder' && !sameContents(contents(made.request.lines), items)) yield `sent were ${listed(contents(made.request.lines))}, kept are ${listed(items)}`;
	if (made && shortName(made) === 'SubmitOrder' && !order.place_time) yield 'it was answered as placed, and is not';
	const should = made && shortName(made) === 'CreateOrder' && expected(operations);
	if (should && !sameContents(should, items)) yield `answered were ${listed(should)}, kept are ${listed(items)}`;
}

async function ordersKept({ ordering }, { history }) {
	const writes = attempts(history).filter(isOrderWrite);
	const orders = await keptOrders(ordering, history);
	const byKey = await ordersByKey(ordering);
	const byOrder = groups(writes, (operation) => orderOf(operation) ?? byKey.get(operation.key));
	const found = [];
	for (const [order_id, operations] of byOrder) {
		const order = orders.get(order_id);
		const acknowledged = operations.find(({ outcome }) => outcome === 'ok');
		if (!order && acknowledged) found.push({ what: 'acknowledged, but not there', order_id, op: acknowledged.op });
		for (const what of order ? contentFaults(order, operations) : []) found.push({ what, order_id, number: order.number, op: operations[0].op });
	}
	for (const { order_id, number, state } of orders.values()) {
		const tried = byOrder.get(order_id) ?? [];
		const withdrawn = tried.length > 0 && state === 'ORDER_STATE_CANCELLED'; // refused after it was written
		if (!withdrawn && tried.every(({ outcome }) => outcome === 'fail')) found.push({ what: 'nobody tried to make it', order_id, number, state });
	}
	return found;
}

async function oneOrderEach({ ordering }, { history }) {
	const byKey = await ordersByKey(ordering);
	const answered = history.filter((operation) => operation.outcome === 'ok' && /\/(SubmitOrder|CreateOrder)$/.test(operation.method));
	const found = [];
	for (const [key, operations] of groups(answered, ({ key }) => key)) {
		const orders = [...new Set([...operations.map(orderOf), ...(byKey.has(key) ? [byKey.get(key)] : [])])];
		if (orders.length > 1) found.push({ what: 'one key, several orders', key, orders });
	}
	return found;
}

// What writes may have come to: what was acknowledged, and any of what is unknown, up or down.
const BOOKED = [
	{
		method: 'quayside.warehouse.v1.StockService/ReceiveStock',
		subject: ({ request }) => request.sku,
		amount: ({ request }) => BigInt(request.quantity),
		database: 'warehouse',
		query: (from) => `SELECT sku AS subject, sum(quantity)::text AS amount, count(*) AS count FROM stock_movement
			WHERE kind = 'STOCK_MOVEMENT_KIND_RECEIPT' AND time >= ${from} GROUP BY sku`,
	},
	{
		method: 'quayside.warehouse.v1.StockService/AdjustStock',
		subject: ({ request }) => request.sku,
		amount: ({ request }) => BigInt(request.quantity),
		database: 'warehouse',
		query: (from) => `SELECT sku AS subject, sum(quantity)::text AS amount, count(*) AS count FROM stock_movement
			WHERE kind = 'STOCK_MOVEMENT_KIND_ADJUSTMENT' AND time >= ${from} GROUP BY sku`,
	},
	{
		method: 'quayside.billing.v1.InvoiceService/RecordPayment',
		subject: ({ request }) => request.invoice_id.toLowerCase(),
		amount: ({ request }) => BigInt(request.amount.minor_units),
		database: 'billing',
		query: (from) => `SELECT invoice_id::text AS subject, sum(amount)::text AS amount, count(*) AS count FROM payment WHERE time >= ${from} GROUP BY invoice_id`,
	},
];

async function bookedOnce(snapshot, { history }) {
	const found = [];
	for (const { method, subject, amount, database, query } of BOOKED) {
		const kept = new Map((await snapshot[database].rows(query(history.since))).map((row) => [row.subject, row]));
		const tried = groups(attempts(history).filter((operation) => operation.method === method), subject);
		for (const name of new Set([...kept.keys(), ...tried.keys()])) {
			const of = (...outcomes) => (tried.get(name) ?? []).filter(({ outcome }) => outcomes.includes(outcome));
			const sum = (amounts) => amounts.reduce((total, each) => total + each, 0n);
			const acknowledged = sum(of('ok').map(amount));
			const unknown = of('unknown').map(amount);
			const least = acknowledged + sum(unknown.filter((each) => each < 0n));
			const most = acknowledged + sum(unknown.filter((each) => each > 0n));
			const is = BigInt(kept.get(name)?.amount ?? 0);
			const count = kept.get(name)?.count ?? 0;
			if (is < least || is > most || count < of('ok').length || count > of('ok', 'unknown').length) {
				found.push({ what: 'acknowledged and not there, or there more than once', method, subject: name, is: String(is), count,
					acknowledged: String(acknowledged), acknowledged_count: of('ok').length, least: String(least), most: String(most) });
			}
		}
	}
	return found;
}

// A history cannot show that a replay changed nothing; what it would have changed is counted by the other invariants.
function replayed(snapshot, { history }) {
	const found = [];
	for (const [, operations] of groups(history, sameRequest)) {
		const [first, ...others] = operations.filter(({ outcome }) => outcome === 'ok');
		const refused = operations.find(({ outcome, code }) => outcome === 'fail' && KEPT_REFUSALS.has(code));
		const same = (a, b) => (a.bytes !== undefined && b.bytes !== undefined ? a.bytes === b.bytes : canonical(a.answer) === canonical(b.answer));
		const other = others.find((operation) => !same(first, operation));
		if (other) found.push({ what: 'one key, several answers', method: first.method, key: first.key, ops: [first.op, other.op] });
		if (first && refused) found.push({ what: 'refused for good, and accepted', method: first.method, key: first.key, ops: [refused.op, first.op] });
		const refusals = operations.filter(({ outcome, code }) => outcome === 'fail' && KEPT_REFUSALS.has(code));
		const differs = refusals.find(({ code, reason }) => code !== refusals[0].code || reason !== refusals[0].reason);
		if (differs) found.push({ what: 'one key, several refusals', method: differs.method, key: differs.key, ops: [refusals[0].op, differs.op] });
	}
	return found;
}

export const bookings = { kind: 'H', needs: { warehouse: ['stock_movement'], billing: ['payment'] }, find: bookedOnce };

export default [
	{
		id: 'ORD-1',
		text: 'every acknowledged order is there with what was sent (items that were changed one after the other, too), and nothing is there that nobody tried',
		parts: [{ kind: 'H', needs: { ordering: ['customer_order', 'order_item', 'idempotency'] }, find: ordersKept }],
	},
	{
		id: 'ORD-2',
		text: 'one key, at most one order, in every answer and in the database',
		parts: [{ kind: 'H', needs: { ordering: ['idempotency'] }, find: oneOrderEach }],
	},
	{
		id: 'IDEM-1',
		text: 'each change that was asked for has its key, each key its change, and each acknowledged change its key; a repeated request gets the same answer (that it changes nothing is seen by counting: SAGA-3, ORD-1)',
		parts: [...keysKept, acknowledged, { kind: 'H', needs: {}, find: replayed }],
	},
];
