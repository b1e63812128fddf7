// All orders.
import { html } from '../../vendor/htm-preact.js';
import { orderState } from '../enums.js';
import { Choice, Day, Search } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Link, Maybe, Money, State, Time } from '../ui/values.js';

const DAY_MS = 24 * 3600 * 1000;

const COLUMNS = [
	{ label: 'Order', cell: (one) => html`<${Link} to="/orders/${one.orderId}">${one.number}<//>`, fixed: true },
	{ label: 'Customer', cell: (one) => html`<${Link} to="/customers/${one.customerId}">${one.customerName}<//>` },
	{ label: 'Name', cell: (one) => html`<${Maybe}>${one.name}<//>`, minor: true },
	{ label: 'State', cell: (one) => html`<${State} of=${orderState} value=${one.state} />` },
	{ label: 'Opened', cell: (one) => html`<${Time} value=${one.createTime} />`, minor: true },
	{ label: 'Total', cell: (one) => html`<${Money} value=${one.gross} />`, end: true },
];

export function OrdersPage({ path, query }) {
	const filter = {
		query: query.query,
		customerId: query.customer,
		states: orderState.full(query.state),
		startTime: midnight(query.from, 0),
		endTime: midnight(query.to, DAY_MS),
	};
	return html`
		<${ListPage} title="Orders" path=${path} query=${query} columns=${COLUMNS} keyOf=${(one) => one.orderId}
			source="/v1/orders" rows="orders" filter=${filter}
			empty="No orders yet." actions=${html`<${Link} class="button primary" to="/orders/+new">New order<//>`}>
			<${Search} label="Number, name or customer" value=${query.query} />
			<${Choice} label="State" name="state" value=${query.state} options=${orderState.options} />
			<${Day} label="From" name="from" value=${query.from} />
			<${Day} label="To" name="to" value=${query.to} />
			${query.customer && html`<${Link} class="button" to="/orders">All customers<//>`}
		<//>`;
}

/** The moment when a day of the user's calendar begins, or some time after it. */
function midnight(day, after) {
	const begin = day ? Date.parse(`${day}T00:00:00`) : NaN;
	return Number.isNaN(begin) ? undefined : new Date(begin + after).toISOString();
}
