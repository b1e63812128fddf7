// The parts of the browser UI that need no browser: values as people read and write them, problems, addresses of views.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { orderState, stateLabel } from '../../ui-static/js/enums.js';
import * as format from '../../ui-static/js/format.js';
import { valueAt, withValueAt } from '../../ui-static/js/paths.js';
import { problemOf, sortViolations, unreachable } from '../../ui-static/js/problem.js';
import { href, matchRoute, parseFragment } from '../../ui-static/js/router.js';

const euros = (minorUnits) => ({ currencyCode: 'EUR', minorUnits });

describe('money', () => {
	const shown = [
		[euros('123456'), '€1,234.56'],
		[euros('5'), '€0.05'],
		[euros('-5'), '-€0.05'],
		[euros('-123456'), '-€1,234.56'],
		[euros(undefined), '€0.00'],
		[{ currencyCode: 'JPY', minorUnits: '1234' }, '¥1,234'],
		[{ currencyCode: 'KWD', minorUnits: '1234' }, 'KWD 1.234'],
		[euros('9223372036854775807'), '€92,233,720,368,547,758.07'],
		[euros('-9223372036854775808'), '-€92,233,720,368,547,758.08'],
	];
	for (const [money, text] of shown) {
		it(`shows ${money.minorUnits} ${money.currencyCode} as ${text}`, () => {
			assert.equal(format.formatMoney(money, 'en-US').replace(/\s/g, ' '), text);
		});
	}

	it('follows the language of the browser', () => {
		assert.equal(format.formatMoney(euros('123456'), 'de-DE').replace(/\s/g, ' '), '1.234,56 €');
	});

	it('is read back as it was shown in a form, to the last cent of 64 bits', () => {
		for (const minorUnits of ['0', '5', '-5', '1290', '9223372036854775807', '-9223372036854775808']) {
			assert.equal(String(format.parseDecimal(format.moneyInput(euros(minorUnits)), 2)), minorUnits);
		}
	});
});

describe('numbers that people write', () => {
	const read = [
		['12.5', 2, 1250n],
		['12,5', 2, 1250n],
		[' 1 234.56 ', 2, 123456n],
		['1,234.56', 2, 123456n],
		['1.234,56', 2, 123456n],
		['-1,234,567.8', 2, -123456780n],
		["1'234", 0, 1234n],
		['-3', 0, -3n],
		['007', 0, 7n],
		['9223372036854775807', 0, 9223372036854775807n],
	];
	for (const [text, decimals, units] of read) {
		it(`takes "${text}" with ${decimals} decimals for ${units}`, () => assert.equal(format.parseDecimal(text, decimals), units));
	}

	const refused = [['', 2], ['-', 0], ['.5', 2], ['5.', 2], ['1.234', 2], ['1.5', 0], ['1.2.3', 2], ['1,23.5', 2],
		['1,234,567', 0], ['1,2,3.4', 0], ['1e3', 2], ['12 €', 2], ['--1', 0]];
	for (const [text, decimals] of refused) {
		it(`refuses "${text}" with ${decimals} decimals`, () => assert.equal(format.parseDecimal(text, decimals), undefined));
	}
});

describe('other values', () => {
	it('shows quantities of 64 bits', () => assert.equal(format.formatQuantity('9007199254740993', 'en-US'), '9,007,199,254,740,993'));
	it('shows tax rates', () => assert.deepEqual([1900, 725, 0].map((rate) => format.formatTaxRate(rate, 'en-US')), ['19%', '7.25%', '0%']));
	it('shows a date without moving it to a time zone', () => assert.equal(format.formatDate('2026-01-01', 'en-GB'), '1 Jan 2026'));
	it('shows ages in the largest unit that fits', () => {
		const now = Date.parse('2026-01-10T12:00:00Z');
		const shown = ['2026-01-10T11:59:30Z', '2026-01-10T11:01:00Z', '2026-01-10T09:00:00Z', '2026-01-05T12:00:00Z'];
		assert.deepEqual(shown.map((time) => format.formatAge(time, now, 'en-US')), ['30 seconds ago', '59 minutes ago', '3 hours ago', '5 days ago']);
	});
	it('names actions and states', () => {
		assert.equal(format.formatAction('PlaceOrder'), 'Place order');
		assert.equal(stateLabel('ORDER_STATE_PARTLY_SHIPPED'), 'Partly shipped');
		assert.equal(orderState.label('ORDER_STATE_OF_TOMORROW'), 'OF_TOMORROW');
		assert.equal(orderState.full(''), undefined);
	});
	it('tells reasons from words', () => {
		assert.deepEqual(['OUT_OF_STOCK', 'Ordered twice', 'ASAP', undefined].map((reason) => format.formatReason(reason)),
			['Out of stock', 'Ordered twice', 'ASAP', '']);
	});
	it('names countries, and keeps what is none', () => {
		assert.deepEqual(['DE', 'de', ''].map((code) => format.countryName(code, 'en')), ['Germany', 'de', '']);
	});
});

describe('problems', () => {
	it('keep what the server told', () => {
		const problem = problemOf(400, JSON.stringify({
			title: 'Invalid', status: 400, detail: 'Look again.', code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELDS',
			violations: [{ field: 'unitPrice.currencyCode', description: 'is required' }],
		}));
		assert.equal(problem.message, 'Look again.');
		assert.equal(problem.reason, 'INVALID_FIELDS');
		assert.deepEqual(problem.violations, [{ field: 'unitPrice.currencyCode', description: 'is required' }]);
	});
	it('are made of answers that are no problem document', () => {
		for (const text of ['', '<html>', 'null', '"text"']) assert.equal(problemOf(502, text).status, 502);
	});
	it('are told in other words where the server speaks to programmers', () => {
		const problem = problemOf(400, JSON.stringify({ reason: 'KEY_REUSED', detail: 'x', violations: [{ field: 'idempotency-key', description: 'x' }] }));
		assert.match(problem.message, /lost on the way/);
		assert.deepEqual(problem.violations, []);
	});
	it('tell whether trying again under the same key is the only safe way', () => {
		assert.deepEqual([400, 404, 409, 412, 429, 500, 503, 504].map((status) => problemOf(status, '{}').isUnknown),
			[false, false, false, false, true, true, true, true]);
		assert.equal(problemOf(409, '{"reason":"KEY_IN_PROGRESS"}').isUnknown, true);
		assert.equal(unreachable().isUnknown, true);
	});
	it('tell that somebody else was faster', () => {
		assert.deepEqual([400, 409, 412].map((status) => problemOf(status, '{}').isConflict), [false, false, true]);
	});
});

describe('violations', () => {
	const sorted = (fields, names) => sortViolations(fields.map((field) => ({ field, description: field })), names);

	it('come in the order of the fields', () => {
		assert.deepEqual(Object.keys(sorted(['phone', 'email', 'name'], ['name', 'email', 'phone']).byField), ['name', 'email', 'phone']);
	});
	it('find the field that their path lies in', () => {
		assert.deepEqual(sorted(['amount.minorUnits'], ['amount']).byField, { amount: 'amount.minorUnits' });
	});
	it('find the field that their path ends with, when another service named it', () => {
		assert.deepEqual(sorted(['lines[0].quantity'], ['quantity']).byField, { quantity: 'lines[0].quantity' });
	});
	it('are told apart in lists', () => {
		assert.deepEqual(sorted(['addresses[1].address.city'], ['addresses[0].address.city', 'addresses[1].address.city']).byField,
			{ 'addresses[1].address.city': 'addresses[1].address.city' });
	});
	it('are kept when no field is theirs', () => {
		assert.deepEqual(sorted(['emails', 'sku'], ['email']).others.map(({ field }) => field), ['emails', 'sku']);
	});
	it('of one field show the first', () => {
		const two = [{ field: 'email', description: 'first' }, { field: 'email', description: 'second' }];
		assert.deepEqual(sortViolations(two, ['email']).byField, { email: 'first' });
	});
});

describe('addresses of views', () => {
	it('are taken apart and put together again', () => {
		const fragment = href('/orders', { query: 'a&b=c?', state: 'OPEN', page: '' });
		assert.equal(fragment, '#/orders?query=a%26b%3Dc%3F&state=OPEN');
		assert.deepEqual(parseFragment(fragment), { path: '/orders', query: { query: 'a&b=c?', state: 'OPEN' } });
	});
	it('begin at the start', () => assert.deepEqual(parseFragment(''), { path: '/', query: {} }));

	const routes = [['/', 'start'], ['/orders/+new', 'new'], ['/orders/:id', 'order'], ['/orders/:id/edit', 'edit']];
	const cases = [['/', 'start', {}], ['/orders/+new', 'new', {}], ['/orders/4%202', 'order', { id: '4 2' }], ['/orders/%', 'order', { id: '%' }],
		['/orders/42/edit', 'edit', { id: '42' }]];
	for (const [path, view, params] of cases) it(`find the view of ${path}`, () => assert.deepEqual(matchRoute(routes, path), { view, params }));
	for (const path of ['/orders', '/orders/', '/orders/42/', '/nowhere']) {
		it(`find no view at ${path}`, () => assert.equal(matchRoute(routes, path), undefined));
	}
});

describe('values by path', () => {
	const values = { name: 'n', addresses: [{ city: 'a' }, { city: 'b' }] };
	it('are found', () => {
		assert.equal(valueAt(values, 'addresses[1].city'), 'b');
		assert.equal(valueAt(values, 'addresses[2].city'), undefined);
	});
	it('are replaced in a copy', () => {
		assert.deepEqual(withValueAt(values, 'addresses[1].city', 'c'), { name: 'n', addresses: [{ city: 'a' }, { city: 'c' }] });
		assert.equal(values.addresses[1].city, 'b');
		assert.equal(withValueAt(values, 'name', 'm').addresses, values.addresses);
	});
});
