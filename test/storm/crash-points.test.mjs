// A service dies at a fault point, comes back, and the request still has its effect once: every write RPC and every way through a saga at one point each, another
// one for each SEED. All points: make storm-points.
// test-seconds: 400
import './fault-build.mjs';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

const { startCrash } = await import('./crash.mjs');
const { SCENARIOS, uncovered } = await import('./scenarios.mjs');
const { Random } = await import('./random.mjs');

const seed = Number(process.env.SEED ?? 1);
const random = new Random(seed);
let crash;

before(async () => {
	crash = await startCrash();
});
after(() => crash?.stop());

test(`seed ${seed}: every write RPC has a scenario`, async () => {
	assert.deepEqual(await uncovered(crash.system), []);
});

const [internal, external] = [true, false].map((wanted) => SCENARIOS.filter((scenario) => Boolean(scenario.internal) === wanted));
for (const scenario of [...external, undefined, ...internal]) {
	// Things that internal RPCs make by themselves belong to nothing, so the books are compared before.
	if (!scenario) {
		test('the invariants hold after all that', () => crash.check());
		continue;
	}
	for (const target of scenario.targets) {
		const share = random.fraction();
		test(`${scenario.name}, killing ${target}`, async () => {
			const names = await crash.list(scenario, target);
			assert.ok(names.length > 0, `${target} passed no fault point`);
			await crash.run(scenario, target, 1 + Math.floor(share * names.length));
		});
	}
}
