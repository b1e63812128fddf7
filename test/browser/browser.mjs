// A real browser in front of a real system, watched: whatever the page complains about (a violated content security policy, an error, a request
// that failed) is kept and fails the test that asks.
//
//     const browser = await openBrowser(system.url);
//     await browser.open('/orders');
//     await browser.press('New order');
//     await browser.audit();                      // accessibility of what is shown now
//     assert.deepEqual(browser.complaints, []);
//     await browser.close();
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { patience } from '../harness/wait.mjs';

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => fs.existsSync(path));
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
	'--disable-sync'];
const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

class Browser {
	complaints = [];

	constructor(program, page, url) {
		Object.assign(this, { program, page, url });
		page.setDefaultTimeout(patience(10_000));
		page.context().on('console', (message) => this.#hear(message));
		page.context().on('weberror', (error) => this.complaints.push(String(error.error())));
	}

	/** A refused request is the browser's business to mention and the page's to deal with; everything else is a fault. */
	#hear(message) {
		const refused = /^Failed to load resource: .* status of 4\d\d/.test(message.text()) && message.location().url.includes('/v1/');
		if (['error', 'warning'].includes(message.type()) && !refused) this.complaints.push(message.text());
	}

	async open(path) {
		await this.page.goto(`${this.url}/#${path}`);
	}

	/** Clicks the link or button with this name. */
	async press(name, role = 'button') {
		await this.page.getByRole(role, { name, exact: true }).click();
	}

	async follow(name) {
		await this.press(name, 'link');
	}

	/** Goes to one of the areas by the navigation at the side. */
	async area(name) {
		await this.page.getByRole('navigation', { name: 'Areas' }).getByRole('link', { name }).click();
	}

	/** Fills fields by their labels. */
	async fill(values) {
		for (const [label, value] of Object.entries(values)) await this.page.getByRole('textbox', { name: label }).fill(value);
	}

	/** Types into a combobox and takes the first option that comes up with this text. */
	async pick(label, text) {
		await this.page.getByRole('combobox', { name: label }).pressSequentially(text);
		await this.page.getByRole('option', { name: text }).first().click();
	}

	/** Waits for the view with this heading. */
	async at(heading) {
		await this.page.getByRole('heading', { level: 1, name: heading, exact: typeof heading === 'string' }).waitFor();
	}

	/** Waits for a text anywhere in the content. */
	async see(text) {
		await this.page.getByRole('main').getByText(text).filter({ visible: true }).first().waitFor();
	}

	/** Waits for the record that is shown to be in this state, as the badge beside the heading says. */
	async inState(label) {
		await this.page.locator('.page-title').getByText(label, { exact: true }).waitFor();
	}

	/** Waits for the focus to be on what begins with this text: a heading, a button, a field with this label. */
	async focusOn(text) {
		await this.page.waitForFunction((text) => {
			const element = document.activeElement;
			return (element.labels?.[0] ?? element).textContent.trim().startsWith(text);
		}, text);
	}

	/** Waits until nothing is being loaded, then fails if an accessibility rule is violated. */
	async audit() {
		await this.page.waitForFunction(() => !document.querySelector('.loading, .stale') && document.getAnimations().length === 0);
		await this.page.evaluate(AXE);
		const { violations } = await this.page.evaluate(() => axe.run());
		const faults = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
		assert.deepEqual(faults, [], `${this.page.url()} is accessible`);
	}

	async close() {
		await this.program.close();
	}
}

export async function openBrowser(url, context = {}) {
	const program = await chromium.launch({ executablePath: PROGRAM, args: QUIET });
	const page = await program.newPage({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...context });
	return new Browser(program, page, url);
}
