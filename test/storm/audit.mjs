// The invariants (test/check), asked of the databases of a system under test. Fails with what is violated.
import assert from 'node:assert/strict';
import { checkWithin, databasesAt, report, violated } from '../check/check.mjs';
import { readHistory } from '../check/history.mjs';
import { decode } from '../harness/contract.mjs';

export async function audit(system, { quiescent, history, seconds = 0 } = {}) {
	const results = await checkWithin(seconds, { databases: databasesAt(system.database), quiescent, history: history && readHistory(history), decode });
	assert.equal(violated(results).length, 0, `invariants are violated:\n${report(violated(results))}`);
	return results;
}
