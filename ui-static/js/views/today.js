// The start: what waits, and for whom.
import { html } from '../../vendor/htm-preact.js';
import { get } from '../api.js';
import { formatQuantity } from '../format.js';
import { useLive } from '../live.js';
import { Card, Live, Page } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { Age, Badge, CalendarDate, Link, Money, Quantity } from '../ui/values.js';
import { FirstSteps } from './first-steps.js';

const COUNTED = 50;
const SHOWN = 6;

const WAITING = [
	{
		title: 'Open orders', to: '/orders', query: { state: 'OPEN' }, empty: 'No order is open.',
		source: '/v1/orders', filter: { states: 'ORDER_STATE_OPEN' }, rows: 'orders', keyOf: (one) => one.orderId,
		columns: [
			{ label: 'Order', cell: (one) => html`<${Link} to="/orders/${one.orderId}">${one.number}<//>`, fixed: true },
			{ label: 'Customer', cell: (one) => one.customerName },
			{ label: 'Opened', cell: (one) => html`<${Age} value=${one.createTime} />`, minor: true },
			{ label: 'Total', cell: (one) => html`<${Money} value=${one.gross} />`, end: true },
		],
	},
	{
		title: 'To be packed', to: '/shipments', query: {}, empty: 'Nothing waits to be packed.',
		source: '/v1/shipments', filter: { state: 'SHIPMENT_STATE_PENDING' }, rows: 'shipments', keyOf: (one) => one.shipmentId,
		columns: [
			{ label: 'Order', cell: (one) => html`<${Link} to="/shipments/${one.shipmentId}">${one.orderNumber}<//>`, fixed: true },
			{ label: 'Ship to', cell: (one) => one.address?.recipient },
			{ label: 'Waiting since', cell: (one) => html`<${Age} value=${one.createTime} />`, end: true },
		],
	},
	{
		title: 'Low stock', to: '/stock', query: { low: 'yes' }, empty: 'There is enough of everything.',
		source: '/v1/stock', filter: { lowStockOnly: true }, rows: 'levels', keyOf: (one) => `${one.sku} ${one.locationId}`,
		columns: [
			{ label: 'Product', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.name}<//>` },
			{ label: 'Available', cell: (one) => html`<${Quantity} value=${one.available} />`, end: true },
			{ label: 'Low below', cell: (one) => html`<${Quantity} value=${one.reorderLevel} />`, end: true },
		],
	},
	{
		title: 'Unpaid invoices', to: '/invoices', query: { state: 'ISSUED' }, empty: 'Everything is paid.',
		source: '/v1/invoices', filter: { state: 'INVOICE_STATE_ISSUED' }, rows: 'invoices', keyOf: (one) => one.invoiceId,
		columns: [
			{ label: 'Invoice', cell: (one) => html`<${Link} to="/invoices/${one.invoiceId}">${one.number}<//>`, fixed: true },
			{ label: 'Customer', cell: (one) => one.customerName, minor: true },
			{ label: 'Due', cell: (one) => html`<${CalendarDate} value=${one.dueDate} />${one.overdue && html` <${Badge} tone="bad">Overdue<//>`}` },
			{ label: 'Still to pay', cell: (one) => html`<${Money} value=${one.open} />`, end: true },
		],
	},
];

export function TodayPage() {
	const add = html`<${Link} class="button primary" to="/orders/+new">New order<//>`;
	return html`
		<${Page} title="Today" actions=${add}>
			<${FirstSteps} />
			<div class="waiting">${WAITING.map((list) => html`<${Waiting} key=${list.title} list=${list} />`)}</div>
		<//>`;
}

/** The first rows of a list, and how many there are: counted up to a point, because the server keeps no counts. */
function Waiting({ list: { title, to, query, source, filter, rows: name, ...table } }) {
	const live = useLive((signal) => get(source, { ...filter, pageSize: COUNTED }, signal), [source]);
	const rows = live.data?.[name] ?? [];
	const count = live.data && `${formatQuantity(rows.length)}${live.data.nextPageToken ? '+' : ''}`;
	const heading = html`<${Link} to=${to} query=${query}>${title} <span class="count number">${count}</span><//>`;
	return html`
		<${Card} title=${heading} plain=${true}>
			<${Live} of=${live} show=${() => html`<${Table} caption=${title} rows=${rows.slice(0, SHOWN)} ...${table} />`} />
		<//>`;
}
