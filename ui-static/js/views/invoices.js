// All invoices.
import { html } from '../../vendor/htm-preact.js';
import { invoiceState } from '../enums.js';
import { Choice, Search, Switch } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Badge, CalendarDate, Link, Money, State } from '../ui/values.js';

export const InvoiceStatus = ({ of: { state, overdue } }) => html`
	<${State} of=${invoiceState} value=${state} />${overdue && html` <${Badge} tone="bad">Overdue<//>`}`;

const COLUMNS = [
	{ label: 'Invoice', cell: (one) => html`<${Link} to="/invoices/${one.invoiceId}">${one.number}<//>`, fixed: true },
	{ label: 'Customer', cell: (one) => html`<${Link} to="/customers/${one.customerId}">${one.customerName}<//>` },
	{ label: 'Order', cell: (one) => html`<${Link} to="/orders/${one.orderId}">${one.orderNumber}<//>`, minor: true },
	{ label: 'State', cell: (one) => html`<${InvoiceStatus} of=${one} />` },
	{ label: 'Issued', cell: (one) => html`<${CalendarDate} value=${one.issueDate} />`, minor: true },
	{ label: 'Due', cell: (one) => html`<${CalendarDate} value=${one.dueDate} />`, minor: true },
	{ label: 'Total', cell: (one) => html`<${Money} value=${one.gross} />`, end: true, minor: true },
	{ label: 'Still to pay', cell: (one) => html`<${Money} value=${one.open} />`, end: true },
];

export function InvoicesPage({ path, query }) {
	const filter = { query: query.query, state: invoiceState.full(query.state), overdueOnly: query.overdue === 'yes', customerId: query.customer };
	return html`
		<${ListPage} title="Invoices" path=${path} query=${query} columns=${COLUMNS} keyOf=${(one) => one.invoiceId}
			source="/v1/invoices" rows="invoices" filter=${filter} empty="No invoices yet. One is issued for each shipment that leaves.">
			<${Search} label="Number, order or customer" value=${query.query} />
			<${Choice} label="State" name="state" value=${query.state} options=${invoiceState.options} />
			<${Switch} label="Overdue only" name="overdue" value=${query.overdue} />
			${query.customer && html`<${Link} class="button" to="/invoices">All customers<//>`}
		<//>`;
}
