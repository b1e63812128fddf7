// One product: data, stock, and the ledger of its movements.
import { html, useState } from '../../vendor/htm-preact.js';
import { get, segment, send } from '../api.js';
import { measure, packaging, productState } from '../enums.js';
import { formatQuantity, formatTaxRate } from '../format.js';
import { useLive } from '../live.js';
import { FormDialog } from '../ui/dialog.js';
import { Card, Facts, Live, Page } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { Link, Maybe, Money, Quantity, State, Time } from '../ui/values.js';
import { MOVEMENT_COLUMNS } from './movements.js';
import { LEVEL_COLUMNS, StockButtons, StockDialog } from './stock.js';

const MOVEMENTS_SHOWN = 10;

/** "Bag of 250 g". */
export function contentOf({ packaging: pack, contentQuantity, measure: unit }) {
	const content = contentQuantity && `${formatQuantity(contentQuantity)} ${measure.label(unit)}`.trim();
	return [packaging.label(pack), content].filter(Boolean).join(' of ') || html`<${Maybe} />`;
}

export function ProductPage({ sku }) {
	const path = `/v1/products/${segment(sku)}`;
	const live = useLive((signal) => get(path, {}, signal), [path]);
	const product = live.data;
	return html`
		<${Page} title=${product?.name ?? 'Product'} parent=${['Products', '/products']} live=${live}
			status=${product && html`<${State} of=${productState} value=${product.state} />`}
			actions=${product && html`<${Actions} product=${product} path=${path} />`}>
			${(product) => html`
				<div class="columns">
					<div><${Stock} sku=${sku} /><${Movements} sku=${sku} /></div>
					<aside><${Card} title="Details"><${Details} product=${product} /><//></aside>
				</div>`}
		<//>`;
}

function Details({ product }) {
	return html`
		<${Facts} of=${[
			['SKU', product.sku],
			product.description && ['Description', product.description],
			['Net price', html`<${Money} value=${product.unitPrice} />`],
			['Tax rate', formatTaxRate(product.taxRateBasisPoints)],
			['Package', contentOf(product)],
			['Weight', html`<${Maybe}>${product.weightGrams && `${formatQuantity(product.weightGrams)} g`}<//>`],
			['Low below', html`<${Maybe}>${product.reorderLevel && html`<${Quantity} value=${product.reorderLevel} />`}<//>`],
			['Created', html`<${Time} value=${product.createTime} />`],
			['Last changed', html`<${Time} value=${product.updateTime} />`],
		]} />`;
}

function Actions({ product, path }) {
	const [asked, ask] = useState(false);
	return html`
		<${Link} class="button" to="/products/${product.sku}/edit">Edit<//>
		${product.state === 'PRODUCT_STATE_ACTIVE' && html`<button type="button" onClick=${() => ask(true)}>Archive</button>`}
		${asked && html`<${ArchiveDialog} product=${product} path=${path} close=${() => ask(false)} />`}`;
}

function ArchiveDialog({ product, path, close }) {
	const [seen] = useState(product.etag);
	const form = { send: (body, key) => send('POST', `${path}:archive`, { key, etag: seen, body }) };
	return html`
		<${FormDialog} title="Archive ${product.name}" action="Archive" said="Product archived." danger=${true} form=${form} close=${close}>
			<p>It can no longer be ordered. What is reserved stays reserved, and what is in stock stays there.</p>
		<//>`;
}

function Stock({ sku }) {
	const live = useLive((signal) => get('/v1/stock', { sku }, signal), [sku]);
	const [asked, ask] = useState();
	const actions = html`
		<${Link} to="/reservations" query=${{ sku }}>Reservations<//>
		<${StockButtons} sku=${sku} ask=${ask} />`;
	return html`
		<${Card} title="Stock" plain=${true} actions=${actions}>
			<${Live} of=${live} show=${({ levels = [] }) => html`
				<${Table} caption="Stock" columns=${LEVEL_COLUMNS} rows=${levels} keyOf=${(one) => one.locationId} empty="Nothing has been received yet." />`} />
		<//>
		${asked && html`<${StockDialog} asked=${asked} close=${() => ask(undefined)} />`}`;
}

function Movements({ sku }) {
	const live = useLive((signal) => get(`/v1/stock/${segment(sku)}/movements`, { pageSize: MOVEMENTS_SHOWN }, signal), [sku]);
	const all = live.data?.nextPageToken && html`<${Link} to="/products/${sku}/movements">All movements<//>`;
	return html`
		<${Card} title="Newest movements" plain=${true} actions=${all}>
			<${Live} of=${live} show=${({ movements = [] }) => html`
				<${Table} caption="Newest movements" columns=${MOVEMENT_COLUMNS} rows=${movements} keyOf=${(one) => one.movementId}
					empty="Nothing has moved yet." />`} />
		<//>`;
}
