// Waiting without sleeping blindly: a condition is looked at until it holds or its time is over.
import { setTimeout as pause } from 'node:timers/promises';

const FACTOR = { asan: 4, tsan: 8, valgrind: 20 }[process.env.QUAYSIDE_MODE] ?? 1;

// How many milliseconds to grant under this mode for what takes `ms` in a plain build.
export function patience(ms) {
	return ms * FACTOR;
}

// What no waiting will mend.
export class Hopeless extends Error {}

// Returns the first truthy value of probe(); fails with the last error, or naming what was waited for.
export async function until(what, probe, ms = 15_000) {
	const end = performance.now() + patience(ms);
	let failure;
	for (;;) {
		try {
			const value = await probe();
			if (value) return value;
			failure = undefined;
		} catch (error) {
			if (error instanceof Hopeless) throw error;
			failure = error;
		}
		if (performance.now() > end) throw new Error(`waited ${patience(ms)} ms in vain for ${what}`, { cause: failure });
		await pause(10);
	}
}

// Does again what is refused at the door because too much is going on (OVERLOADED), as a client should. call() sends the same request with the same key.
export async function insist(call, ms = 60_000) {
	const end = performance.now() + patience(ms);
	for (;;) {
		try {
			return await call();
		} catch (error) {
			if (error.reason !== 'OVERLOADED' || performance.now() > end) throw error;
		}
		await pause(10);
	}
}
