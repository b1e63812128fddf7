// The main job, by clicking as the staff would: customer, product, goods in, order, items, place, dispatch, invoice, payment. Each view on the way
// is checked for accessibility; the page must not complain once, not even about its own content security policy.
// test-seconds: 240
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startSystem } from '../harness/system.mjs';
import { openBrowser } from './browser.mjs';

describe('the main job in the browser', () => {
	let system, browser;

	before(async () => {
		system = process.env.QUAYSIDE_URL ? { url: process.env.QUAYSIDE_URL, stop() {} } : await startSystem();
		browser = await openBrowser(system.url);
	});
	after(async () => {
		await browser?.close();
		await system?.stop();
	});

	it('starts with nothing to do', async () => {
		await browser.open('/');
		await browser.at('Today');
		await browser.audit();
	});

	it('creates a customer with an address', async () => {
		await browser.area('Customers');
		await browser.follow('New customer');
		await browser.fill({ 'First name': 'Ada', 'Last name': 'Lindqvist', Company: 'Lindqvist Import' });
		await browser.fill({ 'E-mail': 'ada@example.com', Phone: '+46 40 123' });
		await browser.press('Add an address');
		await browser.fill({ 'Street and number': 'Norra Kajen 4', 'Postal code': '211 20', City: 'Malmö', Country: 'se' });
		await browser.see('Sweden');
		await browser.audit();
		await browser.press('Create customer');
		await browser.at('Lindqvist Import');
		await browser.see('Norra Kajen 4');
		await browser.see('Create customer');
		await browser.audit();
	});

	it('finds the customer in the list', async () => {
		await browser.area('Customers');
		await browser.page.getByRole('searchbox').fill('lindqvist malmö');
		await browser.page.waitForURL(/query=lindqvist/);
		await browser.page.getByRole('link', { name: 'Lindqvist Import' }).waitFor();
		await browser.audit();
	});

	it('creates a product', async () => {
		await browser.area('Products');
		await browser.follow('New product');
		await browser.fill({ SKU: 'TEA-EG-250', Name: 'Earl Grey, loose leaf', 'Net price': '12.90', 'Tax rate': '19', Content: '250', 'Low below': '5' });
		await browser.page.getByLabel('Packed as').selectOption('Bag');
		await browser.page.getByLabel('Measured in').selectOption('g');
		await browser.audit();
		await browser.press('Create product');
		await browser.at('Earl Grey, loose leaf');
		await browser.see('Bag of 250 g');
		await browser.see('€12.90');
	});

	it('receives goods', async () => {
		await browser.press('Receive TEA-EG-250');
		await browser.fill({ Packages: '40', 'Delivery note': 'DN-1' });
		await browser.audit();
		await browser.press('Receive');
		await browser.see('DN-1');
		await browser.audit();
		await browser.area('Stock');
		await browser.page.getByRole('row', { name: /TEA-EG-250/ }).getByText('40').first().waitFor();
		await browser.audit();
	});

	it('opens an order', async () => {
		await browser.area('Orders');
		await browser.follow('New order');
		await browser.pick('Customer', 'Lindqvist');
		await browser.fill({ Name: 'Spring restock' });
		await browser.audit();
		await browser.press('Open order');
		await browser.at(/^ORD-/);
		await browser.see('No items yet.');
	});

	it('adds items, which are reserved at once', async () => {
		await browser.pick('Product', 'Earl Grey');
		await browser.see('40 available now');
		await browser.fill({ Packages: '30' });
		await browser.press('Add item');
		await browser.see('€387.00');
		await browser.see('€460.53');
		await browser.audit();
	});

	it('says what is available when it is not enough', async () => {
		await browser.pick('Product', 'Earl Grey');
		await browser.see('10 available now');
		await browser.fill({ Packages: '11' });
		await browser.press('Add item');
		await browser.page.getByRole('alert').getByText(/\b10\b|available/).first().waitFor();
		await browser.audit();
	});

	it('changes a quantity', async () => {
		await browser.press('Change Earl Grey, loose leaf');
		await browser.page.getByRole('dialog').getByRole('textbox', { name: 'Packages' }).fill('4');
		await browser.audit();
		await browser.press('Change');
		await browser.see('€61.40');
	});

	it('places the order', async () => {
		await browser.press('Place order');
		await browser.audit();
		await browser.page.getByRole('dialog').getByRole('button', { name: 'Place order' }).click();
		await browser.see('Shipment of 1 item');
		await browser.audit();
		await browser.area('Reservations');
		await browser.see('Confirmed');
		await browser.audit();
	});

	it('dispatches the shipment', async () => {
		await browser.area('Shipments');
		await browser.at('Pick list');
		await browser.see('Lindqvist Import, Malmö');
		await browser.audit();
		await browser.page.getByRole('rowheader').getByRole('link').first().click();
		await browser.at(/^Shipment of ORD-/);
		await browser.audit();
		await browser.press('Dispatch');
		await browser.page.getByRole('dialog').getByRole('combobox', { name: 'Carrier' }).fill('DHL');
		await browser.fill({ 'Tracking number': '00340434161094', 'Tracking address': 'https://example.com/track/00340434161094' });
		await browser.audit();
		await browser.page.getByRole('dialog').getByRole('button', { name: 'Dispatch' }).click();
		await browser.inState('On its way');
	});

	it('issues the invoice and completes the order by itself, without a refresh', async () => {
		await browser.page.getByRole('main').getByRole('link', { name: /^INV-/ }).waitFor();
		await browser.page.getByRole('main').getByRole('link', { name: /^ORD-/ }).click();
		await browser.inState('Completed');
		await browser.see('Unpaid');
		await browser.audit();
	});

	it('shows the invoice on paper', async () => {
		await browser.page.getByRole('main').getByRole('link', { name: /^INV-/ }).click();
		await browser.at(/^INV-/);
		await browser.audit();
		const [paper] = await Promise.all([browser.page.waitForEvent('popup'), browser.follow('Print view')]);
		await paper.waitForLoadState();
		assert.match(await paper.locator('body').innerText(), /Earl Grey, loose leaf/);
		assert.match(await paper.locator('body').innerText(), /61\.40/);
		assert.equal(await paper.evaluate(() => getComputedStyle(document.querySelector('.lines')).borderCollapse), 'collapse', 'the sheet is styled');
		await paper.close();
	});

	it('books a part of the payment, then the rest', async () => {
		await browser.press('Record a payment');
		await browser.page.getByRole('textbox', { name: 'Amount in EUR' }).fill('21,40');
		await browser.audit();
		await browser.press('Record payment');
		await browser.inState('Partly paid');
		await browser.see('€40.00');
		await browser.press('Record a payment');
		assert.equal(await browser.page.getByRole('textbox', { name: 'Amount in EUR' }).inputValue(), '40.00');
		await browser.press('Record payment');
		await browser.inState('Paid');
		await browser.page.getByRole('button', { name: 'Record a payment' }).waitFor({ state: 'detached' });
		await browser.audit();
		await browser.area('Invoices');
		await browser.see('€0.00');
		await browser.audit();
	});

	it('has moved the stock', async () => {
		await browser.open('/products/TEA-EG-250');
		await browser.page.getByRole('table', { name: 'Newest movements' }).getByRole('row', { name: /-4/ }).waitFor();
		await browser.page.getByRole('table', { name: 'Stock' }).getByRole('row', { name: /MAIN 36 0 36/ }).waitFor();
	});

	it('was never complained about', () => assert.deepEqual(browser.complaints, []));
});
