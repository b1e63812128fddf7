// The items of an order; while it is open, they can be added, changed and removed, and each is reserved at once.
import { html, useState } from '../../vendor/htm-preact.js';
import { segment, send } from '../api.js';
import { itemState } from '../enums.js';
import { formatQuantity, formatTaxRate, parseDecimal } from '../format.js';
import { useLive } from '../live.js';
import { FormDialog } from '../ui/dialog.js';
import { NumberField } from '../ui/fields.js';
import { Form, useForm } from '../ui/form.js';
import { Card } from '../ui/page.js';
import { availableOf, ProductPicker } from '../ui/pickers.js';
import { Table, Totals } from '../ui/table.js';
import { toast } from '../ui/toasts.js';
import { Link, Money, Quantity, State } from '../ui/values.js';

const COLUMNS = [
	{ label: 'Product', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.name}<//> <span class="muted minor">${one.sku}</span>` },
	{ label: 'State', cell: (one) => html`<${State} of=${itemState} value=${one.state} />`, minor: true },
	{ label: 'Packages', cell: (one) => html`<${Quantity} value=${one.quantity} />${what(one)}`, end: true },
	{ label: 'Net price', cell: (one) => html`<${Money} value=${one.unitPrice} />`, end: true, minor: true },
	{ label: 'Tax', cell: (one) => formatTaxRate(one.taxRateBasisPoints), end: true, minor: true },
	{ label: 'Net', cell: (one) => html`<${Money} value=${one.net} />`, end: true },
];

/** What became of the packages, where it is not the same for all. */
function what({ quantity, shippedQuantity = '0', cancelledQuantity = '0' }) {
	const parts = [[shippedQuantity, 'shipped'], [cancelledQuantity, 'cancelled']].filter(([count]) => count !== '0' && count !== quantity);
	return parts.map(([count, word]) => html`<br /><span class="muted">${formatQuantity(count)} ${word}</span>`);
}

export function OrderItems({ order, path }) {
	const [asked, ask] = useState();
	const open = order.state === 'ORDER_STATE_OPEN';
	const items = order.items ?? [];
	const close = () => ask(undefined);
	const buttons = {
		label: html`<span class="unseen">Actions</span>`,
		end: true,
		cell: (item) => html`
			<span class="actions">
				<button type="button" aria-label="Change ${item.name}" onClick=${() => ask({ item, Dialog: ChangeDialog })}>Change</button>
				<button type="button" aria-label="Remove ${item.name}" onClick=${() => ask({ item, Dialog: RemoveDialog })}>Remove</button>
			</span>`,
	};
	return html`
		<${Card} title="Items" plain=${true}>
			<${Table} caption="Items" columns=${open ? [...COLUMNS, buttons] : COLUMNS} rows=${items} keyOf=${(one) => one.itemId}
				empty="No items yet." />
			${items.length > 0 && html`<${Totals} of=${[['Net', order.net], ['Tax', order.tax], ['Total', order.gross]]} />`}
			${open && html`<${AddItem} path=${path} />`}
		<//>
		${asked && html`<${asked.Dialog} key=${asked.item.itemId} order=${order} item=${asked.item} path=${path} close=${close} />`}`;
}

/** Adds one product after the other, without leaving the keyboard. */
function AddItem({ path }) {
	const [round, setRound] = useState(0);
	return html`<${AddItemForm} key=${round} first=${round === 0} path=${path} done=${() => setRound(round + 1)} />`;
}

function AddItemForm({ path, first, done }) {
	const form = useForm({
		initial: { quantity: '1' },
		prepare(values, fail) {
			return { sku: values.sku?.value, quantity: wholeNumber(values.quantity, fail) };
		},
		send: (body, key) => send('POST', `${path}/items`, { key, body }),
		done() {
			toast('Item added.');
			done();
		},
	});
	return html`
		<div class="add-item">
			<${Form} form=${form} action="Add item">
				<${ProductPicker} name="sku" label="Product" focused=${!first} />
				<${NumberField} name="quantity" label="Packages" required=${true} />
				${form.values.sku && html`<${Availability} sku=${form.values.sku.value} />`}
			<//>
		</div>`;
}

/** What of a product can be sold right now. */
function Availability({ sku, more = '' }) {
	const { data, stale } = useLive((signal) => availableOf(sku, signal), [sku], { waiting: () => true });
	return html`<p class="availability" role="status">${data !== undefined && !stale && `${formatQuantity(data)} ${more} available now`}</p>`;
}

function ChangeDialog({ order, item, path, close }) {
	const [seen] = useState(order.etag);
	const form = {
		initial: { quantity: item.quantity },
		prepare: (values, fail) => ({ quantity: wholeNumber(values.quantity, fail) }),
		send: (body, key) => send('PATCH', `${path}/items/${segment(item.itemId)}`, { key, etag: seen, body }),
	};
	return html`
		<${FormDialog} title="Change ${item.name}" action="Change" said="Item changed." form=${form} close=${close}>
			<${NumberField} name="quantity" label="Packages" required=${true} hint="In all, not in addition" />
			<${Availability} sku=${item.sku} more="more" />
		<//>`;
}

function RemoveDialog({ order, item, path, close }) {
	const [seen] = useState(order.etag);
	const form = { send: (body, key) => send('DELETE', `${path}/items/${segment(item.itemId)}`, { key, etag: seen }) };
	return html`
		<${FormDialog} title="Remove ${item.name}" action="Remove" said="Item removed." danger=${true} form=${form} close=${close}>
			<p>${formatQuantity(item.quantity)} packages are given back to the stock.</p>
		<//>`;
}

function wholeNumber(text, fail) {
	const number = parseDecimal(text, 0);
	if (number === undefined) fail('quantity', 'a whole number');
	return String(number ?? 0);
}
