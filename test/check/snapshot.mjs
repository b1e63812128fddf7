// What all databases say at (almost) one moment: a read-only transaction in each, at the level REPEATABLE READ, opened at once. Each is a psql process of
// its own, so that nothing here is shared with the services.
//
//     const snapshot = await openSnapshot({ customers: 'host=/run/pg user=auditor dbname=customers', ... });
//     for (const row of await snapshot.warehouse.rows('SELECT sku, on_hand FROM stock')) ...   // objects; bigint as number, so sum as text
//     snapshot.warehouse.has('stock', 'on_hand')
//     snapshot.close();
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const BEGIN = 'BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;';
const END = '\u0001end';
const COLUMNS = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()`;

// It could not be looked, so nothing is known: neither good nor bad.
export class CannotCheck extends Error {}

class Session {
	constructor(name, conninfo) {
		this.name = name;
		this.process = spawn('psql', ['-X', '-q', '-A', '-t', '-w', '-v', 'ON_ERROR_STOP=1', '-d', conninfo], { stdio: 'pipe' });
		this.said = '';
		this.waiting = [];
		this.process.stderr.on('data', (text) => (this.said += text));
		this.process.stdin.on('error', () => {}); // it ended: told below
		createInterface({ input: this.process.stdout, crlfDelay: Infinity }).on('line', (line) => this.hear(line));
		this.process.on('error', (error) => this.fail(error.message));
		this.process.on('close', () => this.fail(this.said.trim() || 'psql ended')); // behind its last line
	}

	hear(line) {
		if (line === END) this.waiting.shift().resolve();
		else this.waiting[0].line(line);
	}

	fail(why) {
		this.failure = new CannotCheck(`${this.name}: ${why}`);
		for (const waiting of this.waiting.splice(0)) waiting.reject(this.failure);
	}

	run(text, line = () => {}) {
		return new Promise((resolve, reject) => {
			if (this.failure) {
				reject(this.failure);
				return;
			}
			this.waiting.push({ resolve, reject, line });
			this.process.stdin.write(`${text}\n\\echo ${END}\n`);
		});
	}

	// The moment that this session sees from now on is that of the first statement, not that of BEGIN.
	begin(text) {
		return this.run(`${text} SELECT FROM pg_class LIMIT 0;`);
	}

	async learnShape() {
		this.tables = new Map();
		for (const { table_name: table, column_name: column } of await this.rows(COLUMNS)) {
			if (!this.tables.has(table)) this.tables.set(table, new Set());
			this.tables.get(table).add(column);
		}
	}

	has(table, column) {
		return this.tables.has(table) && (column === undefined || this.tables.get(table).has(column));
	}

	async rows(query) {
		const rows = [];
		await this.run(`SELECT row_to_json(q) FROM (\n${query}\n) AS q;`, (line) => rows.push(JSON.parse(line)));
		return rows;
	}

	close() {
		this.process.stdin.end();
	}
}

// {name: conninfo} -> {name: Session}, and close(). begin: how some of the transactions begin otherwise, {name: SQL}; what a test needs.
export async function openSnapshot(databases, begin = {}) {
	const sessions = Object.entries(databases).map(([name, conninfo]) => new Session(name, conninfo));
	const close = () => sessions.forEach((session) => session.close());
	const all = (step) => Promise.all(sessions.map(step));
	try {
		await all((session) => session.run(''));
		await all((session) => session.begin(begin[session.name] ?? BEGIN));
		await all((session) => session.learnShape());
	} catch (error) {
		close();
		throw error;
	}
	return Object.assign(Object.fromEntries(sessions.map((session) => [session.name, session])), { close });
}
