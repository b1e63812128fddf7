// Comboboxes for the two records that orders are made of.
import { html } from '../../vendor/htm-preact.js';
import { get } from '../api.js';
import { customerName, formatMoney, formatQuantity } from '../format.js';
import { Combobox } from './combobox.js';

const SHOWN = 6;

export const customerOption = (customer) => ({
	value: customer.customerId,
	text: customerName(customer),
	detail: [customer.company && `${customer.firstName} ${customer.lastName}`, customer.email].filter(Boolean).join(', '),
	note: customer.addresses?.[0]?.address?.city ?? '',
});

/** An active customer; the value is customerOption() of it. */
export function CustomerPicker(props) {
	return html`<${Combobox} find=${findCustomers} nothing="No active customer matches." ...${props} />`;
}

async function findCustomers(query, signal) {
	const { customers = [] } = await get('/v1/customers', { query, status: 'CUSTOMER_STATUS_ACTIVE', pageSize: SHOWN }, signal);
	return customers.map(customerOption);
}

/** A product on sale, with its price and what of it can be sold. The option's value is the SKU. */
export function ProductPicker(props) {
	return html`<${Combobox} find=${findProducts} nothing="No product on sale matches." ...${props} />`;
}

async function findProducts(query, signal) {
	const { products = [] } = await get('/v1/products', { query, state: 'PRODUCT_STATE_ACTIVE', pageSize: SHOWN }, signal);
	const available = await Promise.all(products.map(({ sku }) => availableOf(sku, signal)));
	return products.map((product, index) => ({
		value: product.sku,
		text: product.name,
		detail: `${product.sku} · ${formatMoney(product.unitPrice)}`,
		note: `${formatQuantity(available[index])} available`,
	}));
}

/** What of a product can still be sold, over all stock locations. */
export async function availableOf(sku, signal) {
	const { levels = [] } = await get('/v1/stock', { sku }, signal);
	return levels.reduce((sum, level) => sum + BigInt(level.available ?? 0), 0n);
}
