// One who looks on: reads the gateway's live stream of orders all the time, comes back whenever it was cut off, and goes on where it was.
//
//     const watcher = new Watcher(world.front.port);
//     watcher.start(); ...
//     await watcher.caughtUp(system, 10_000);
//     for (const fault of await watcher.faults(system)) ...     // lost, doubled or out of order, as words
//     watcher.stop();
import http from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../harness/wait.mjs';

const PATH = '/v1/orders:watch';
const AGAIN = 200; // milliseconds
const QUIET_MAX = 20_000; // the stream says something every 15 s; one that does not is dead
const SHOWN = 10;

export class Watcher {
	constructor(port) {
		Object.assign(this, { port, last: undefined, first: undefined, ids: [], streams: 0, stopped: false });
	}

	start() {
		this.running = this.run();
	}

	async run() {
		while (!this.stopped) {
			await this.stream();
			if (!this.stopped) await pause(AGAIN);
		}
	}

	// From one connection to its end, however it ends.
	stream() {
		return new Promise((resolve) => {
			const headers = this.last === undefined ? {} : { 'last-event-id': this.last };
			this.request = http.get({ host: '127.0.0.1', port: this.port, path: PATH, headers, agent: false, timeout: QUIET_MAX }, (response) => {
				response.on('error', () => {});
				if (response.statusCode === 200) this.listen(response);
				else this.refused(response);
			});
			this.request.on('timeout', () => this.request.destroy(new Error('silence')));
			this.request.on('error', () => {});
			this.request.on('close', resolve);
		});
	}

	// Events as HTML 9.2.6 has them: what no empty line ends is none.
	listen(response) {
		let event = {};
		this.streams++;
		const lines = createInterface({ input: response });
		lines.on('error', () => {}); // newer Node hands on the response's
		lines.on('line', (line) => {
			if (line === '') {
				this.take(event);
				event = {};
			} else {
				const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
				event[name] = value;
			}
		});
	}

	take({ id, data, event }) {
		if (data === undefined || event === 'problem') return;
		this.first ??= Number(id);
		this.last = id;
		if (JSON.parse(data).order) this.ids.push(Number(id));
	}

	// Nothing is forgotten in a storm, so each token is known.
	refused(response) {
		response.setEncoding('utf8').on('data', (text) => {
			if (response.statusCode < 500) this.broken ??= `token ${this.last} was refused: ${text}`;
		});
	}

	async changes(system) {
		const rows = await system.sql('ordering', `SELECT position FROM outbox WHERE type = 'quayside.ordering.v1.OrderChanged' AND position > ${this.first ?? 0} ORDER BY position`);
		return rows.map(([position]) => Number(position));
	}

	async caughtUp(system, ms) {
		const last = (await this.changes(system)).at(-1);
		if (last !== undefined) await until('the watcher to catch up', () => this.ids.at(-1) >= last, ms);
	}

	async faults(system) {
		const expected = await this.changes(system);
		const seen = new Set(this.ids);
		const all = new Set(expected);
		const found = {
			'out of order or doubled': this.ids.filter((id, i) => i > 0 && id <= this.ids[i - 1]),
			lost: expected.filter((id) => !seen.has(id)),
			'never written': this.ids.filter((id) => !all.has(id)),
		};
		const words = Object.entries(found).filter(([, ids]) => ids.length > 0).map(([what, ids]) => `${ids.length} changes ${what}: ${ids.slice(0, SHOWN).join(', ')}`);
		return this.broken ? [this.broken, ...words] : words;
	}

	stop() {
		this.stopped = true;
		this.request?.destroy();
		return this.running;
	}
}
