// What a key promises: the same request gets the same answer, byte for byte, at once and much later; another request under it is refused.
//
//     const keys = new Keys(load);
//     await keys.acknowledged(api, { method, request, key, first });   // after a write: now and then asks again
//     await keys.replayKept(api, 0, 1);                                // long after: some of all of them
//     keys.broken                                                      // what was not as promised, or undefined
import { isDefinite } from './recorder.mjs';

const REPLAYS = 0.05;
const REUSES = 0.01;
const KEPT = 200;
const TEXTS = ['reason', 'reference', 'method', 'name', 'tracking_number', 'last_name'];
const INNER = ['customer', 'product'];
const IDS = ['item_id', 'order_id', 'shipment_id'];

export class Keys {
	constructor(load) {
		Object.assign(this, { load, random: load.random, kept: [], seen: 0, replays: 0, reuses: 0 });
	}

	async acknowledged(api, write) {
		this.keep(write);
		if (this.random.chance(REPLAYS)) await this.replay(api, write);
		if (this.random.chance(REUSES)) await this.reuse(api, write);
	}

	// Each write is kept with the same chance, however many there are (reservoir sampling).
	keep(write) {
		const place = this.random.whole(0, this.seen++);
		if (this.kept.length < KEPT) this.kept.push(write);
		else if (place < KEPT) this.kept[place] = write;
	}

	async replay(api, { method, request, key, first }) {
		this.replays++;
		const again = await this.load.insist(api, method, request, key);
		if (again.type === 'ok' && again.status === first.status && again.bytes.equals(first.bytes)) return;
		this.broken ??= `${method} with key ${key}: first ${first.status} ${first.bytes}, then ${again.type === 'ok' ? `${again.status} ${again.bytes}` : again.error.message}`;
	}

	// One of those who share the work: nth of all.
	async replayKept(api, nth, all) {
		const mine = this.kept.filter((_, i) => i % all === nth);
		for (const write of mine) await this.replay(api, write);
		return mine.length;
	}

	// Not written down: it must not have any effect, so the books must be right without it.
	async reuse(api, { method, request, key }) {
		for (let tries = 0; ; tries++) {
			const error = await api.call(method, different(request), { key }).then(() => undefined, (refusal) => refusal);
			if (error && error.reason !== 'KEY_REUSED' && !isDefinite(error)) {
				await this.load.wait(tries);
				continue;
			}
			this.reuses++;
			if (error?.reason !== 'KEY_REUSED') this.broken ??= `${method} with key ${key} of another request: ${error ? error.message : 'accepted'}`;
			return;
		}
	}
}

// A request as good as this one, for something else.
function different(request) {
	const text = TEXTS.find((name) => name in request);
	const inner = INNER.find((name) => name in request);
	if (text) return { ...request, [text]: `${request[text]} again` };
	if (inner) return { ...request, [inner]: different(request[inner]) };
	if (request.quantity) return { ...request, quantity: String(Number(request.quantity) + 1) };
	if (request.lines) return { ...request, lines: request.lines.map(different) };
	const id = IDS.find((name) => name in request);
	return { ...request, [id]: request[id].replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) };
}
