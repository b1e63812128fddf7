// Every view with something to show: accessible in light and dark, on a desk and in a hand, without a complaint and without scrolling sideways.
// test-seconds: 400
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from './browser.mjs';
import { openOffice } from './office.mjs';

const LOOKS = [
	{ name: 'light, on a desk', context: { colorScheme: 'light', viewport: { width: 1280, height: 900 } } },
	{ name: 'dark, in a hand', context: { colorScheme: 'dark', viewport: { width: 390, height: 844 }, hasTouch: true } },
];

describe('every view', () => {
	let office, views;

	before(async () => {
		office = await openOffice();
		views = await fill(office);
	});
	after(() => office?.close());

	for (const { name, context } of LOOKS) {
		it(`${name}, is accessible and fits`, async () => {
			const browser = await openBrowser(office.url, context);
			try {
				for (const [path, heading] of views) await look(browser, path, heading);
				assert.deepEqual(browser.complaints, []);
			} finally {
				await browser.close();
			}
		});
	}
});

async function look(browser, path, heading) {
	await browser.open(path);
	await browser.at(heading);
	await browser.audit();
	const overhang = await browser.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	assert.ok(overhang <= 0, `${path} is ${overhang} pixels too wide`);
}

/** Something of everything; answers the views to look at, with their headings. */
async function fill(office) {
	const customer = await office.customer('Nordlicht Kaffeerösterei und Feinkosthandel');
	const blocked = await office.customer('Murphy’s Deli');
	await office.send('POST', `/v1/customers/${blocked.customerId}:block`, { reason: 'Three invoices overdue' });
	await office.product('VIEW-PLENTY', 'Harbour Blend espresso beans, roasted to order', 500);
	await office.product('VIEW-LOW', 'Linden honey', 3, 12);
	const open = await office.order(customer, [['VIEW-PLENTY', 3], ['VIEW-LOW', 1]]);
	const cancelled = await office.order(customer, [['VIEW-LOW', 1]]);
	await office.send('POST', `/v1/orders/${cancelled.orderId}:cancel`, { reason: 'Ordered twice' });
	const pending = await office.place(await office.order(customer, [['VIEW-PLENTY', 2]]));
	const invoice = await office.ship(await office.order(customer, [['VIEW-PLENTY', 5]]));
	const unpaid = await office.ship(await office.order(customer, [['VIEW-PLENTY', 1]]));
	await office.send('POST', `/v1/invoices/${invoice.invoiceId}:recordPayment`, { amount: invoice.gross, method: 'Bank transfer' });
	return [
		['/', 'Today'],
		['/customers', 'Customers'],
		['/customers/+new', 'New customer'],
		[`/customers/${customer.customerId}`, customer.company],
		[`/customers/${blocked.customerId}`, blocked.company],
		[`/customers/${customer.customerId}/edit`, 'Edit customer'],
		['/products', 'Products'],
		['/products/+new', 'New product'],
		['/products/VIEW-LOW', 'Linden honey'],
		['/products/VIEW-LOW/movements', 'Movements of VIEW-LOW'],
		['/products/VIEW-LOW/edit', 'Edit product'],
		['/stock', 'Stock'],
		['/reservations', 'Reservations'],
		['/orders', 'Orders'],
		['/orders/+new', 'New order'],
		[`/orders/${open.orderId}`, open.number],
		[`/orders/${cancelled.orderId}`, cancelled.number],
		[`/orders/${invoice.orderId}`, invoice.orderNumber],
		['/shipments', 'Pick list'],
		['/shipments?state=ALL', 'Shipments'],
		[`/shipments/${pending.shipmentId}`, `Shipment of ${pending.orderNumber}`],
		[`/shipments/${invoice.shipmentId}`, `Shipment of ${invoice.orderNumber}`],
		['/invoices', 'Invoices'],
		[`/invoices/${invoice.invoiceId}`, invoice.number],
		[`/invoices/${unpaid.invoiceId}`, unpaid.number],
		['/orders/01234567-89ab-7def-8123-456789abcdef', 'Order'],
		['/nowhere', 'Not found'],
	];
}
