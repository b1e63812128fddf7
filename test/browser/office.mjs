// What a test needs to be there before it looks at a view, made through the gateway as any other client would.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { startSystem } from '../harness/system.mjs';
import { until } from '../harness/wait.mjs';

const ADDRESS = { recipient: 'Hafenkontor', line1: 'Am Kai 1', postalCode: '20095', city: 'Hamburg', countryCode: 'DE' };

class Office {
	constructor(system) {
		this.system = system;
		this.url = system.url;
	}

	async send(method, path, body) {
		const headers = { 'Idempotency-Key': randomUUID(), 'Content-Type': 'application/json' };
		const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
		const answer = await response.json();
		assert.ok(response.ok, `${method} ${path}: ${JSON.stringify(answer)}`);
		return answer;
	}

	get(path) {
		return this.send('GET', path);
	}

	customer(company) {
		const addresses = [{ label: 'Office', address: { ...ADDRESS, recipient: company }, defaultShipping: true, defaultBilling: true }];
		return this.send('POST', '/v1/customers', { firstName: 'Maren', lastName: 'Brandt', company, email: 'maren@example.com', addresses });
	}

	async product(sku, name, stock, reorderLevel = 0) {
		const unitPrice = { currencyCode: 'EUR', minorUnits: '1000' };
		await this.send('POST', '/v1/products', { sku, name, unitPrice, taxRateBasisPoints: 1900, reorderLevel: String(reorderLevel) });
		if (stock) await this.send('POST', `/v1/stock/${sku}:receive`, { quantity: String(stock), reference: 'DN-1' });
	}

	/** An open order; `items` are [sku, quantity]. */
	async order(customer, items = []) {
		let order = await this.send('POST', '/v1/orders', { customerId: customer.customerId });
		for (const [sku, quantity] of items) order = await this.send('POST', `/v1/orders/${order.orderId}/items`, { sku, quantity: String(quantity) });
		return order;
	}

	/** Places an open order; answers its shipment. */
	async place({ orderId }) {
		await this.send('POST', `/v1/orders/${orderId}:place`, {});
		return until('the shipment', async () => (await this.get(`/v1/shipments?orderId=${orderId}`)).shipments?.[0]);
	}

	/** Places and dispatches an open order; answers its invoice. */
	async ship(order) {
		const { shipmentId } = await this.place(order);
		await this.send('POST', `/v1/shipments/${shipmentId}:dispatch`, { carrier: 'DHL' });
		return until('the invoice', async () => (await this.get(`/v1/invoices?orderId=${order.orderId}`)).invoices?.[0]);
	}

	close() {
		return this.system.stop?.();
	}
}

/** A system of its own, or the one that is named in QUAYSIDE_URL. */
export async function openOffice() {
	const url = process.env.QUAYSIDE_URL;
	return new Office(url ? { url } : await startSystem());
}
