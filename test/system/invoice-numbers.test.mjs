// Invoice numbers have no gap and no double, whoever gives up midway.
// test-seconds: 400
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { ADDRESS, EUR } from '../harness/fixtures.mjs';
import { startSystem } from '../harness/system.mjs';
import { insist } from '../harness/wait.mjs';

const ISSUES = process.env.QUAYSIDE_MODE ? 1_000 : 10_000;
const AT_ONCE = 64;

let system;

before(async () => {
	system = await startSystem({ services: ['billing'], gateway: false });
});
after(() => system?.stop());

function issue(options) {
	return system.call('quayside.billing.v1.InvoiceService/IssueInvoice', {
		shipment_id: randomUUID(),
		order_id: randomUUID(),
		order_number: 'ORD-1',
		customer_id: randomUUID(),
		customer_name: 'Ada Lovelace',
		billing_address: ADDRESS,
		lines: [{ item_id: randomUUID(), sku: 'A', name: 'A', quantity: 1, unit_price: EUR(100), tax_rate_basis_points: 1900 }],
	}, options);
}

// Every seventh caller gives up after some microseconds to milliseconds.
async function issueOrGiveUp(n) {
	if (n % 7 !== 0) return (await insist(() => issue({ timeout: 60_000 }))).number;
	const given = new AbortController();
	const answer = issue({ timeout: 60_000, signal: given.signal }).then((invoice) => invoice.number, () => null);
	setTimeout(() => given.abort(), (n % 35) / 7);
	return answer;
}

it(`numbers ${ISSUES} invoices 1..N`, async () => {
	let next = 0;
	const answered = [];
	await Promise.all(Array.from({ length: AT_ONCE }, async () => {
		while (next < ISSUES) answered.push(await issueOrGiveUp(next++));
	}));
	const rows = await system.sql('billing', 'SELECT number FROM invoice ORDER BY number');
	const numbers = rows.map(([number]) => number);
	const year = new Date().getUTCFullYear();
	assert.deepEqual(numbers, numbers.map((_, i) => `INV-${year}-${String(i + 1).padStart(6, '0')}`));
	const seen = answered.filter(Boolean);
	assert.equal(new Set(seen).size, seen.length, 'a number was given twice');
	const issued = new Set(numbers);
	assert.ok(seen.every((number) => issued.has(number)), 'a number was given and not kept');
	assert.ok(seen.length >= Math.floor(ISSUES * 6 / 7), `only ${seen.length} answers`);
	assert.ok(answered.length - seen.length > 0, 'nobody gave up');
});
