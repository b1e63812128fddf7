// The ledger of one product's stock, newest first: its sum is the stock.
import { html } from '../../vendor/htm-preact.js';
import { segment } from '../api.js';
import { movementKind } from '../enums.js';
import { formatQuantity } from '../format.js';
import { ListPage } from '../ui/list.js';
import { Link, Maybe, Quantity, State, Time } from '../ui/values.js';

export const MOVEMENT_COLUMNS = [
	{ label: 'When', cell: (one) => html`<${Time} value=${one.time} />` },
	{ label: 'Kind', cell: (one) => html`<${State} of=${movementKind} value=${one.kind} />` },
	{ label: 'Why', cell: (one) => html`<${Maybe}>${why(one)}<//>` },
	{ label: 'By', cell: (one) => html`<${Maybe}>${one.actor}<//>`, minor: true },
	{ label: 'Location', cell: (one) => one.locationId, minor: true },
	{ label: 'Packages', cell: (one) => html`<span class="number">${signed(one.quantity)}</span>`, end: true },
	{ label: 'On hand', cell: (one) => html`<${Quantity} value=${one.onHand} />`, end: true },
];

export function MovementsPage({ sku, path, query }) {
	return html`
		<${ListPage} title="Movements of ${sku}" parent=${[sku, `/products/${sku}`]} path=${path} query=${query}
			columns=${MOVEMENT_COLUMNS} keyOf=${(one) => one.movementId}
			source="/v1/stock/${segment(sku)}/movements" rows="movements" empty="Nothing has moved yet." />`;
}

/** A shipment's movement refers to the shipment; others to what the user wrote. */
function why({ kind, reason, reference }) {
	if (kind !== 'STOCK_MOVEMENT_KIND_SHIPMENT') return [reference, reason].filter(Boolean).join(', ');
	return reference && html`<${Link} to="/shipments/${reference}">Shipment<//>`;
}

const signed = (quantity) => (BigInt(quantity ?? 0) > 0n ? '+' : '') + formatQuantity(quantity);
