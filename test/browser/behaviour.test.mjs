// What the UI does when things are not as in the main job: wrong entries, lost answers, somebody who was faster, a server that is away, no mouse.
// test-seconds: 400
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { patience, until } from '../harness/wait.mjs';
import { openBrowser } from './browser.mjs';
import { openOffice } from './office.mjs';

const dialog = (browser) => browser.page.getByRole('dialog');

describe('the back office', () => {
	let office, browser;

	before(async () => {
		office = await openOffice();
		await office.product('DESK-1', 'Writing desk', 100);
	});
	beforeEach(async () => {
		browser = await openBrowser(office.url);
	});
	afterEach(() => browser.close());
	after(() => office?.close());

	it('tells what is wrong with which field, and leads there', async () => {
		await browser.open('/customers/+new');
		await browser.fill({ 'First name': 'Ada', 'E-mail': 'nowhere' });
		await browser.press('Create customer');
		const summary = browser.page.getByRole('alert');
		await summary.waitFor();
		await browser.focusOn('2 entries need another look');
		const named = await summary.getByRole('link').allTextContents();
		assert.deepEqual(named.map((text) => text.split(':')[0]), ['Last name', 'E-mail']);
		await summary.getByRole('link', { name: /^Last name/ }).click();
		const field = browser.page.getByRole('textbox', { name: 'Last name' });
		await browser.focusOn('Last name');
		assert.equal(await field.getAttribute('aria-invalid'), 'true');
		const description = await field.evaluate((input) => document.getElementById(input.getAttribute('aria-describedby')).textContent);
		assert.ok((await summary.getByRole('link', { name: /^Last name/ }).textContent()).endsWith(description));
		assert.equal(await browser.page.getByRole('textbox', { name: 'First name' }).getAttribute('aria-invalid'), 'false');
		await browser.audit();
		await browser.fill({ 'Last name': 'Lindqvist', 'E-mail': 'ada@example.com' });
		await browser.press('Create customer');
		await browser.at('Ada Lindqvist');
	});

	it('does nothing twice when an answer is lost', async () => {
		let lost = 0;
		await browser.page.route('**/v1/customers', async (route) => {
			if (route.request().method() !== 'POST' || lost++) return route.continue();
			await route.fetch();
			return route.abort();
		});
		await browser.open('/customers/+new');
		await browser.fill({ 'First name': 'Once', 'Last name': 'Only', Company: 'Once Only Ltd', 'E-mail': 'once@example.com' });
		await browser.press('Create customer');
		await browser.page.getByRole('alert').getByText('cannot be reached').first().waitFor();
		await browser.press('Create customer');
		await browser.at('Once Only Ltd');
		const { customers } = await office.get('/v1/customers?query=once+only');
		assert.equal(customers.length, 1);
	});

	it('overwrites nothing that somebody else has changed', async () => {
		const customer = await office.customer('Before');
		await browser.open(`/customers/${customer.customerId}/edit`);
		await browser.fill({ Company: 'Mine' });
		await office.send('PATCH', `/v1/customers/${customer.customerId}`, { company: 'Theirs' });
		await browser.press('Save');
		await browser.page.getByRole('alert').getByText('Changed by someone else').waitFor();
		assert.equal((await office.get(`/v1/customers/${customer.customerId}`)).company, 'Theirs');
		await browser.audit();
		await browser.press('Show the newer version');
		await browser.page.waitForFunction(() => [...document.querySelectorAll('input')].some((input) => input.value === 'Theirs'));
		await browser.fill({ Company: 'Ours' });
		await browser.press('Save');
		await browser.at('Ours');
	});

	it('keeps what a form does not show', async () => {
		const customer = await office.customer('Keeper');
		await browser.open(`/customers/${customer.customerId}/edit`);
		await browser.fill({ Phone: '', Company: 'Keeper 2' });
		await browser.press('Save');
		await browser.at('Keeper 2');
		const saved = await office.get(`/v1/customers/${customer.customerId}`);
		assert.deepEqual({ ...saved, company: '', etag: '', updateTime: '' }, { ...customer, company: '', etag: '', updateTime: '' });
	});

	it('shows what happens elsewhere without being asked', async () => {
		const customer = await office.customer('Elsewhere');
		const order = await office.order(customer, [['DESK-1', 1]]);
		await browser.open(`/orders/${order.orderId}`);
		await browser.inState('Open');
		await office.ship(order);
		await browser.page.evaluate(() => dispatchEvent(new Event('focus')));
		await browser.inState('Completed');
		await browser.page.getByRole('main').getByRole('link', { name: /^INV-/ }).waitFor();
	});

	it('shows it at once, long before it would look by itself', async () => {
		const customer = await office.customer('At Once');
		const order = await office.order(customer, [['DESK-1', 1]]);
		const change = (name) => office.send('PATCH', `/v1/orders/${order.orderId}`, { name });
		const opened = browser.page.waitForResponse((response) => response.url().endsWith('/v1/orders:watch'));
		await browser.open(`/orders/${order.orderId}`);
		await opened;
		await browser.inState('Open');
		for (const name of ['First name given', 'Second name given']) {
			const began = performance.now();
			await change(name);
			await browser.see(name);
			assert.ok(performance.now() - began < patience(5000), 'it came by polling');
		}
	});

	it('says that the server is away, and goes on when it is back', async () => {
		await browser.open('/customers');
		await browser.page.getByRole('table').waitFor();
		await browser.page.route('**/v1/**', (route) => route.abort());
		await browser.page.evaluate(() => dispatchEvent(new Event('focus')));
		await browser.see('No connection to the server');
		assert.ok(await browser.page.getByRole('table').isVisible(), 'what was read stays');
		await browser.page.unroute('**/v1/**');
		await browser.page.evaluate(() => dispatchEvent(new Event('focus')));
		await browser.page.getByText('No connection to the server').waitFor({ state: 'detached' });
	});

	it('blocks and unblocks a customer', async () => {
		const customer = await office.customer('Blocked Ltd');
		const order = await office.order(customer, [['DESK-1', 1]]);
		await browser.open(`/customers/${customer.customerId}`);
		await browser.press('Block');
		await dialog(browser).getByRole('button', { name: 'Block' }).click();
		await dialog(browser).getByRole('link', { name: /^Reason/ }).waitFor();
		await dialog(browser).getByRole('textbox', { name: 'Reason' }).fill('Three invoices overdue');
		await dialog(browser).getByRole('button', { name: 'Block' }).click();
		await browser.inState('Blocked');
		await browser.see('Three invoices overdue');
		assert.equal(await browser.page.getByRole('link', { name: 'New order' }).count(), 0);
		await browser.open(`/orders/${order.orderId}`);
		await browser.press('Place order');
		await dialog(browser).getByRole('button', { name: 'Place order' }).click();
		await dialog(browser).getByRole('alert').getByText(/blocked/i).first().waitFor();
		await browser.page.keyboard.press('Escape');
		await browser.open(`/customers/${customer.customerId}`);
		await browser.press('Unblock');
		await dialog(browser).getByRole('button', { name: 'Unblock' }).click();
		await browser.inState('Active');
	});

	it('cancels an open order and gives its goods back', async () => {
		const [before] = (await office.get('/v1/stock?sku=DESK-1')).levels;
		const order = await office.order(await office.customer('Cancelled'), [['DESK-1', 7]]);
		await browser.open(`/orders/${order.orderId}`);
		await browser.press('Cancel order');
		await dialog(browser).getByRole('textbox', { name: 'Reason' }).fill('Ordered twice');
		await dialog(browser).getByRole('button', { name: 'Cancel order' }).click();
		await browser.inState('Cancelled');
		await browser.see('Ordered twice');
		assert.equal(await browser.page.getByRole('button', { name: /Place|Cancel|Add|Change|Remove/ }).count(), 0);
		await until('the goods to be back', async () => (await office.get('/v1/stock?sku=DESK-1')).levels[0].available === before.available);
	});

	it('dispatches a part, and cancels what has not left', async () => {
		const order = await office.order(await office.customer('In Parts Ltd'), [['DESK-1', 5]]);
		const { shipmentId } = await office.place(order);
		await browser.open(`/shipments/${shipmentId}`);
		await browser.press('Dispatch');
		await browser.fill({ 'Writing desk': '6' });
		await dialog(browser).getByRole('button', { name: 'Dispatch' }).click();
		await browser.page.getByRole('alert').getByText('a whole number from 0 to 5').waitFor();
		await browser.fill({ 'Writing desk': '2' });
		await browser.audit();
		await dialog(browser).getByRole('button', { name: 'Dispatch' }).click();
		await browser.inState('On its way');
		await browser.page.getByRole('main').getByRole('link', { name: order.number }).click();
		await browser.inState('Partly shipped');
		await browser.see('2 shipped');
		await browser.see('To be packed');
		await browser.press('Cancel order');
		await browser.audit();
		await dialog(browser).getByRole('button', { name: 'Cancel order' }).click();
		await browser.see('3 cancelled');
		await browser.inState('Completed');
		const { reservations } = await office.get(`/v1/reservations?orderId=${order.orderId}`);
		assert.deepEqual(reservations.map(({ quantity, state }) => [quantity, state]), [['2', 'RESERVATION_STATE_FULFILLED']]);
	});

	it('shows a packing slip on paper', async () => {
		const { shipmentId } = await office.place(await office.order(await office.customer('Slip Ltd'), [['DESK-1', 3]]));
		await browser.open(`/shipments/${shipmentId}`);
		const [slip] = await Promise.all([browser.page.waitForEvent('popup'), browser.page.getByRole('link', { name: 'Packing slip' }).click()]);
		await slip.getByRole('heading', { name: /^Packing slip ORD-/ }).waitFor();
		await slip.getByRole('row', { name: 'DESK-1 Writing desk 3' }).waitFor();
	});

	it('removes an item and adjusts stock', async () => {
		await office.product('LAMP-1', 'Desk lamp', 10);
		const order = await office.order(await office.customer('Remover'), [['DESK-1', 1], ['LAMP-1', 2]]);
		await browser.open(`/orders/${order.orderId}`);
		await browser.press('Remove Writing desk');
		await dialog(browser).getByRole('button', { name: 'Remove' }).click();
		await browser.page.getByRole('row', { name: /Writing desk/ }).waitFor({ state: 'detached' });
		assert.equal((await office.get(`/v1/orders/${order.orderId}`)).items.length, 1);
		await browser.area('Stock');
		await browser.press('Adjust LAMP-1');
		await browser.fill({ Difference: '-9' });
		await dialog(browser).getByRole('combobox', { name: 'Reason' }).fill('Breakage');
		await dialog(browser).getByRole('button', { name: 'Adjust' }).click();
		await dialog(browser).getByRole('alert').waitFor();
		await browser.fill({ Difference: '-8' });
		await dialog(browser).getByRole('button', { name: 'Adjust' }).click();
		await dialog(browser).waitFor({ state: 'detached' });
		await browser.page.getByRole('row', { name: /LAMP-1 .* 2 2 0/ }).waitFor();
	});

	it('changes and archives a product', async () => {
		await office.product('ARCH-1', 'Old chair', 1);
		await browser.open('/products/ARCH-1/edit');
		await browser.fill({ 'Net price': '99,95', 'Tax rate': '7.5', Description: 'Oak' });
		await browser.press('Save');
		await browser.see('€99.95');
		await browser.see('7.5%');
		await browser.press('Archive');
		await dialog(browser).getByRole('button', { name: 'Archive' }).click();
		await browser.inState('Archived');
		await browser.page.getByRole('button', { name: 'Archive' }).waitFor({ state: 'detached' });
	});

	it('edits an order and marks a shipment as delivered', async () => {
		const order = await office.order(await office.customer('Delivered'), [['DESK-1', 1]]);
		await browser.open(`/orders/${order.orderId}`);
		await browser.press('Edit');
		await browser.fill({ Name: 'For the office', Note: 'Ring twice' });
		await browser.press('Save');
		await browser.see('Ring twice');
		const { shipmentId } = await office.ship(order);
		await browser.open(`/shipments/${shipmentId}`);
		await browser.press('Mark as delivered');
		await browser.fill({ 'Received by': 'Ms Brandt' });
		await browser.press('Delivered');
		await browser.inState('Delivered');
		await browser.see('Ms Brandt');
	});

	it('keeps filters in the address', async () => {
		await browser.open('/orders');
		await browser.page.getByLabel('State').selectOption('Cancelled');
		await browser.page.waitForURL(/state=CANCELLED/);
		await browser.page.reload();
		await browser.at('Orders');
		await browser.page.waitForFunction(() => document.querySelector('main select').value === 'CANCELLED');
		await browser.area('Orders');
		await browser.page.waitForFunction(() => !location.hash.includes('CANCELLED') && document.querySelector('main select').value === '');
	});

	it('goes through long lists page by page', async () => {
		const company = 'Pages';
		for (let number = 1; number <= 51; number++) await office.customer(company);
		await browser.open('/customers?query=pages');
		await browser.page.getByRole('row').nth(50).waitFor();
		await browser.follow('Next page');
		await browser.page.waitForURL(/page=/);
		await browser.page.getByRole('row').nth(2).waitFor({ state: 'detached' });
		await browser.page.getByRole('row').nth(1).waitFor();
		await browser.follow('First page');
		await browser.page.getByRole('row').nth(50).waitFor();
	});

	it('needs no mouse', async () => {
		const { page } = browser;
		const customer = await office.customer('Keyboard & Sons');
		await browser.open('/');
		await browser.at('Today');
		await page.keyboard.press('Tab');
		await browser.focusOn('Skip to the content');
		await page.keyboard.press('Enter');
		await page.waitForFunction(() => document.activeElement.id === 'main');
		await page.getByRole('main').getByRole('link', { name: 'New order' }).focus();
		await page.keyboard.press('Enter');
		await browser.at('New order');
		await browser.focusOn('New order');
		await page.waitForFunction(() => document.title === 'New order · Quayside');
		await page.keyboard.press('Tab');
		await page.keyboard.type('keyboard');
		await page.getByRole('option', { name: 'Keyboard & Sons' }).waitFor();
		await page.keyboard.press('Enter');
		await page.waitForFunction(() => document.activeElement.value === 'Keyboard & Sons');
		await page.keyboard.press('Enter');
		await browser.at(/^ORD-/);
		await page.getByRole('combobox', { name: 'Product' }).focus();
		await page.keyboard.type('writing');
		await page.getByRole('option', { name: 'Writing desk' }).waitFor();
		await page.keyboard.press('Enter');
		await page.keyboard.press('Tab');
		await page.keyboard.press('Enter');
		await page.getByRole('row', { name: /Writing desk/ }).waitFor();
		await browser.focusOn('Product');
		await page.getByRole('button', { name: 'Place order' }).focus();
		await page.keyboard.press('Enter');
		await dialog(browser).waitFor();
		await page.keyboard.press('Escape');
		await dialog(browser).waitFor({ state: 'detached' });
		await browser.focusOn('Place order');
		await page.getByRole('button', { name: 'Place order' }).press('Enter');
		await dialog(browser).getByRole('button', { name: 'Cancel' }).press('Enter');
		await dialog(browser).waitFor({ state: 'detached' });
		await browser.focusOn('Place order');
		assert.equal((await office.get(`/v1/orders?customerId=${customer.customerId}`)).orders[0].state, 'ORDER_STATE_OPEN');
	});
});
