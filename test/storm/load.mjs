// What a company does all day, by several people at once who do not give up: each repeats what was not answered, with the same key, until it is.
//
//     const load = new Load({ port, recorder, random, clients: 8 });
//     await load.open();                 // customers and products
//     load.start(); ...; await load.finish(60_000);   // everyone ends what he has begun
//     load.figures()                     // { ok, fail, unknown, p50, p99, ... }
import { setTimeout as pause } from 'node:timers/promises';
import { ADDRESS, EUR } from '../harness/fixtures.mjs';
import { HttpClient } from './http-client.mjs';
import { Keys } from './keys.mjs';
import { Silence } from './silence.mjs';

const CUSTOMERS = 'quayside.customers.v1.CustomerService';
const PRODUCTS = 'quayside.warehouse.v1.ProductService';
const STOCK = 'quayside.warehouse.v1.StockService';
const ORDERS = 'quayside.ordering.v1.OrderService';
const SHIPMENTS = 'quayside.shipping.v1.ShipmentService';
const INVOICES = 'quayside.billing.v1.InvoiceService';

const HOT = 12;
const COLD = 40;
const REMEMBERED = 200;
const THINKING = 20; // milliseconds
const AGAIN = 150; // milliseconds before the first repetition; doubled from one to the next
const AGAIN_MAX = 1500;

// What is done, and how often.
export const WRITES = ['SubmitOrder', 'CreateOrder', 'AddOrderItem', 'UpdateOrderItem', 'RemoveOrderItem', 'PlaceOrder', 'CancelOrder', 'DispatchShipment', 'DeliverShipment',
	'RecordPayment', 'ReceiveStock', 'AdjustStock'];
const MIX = [['submit', 30], ['build', 15], ['ship', 22], ['cancel', 6], ['race', 6], ['deliver', 6], ['pay', 10], ['receive', 8], ['adjust', 4], ['look', 10]];

export class Load {
	constructor({ port, recorder, random, clients = 8 }) {
		Object.assign(this, { port, recorder, random, clients, stopping: false });
		this.customers = [];
		this.skus = [];
		this.orders = [];
		this.shipments = [];
		this.dispatched = [];
		this.answers = { ok: 0, fail: 0, unknown: 0 };
		this.methods = {}; // how often each ended well
		this.reasons = {};
		this.lostRaces = 0;
		this.keys = new Keys(this);
		this.times = [];
		this.silence = new Silence();
	}

	async ask(api, method, request, { write = true } = {}) {
		const key = write ? uuid(this.random) : undefined;
		const outcome = await this.insist(api, method, request, key);
		if (write && outcome.type === 'ok') await this.keys.acknowledged(api, { method, request, key, first: outcome });
		return outcome;
	}

	// One request and its repetitions; when all is ending, what nobody has answered of the reads is left alone.
	async insist(api, method, request, key) {
		const kind = key ? `writes of ${method.split('.')[1]}` : 'reads';
		this.silence.ask(kind);
		for (let tries = 0; ; tries++) {
			const began = performance.now();
			const outcome = await this.recorder.call(api, method, request, { key });
			this.note(method, outcome, performance.now() - began);
			if (outcome.type !== 'unknown' || (!key && this.stopping)) {
				this.silence.answer(kind);
				return outcome;
			}
			await this.wait(tries);
		}
	}

	// With jitter, so that those who failed together do not come back together.
	wait(tries) {
		const longest = Math.min(AGAIN * 2 ** Math.min(tries, 10), AGAIN_MAX);
		return pause(this.random.between(longest / 2, longest));
	}

	note(method, { type, error }, ms) {
		this.answers[type]++;
		if (type === 'ok') {
			const [, name] = method.split('/');
			this.methods[name] = (this.methods[name] ?? 0) + 1;
			this.times.push(ms);
		} else {
			const reason = `${error.codeName} ${error.reason ?? ''}`.trim();
			this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
		}
	}

	async open() {
		const api = new HttpClient(this.port);
		const must = async (...call) => {
			const outcome = await this.ask(api, ...call);
			if (outcome.type !== 'ok') throw outcome.error;
			return outcome.answer;
		};
		for (let i = 0; i < 10; i++) {
			const customer = { first_name: 'Storm', last_name: `Number ${i}`, email: `storm${i}@example.com`, addresses: [{ address: ADDRESS, default_shipping: true, default_billing: true }] };
			this.customers.push((await must(`${CUSTOMERS}/CreateCustomer`, { customer })).customer_id);
		}
		for (let i = 0; i < HOT + COLD; i++) {
			const sku = `STORM-${i}`;
			await must(`${PRODUCTS}/CreateProduct`, { product: { sku, name: `Thing ${i}`, unit_price: EUR(String(100 + i * 7)), tax_rate_basis_points: i % 3 === 0 ? 700 : 1900 } });
			await must(`${STOCK}/ReceiveStock`, { sku, quantity: i < HOT ? '30' : '400', reference: 'opening' });
			this.skus.push(sku);
		}
		api.close();
	}

	start() {
		this.stopping = false;
		this.running = Array.from({ length: this.clients }, () => this.person());
	}

	// Fails when somebody still has no answer after so many milliseconds.
	async finish(ms) {
		this.stopping = true;
		const late = new AbortController();
		const waiting = pause(ms, true, { signal: late.signal }).catch(() => false);
		const tooLong = await Promise.race([waiting, Promise.all(this.running).then(() => false)]);
		late.abort();
		if (tooLong) throw new Error(`after ${Math.round(ms)} ms there was no answer yet to ${JSON.stringify(this.silence.waiting())}`);
	}

	// What was acknowledged, by as many as work.
	async replayKept() {
		const clients = Array.from({ length: this.clients }, () => new HttpClient(this.port));
		const counts = await Promise.all(clients.map((api, i) => this.keys.replayKept(api, i, this.clients)));
		for (const api of clients) api.close();
		return counts.reduce((sum, count) => sum + count, 0);
	}

	async person() {
		const api = new HttpClient(this.port);
		const total = MIX.reduce((sum, [, weight]) => sum + weight, 0);
		while (!this.stopping) {
			let at = this.random.fraction() * total;
			const [action] = MIX.find(([, weight]) => (at -= weight) < 0);
			await this[action](api);
			await pause(this.random.fraction() * THINKING);
		}
		api.close();
	}

	sku() {
		return this.random.chance(0.6) ? this.skus[this.random.whole(0, HOT - 1)] : this.random.pick(this.skus);
	}

	remember(list, thing) {
		list.push(thing);
		if (list.length > REMEMBERED) list.shift();
	}

	// Takes one that nobody else will take.
	take(list) {
		return list.length === 0 ? undefined : list.splice(this.random.whole(0, list.length - 1), 1)[0];
	}

	placed({ order_id, shipment_ids }) {
		this.remember(this.orders, order_id);
		for (const shipment_id of shipment_ids ?? []) this.remember(this.shipments, { shipment_id, order_id });
	}

	async submit(api) {
		const lines = Array.from({ length: this.random.whole(1, 4) }, () => ({ sku: this.sku(), quantity: String(this.random.whole(1, 3)) }));
		const { type, answer } = await this.ask(api, `${ORDERS}/SubmitOrder`, { customer_id: this.random.pick(this.customers), lines });
		if (type === 'ok') this.placed(answer);
	}

	// An order as it is put together in the browser.
	async build(api) {
		const { type, answer } = await this.ask(api, `${ORDERS}/CreateOrder`, { customer_id: this.random.pick(this.customers), name: 'storm' });
		if (type !== 'ok') return;
		let { items } = answer;
		const { order_id } = answer;
		for (let n = this.random.whole(1, 3); n > 0; n--) {
			const added = await this.ask(api, `${ORDERS}/AddOrderItem`, { order_id, sku: this.sku(), quantity: String(this.random.whole(1, 3)) });
			if (added.type === 'ok') ({ items } = added.answer);
		}
		if (items.length > 0 && this.random.chance(0.5)) {
			await this.ask(api, `${ORDERS}/UpdateOrderItem`, { order_id, item_id: items[0].item_id, quantity: String(this.random.whole(1, 4)) });
		}
		if (items.length > 1 && this.random.chance(0.5)) await this.ask(api, `${ORDERS}/RemoveOrderItem`, { order_id, item_id: items[1].item_id });
		this.remember(this.orders, order_id);
		if (items.length === 0 || this.random.chance(0.1)) return;
		const placed = await this.ask(api, `${ORDERS}/PlaceOrder`, { order_id });
		if (placed.type === 'ok') this.placed(placed.answer);
	}

	// All of it, or a part; the rest is a shipment of its own then.
	async ship(api, shipment = this.take(this.shipments)) {
		if (!shipment) return undefined;
		const { shipment_id } = shipment;
		const request = { shipment_id, carrier: 'DHL', tracking_number: uuid(this.random).slice(0, 8) };
		if (this.random.chance(0.3)) {
			const { type, answer } = await this.ask(api, `${SHIPMENTS}/GetShipment`, { shipment_id }, { write: false });
			const line = type === 'ok' && answer.lines.find(({ quantity }) => Number(quantity) > 1);
			if (line) request.lines = [{ item_id: line.item_id, quantity: '1' }];
		}
		const { type } = await this.ask(api, `${SHIPMENTS}/DispatchShipment`, request);
		if (type !== 'ok') return type;
		this.remember(this.dispatched, shipment);
		if (request.lines) await this.findRest(api, shipment);
		return type;
	}

	async findRest(api, { order_id, shipment_id }) {
		const { type, answer } = await this.ask(api, `${SHIPMENTS}/ListShipments`, { order_id, state: 'SHIPMENT_STATE_PENDING' }, { write: false });
		if (type !== 'ok') return;
		for (const rest of answer.shipments) if (rest.shipment_id !== shipment_id) this.remember(this.shipments, { shipment_id: rest.shipment_id, order_id });
	}

	async cancel(api) {
		if (this.orders.length > 0) await this.ask(api, `${ORDERS}/CancelOrder`, { order_id: this.random.pick(this.orders), reason: 'changed my mind' });
	}

	// One cancels what another is just sending off.
	async race(api) {
		const shipment = this.take(this.shipments);
		if (!shipment) return;
		const other = new HttpClient(this.port);
		const cancelling = this.ask(api, `${ORDERS}/CancelOrder`, { order_id: shipment.order_id, reason: 'race' });
		const [cancelled, sent] = await Promise.all([cancelling, this.ship(other, shipment)]);
		if (cancelled.type !== sent) this.lostRaces++;
		other.close();
	}

	async deliver(api) {
		const shipment = this.take(this.dispatched);
		if (!shipment) return;
		await this.ask(api, `${SHIPMENTS}/DeliverShipment`, { shipment_id: shipment.shipment_id });
		this.remember(this.orders, shipment.order_id);
	}

	async pay(api) {
		const shipment = this.dispatched.length > 0 && this.random.pick(this.dispatched);
		if (!shipment) return;
		const { type, answer } = await this.ask(api, `${INVOICES}/ListInvoices`, { order_id: shipment.order_id }, { write: false });
		const invoice = type === 'ok' && answer.invoices.find(({ open }) => Number(open?.minor_units ?? 0) > 0);
		if (!invoice) return;
		const open = Number(invoice.open.minor_units);
		const part = this.random.chance(0.5) ? open : this.random.whole(1, open);
		await this.ask(api, `${INVOICES}/RecordPayment`, { invoice_id: invoice.invoice_id, amount: EUR(String(part)), method: 'bank transfer' });
	}

	async receive(api) {
		await this.ask(api, `${STOCK}/ReceiveStock`, { sku: this.sku(), quantity: String(this.random.whole(3, 10)), reference: 'storm' });
	}

	async adjust(api) {
		await this.ask(api, `${STOCK}/AdjustStock`, { sku: this.sku(), quantity: String(this.random.chance(0.5) ? 1 : -1), reason: 'counted' });
	}

	async look(api) {
		const [method, request] = this.random.pick([[`${ORDERS}/ListOrders`, { page_size: 10 }], [`${STOCK}/ListStock`, { page_size: 10 }],
			[`${ORDERS}/GetOrder`, { order_id: this.orders.at(-1) ?? uuid(this.random) }]]);
		await this.ask(api, method, request, { write: false });
	}

	figures() {
		const sorted = [...this.times].sort((a, b) => a - b);
		const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
		return { ...this.answers, replays: this.keys.replays, reuses: this.keys.reuses, p50: at(0.5), p99: at(0.99) };
	}
}

// A UUID (version 4) by the storm's own chance.
function uuid(random) {
	const hex = Array.from({ length: 32 }, () => random.whole(0, 15).toString(16));
	hex[12] = '4';
	hex[16] = '89ab'[random.whole(0, 3)];
	return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
