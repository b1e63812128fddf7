// One process of the world and those that follow it: it is started again some time after it ended, and may only end when it was made to.
//
//     const node = new Node(world, 'ordering', program);
//     node.start();
//     node.kill('SIGTERM');          // false: there was nothing to kill
//     await node.freeze(2000);
//     node.up                        // runs, is not frozen and was not told to end
import fs from 'node:fs';
import path from 'node:path';

const RESTART_MAX = 3000; // milliseconds
const DRAIN_MAX = 12_000; // milliseconds from SIGTERM to the end
const DRAIN_STRUCK = 1000; // milliseconds in which a process that ends may be killed; one that takes longer is left alone, so that it is seen to hang

export class Node {
	constructor(world, name, program) {
		this.started = name === 'gateway' ? '"listening"' : '"serving"'; // as its log says it
		Object.assign(this, { world, name, program, deaths: 0 });
	}

	start(environment = {}) {
		Object.assign(this, { doomed: undefined, asked: undefined, paused: false });
		this.jumped = Object.keys(environment).length > 0;
		const before = this.program.environment;
		this.program.environment = { ...before, ...environment };
		this.logged = fs.existsSync(this.program.log) ? fs.statSync(this.program.log).size : 0;
		this.program.start();
		this.program.environment = before;
		const { pid } = this.program;
		this.program.ended.then((how) => this.died(how, pid));
	}

	died({ code, signal }, pid) {
		this.deaths++;
		clearTimeout(this.drain);
		for (const left of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]) fs.rmSync(path.join('/dev/shm', left), { force: true });
		const expected = (this.doomed && signal === this.doomed) || (this.asked && code === 0);
		if (!expected && !this.world.stopping) this.explain(code, signal);
		if (this.world.stopping) return;
		const delay = this.world.healing ? 0 : this.world.random.fraction() ** 2 * RESTART_MAX;
		const environment = this.next ?? {};
		this.next = undefined;
		setTimeout(() => {
			if (!this.world.stopping && !this.program.running) this.start(this.world.healing ? {} : environment);
		}, delay);
	}

	// A process that could not reach its database when it started gives up, and its supervisor tries again; nothing else may end by itself.
	explain(code, signal) {
		const { said } = this;
		if (signal === null && code === 1 && !said.includes(this.started)) {
			this.world.count('gave up starting');
			return;
		}
		this.world.fail(`${this.name} ended by itself (${signal ?? `status ${code}`}, doomed by ${this.doomed}):\n${said.slice(-1500)}`);
	}

	get up() {
		return this.program.running && this.doomed === undefined && !this.paused;
	}

	kill(signal) {
		if (!this.program.running || (this.doomed && signal !== 'SIGKILL')) return false;
		if (this.doomed === 'SIGTERM' && performance.now() - this.asked > DRAIN_STRUCK) return false;
		this.doomed = signal;
		this.program.signal(signal);
		if (this.paused) this.program.signal('SIGCONT');
		if (signal === 'SIGTERM') this.expectEnd();
		return true;
	}

	// It is not frozen any more (kill) and nothing freezes it (up), so all of that time is its own.
	expectEnd() {
		this.asked = performance.now();
		this.drain = setTimeout(() => {
			this.world.fail(`${this.name} has not ended ${DRAIN_MAX} ms after SIGTERM:\n${this.said.slice(-1500)}`);
			this.doomed = 'SIGKILL';
			this.program.signal('SIGKILL');
		}, DRAIN_MAX);
	}

	// By the process that runs now.
	get said() {
		return fs.readFileSync(this.program.log, 'utf8').slice(this.logged);
	}

	async freeze(ms) {
		if (!this.up) return false;
		const { pid } = this.program;
		this.paused = true;
		this.program.signal('SIGSTOP');
		await this.world.later(ms);
		if (this.program.running && this.program.pid === pid) this.program.signal('SIGCONT');
		this.paused = false;
		return true;
	}
}
