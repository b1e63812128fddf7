// One invoice: what is owed for a shipment, and what came in.
import { html, useState } from '../../vendor/htm-preact.js';
import { get, segment, send } from '../api.js';
import { decimalsOf, formatMoney, formatTaxRate, moneyInput, parseDecimal } from '../format.js';
import { useLive } from '../live.js';
import { FormDialog } from '../ui/dialog.js';
import { NumberField, TextField } from '../ui/fields.js';
import { History } from '../ui/history.js';
import { Card, Facts, Page } from '../ui/page.js';
import { Table, Totals } from '../ui/table.js';
import { Address, CalendarDate, Link, Maybe, Money, Quantity, Time } from '../ui/values.js';
import { InvoiceStatus } from './invoices.js';

const METHODS = ['Bank transfer', 'Card', 'Cash', 'Direct debit', 'PayPal'];

export function InvoicePage({ id }) {
	const path = `/v1/invoices/${segment(id)}`;
	const live = useLive((signal) => get(path, {}, signal), [path]);
	const invoice = live.data;
	return html`
		<${Page} title=${invoice?.number ?? 'Invoice'} parent=${['Invoices', '/invoices']} live=${live}
			status=${invoice && html`<${InvoiceStatus} of=${invoice} />`}
			actions=${invoice && html`<${Actions} invoice=${invoice} path=${path} />`}>
			${(invoice) => html`
				<div class="columns">
					<div>
						<${Lines} invoice=${invoice} />
						<${Payments} of=${invoice.payments ?? []} />
						<${History} path=${path} etag=${invoice.etag} />
					</div>
					<aside><${Card} title="Details"><${Details} invoice=${invoice} /><//></aside>
				</div>`}
		<//>`;
}

const isPayable = ({ open }) => BigInt(open?.minorUnits ?? 0) > 0n;

function Actions({ invoice, path }) {
	const [asked, ask] = useState(false);
	return html`
		<a class="button" href="${path}:render" target="_blank" rel="noopener">Print view</a>
		${isPayable(invoice) && html`<button type="button" class="primary" onClick=${() => ask(true)}>Record a payment</button>`}
		${asked && html`<${PaymentDialog} invoice=${invoice} path=${path} close=${() => ask(false)} />`}`;
}

function PaymentDialog({ invoice, path, close }) {
	const [seen] = useState(invoice);
	const { currencyCode } = seen.gross;
	const decimals = decimalsOf(currencyCode);
	const form = {
		initial: { amount: moneyInput(seen.open), method: '', reference: '' },
		prepare({ amount, ...rest }, fail) {
			const units = parseDecimal(amount, decimals);
			if (units === undefined) fail('amount', decimals ? `an amount with at most ${decimals} decimals` : 'a whole amount');
			return { ...rest, amount: { currencyCode, minorUnits: String(units ?? 0) } };
		},
		send: (body, key) => send('POST', `${path}:recordPayment`, { key, etag: seen.etag, body }),
	};
	return html`
		<${FormDialog} title="Payment of ${seen.number}" action="Record payment" said="Payment recorded." form=${form} close=${close}>
			<${NumberField} name="amount" label="Amount in ${currencyCode}" required=${true} hint="${formatMoney(seen.open)} is still to be paid" />
			<${TextField} name="method" label="Paid by" maxlength="50" suggestions=${METHODS} />
			<${TextField} name="reference" label="Reference" maxlength="100" />
		<//>`;
}

function Details({ invoice }) {
	return html`
		<${Facts} of=${[
			['Still to pay', html`<strong class="big"><${Money} value=${invoice.open} /></strong>`],
			['Total', html`<${Money} value=${invoice.gross} />`],
			['Paid', html`<${Money} value=${invoice.paid} />`],
			['Customer', html`<${Link} to="/customers/${invoice.customerId}">${invoice.customerName}<//>`],
			['Order', html`<${Link} to="/orders/${invoice.orderId}">${invoice.orderNumber}<//>`],
			['Shipment', html`<${Link} to="/shipments/${invoice.shipmentId}">Shipment of ${invoice.orderNumber}<//>`],
			['Invoice to', html`<${Address} value=${invoice.billingAddress} />`],
			['Issued', html`<${CalendarDate} value=${invoice.issueDate} />`],
			['Due', html`<${CalendarDate} value=${invoice.dueDate} />`],
		]} />`;
}

const LINE_COLUMNS = [
	{ label: 'Product', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.name}<//> <span class="muted minor">${one.sku}</span>` },
	{ label: 'Packages', cell: (one) => html`<${Quantity} value=${one.quantity} />`, end: true },
	{ label: 'Net price', cell: (one) => html`<${Money} value=${one.unitPrice} />`, end: true, minor: true },
	{ label: 'Tax', cell: (one) => formatTaxRate(one.taxRateBasisPoints), end: true, minor: true },
	{ label: 'Net', cell: (one) => html`<${Money} value=${one.net} />`, end: true },
];

function Lines({ invoice }) {
	const totals = [
		['Net', invoice.net],
		...(invoice.taxTotals ?? []).map(({ taxRateBasisPoints, tax }) => [`Tax ${formatTaxRate(taxRateBasisPoints)}`, tax]),
		['Total', invoice.gross],
	];
	return html`
		<${Card} title="Lines" plain=${true}>
			<${Table} caption="Lines" columns=${LINE_COLUMNS} rows=${invoice.lines ?? []} keyOf=${(one) => one.itemId} empty="No lines." />
			<${Totals} of=${totals} />
		<//>`;
}

const PAYMENT_COLUMNS = [
	{ label: 'When', cell: (one) => html`<${Time} value=${one.time} />` },
	{ label: 'Paid by', cell: (one) => html`<${Maybe}>${one.method}<//>` },
	{ label: 'Reference', cell: (one) => html`<${Maybe}>${one.reference}<//>`, minor: true },
	{ label: 'Booked by', cell: (one) => html`<${Maybe}>${one.actor}<//>`, minor: true },
	{ label: 'Amount', cell: (one) => html`<${Money} value=${one.amount} />`, end: true },
];

function Payments({ of: payments }) {
	return html`
		<${Card} title="Payments" plain=${true}>
			<${Table} caption="Payments" columns=${PAYMENT_COLUMNS} rows=${payments} keyOf=${(one) => one.paymentId} empty="Nothing has been paid yet." />
		<//>`;
}
