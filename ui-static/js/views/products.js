// All products.
import { html } from '../../vendor/htm-preact.js';
import { productState } from '../enums.js';
import { formatTaxRate } from '../format.js';
import { Choice, Search } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Link, Money, State } from '../ui/values.js';
import { contentOf } from './product.js';

const COLUMNS = [
	{ label: 'SKU', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.sku}<//>`, fixed: true },
	{ label: 'Name', cell: (one) => one.name },
	{ label: 'Package', cell: contentOf, minor: true },
	{ label: 'State', cell: (one) => html`<${State} of=${productState} value=${one.state} />` },
	{ label: 'Tax', cell: (one) => formatTaxRate(one.taxRateBasisPoints), end: true, minor: true },
	{ label: 'Net price', cell: (one) => html`<${Money} value=${one.unitPrice} />`, end: true },
];

export function ProductsPage({ path, query }) {
	return html`
		<${ListPage} title="Products" path=${path} query=${query} columns=${COLUMNS} keyOf=${(one) => one.sku}
			source="/v1/products" rows="products" filter=${{ query: query.query, state: productState.full(query.state) }}
			empty="No products yet." actions=${html`<${Link} class="button primary" to="/products/+new">New product<//>`}>
			<${Search} label="SKU, name or description" value=${query.query} />
			<${Choice} label="State" name="state" value=${query.state} options=${productState.options} />
		<//>`;
}
