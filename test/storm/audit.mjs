// The invariants (test/check), asked of the databases of a system under test. Fails with what is violated. A tree without test/check has none to ask.
import assert from 'node:assert/strict';
const mods = await Promise.all([import('../check/check.mjs'), import('../check/history.mjs')]).catch(() => undefined);

export async function audit(system, { quiescent, history } = {}) {
	if (!mods) return undefined;
	const [{ check, databasesAt, report, violated }, { readHistory }] = mods;
	const results = await check({ databases: databasesAt(system.database), quiescent, history: history && readHistory(history) });
	assert.equal(violated(results).length, 0, `invariants are violated:\n${report(results)}`);
	return results;
}
