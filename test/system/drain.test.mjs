// SIGTERM under load: what was accepted is answered, what was not has no effect.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Client } from '../harness/client.mjs';
import { startSystem } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

let system;

before(async () => {
	system = await startSystem({ services: ['customers', 'ordering'], gateway: false });
});
after(() => system?.stop());

// Creates customers until the service no longer takes calls; returns the ids that were answered OK.
async function createUntilRefused(client, state) {
	const ids = [];
	while (!state.over) {
		const customer_id = randomUUID();
		state.sent++;
		try {
			await client.call('quayside.customers.v1.CustomerService/CreateCustomer',
				{ customer_id, customer: { first_name: 'A', last_name: 'B', email: 'a@example.com' } }, { timeout: 30_000 });
			ids.push(customer_id);
		} catch (error) {
			// A call that reaches core between its first and its last GOAWAY is reset by it, unseen by us: CANCELLED.
			assert.ok(['UNAVAILABLE', 'CANCELLED'].includes(error.codeName), error.message);
			state.over = true;
		}
	}
	return ids;
}

describe('SIGTERM under load', () => {
	it('answers every accepted call and exits 0', async (t) => {
		const clients = Array.from({ length: 16 }, () => new Client(system.address('customers')));
		const state = { over: false, sent: 0 };
		const answered = Promise.all(clients.flatMap((client) => [1, 2, 3, 4].map(() => createUntilRefused(client, state))));
		await until('load', () => state.sent > 500);
		const ended = await system.programs.customers.stop();
		const ids = (await answered).flat();
		for (const client of clients) client.close();
		t.diagnostic(`${ids.length} answered; ended ${ended.ms.toFixed(0)} ms after SIGTERM`);
		assert.deepEqual([ended.code, ended.signal], [0, null]);
		assert.ok(ended.ms < patience(10_000));
		const rows = (await system.sql('customers', 'SELECT customer_id FROM customer ORDER BY 1')).map(([id]) => id);
		assert.deepEqual(rows, ids.sort(), 'what is kept is not what was answered');
	});

	it('starts again on what is there', async (t) => {
		const began = performance.now();
		system.startService('customers');
		await system.ready('customers');
		t.diagnostic(`start to SERVING ${(performance.now() - began).toFixed(0)} ms`);
	});
});

describe('SIGTERM without a database', () => {
	// Ordering has everything that may wait: two consumers, the sequencer, and steps of maintenance.
	it('ends in time what waits for a frozen one, and for none', async (t) => {
		await system.freezeDatabase('ordering');
		try {
			const ended = await system.programs.ordering.stop();
			t.diagnostic(`frozen: ended ${ended.ms.toFixed(0)} ms after SIGTERM`);
			assert.deepEqual([ended.code, ended.signal], [0, null]);
			assert.ok(ended.ms < patience(10_000));
		} finally {
			system.thawDatabase();
		}
		system.startService('ordering');
		await system.ready('ordering');
		await system.stopDatabase();
		// By the time that a round of the sequencer was given up, everything waits.
		const missed = () => system.programs.ordering.lines().some((line) => line.msg === 'events were not numbered');
		await until('the database to be missed', async () => !(await system.serving('ordering')) && missed(), 30_000);
		const ended = await system.programs.ordering.stop();
		t.diagnostic(`gone: ended ${ended.ms.toFixed(0)} ms after SIGTERM`);
		assert.deepEqual([ended.code, ended.signal], [0, null]);
		assert.ok(ended.ms < patience(10_000));
	});
});
