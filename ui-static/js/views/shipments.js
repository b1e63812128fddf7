// All shipments; those to be packed are the warehouse's pick list, the oldest first.
import { html } from '../../vendor/htm-preact.js';
import { shipmentState } from '../enums.js';
import { formatQuantity } from '../format.js';
import { Choice, Search } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Age, Link, Maybe, State } from '../ui/values.js';

const columnsOf = (isPickList) => [
	{ label: 'Order', cell: (one) => html`<${Link} to="/shipments/${one.shipmentId}">${one.orderNumber}<//>`, fixed: true },
	{ label: 'Ship to', cell: (one) => [one.address?.recipient, one.address?.city].filter(Boolean).join(', ') },
	{ label: 'State', cell: (one) => html`<${State} of=${shipmentState} value=${one.state} />`, minor: isPickList },
	{ label: isPickList ? 'Waiting since' : 'Created', cell: (one) => html`<${Age} value=${one.createTime} />` },
	{ label: 'Carrier', cell: (one) => html`<${Maybe}>${[one.carrier, one.trackingNumber].filter(Boolean).join(' ')}<//>`, minor: true },
	{ label: 'Packages', cell: (one) => html`<span class="number">${packagesOf(one)}</span>`, end: true },
];

const packagesOf = ({ lines = [] }) => formatQuantity(lines.reduce((sum, line) => sum + BigInt(line.quantity), 0n));

/** Without a state in the address, the pick list. */
export function ShipmentsPage({ path, query }) {
	const state = query.state ?? 'PENDING';
	const isPickList = state === 'PENDING';
	const filter = { query: query.query, state: state === 'ALL' ? undefined : shipmentState.full(state) };
	return html`
		<${ListPage} title=${isPickList ? 'Pick list' : 'Shipments'} path=${path} query=${query}
			columns=${columnsOf(isPickList)} keyOf=${(one) => one.shipmentId}
			source="/v1/shipments" rows="shipments" filter=${filter} empty="No shipments yet.">
			<${Search} label="Order, tracking number or recipient" value=${query.query} />
			<${Choice} label="State" name="state" all="ALL" value=${state} options=${shipmentState.options} />
		<//>`;
}
