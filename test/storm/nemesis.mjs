// What goes wrong, and when: a schedule that follows from the seed alone, and the hands that carry it out.
//
//     const plan = schedule(new Random(seed), 30_000);     // [{ at, kind, target, edge, direction, size, length }], targets as fractions
//     await new Nemesis(world).carryOut(plan);
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { canJump } from './world.mjs';

const run = promisify(execFile);

const GAP = 550; // milliseconds between two faults, on average
const TRIES = 12; // of a fault that struck the air
const FULL = 1_000_000; // bytes: a file that would grow beyond this finds the disk full

// Each kind with its weight and how long it may last (milliseconds).
const KINDS = {
	kill: [34], terminate: [5], pause: [5, 100, 4000], 'clock-jump': [3],
	'kill-postmaster': [2, 0, 1500], 'kill-backend': [2], 'end-backend': [5], 'pause-backend': [3, 100, 3000], 'pause-writer': [1, 100, 2000], 'disk-full': [2, 300, 1500],
	latency: [6, 300, 4000], cut: [8], reset: [6], 'blackhole-up': [4, 200, 4000], 'blackhole-down': [4, 200, 4000], 'half-close': [3], stall: [3, 200, 4000], slice: [4, 300, 3000],
	'lost-answer': [12], refuse: [4, 200, 2000],
};

export const kinds = () => Object.keys(KINDS).filter((kind) => kind !== 'clock-jump' || canJump());

// only: the kinds that may be chosen.
export function schedule(random, ms, only = kinds()) {
	const chosen = Object.entries(KINDS).filter(([kind]) => only.includes(kind));
	const total = chosen.reduce((sum, [, [weight]]) => sum + weight, 0);
	const plan = [];
	// Each kind once, so that a short storm has them all, early enough to try again; the others by weight.
	const once = chosen.map(([kind]) => [random.between(0, ms * 0.7), kind]);
	for (let at = 0; at < ms; at += random.between(0, 2 * GAP)) {
		let share = random.fraction() * total;
		const [kind] = chosen.find(([, [weight]]) => (share -= weight) < 0);
		plan.push([at, kind]);
	}
	return [...once, ...plan].sort((a, b) => a[0] - b[0]).map(([at, kind]) => ({
		at: Math.round(at),
		kind,
		target: random.fraction(),
		up: random.chance(0.5),
		size: Math.round(random.between(1, 2000)),
		length: Math.round(random.between(KINDS[kind][1] ?? 0, KINDS[kind][2] ?? 0)),
	}));
}

const nth = (list, share) => list[Math.floor(share * list.length)];

export class Nemesis {
	constructor(world) {
		this.world = world;
		this.kills = 0;
	}

	async carryOut(plan) {
		const began = performance.now();
		this.lasting = [];
		for (const fault of plan) {
			await pause(Math.max(0, fault.at - (performance.now() - began)));
			if (this.world.healing) break;
			this.lasting.push(this.strike(fault));
		}
		await Promise.all(this.lasting);
	}

	// A fault that finds nothing to strike (the server is down, the process was faster in ending) tries again a little later, at another target.
	async strike(fault) {
		const method = this[fault.kind] ?? this.network;
		for (let tries = 0; tries < TRIES && !this.world.healing; tries++) {
			const struck = await method.call(this, { ...fault, target: (fault.target + tries / TRIES) % 1 }).catch((error) => (this.missed = error, undefined));
			if (struck) this.world.count(fault.kind);
			if (struck || struck === null) return;
			await this.world.later(fault.length || 500);
		}
	}

	node({ target }) {
		return nth(Object.values(this.world.nodes), target);
	}

	async kill(fault) {
		const struck = this.node(fault).kill('SIGKILL');
		this.kills += struck ? 1 : 0;
		return struck;
	}

	async terminate(fault) {
		const struck = this.node(fault).kill('SIGTERM');
		this.kills += struck ? 1 : 0;
		return struck;
	}

	async pause(fault) {
		return this.node(fault).freeze(fault.length);
	}

	async 'clock-jump'(fault) {
		const struck = this.world.jump(this.node(fault), fault.up ? 7200 : -7200);
		this.kills += struck ? 1 : 0;
		return struck;
	}

	// ---- PostgreSQL ----

	async 'kill-postmaster'(fault) {
		if (this.down) return false;
		this.down = true;
		const { pid } = await this.world.postgres();
		process.kill(pid, 'SIGKILL');
		this.kills++;
		await this.world.restartPostgres(fault.length).finally(() => (this.down = false));
		return true;
	}

	async backend({ target }) {
		return nth((await this.world.postgres()).backends, target);
	}

	async 'kill-backend'(fault) {
		process.kill((await this.backend(fault)).pid, 'SIGKILL');
		this.kills++;
		return true;
	}

	async 'end-backend'(fault) {
		process.kill((await this.backend(fault)).pid, 'SIGTERM');
		return true;
	}

	async 'pause-backend'(fault) {
		return this.freeze((await this.backend(fault)).pid, fault.length);
	}

	async 'pause-writer'(fault) {
		return this.freeze(nth((await this.world.postgres()).others, fault.target).pid, fault.length);
	}

	async freeze(pid, ms) {
		process.kill(pid, 'SIGSTOP');
		await this.world.later(ms);
		process.kill(pid, 'SIGCONT');
		return true;
	}

	// For one process of the server no file can grow: what it says is the same as on a full disk, and when it was writing its log ahead, all of it starts anew.
	async 'disk-full'(fault) {
		const { pid } = await this.backend(fault);
		const before = this.world.postgresLog().length;
		await this.limitFiles(pid, FULL);
		await this.world.later(fault.length);
		await this.limitFiles(pid, 'unlimited').catch(() => {});
		return new RegExp(`\\[${pid}\\] .*File too large`).test(this.world.postgresLog().slice(before));
	}

	// By its owner: root in a container may not do it for others.
	limitFiles(pid, bytes) {
		const limit = ['prlimit', '--pid', String(pid), `--fsize=${bytes}:`];
		return process.getuid() === 0 ? run('setpriv', ['--reuid', 'postgres', '--regid', 'postgres', '--init-groups', ...limit]) : run(limit[0], limit.slice(1));
	}

	// ---- The network ----

	// Each counts when it has struck: bytes that were held, split or delayed, connections that were refused.
	async network(fault) {
		const edge = nth([...this.world.edges.values()], fault.target);
		const direction = fault.up ? 'up' : 'down';
		const lasting = {
			latency: [{ latency: 5 + fault.size / 20, jitter: fault.size / 40 }, { latency: 0, jitter: 0 }, direction],
			'blackhole-up': [{ blackhole: true }, { blackhole: false }, 'up'],
			'blackhole-down': [{ blackhole: true }, { blackhole: false }, 'down'],
			stall: [{ stalled: true }, { stalled: false }, direction],
			slice: [{ sliced: true }, { sliced: false }, direction],
		}[fault.kind];
		return lasting ? this.forAWhile(edge, fault, ...lasting) : this.atOnce(edge, fault, direction);
	}

	async forAWhile(edge, fault, begin, end, direction) {
		const [name] = Object.keys(begin);
		const before = edge.struck(direction, name);
		edge.set(direction, begin);
		await this.world.later(fault.length);
		edge.set(direction, end);
		return edge.struck(direction, name) > before;
	}

	async refuse(fault) {
		const edge = nth([...this.world.edges.values()], fault.target);
		const before = edge.refused;
		edge.refuse = true;
		edge.reset();
		await this.world.later(fault.length);
		edge.refuse = false;
		return edge.refused > before;
	}

	// A cut and a lost answer count when they happen: the edge tells.
	async atOnce(edge, fault, direction) {
		if (fault.kind === 'cut') edge.cut(fault.size);
		if (fault.kind === 'lost-answer') edge.loseAnswer();
		if (fault.kind === 'cut' || fault.kind === 'lost-answer') return null;
		const struck = edge.links.size > 0;
		if (fault.kind === 'reset') edge.reset();
		if (fault.kind === 'half-close') edge.halfClose(direction);
		return struck;
	}
}
