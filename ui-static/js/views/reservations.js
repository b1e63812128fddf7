// Goods that are kept back for orders.
import { html } from '../../vendor/htm-preact.js';
import { reservationState } from '../enums.js';
import { Choice } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Link, Maybe, Quantity, State, Time } from '../ui/values.js';

const COLUMNS = [
	{ label: 'SKU', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.sku}<//>`, fixed: true },
	{ label: 'For', cell: (one) => html`<${Link} to="/orders/${one.orderId}">Order<//>` },
	{ label: 'State', cell: (one) => html`<${State} of=${reservationState} value=${one.state} />` },
	{ label: 'Since', cell: (one) => html`<${Time} value=${one.createTime} />`, minor: true },
	{ label: 'Held until', cell: (one) => html`<${Maybe}>${one.expireTime && html`<${Time} value=${one.expireTime} />`}<//>`, minor: true },
	{ label: 'Packages', cell: (one) => html`<${Quantity} value=${one.quantity} />`, end: true },
	{ label: 'Left already', cell: (one) => html`<${Quantity} value=${one.fulfilledQuantity} />`, end: true, minor: true },
];

export function ReservationsPage({ path, query }) {
	const filter = { sku: query.sku, orderId: query.order, state: reservationState.full(query.state) };
	return html`
		<${ListPage} title=${query.sku ? `Reservations of ${query.sku}` : 'Reservations'} path=${path} query=${query}
			columns=${COLUMNS} keyOf=${(one) => one.reservationId} source="/v1/reservations" rows="reservations" filter=${filter}
			empty="Nothing is reserved.">
			<${Choice} label="State" name="state" value=${query.state} options=${reservationState.options} />
			${(query.sku || query.order) && html`<${Link} class="button" to="/reservations">All products<//>`}
		<//>`;
}
