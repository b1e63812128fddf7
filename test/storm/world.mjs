// The whole system under a supervisor, with a proxy on every edge: client-gateway, gateway-services, ordering-services, services-PostgreSQL, and the doorbells.
//
//     const world = await startWorld({ random });
//     world.nodes.ordering.kill('SIGKILL');     // comes back by itself after 0 to 3 s
//     world.edges.get('ordering-warehouse').reset();
//     await world.heal();
//     await world.stop();
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BUILD, ROOT } from '../harness/contract.mjs';
import { Program, SERVICES, freePort, startSystem } from '../harness/system.mjs';
import { until } from '../harness/wait.mjs';
import { Node } from './node.mjs';
import { startEdge } from './proxy.mjs';

const run = promisify(execFile);
const POSTGRES = path.join(ROOT, 'deploy/local/postgres.sh');
const PEERS = { ordering: ['customers', 'warehouse', 'shipping', 'billing'], gateway: SERVICES };
const RINGS = { ordering: ['ordering', 'shipping'] }; // whose doorbells it hears
const WORKS_FOR_SERVICE = new RegExp(`: (${SERVICES.join('|')}) \\1 \\[local\\]`);
const IMPOSSIBLE = /SQLSTATE 23(502|503|514)|violates (not-null|foreign key|check) constraint/;
const SHOWN = 10;
const BUS_KEY = 'a key for this storm only';
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

export const canJump = () => fs.existsSync(FAKETIME);

class World {
	constructor(system, random) {
		Object.assign(this, { system, random, nodes: {}, edges: new Map(), counts: {}, failures: [], pending: new Set(), stopping: false, healing: false });
		this.folder = system.folder;
	}

	count(what) {
		this.counts[what] = (this.counts[what] ?? 0) + 1;
	}

	fail(why) {
		this.failures.push(why);
	}

	// A pause that healing cuts short.
	later(ms) {
		return new Promise((resolve) => {
			const end = () => {
				clearTimeout(timer);
				this.pending.delete(end);
				resolve();
			};
			const timer = setTimeout(end, ms);
			this.pending.add(end);
		});
	}

	async edge(name, target) {
		const edge = await startEdge(name, target);
		edge.fired = (kind) => this.count(kind);
		this.edges.set(name, edge);
		return edge;
	}

	socket(name) {
		return path.join(this.folder, `${name}.sock`);
	}

	async build({ bus }) {
		const ports = {};
		for (const name of SERVICES) {
			const edge = await this.edge(`${name}-postgres`, { path: path.join(this.system.database, '.s.PGSQL.5432') });
			this.database ??= {};
			this.database[name] = `host=127.0.0.1 port=${edge.port} sslmode=disable gssencmode=disable user=${name} dbname=${name}`;
			ports[name] = await freePort();
		}
		for (const name of SERVICES) {
			const flags = await this.peerFlags(name);
			if (bus) flags.push(...await this.busFlags(name, ports));
			this.add(name, [`--listen=unix:${this.socket(name)}`, ...flags], { [`QUAYSIDE_${name.toUpperCase()}_DATABASE`]: this.database[name],
				...(bus ? { [`QUAYSIDE_${name.toUpperCase()}_BUS_KEY`]: BUS_KEY } : {}) });
		}
		const http = await freePort();
		this.add('gateway', [`--http-listen=127.0.0.1:${http}`, ...await this.peerFlags('gateway')]);
		this.front = await this.edge('client-gateway', { host: '127.0.0.1', port: http });
		this.http = http;
	}

	async peerFlags(name) {
		const flags = [];
		for (const peer of PEERS[name] ?? []) {
			const edge = await this.edge(`${name}-${peer}`, { path: this.socket(peer) });
			flags.push(`--${peer}-address=127.0.0.1:${edge.port}`);
		}
		return flags;
	}

	async busFlags(name, ports) {
		const heard = [];
		for (const peer of RINGS[name] ?? []) heard.push(`tcp://127.0.0.1:${(await this.edge(`bus:${peer}-${name}`, { host: '127.0.0.1', port: ports[peer] })).port}`);
		return [`--bus-publish=tcp://127.0.0.1:${ports[name]}`, `--bus-subscribe=${heard.join(',')}`];
	}

	add(name, args, environment) {
		this.nodes[name] = new Node(this, name, new Program(name, args, this.folder, environment));
	}

	// Starts a process anew, in a clock that is wrong by so many seconds.
	jump(node, seconds) {
		if (!node.kill('SIGKILL')) return false;
		node.next = { LD_PRELOAD: FAKETIME, FAKETIME: `${seconds < 0 ? '' : '+'}${seconds}s`, DONT_FAKE_MONOTONIC: '1' };
		return true;
	}

	// ---- PostgreSQL ----

	// Processes of the server, by what they say they are: those that work for a service (not for the auditor), and some of its own.
	async postgres() {
		const data = fs.existsSync(path.join(this.system.cluster, 'data.path')) ? fs.readFileSync(path.join(this.system.cluster, 'data.path'), 'utf8').trim()
			: path.join(this.system.cluster, 'data');
		const pid = Number(fs.readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
		const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
		const titled = children.map((child) => ({ pid: child, title: fs.readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }));
		return { pid, backends: titled.filter(({ title }) => WORKS_FOR_SERVICE.test(title)), others: titled.filter(({ title }) => /checkpointer|walwriter/.test(title)) };
	}

	postgresLog() {
		return fs.readFileSync(path.join(this.system.cluster, 'postgres.log'), 'utf8');
	}

	// What repeating does not excuse: values that a table may never hold (SQLSTATE 23502, 23503, 23514), as the server or a service says it.
	impossible() {
		const services = Object.values(this.nodes).map(({ program }) => fs.readFileSync(program.log, 'utf8'));
		return [this.postgresLog(), ...services].flatMap((log) => log.split('\n').filter((line) => IMPOSSIBLE.test(line))).slice(0, SHOWN);
	}

	async administer(query) {
		const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-h', this.system.database, '-U', 'postgres', '-d', 'postgres', '-c', query]);
		return stdout;
	}

	// After a crash of the postmaster its children take a moment to notice; until they have, it cannot be started again.
	async restartPostgres(delay) {
		await this.later(delay);
		await until('PostgreSQL to start again', () => run(POSTGRES, ['start', this.system.cluster]).then(() => true), 60_000);
	}

	// ---- Together ----

	ready(name) {
		if (name === 'gateway') return fetch(`http://127.0.0.1:${this.http}/readyz`, { signal: AbortSignal.timeout(2000) }).then((answer) => answer.ok);
		return this.system.serving(name);
	}

	async allReady(ms = 30_000) {
		await Promise.all(Object.keys(this.nodes).map((name) => until(`${name} to be ready`, () => this.ready(name).catch(() => false), ms)));
	}

	async heal() {
		this.healing = true;
		for (const end of [...this.pending]) end();
		for (const edge of this.edges.values()) edge.heal();
		await pause(0);
		await this.restartPostgres(0);
		for (const node of Object.values(this.nodes)) {
			if (node.jumped || node.next) {
				node.next = undefined;
				node.kill('SIGKILL');
			} else if (!node.program.running && !node.doomed) {
				node.start();
			}
		}
	}

	// Resident memory in kB and open descriptors of each process, and connections to each database.
	async figures() {
		const seen = {};
		for (const [name, { program }] of Object.entries(this.nodes)) {
			const status = fs.readFileSync(`/proc/${program.pid}/status`, 'utf8');
			seen[name] = { rss: Number(/VmRSS:\s+(\d+)/.exec(status)[1]), fds: fs.readdirSync(`/proc/${program.pid}/fd`).length, threads: Number(/Threads:\s+(\d+)/.exec(status)[1]), connections: 0 };
		}
		const query = `SELECT datname, count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = usename AND application_name <> 'psql' GROUP BY datname`;
		const stdout = await this.administer(query);
		for (const [name, connections] of stdout.trim().split('\n').map((line) => line.split('|'))) if (seen[name]) seen[name].connections = Number(connections);
		return seen;
	}

	async stop() {
		this.stopping = true;
		for (const { drain } of Object.values(this.nodes)) clearTimeout(drain);
		for (const end of [...this.pending]) end();
		const ended = {};
		for (const [name, node] of Object.entries(this.nodes).reverse()) if (node.program.process) ended[name] = await node.program.stop();
		for (const edge of this.edges.values()) edge.close();
		await this.system.stop();
		return ended;
	}
}

export async function startWorld({ random, bus = true }) {
	const system = await startSystem({ services: [], gateway: false });
	const world = new World(system, random);
	try {
		await world.build({ bus: bus && knowsBus() });
		for (const node of Object.values(world.nodes)) node.start();
		await world.allReady();
		await world.administer('CHECKPOINT'); // so that recovering is from what the storm did, not from making the databases
	} catch (error) {
		await world.stop();
		throw error;
	}
	return world;
}

function knowsBus() {
	return fs.readFileSync(path.join(BUILD, 'bin/ordering')).includes('bus-subscribe');
}
