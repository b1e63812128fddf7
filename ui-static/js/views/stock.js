// What is in stock, and booking goods in.
import { html, useState } from '../../vendor/htm-preact.js';
import { segment, send } from '../api.js';
import { formatQuantity, parseDecimal } from '../format.js';
import { FormDialog } from '../ui/dialog.js';
import { NumberField, TextField } from '../ui/fields.js';
import { Search, Switch } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Badge, Link, Quantity } from '../ui/values.js';

export const LEVEL_COLUMNS = [
	{ label: 'Location', cell: (one) => one.locationId },
	{ label: 'On hand', cell: (one) => html`<${Quantity} value=${one.onHand} />`, end: true },
	{ label: 'Reserved', cell: (one) => html`<${Quantity} value=${one.reserved} />`, end: true },
	{ label: 'Available', cell: (one) => html`${one.low && html`<${Badge} tone="bad">Low<//> `}<${Quantity} value=${one.available} />`, end: true },
];

const COLUMNS = [
	{ label: 'SKU', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.sku}<//>` },
	{ label: 'Product', cell: (one) => one.name },
	...LEVEL_COLUMNS.map((column) => ({ ...column, minor: column.label !== 'Available' })),
	{ label: 'Low below', cell: (one) => html`<${Quantity} value=${one.reorderLevel} />`, end: true, minor: true },
	{ label: html`<span class="unseen">Actions</span>`, cell: (one) => html`<${StockActions} sku=${one.sku} locationId=${one.locationId} />`, end: true },
];

export function StockPage({ path, query }) {
	const filter = { query: query.query, lowStockOnly: query.low === 'yes' };
	return html`
		<${ListPage} title="Stock" path=${path} query=${query} columns=${COLUMNS} keyOf=${(one) => `${one.sku} ${one.locationId}`}
			source="/v1/stock" rows="levels" filter=${filter} empty="No products yet.">
			<${Search} label="SKU or name" value=${query.query} />
			<${Switch} label="Low stock only" name="low" value=${query.low} />
		<//>`;
}

/** Buttons to book goods of one product, in one stock location or, without `locationId`, in the main one. */
export function StockActions({ sku, locationId }) {
	const [dialog, open] = useState();
	const close = () => open(undefined);
	return html`
		<span class="actions">
			<button type="button" aria-label="Receive ${sku}" onClick=${() => open('receive')}>Receive</button>
			<button type="button" aria-label="Adjust ${sku}" onClick=${() => open('adjust')}>Adjust</button>
		</span>
		${dialog === 'receive' && html`<${ReceiveDialog} sku=${sku} locationId=${locationId} close=${close} />`}
		${dialog === 'adjust' && html`<${AdjustDialog} sku=${sku} locationId=${locationId} close=${close} />`}`;
}

function ReceiveDialog({ sku, locationId, close }) {
	const form = {
		initial: { quantity: '', reference: '', reason: '' },
		prepare: withQuantity,
		send: (body, key) => send('POST', `/v1/stock/${segment(sku)}:receive`, { key, body: { ...body, locationId } }),
	};
	return html`
		<${FormDialog} title="Receive ${sku}" action="Receive" said="Goods received." form=${form} close=${close}>
			<${NumberField} name="quantity" label="Packages" required=${true} />
			<${TextField} name="reference" label="Delivery note" maxlength="100" />
			<${TextField} name="reason" label="Remark" maxlength="200" />
		<//>`;
}

function AdjustDialog({ sku, locationId, close }) {
	const form = {
		initial: { quantity: '', reason: '' },
		prepare: withQuantity,
		send: (body, key) => send('POST', `/v1/stock/${segment(sku)}:adjust`, { key, body: { ...body, locationId } }),
	};
	return html`
		<${FormDialog} title="Adjust ${sku}" action="Adjust" said="Stock adjusted." form=${form} close=${close}>
			<${NumberField} name="quantity" label="Difference" required=${true} hint="Packages: 3 if three more were found, -3 if three are missing" />
			<${TextField} name="reason" label="Reason" required=${true} maxlength="200"
				suggestions=${['Stock count', 'Breakage', 'Expired', 'Found']} />
		<//>`;
}

function withQuantity(values, fail) {
	const quantity = parseDecimal(values.quantity, 0);
	if (quantity === undefined) fail('quantity', 'a whole number');
	return { ...values, quantity: String(quantity ?? 0) };
}
