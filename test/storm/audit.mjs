// The invariants (test/check), asked of the databases of a system under test. Fails with what is violated, and when something cannot be looked at for want of a table.
import assert from 'node:assert/strict';
import { checkWithin, databasesAt, gaps, report, violated } from '../check/check.mjs';
import { readHistory } from '../check/history.mjs';
import { decode } from '../harness/contract.mjs';

export async function audit(system, { quiescent, history, seconds = 0 } = {}) {
	const results = await checkWithin(seconds, { databases: databasesAt(system.database), quiescent, history: history && readHistory(history), decode });
	assert.equal(violated(results).length, 0, `invariants are violated:\n${report(violated(results))}`);
	assert.equal(gaps(results).length, 0, `not everything was looked at:\n${report(gaps(results))}`);
	return results;
}
