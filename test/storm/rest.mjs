// Has everything that was begun come to its end? Asked of the databases directly, so that asking passes no fault point.
//
//     const rest = new Rest(host);        // the socket folder of the PostgreSQL server
//     await rest.reached(60_000);         // fails, saying what is still under way
//     await rest.expireLeases();          // as if the leases of a process that died had run out
//     rest.close();
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { SERVICES } from '../harness/system.mjs';
import { until } from '../harness/wait.mjs';

const END = '--end--';

const HAS_SAGAS = "to_regclass('saga') IS NOT NULL";
// Columns: what is not numbered, what is not answered, what is to be handled again, sagas that run, orders on their way, the last position, the consumers' positions.
const EVERYWHERE = `SELECT json_build_object(
	'unnumbered', (SELECT count(*) FROM outbox WHERE position IS NULL),
	'unanswered', (SELECT count(*) FROM idempotency WHERE code IS NULL),
	'requeued', (SELECT count(*) FROM event_parked WHERE tries_left > 0),
	'last', (SELECT last FROM outbox_sequence),
	'cursors', (SELECT coalesce(json_object_agg(producer, position), '{}') FROM consumer_cursor)`;
const ORDERS = `, 'orders', (SELECT count(*) FROM customer_order WHERE state IN ('ORDER_STATE_PLACING', 'ORDER_STATE_CANCELLING'))`;
const SAGAS = `, 'sagas', (SELECT count(*) FROM saga WHERE state IN ('RUNNING', 'COMPENSATING')),
	'parked', (SELECT count(*) FROM saga WHERE state = 'NEEDS_OPERATOR')`;

// A psql that stays, so that a question costs a round trip and not a process; a new one when it was lost.
class Session {
	constructor(host, name) {
		Object.assign(this, { host, name });
	}

	open() {
		const session = spawn('psql', ['-X', '-q', '-A', '-t', '-h', this.host, '-U', this.name, '-d', this.name], { stdio: ['pipe', 'pipe', 'pipe'] });
		const lost = (why) => {
			if (this.process !== session) return;
			this.process = undefined;
			this.waiting?.reject(new Error(`${this.name}: ${why}`));
			this.waiting = undefined;
		};
		session.stdin.on('error', () => {});
		session.on('error', (error) => lost(error.message));
		session.on('close', () => lost(this.said || 'psql ended'));
		session.stderr.on('data', (text) => (this.said = String(text).trim()));
		createInterface({ input: session.stdout }).on('line', (line) => {
			if (line !== END) {
				this.lines.push(line);
			} else {
				const { resolve, reject } = this.waiting;
				this.waiting = undefined;
				if (this.said) reject(new Error(`${this.name}: ${this.said}`));
				else resolve(this.lines);
			}
		});
		this.process = session;
	}

	// One question at a time; others wait for their turn.
	ask(sql) {
		const answer = (this.turn ?? Promise.resolve()).then(() => this.put(sql));
		this.turn = answer.catch(() => {});
		return answer;
	}

	put(sql) {
		if (!this.process) this.open();
		this.lines = [];
		this.said = '';
		return new Promise((resolve, reject) => {
			this.waiting = { resolve, reject };
			this.process.stdin.write(`${sql};\n\\echo ${END}\n`);
		});
	}

	close() {
		this.process?.stdin.end();
	}
}

export class Rest {
	constructor(host, services = SERVICES) {
		this.sessions = Object.fromEntries(services.map((name) => [name, new Session(host, name)]));
	}

	async question(name) {
		this.sagas ??= {};
		this.sagas[name] ??= (await this.sessions[name].ask(`SELECT ${HAS_SAGAS}`))[0];
		return `${EVERYWHERE}${name === 'ordering' ? ORDERS : ''}${this.sagas[name] === 't' ? SAGAS : ''})`;
	}

	async look() {
		const names = Object.keys(this.sessions);
		const seen = await Promise.all(names.map(async (name) => JSON.parse((await this.sessions[name].ask(await this.question(name))).join(''))));
		return Object.fromEntries(names.map((name, i) => [name, seen[i]]));
	}

	// What is under way, as words; empty: nothing.
	async underWay() {
		const seen = await this.look();
		const found = [];
		for (const [name, at] of Object.entries(seen)) {
			for (const what of ['unnumbered', 'unanswered', 'requeued', 'sagas', 'parked', 'orders']) {
				if (Number(at[what] ?? 0) > 0) found.push(`${name}: ${at[what]} ${what}`);
			}
			for (const [producer, position] of Object.entries(at.cursors)) {
				if (seen[producer] && Number(position) < Number(seen[producer].last)) found.push(`${name} is at ${position} of ${seen[producer].last} of ${producer}`);
			}
		}
		return found;
	}

	// Twice in a row: between two of the looks something may have gone from one place to another.
	async reached(ms = 60_000) {
		let left = [];
		let quiet = 0;
		const looked = async () => {
			left = await this.underWay();
			quiet = left.length === 0 ? quiet + 1 : 0;
			return quiet === 2;
		};
		await until('everything to come to rest', looked, ms).catch((error) => {
			throw new Error(`${error.message}: ${left.join(', ')}`, { cause: error.cause });
		});
	}

	// Time passes for what a dead process had taken for itself.
	async expireLeases() {
		for (const name of Object.keys(this.sessions)) {
			await this.question(name);
			if (this.sagas[name] === 't') await this.sessions[name].ask(`UPDATE saga SET lease_until = now() WHERE lease_until > now()`);
		}
	}

	close() {
		for (const session of Object.values(this.sessions)) session.close();
	}
}
