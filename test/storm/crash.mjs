// Kills a service at the n-th fault point of a scenario, for n = 1, 2, 3, ..., brings it back, and looks whether the request still has its effect exactly once.
// Or lets what the point stands for fail (a connection to the database, an answer that is lost), and lets the service live on.
//
//     const crash = await startCrash();
//     const points = await crash.walk(scenario, target);        // every point; the number of them
//     const points = await crash.sample(scenario, target, 3);   // three of them
//     await crash.stop();
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { startSystem } from '../harness/system.mjs';
import { audit } from './audit.mjs';
import { Recorder } from './recorder.mjs';
import { Rest } from './rest.mjs';
import { areaOf } from './scenarios.mjs';

const NEVER = 1_000_000_000;
const CAN_FAIL = new Set(['db.before_send', 'db.sent', 'db.committed', 'rpc_client.received']); // FAULT_FAILS in runtime/
const SECOND_LIVES = 12; // points at which a second life ends
const SECOND_STEP = 7; // from one to the next, so that neighbours differ
const POINTS_MAX = 400; // of one scenario; more means that it does not come to rest

export async function startCrash() {
	return new Crash(await startSystem({ gateway: false }));
}

class Crash {
	constructor(system) {
		this.system = system;
		this.rest = new Rest(system.database);
		this.history = path.join(system.folder, 'history.jsonl');
		this.recorder = new Recorder(this.history);
		this.recorder.write({ type: 'whole' });
		this.recorded = recorded(system, this.recorder);
		this.kills = 0;
		this.runs = 0;
		this.internal = false;
	}

	// Points that the target passes are counted, and the n-th is its fault. After a kill, the next one is already chosen for the process that follows.
	async aim(target, n, what) {
		this.target = this.system.programs[target];
		this.file = path.join(this.system.folder, `${target}.points`);
		fs.rmSync(this.file, { force: true });
		if (this.aimed !== target || this.fault !== `${what}@${n}`) {
			if (this.target.running) await this.target.kill();
			await this.start(target, `${what}@${n}`);
		}
		fs.writeFileSync(this.file, '');
	}

	async start(target, fault) {
		Object.assign(this.target.environment, { FAULT: fault, FAULT_FILE: this.file });
		Object.assign(this, { aimed: target, fault });
		this.target.start();
		await this.system.ready(target);
		await this.rest.expireLeases();
	}

	passed() {
		return fs.readFileSync(this.file, 'utf8').split('\n').filter(Boolean);
	}

	// The process that takes up what the last one left dies at its m-th point, if it comes that far before all is at rest.
	async killAgain(target, m) {
		fs.writeFileSync(this.file, '');
		this.aimed = undefined;
		Object.assign(this.target.environment, { FAULT: `kill@${m}`, FAULT_FILE: this.file });
		this.target.start();
		const dies = this.target.ended.then(() => true);
		const rests = this.system.ready(target).then(() => this.rest.expireLeases()).then(() => this.rest.reached()).then(() => false, (error) => (this.target.running ? Promise.reject(error) : dies));
		if (!(await Promise.race([dies, rests]))) {
			fs.rmSync(this.file);
			const lives = this.system.ready(target).then(() => false, () => dies);
			if (!(await Promise.race([dies, lives]))) return false; // it might have died in that moment
		} else {
			if (this.passed().length < m) throw new Error(`${target} ended by itself:\n${fs.readFileSync(this.target.log, 'utf8').slice(-2000)}`);
			fs.rmSync(this.file);
		}
		this.kills++;
		return true;
	}

	// Brings the target back as soon as it dies of its fault; resolves when it will not die any more. again: and once more, at this point of its second life.
	revive(target, n, what, again) {
		let over = false;
		const revived = this.target.ended.then(async ({ code, signal }) => {
			this.names = this.passed();
			if (what !== 'kill' || this.names.length < n) {
				if (over) return;
				throw new Error(`${target} ended by itself (${code ?? signal}):\n${fs.readFileSync(this.target.log, 'utf8').slice(-2000)}`);
			}
			fs.rmSync(this.file);
			this.kills++;
			if (again && !(await this.killAgain(target, again))) return;
			await this.start(target, `kill@${n + 1}`);
		});
		return {
			revived,
			// Disarms. Returns the points that were passed, and whether the process died of the last of them.
			end: async () => {
				over = true;
				if (this.names === undefined) {
					const names = this.passed();
					if (what !== 'kill' || names.length < n) {
						fs.rmSync(this.file);
						return { names, hit: names.length >= n };
					}
				}
				await revived;
				return { names: this.names, hit: true };
			},
		};
	}

	// Asks for it, or waits until it has happened unasked.
	async begin(scenario, prepared, key) {
		if (!scenario.happen) return this.recorder.insist(() => this.system.client(areaOf(scenario.method)), scenario.method, prepared.request, { key });
		await scenario.happen(this.system, prepared);
		return { type: 'ok' };
	}

	// One run, with a fault at the n-th point (what: kill or err), if it comes that far.
	async run(scenario, target, n, what = 'kill', again = 0) {
		const prepared = await scenario.prepare(this.recorded);
		const key = randomUUID();
		this.runs++;
		this.names = undefined;
		await this.aim(target, n, what);
		const watch = this.revive(target, n, what, again);
		const outcome = await Promise.race([this.begin(scenario, prepared, key), failure(watch.revived)]);
		await scenario.after?.(this.system);
		await Promise.race([this.rest.reached(), failure(watch.revived)]);
		const { names, hit } = await watch.end();
		await this.rest.reached();
		try {
			await this.verify(scenario, prepared, outcome, key);
		} catch (error) {
			throw new Error(`${scenario.name}, ${target}, ${what} at point ${n} (${names.at(-1)}, after ${names.slice(0, -1).join(' ')}): ${error.message}`, { cause: error });
		}
		return { names, hit };
	}

	async verify(scenario, prepared, outcome, key) {
		if (scenario.refused) {
			assert.equal(outcome.type, 'fail', `it was not refused but answered ${JSON.stringify(outcome.answer)}`);
			assert.match(outcome.error.reason, new RegExp(scenario.refused));
		} else {
			assert.equal(outcome.type, 'ok', outcome.error?.message);
		}
		const again = await this.begin(scenario, prepared, key);
		assert.equal(again.type, outcome.type, `the same request again was answered differently: ${again.error?.message}`);
		if (outcome.bytes) assert.ok(again.bytes.equals(outcome.bytes), `the same request again has another answer: ${JSON.stringify(again.answer)} instead of ${JSON.stringify(outcome.answer)}`);
		else assert.equal(again.error?.reason, outcome.error?.reason);
		await this.rest.reached();
		await scenario.verify(this.system, prepared, outcome.answer);
		this.internal ||= scenario.internal;
	}

	// The n-th point fails and nobody dies, for each that can fail. Each run says which points come next; the same may come in another order.
	async walkErrors(scenario, target) {
		let found = 0;
		let { names } = await this.run(scenario, target, NEVER);
		for (let n = 1; n <= names.length; n++) {
			if (!CAN_FAIL.has(names[n - 1])) continue;
			const failed = await this.run(scenario, target, n, 'err');
			names = failed.names;
			if (failed.hit && CAN_FAIL.has(names[n - 1])) found++;
		}
		return found;
	}

	// All points, until a run ends without a hit.
	async walk(scenario, target) {
		for (let n = 1; n < POINTS_MAX; n++) {
			const { hit } = await this.run(scenario, target, n);
			if (!hit) return n - 1;
		}
		throw new Error(`${scenario.name}: still not at its end after ${POINTS_MAX} points of ${target}`);
	}

	// The same, and whoever takes it up dies, too, sooner or later.
	async walkTwice(scenario, target) {
		const before = this.kills;
		for (let n = 1; n < POINTS_MAX; n++) {
			const { hit } = await this.run(scenario, target, n, 'kill', 1 + ((n * SECOND_STEP) % SECOND_LIVES));
			if (!hit) return this.kills - before - (n - 1);
		}
		throw new Error(`${scenario.name}: still not at its end after ${POINTS_MAX} points of ${target}`);
	}

	// After a failure: whoever is down is there again, unaimed.
	async heal() {
		this.aimed = undefined;
		for (const [name, program] of Object.entries(this.system.programs)) {
			if (program.running) continue;
			program.start();
			await this.system.ready(name);
		}
	}

	// Which points a scenario passes.
	async list(scenario, target) {
		return (await this.run(scenario, target, NEVER)).names;
	}

	// The databases, by the invariants. Things that internal RPCs made belong to nothing, so books between services are compared only while there are none.
	check() {
		return audit(this.system, { quiescent: !this.internal, history: this.internal ? undefined : this.history });
	}

	async stop() {
		this.rest.close();
		this.recorder.close();
		await this.system.stop({ audit: false });
	}
}

// The system, with all that is asked of it in the history.
function recorded(system, recorder) {
	const facade = Object.create(system);
	facade.call = async (method, request, { key = randomUUID(), ...options } = {}) => {
		const outcome = await recorder.insist(() => system.client(areaOf(method)), method, request, { key, ...options });
		if (outcome.type === 'ok') return outcome.answer;
		throw outcome.error;
	};
	return facade;
}

// Only ever fails.
function failure(promise) {
	return new Promise((resolve, reject) => {
		promise.catch(reject);
	});
}
