// Every fault point of every write RPC and every way through a saga, one kill each. What `make storm-points` calls; the short form is crash-points.test.mjs.
//
//     node test/storm/crash-points.mjs [PATTERN]     scenarios whose name or method has the pattern
import './fault-build.mjs';
import { performance } from 'node:perf_hooks';

const { startCrash } = await import('./crash.mjs');
const { SCENARIOS, uncovered } = await import('./scenarios.mjs');

const pattern = new RegExp(process.argv[2] ?? '');
const chosen = SCENARIOS.filter(({ name, method }) => pattern.test(name) || pattern.test(method)).sort((a, b) => Boolean(a.internal) - Boolean(b.internal));
const crash = await startCrash();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => crash.stop().finally(() => process.exit(130)));
const failures = [];
let points = 0;
let errors = 0;
let second = 0;

async function walk(scenario, target) {
	const began = performance.now();
	try {
		const found = await crash.walk(scenario, target);
		const failing = await crash.walkErrors(scenario, target);
		const again = target === 'ordering' && scenario.saga ? await crash.walkTwice(scenario, target) : 0;
		await crash.check();
		points += found;
		errors += failing;
		second += again;
		console.log(`${String(found).padStart(4)} kills ${String(again).padStart(3)} second kills ${String(failing).padStart(3)} errors  ${scenario.name}, ${target} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
	} catch (error) {
		failures.push(error);
		await crash.heal();
		console.log(`FAILED                 ${scenario.name}, ${target}: ${error.stack}\n${error.cause?.stack ?? ''}`);
	}
}

try {
	const missing = await uncovered(crash.system);
	if (missing.length > 0) failures.push(new Error(`no scenario for ${missing.join(', ')}`));
	for (const scenario of chosen) {
		for (const target of scenario.targets) await walk(scenario, target);
	}
} finally {
	await crash.stop();
}
for (const failure of failures) console.log(failure.message);
console.log(`${points} fault points, ${crash.kills} kills (${second} of them while what the first had left was taken up), ${errors} errors at points that can fail; ${failures.length} failures`);
process.exitCode = failures.length > 0 || points === 0 ? 1 : 0;
