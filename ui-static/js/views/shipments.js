// All shipments; those to be packed are the warehouse's pick list, the oldest first.
import { html } from '../../vendor/htm-preact.js';
import { shipmentState } from '../enums.js';
import { formatQuantity } from '../format.js';
import { Choice, Search } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Age, Link, Maybe, State } from '../ui/values.js';

const COLUMNS = [
	{ label: 'Order', cell: (one) => html`<${Link} to="/shipments/${one.shipmentId}">${one.orderNumber}<//>` },
	{ label: 'Ship to', cell: (one) => [one.address?.recipient, one.address?.city].filter(Boolean).join(', ') },
	{ label: 'State', cell: (one) => html`<${State} of=${shipmentState} value=${one.state} />` },
	{ label: 'Waiting since', cell: (one) => html`<${Age} value=${one.createTime} />` },
	{ label: 'Carrier', cell: (one) => html`<${Maybe}>${[one.carrier, one.trackingNumber].filter(Boolean).join(' ')}<//>`, minor: true },
	{ label: 'Packages', cell: (one) => html`<span class="number">${packagesOf(one)}</span>`, end: true },
];

const packagesOf = ({ lines = [] }) => formatQuantity(lines.reduce((sum, line) => sum + BigInt(line.quantity), 0n));

export function ShipmentsPage({ path, query }) {
	const state = query.state ?? 'PENDING';
	const columns = state === 'PENDING' ? COLUMNS : COLUMNS.map((column) => (column.label === 'Waiting since' ? { ...column, label: 'Created' } : column));
	return html`
		<${ListPage} title=${state === 'PENDING' ? 'Pick list' : 'Shipments'} path=${path} query=${query}
			columns=${columns} keyOf=${(one) => one.shipmentId}
			source="/v1/shipments" rows="shipments" filter=${{ query: query.query, state: shipmentState.full(state) }} empty="No shipments yet.">
			<${Search} label="Order, tracking number or recipient" value=${query.query} />
			<${Choice} label="State" name="state" value=${state} options=${shipmentState.options} />
		<//>`;
}
