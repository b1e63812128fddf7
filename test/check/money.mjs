// What must be true of amounts, invoices and their numbers.
import { facts, TABLES } from './facts.mjs';

// Rounded half away from zero, once a line: what numeric's round() does.
const LINE = (table, owner) => `SELECT 'a line is not price x quantity with its tax' AS what, ${owner}, position, sku, quantity, unit_price, tax_rate_basis_points, net, tax, gross
	FROM ${table} WHERE net <> unit_price::numeric * quantity OR tax <> round(unit_price::numeric * quantity * tax_rate_basis_points / 10000) OR gross <> net + tax`;

const TOTALS = (head, lines, id) => `SELECT 'the total is not the sum of the lines' AS what, ${id}, number, h.net, h.tax, h.gross, l.net AS lines_net, l.tax AS lines_tax
	FROM ${head} h FULL JOIN (SELECT ${id}, sum(net) AS net, sum(tax) AS tax FROM ${lines} GROUP BY ${id}) l USING (${id})
	WHERE h.net IS NULL OR h.net <> coalesce(l.net, 0) OR h.tax <> coalesce(l.tax, 0) OR h.gross <> h.net + h.tax`;

const NO_LINES = `SELECT 'an invoice without lines' AS what, invoice_id, number FROM invoice WHERE NOT EXISTS (SELECT FROM invoice_line l WHERE l.invoice_id = invoice.invoice_id)`;

const BALANCE = `SELECT 'the balance is not that of the invoice and its payments' AS what, b.*, i.gross AS invoice_gross, p.paid AS payments
	FROM invoice_balance b FULL JOIN invoice i USING (invoice_id)
	LEFT JOIN (SELECT invoice_id, sum(amount) AS paid FROM payment GROUP BY invoice_id) p USING (invoice_id)
	WHERE b.gross IS DISTINCT FROM i.gross OR b.paid <> coalesce(p.paid, 0) OR b.paid > b.gross - b.credited OR b.state <> CASE
		WHEN b.credited > 0 AND b.credited = b.gross THEN 'INVOICE_STATE_CREDITED' WHEN b.paid = b.gross - b.credited THEN 'INVOICE_STATE_PAID'
		WHEN b.paid > 0 THEN 'INVOICE_STATE_PARTLY_PAID' ELSE 'INVOICE_STATE_ISSUED' END`;

const UNEXPLAINED_CREDIT = `SELECT 'credited without a credit note' AS what, invoice_id, credited FROM invoice_balance WHERE credited <> 0`;

const CURRENCIES = `SELECT 'more than one currency' AS what, i.invoice_id, number, i.currency, j.currency AS booked_in
	FROM invoice i JOIN journal j USING (invoice_id) WHERE i.currency <> j.currency`;

const ORDER_CURRENCY = `SELECT 'an order with items has a currency, and one without has none' AS what, order_id, number, currency FROM customer_order o
	WHERE (currency ~ '^[A-Z]{3}$') <> EXISTS (SELECT FROM order_item i WHERE i.order_id = o.order_id)`;

const NOT_WHOLE = `SELECT 'an amount that is not a bigint' AS what, table_name, column_name, data_type FROM information_schema.columns
	WHERE table_schema = current_schema() AND data_type <> 'bigint' AND is_generated = 'NEVER' AND table_name IN (SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE')
		AND column_name IN ('net', 'tax', 'gross', 'paid', 'credited', 'amount', 'unit_price')`;

async function amounts({ billing }) {
	const credits = billing.has('credit_note') ? [] : await billing.rows(UNEXPLAINED_CREDIT);
	const queries = [LINE('invoice_line', 'invoice_id'), TOTALS('invoice', 'invoice_line', 'invoice_id'), NO_LINES, BALANCE, CURRENCIES, NOT_WHOLE];
	return [...credits, ...(await Promise.all(queries.map((query) => billing.rows(query)))).flat()];
}

async function orderAmounts({ ordering }) {
	const queries = [LINE('order_item', 'order_id'), TOTALS('customer_order', 'order_item', 'order_id'), ORDER_CURRENCY, NOT_WHOLE];
	return (await Promise.all(queries.map((query) => ordering.rows(query)))).flat();
}

// Half away from zero, in whole minor units.
export function taxOn(net, rate) {
	const exact = net * BigInt(rate);
	return (exact + (exact < 0n ? -5000n : 5000n)) / 10000n;
}

// Net and tax of all shipments that left, at the prices of the order; and of what ordering itself counts as shipped (net only: tax is rounded by shipment).
function worth(order) {
	const value = { shipped_net: 0n, shipped_tax: 0n, counted_net: 0n };
	for (const { left, lines } of order.shipments) {
		for (const line of left ? lines : []) {
			const item = order.items.get(line.item_id);
			const net = (item?.price ?? 0n) * BigInt(line.quantity);
			value.shipped_net += net;
			value.shipped_tax += taxOn(net, item?.rate ?? 0);
		}
	}
	for (const item of order.items.values()) value.counted_net += item.price * BigInt(item.shipped);
	return value;
}

function invoiced(order) {
	const sum = (part) => order.invoices.reduce((total, invoice) => total + invoice[part], 0n);
	const currencies = new Set(order.invoices.map(({ currency }) => currency));
	return { invoiced_net: sum('net'), invoiced_tax: sum('tax'), currencies: [...currencies].join(' ') };
}

const texts = (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]));

async function shippedIsInvoiced(snapshot) {
	const { orders, invoices } = await facts(snapshot);
	const found = [];
	for (const order of orders.values()) {
		const is = { ...worth(order), ...invoiced(order) };
		const agree = is.shipped_net === is.invoiced_net && is.shipped_tax === is.invoiced_tax && is.counted_net === is.shipped_net;
		if (!agree || (order.invoices.length > 0 && is.currencies !== order.currency)) {
			found.push(texts({ what: 'what was shipped is not what was invoiced', order_id: order.order_id, number: order.number, currency: order.currency, ...is }));
		}
	}
	for (const { order_id, number } of invoices.values()) if (!orders.has(order_id)) found.push({ what: 'an invoice for no order', number, order_id });
	return found;
}

// Structurally a row of the journal cannot be out of balance (one amount, two accounts); what can be wrong is that it books another amount than its document.
const ENTRIES = `SELECT 'an entry does not book its document' AS what, coalesce(b.entry_id, d.entry_id) AS entry_id, b.kind, b.debit, b.credit, b.amount, d.kind AS due_kind, d.debit AS due_debit, d.credit AS due_credit, d.amount AS due_amount
	FROM (SELECT entry_id, kind, invoice_id, debit, credit, sum(amount) AS amount FROM journal GROUP BY entry_id, kind, invoice_id, debit, credit) b
	FULL JOIN (
		SELECT invoice_id AS entry_id, 'INVOICE' AS kind, invoice_id, 'RECEIVABLE' AS debit, 'REVENUE' AS credit, net AS amount FROM invoice WHERE net <> 0
		UNION ALL SELECT invoice_id, 'INVOICE', invoice_id, 'RECEIVABLE', 'TAX', tax FROM invoice WHERE tax <> 0
		UNION ALL SELECT payment_id, 'PAYMENT', invoice_id, 'CASH', 'RECEIVABLE', amount FROM payment) d
	ON (b.entry_id, b.kind, b.invoice_id, b.debit, b.credit) = (d.entry_id, d.kind, d.invoice_id, d.debit, d.credit)
	WHERE b.amount IS DISTINCT FROM d.amount`;

const BALANCED = `SELECT 'debit is not credit' AS what, entry_id, currency, sum(debit) AS debit, sum(credit) AS credit FROM ledger
	GROUP BY GROUPING SETS ((entry_id, currency), (currency)) HAVING sum(debit) <> sum(credit)`;

const BILLED_TWICE = `SELECT 'a shipment has several invoices' AS what, shipment_id, array_agg(number ORDER BY number) AS invoices FROM invoice
	GROUP BY shipment_id HAVING count(*) > 1`;

async function oneInvoiceEach(snapshot) {
	const { shipments, invoices } = await facts(snapshot);
	const billed = new Map([...invoices.values()].map((invoice) => [invoice.shipment_id, invoice]));
	const found = [];
	for (const { shipment_id, order_id, state, left } of shipments.values()) {
		if (left && !billed.has(shipment_id)) found.push({ what: 'dispatched, but not invoiced', shipment_id, order_id, state });
	}
	for (const { number, shipment_id, order_id } of invoices.values()) {
		const shipment = shipments.get(shipment_id);
		if (!shipment?.left || shipment.order_id !== order_id) found.push({ what: 'invoiced, but not dispatched', number, shipment_id, order_id, state: shipment?.state });
	}
	return found;
}

const NUMBERS = `WITH issued AS (SELECT invoice_id, number, create_time, issue_date, (regexp_match(number, '^(.+)-([0-9]{4})-([0-9]{6,})$')) AS part FROM invoice)
	, counted AS (SELECT part[1] AS series, part[2]::int AS year, part[3]::bigint AS value, invoice_id, number FROM issued)`;

const GAPS = `${NUMBERS}, ranked AS (SELECT *, row_number() OVER (PARTITION BY series, year ORDER BY value) AS place FROM counted)
	SELECT 'numbers are not 1, 2, 3, ...' AS what, number, place FROM ranked WHERE value IS NULL OR value <> place
	UNION ALL SELECT 'the counter is not the last number', series || '-' || year, last FROM invoice_series s
		WHERE last <> (SELECT count(*) FROM counted c WHERE (c.series, c.year) = (s.series, s.year))
	UNION ALL SELECT 'a series without a counter', series || '-' || year, count(*) FROM counted c
		WHERE NOT EXISTS (SELECT FROM invoice_series s WHERE (c.series, c.year) = (s.series, s.year)) GROUP BY series, year`;

// Events are inserted by the statement that holds the series' row, so their order is that of issuing; clocks are not needed.
const ORDER = `${NUMBERS} SELECT 'issued in another order than numbered' AS what, number, before FROM
	(SELECT number, value, o.entry, lag(value) OVER by_entry AS earlier, lag(number) OVER by_entry AS before FROM counted
		JOIN outbox o ON o.aggregate_type = 'invoice' AND o.aggregate_id = invoice_id::text AND o.aggregate_version = 1
		WINDOW by_entry AS (PARTITION BY series, year ORDER BY o.entry)) AS told WHERE earlier > value`;

const RIGHTS = `SELECT 'the service may change what is issued' AS what, t AS table_name, p AS right_held FROM unnest(ARRAY['invoice', 'invoice_line', 'payment', 'journal']) AS t,
	unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS p WHERE has_table_privilege((SELECT tableowner FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'invoice'), t, p)`;

const DOCUMENTS = `SELECT invoice_id, number, order_id, shipment_id, customer_id, currency, net::text, tax::text, gross::text, issue_date::text, due_date::text,
	encode(o.payload, 'base64') AS payload,
	(SELECT json_agg(json_build_array(item_id, sku, quantity::text, unit_price::text, net::text, tax::text) ORDER BY position) FROM invoice_line l WHERE l.invoice_id = i.invoice_id) AS lines
	FROM invoice i JOIN outbox o ON o.aggregate_type = 'invoice' AND o.aggregate_id = i.invoice_id::text AND o.aggregate_version = 1 AND o.type = 'quayside.billing.v1.InvoiceIssued'`;

const COMPARED = ['number', 'order_id', 'shipment_id', 'customer_id', 'currency', 'net', 'tax', 'gross', 'issue_date', 'due_date'];

// The invoice as its own event told it when it was issued.
function asTold({ invoice }) {
	const minor = (money) => money?.minor_units ?? '0';
	return {
		...invoice,
		currency: invoice.gross.currency_code,
		net: minor(invoice.net),
		tax: minor(invoice.tax),
		gross: minor(invoice.gross),
		lines: invoice.lines.map((line) => [line.item_id, line.sku, line.quantity, minor(line.unit_price), minor(line.net), minor(line.tax)]),
	};
}

async function unchanged({ billing }, { decode }) {
	const found = [];
	for (const invoice of await billing.rows(DOCUMENTS)) {
		const told = asTold(decode('quayside.billing.v1.InvoiceIssued', Buffer.from(invoice.payload, 'base64')));
		const field = COMPARED.find((name) => told[name] !== invoice[name]) ?? (JSON.stringify(told.lines) !== JSON.stringify(invoice.lines) ? 'lines' : undefined);
		if (field) found.push({ what: `${field} is not what was issued`, number: invoice.number, issued: told[field], is: invoice[field] });
	}
	return found;
}

export default [
	{
		id: 'MONEY-1',
		text: 'every total is the sum of its lines (tax rounded half away from zero, once a line), in whole minor units of one currency; what is paid is the sum of the payments',
		advice: 'An amount was changed behind the services\' back, or is a defect: compare with the event that told it, and report it.',
		parts: [
			{ kind: 'A', needs: { billing: ['invoice', 'invoice_line', 'invoice_balance', 'payment', 'journal'] }, find: amounts },
			{ kind: 'A', needs: { ordering: ['customer_order', 'order_item'] }, find: orderAmounts },
		],
	},
	{
		id: 'MONEY-2',
		text: 'per order, what shipping dispatched, at the ordered price, is what billing invoiced and what ordering counts as shipped (credit notes: there are none yet)',
		advice: 'Compare the order\'s shipments with its invoices. A shipment without invoice: see BILL-1.',
		parts: [{ kind: 'Q', needs: TABLES, find: shippedIsInvoiced }],
	},
	{
		id: 'MONEY-3',
		text: 'the journal is double entry, and each entry books the amounts of its invoice or payment',
		advice: 'A booking is missing or wrong: have the accountant correct it by a booking of its own, and report it.',
		parts: [
			{
				kind: 'A',
				needs: { billing: ['journal', 'ledger', 'invoice', 'payment'] },
				find: async ({ billing }) => [...await billing.rows(ENTRIES), ...await billing.rows(BALANCED)],
			},
		],
	},
	{
		id: 'BILL-1',
		text: 'no shipment has two invoices; every dispatched one has its own, and nothing else is invoiced',
		advice: 'Dispatched and not invoiced: see the saga "fulfil" of the shipment, and ordering\'s log.',
		parts: [
			{ kind: 'A', needs: { billing: ['invoice'] }, find: ({ billing }) => billing.rows(BILLED_TWICE) },
			{ kind: 'Q', needs: TABLES, find: oneInvoiceEach },
		],
	},
	{
		id: 'BILL-2',
		text: 'invoice numbers are 1..N in each series and year, in the order of issuing; what is issued never changes (nobody may, and it is what its event said)',
		parts: [
			{
				kind: 'A',
				needs: { billing: ['invoice', 'invoice_line', 'invoice_series', 'outbox'] },
				find: async ({ billing }) => [...await billing.rows(GAPS), ...await billing.rows(ORDER), ...await billing.rows(RIGHTS)],
			},
			{ kind: 'A', needs: { billing: ['invoice', 'invoice_line', 'outbox'] }, decodes: true, find: unchanged },
		],
	},
];
