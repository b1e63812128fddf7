// Half a minute of storm, with every kind of fault once at least. Longer: make storm MINUTES=30 SEED=...
// test-seconds: 300
// test-alone: it measures how soon things come back
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

test('nothing is lost and nothing is doubled, whatever is killed', () => {
	const storm = path.join(path.dirname(new URL(import.meta.url).pathname), 'storm.mjs');
	const { status, stdout, stderr } = spawnSync(process.execPath, [storm], {
		encoding: 'utf8',
		env: { MINUTES: '0.5', SEED: '1', ...process.env },
	});
	assert.equal(status, 0, `${stdout}\n${stderr}`);
	console.log(stdout.replace(/^/gm, '# '));
});
