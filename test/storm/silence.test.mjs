// Silence counts from the moment that somebody waits, until somebody is answered.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Silence } from './silence.mjs';

describe('silence', () => {
	let now;
	let silence;
	beforeEach(() => {
		now = 1000;
		mock.method(performance, 'now', () => now);
		silence = new Silence();
	});
	afterEach(() => mock.restoreAll());
	const at = (time, what, name = 'reads') => {
		now = 1000 + time;
		silence[what](name);
	};

	it('is none where nobody asks', () => {
		at(0, 'ask');
		at(5, 'answer');
		at(500, 'ask');
		at(503, 'answer');
		assert.deepEqual(silence.longest(), { reads: 5 });
	});

	it('is broken by any answer', () => {
		at(0, 'ask');
		at(1, 'ask');
		at(40, 'answer');
		at(100, 'answer');
		assert.deepEqual(silence.longest(), { reads: 60 });
	});

	it('counts for each class by itself, and who still waits counts', () => {
		at(0, 'ask', 'writes');
		at(50, 'ask');
		at(60, 'answer');
		now = 1090;
		assert.deepEqual(silence.longest(), { writes: 90, reads: 10 });
		assert.deepEqual(silence.waiting(), { writes: 1 });
	});
});
