// A system of its own for a test: a private database cluster, the services asked for, the gateway if asked for. Everything lies in the test's own
// folder, talks over Unix sockets, and is gone when the test ends.
//
//     const system = await startSystem();                      // all five services and the gateway
//     const system = await startSystem({ services: ['customers'], gateway: false });
//     await system.call('quayside.customers.v1.CustomerService/GetCustomer', {...});
//     await fetch(`${system.url}/v1/customers`);
//     await system.stop();                                      // looks whether all invariants hold, too
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { checkWithin, databasesAt, report, violated } from '../check/check.mjs';
import { Client } from './client.mjs';
import { BUILD, decode, ROOT } from './contract.mjs';
import { Hopeless, patience, until } from './wait.mjs';

const run = promisify(execFile);

export const SERVICES = ['customers', 'warehouse', 'shipping', 'billing', 'ordering'];
const PEERS = { ordering: ['customers', 'warehouse', 'shipping', 'billing'] };
const PUBLIC = {
	customers: ['CustomerService'],
	warehouse: ['ProductService', 'StockService', 'ReservationService'],
	ordering: ['OrderService', 'FulfilmentService'],
	shipping: ['ShipmentService'],
	billing: ['InvoiceService'],
};

// A program under test: its process, its log, and how it ended.
export class Program {
	constructor(name, args, folder, environment = {}) {
		this.name = name;
		this.args = args;
		this.environment = environment;
		this.log = path.join(folder, `${name}.log`);
	}

	start() {
		const log = fs.openSync(this.log, 'a');
		const command = process.env.QUAYSIDE_MODE === 'valgrind' ? valgrind(this.name) : [];
		const [program, ...args] = [...command, path.join(BUILD, 'bin', this.name), ...this.args];
		this.process = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...this.environment } });
		fs.closeSync(log);
		this.ended = new Promise((resolve) => this.process.on('exit', (code, signal) => resolve({ code, signal })));
		this.process.on('error', (error) => fs.appendFileSync(this.log, `${error.message}\n`)); // it could not be started
	}

	get pid() {
		return this.process.pid;
	}

	get running() {
		return this.process !== undefined && this.process.exitCode === null && this.process.signalCode === null;
	}

	signal(name) {
		this.process.kill(name);
	}

	// Asks it to end, returns {code, signal, ms}; kills it when it takes too long.
	async stop() {
		if (!this.running) return { code: this.process?.exitCode ?? null, signal: this.process?.signalCode ?? null, ms: 0 };
		const began = performance.now();
		this.signal('SIGCONT');
		this.signal('SIGTERM');
		const timer = setTimeout(() => this.signal('SIGKILL'), patience(15_000));
		const ended = await this.ended;
		clearTimeout(timer);
		return { ...ended, ms: performance.now() - began };
	}

	async kill() {
		this.signal('SIGKILL');
		return this.ended;
	}

	// The log's lines as objects; lines that are no JSON (a sanitizer's report) come as {text}.
	lines() {
		return fs
			.readFileSync(this.log, 'utf8')
			.split('\n')
			.filter(Boolean)
			.map((line) => {
				try {
					return JSON.parse(line);
				} catch {
					return { text: line };
				}
			});
	}
}

function valgrind(name) {
	const report = process.env.QUAYSIDE_REPORTS ?? path.join(os.tmpdir(), 'valgrind');
	return ['valgrind', '--quiet', '--leak-check=full', '--errors-for-leak-kinds=definite', '--show-leak-kinds=definite', '--error-exitcode=99',
		`--log-file=${report}.${name}.%p`];
}

class System {
	constructor(folder) {
		this.folder = folder;
		this.programs = {};
		this.clients = {};
	}

	address(name) {
		return `unix:${path.join(this.folder, name)}.sock`;
	}

	client(name) {
		this.clients[name] ??= new Client(this.address(name));
		return this.clients[name];
	}

	// Calls "quayside.<area>.v1.<Service>/<Method>" where it is served.
	call(method, request, options) {
		return this.client(method.split('.')[1]).call(method, request, options);
	}

	// Rows of a query as arrays of text, straight from a service's database.
	async sql(database, query) {
		const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-h', this.database, '-U', database,
			'-d', database, '-c', query], { maxBuffer: 64 * 1024 * 1024 });
		return stdout.split('\n').filter((line) => line !== '').map((line) => line.split('\t'));
	}

	async startDatabase() {
		this.cluster = path.join(this.folder, 'pg');
		const { stdout } = await run(path.join(ROOT, 'deploy/local/postgres.sh'), ['start', this.cluster]);
		this.database = stdout.trim();
		this.databaseStopped = false;
		await run(path.join(ROOT, 'deploy/local/databases.sh'), [this.database]);
	}

	// Stops the server's processes that work for a service's database, as a machine does that no longer gets on (SIGSTOP). New connections still work.
	async freezeDatabase(name) {
		const rows = await this.sql(name, `SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid() AND backend_type = 'client backend'`);
		this.frozen = rows.map(([pid]) => Number(pid));
		if (this.frozen.length === 0) throw new Error(`nobody is connected to ${name}`);
		for (const pid of this.frozen) process.kill(pid, 'SIGSTOP');
	}

	thawDatabase() {
		for (const pid of this.frozen ?? []) process.kill(pid, 'SIGCONT');
		this.frozen = undefined;
	}

	stopDatabase() {
		this.databaseStopped = true;
		return run(path.join(ROOT, 'deploy/local/postgres.sh'), ['stop', this.cluster]);
	}

	// port: a loopback port to listen on as well, for clients that know no Unix sockets.
	startService(name, flags = [], port = undefined) {
		const peers = (PEERS[name] ?? []).map((peer) => `--${peer}-address=${this.address(peer)}`);
		this.programs[name] = new Program(name, [`--listen=${this.address(name)}${port ? `,127.0.0.1:${port}` : ''}`, ...peers, ...flags],
			this.folder, { [`QUAYSIDE_${name.toUpperCase()}_DATABASE`]: `host=${this.database} user=${name} dbname=${name}` });
		this.programs[name].start();
	}

	async startGateway(flags = []) {
		const port = await freePort();
		const peers = SERVICES.map((peer) => `--${peer}-address=${this.address(peer)}`);
		this.url = `http://127.0.0.1:${port}`;
		this.programs.gateway = new Program('gateway', [`--http-listen=127.0.0.1:${port}`, `--ui-dir=${uiFolder()}`, ...peers, ...flags], this.folder);
		this.programs.gateway.start();
		await until('the gateway', () => this.alive('gateway') && fetch(`${this.url}/healthz`).then((r) => r.ok));
	}

	// Fails at once when the program has ended instead of letting its caller wait.
	alive(name) {
		const program = this.programs[name];
		if (program.running) return true;
		throw new Hopeless(`${name} ended by itself:\n${fs.readFileSync(program.log, 'utf8').slice(-4000)}`);
	}

	serving(name, service = '') {
		return this.client(name)
			.call('grpc.health.v1.Health/Check', { service }, { timeout: patience(2000) })
			.then((reply) => reply.status === 'SERVING');
	}

	async ready(name) {
		await until(`${name} to serve`, () => this.alive(name) && this.serving(name), 20_000);
	}

	// Fails when an invariant does not hold (test/check): with quiescent, for which nothing may be under way any more, after waiting for it.
	async audit({ quiescent = false, seconds = 0 } = {}) {
		if (this.databaseStopped || !SERVICES.some((name) => this.programs[name])) return;
		const results = await checkWithin(seconds, { databases: databasesAt(this.database), quiescent, decode });
		if (violated(results).length > 0) throw new Error(`invariants do not hold:\n${report(violated(results))}`);
	}

	// Ends everything; returns how each program ended. Whatever a test did, what must always hold must hold at its end; with quiescent also what holds when all is done.
	async stop({ quiescent = false, audit = true } = {}) {
		const ended = {};
		try {
			for (const client of Object.values(this.clients)) client.close();
			if (quiescent) await this.audit({ quiescent, seconds: patience(20_000) / 1000 });
		} finally {
			for (const name of Object.keys(this.programs).reverse()) ended[name] = await this.programs[name].stop();
		}
		try {
			if (audit && !quiescent) await this.audit();
		} finally {
			if (this.cluster) await run(path.join(ROOT, 'deploy/local/postgres.sh'), ['destroy', this.cluster]);
			fs.rmSync(this.folder, { recursive: true, force: true });
		}
		return ended;
	}
}

export function serviceNames(name) {
	return PUBLIC[name].map((service) => `quayside.${name}.v1.${service}`);
}

function uiFolder() {
	return [path.join(BUILD, 'ui'), path.join(BUILD, '../ui')].find((folder) => fs.existsSync(folder)) ?? path.join(ROOT, 'ui-static');
}

// A port that nobody uses now. Another process may take it before its user does; then the start fails, and says so.
export function freePort() {
	return new Promise((resolve, reject) => {
		const server = net.createServer();
		server.on('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

// flags: {service: ['--setting=value', ...]}.
export async function startSystem({ services = SERVICES, gateway = true, flags = {} } = {}) {
	const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'q'));
	fs.chmodSync(folder, 0o755);
	const system = new System(folder);
	try {
		await system.startDatabase();
		for (const name of services) system.startService(name, flags[name]);
		await Promise.all(services.map((name) => system.ready(name)));
		if (gateway) await system.startGateway(flags.gateway);
	} catch (error) {
		await system.stop({ audit: false });
		throw error;
	}
	return system;
}
