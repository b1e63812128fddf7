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

const columnsWith = (ask) => [
	{ label: 'SKU', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.sku}<//>`, fixed: true },
	{ label: 'Product', cell: (one) => one.name },
	...LEVEL_COLUMNS.map((column) => ({ ...column, minor: column.label !== 'Available' })),
	{ label: 'Low below', cell: (one) => html`<${Quantity} value=${one.reorderLevel} />`, end: true, minor: true },
	{
		label: html`<span class="unseen">Actions</span>`,
		cell: (one) => html`<span class="actions"><${StockButtons} sku=${one.sku} locationId=${one.locationId} ask=${ask} /></span>`,
		end: true,
	},
];

export function StockPage({ path, query }) {
	const [asked, ask] = useState();
	const filter = { query: query.query, lowStockOnly: query.low === 'yes' };
	return html`
		<${ListPage} title="Stock" path=${path} query=${query} columns=${columnsWith(ask)} keyOf=${(one) => `${one.sku} ${one.locationId}`}
			source="/v1/stock" rows="levels" filter=${filter} empty="No products yet.">
			<${Search} label="SKU or name" value=${query.query} />
			<${Switch} label="Low stock only" name="low" value=${query.low} />
		<//>
		${asked && html`<${StockDialog} asked=${asked} close=${() => ask(undefined)} />`}`;
}

/** Buttons that ask for a StockDialog, about one stock location or, without `locationId`, the main one. */
export function StockButtons({ sku, locationId, ask }) {
	return html`
		<button type="button" aria-label="Receive ${sku}" onClick=${() => ask({ Dialog: ReceiveDialog, sku, locationId })}>Receive</button>
		<button type="button" aria-label="Adjust ${sku}" onClick=${() => ask({ Dialog: AdjustDialog, sku, locationId })}>Adjust</button>`;
}

export const StockDialog = ({ asked: { Dialog, ...rest }, close }) => html`<${Dialog} ...${rest} close=${close} />`;

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
