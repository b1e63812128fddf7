// The test runner itself: what it counts, and what it does not let pass. Tried on small tests of every kind.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');

// Runs the runner on these tests: {name: text}.
function runner(tests, env = {}) {
	const root = fs.mkdtempSync(path.join(os.tmpdir(), 'runner-'));
	fs.mkdirSync(path.join(root, 'test/harness'), { recursive: true });
	fs.mkdirSync(path.join(root, 'test/new'));
	fs.mkdirSync(path.join(root, 'out'));
	fs.copyFileSync(path.join(ROOT, 'test/harness/run-tests'), path.join(root, 'test/harness/run-tests'));
	for (const [name, text] of Object.entries(tests)) {
		fs.writeFileSync(path.join(root, 'test/new', name), text);
	}
	const clean = { ...process.env, ONLY: '', VERBOSE: '', MODE: '', ...env };
	delete clean.NODE_TEST_CONTEXT;
	const run = spawnSync(path.join(root, 'test/harness/run-tests'), [path.join(root, 'out')], { encoding: 'utf8', env: clean });
	assert.equal(run.stderr, '');
	return { status: run.status, text: run.stdout, last: run.stdout.trimEnd().split('\n').at(-1) };
}

const SUITE = `import { describe, it, test } from 'node:test';
describe('suite', () => { it('one', () => {}); it('two', () => {}); it('later', { skip: true }, () => {}); });
test('alone', () => {});`;

test('innermost cases are counted', () => {
	const run = runner({ 'a.test.mjs': SUITE, 'b.test.sh': 'echo 1..1\necho ok 1' });
	assert.equal(run.last, '4 passed, 0 failed, 1 skipped');
	assert.equal(run.status, 0);
});

test('a failing case fails the run, and its output is shown', () => {
	const run = runner({ 'a.test.mjs': SUITE.replace("it('two', () => {})", "it('two', () => { throw new Error('so bad') })") });
	assert.equal(run.last, '2 passed, 1 failed, 1 skipped');
	assert.equal(run.status, 1);
	assert.match(run.text, /so bad/);
});

for (const [what, script, message] of [
	['a crash', 'echo 1..2\necho ok 1\nkill -SEGV $$', /planned 2 cases but ended after 1/],
	['no plan', 'echo ok 1', /planned 0 cases but ended after 1/],
	['no output', 'true', /planned 0/],
	['a bad exit status', 'echo 1..1\necho ok 1\nexit 3', /ended with status 3/],
	['a time limit', '# test-seconds: 1\necho 1..1\necho ok 1\nread -r < <(tail -f /dev/null)', /took longer/],
	['a process left running', 'echo 1..1\necho ok 1\nsetsid tail -f /dev/null >&2 &', /left a process running: .*tail -f/],
	['a report of a sanitizer', 'echo 1..1\necho ok 1\necho "data race" > $QUAYSIDE_REPORTS.1', /data race/],
]) {
	test(`fails for ${what}`, () => {
		const run = runner({ 'a.test.sh': script });
		assert.equal(run.status, 1);
		assert.match(run.last, /^\d+ passed, 1 failed/);
		assert.match(run.text, message);
	});
}

test('no test at all is a failure', () => {
	const run = runner({});
	assert.equal(run.last, '0 passed, 0 failed');
	assert.equal(run.status, 1);
});

test('ONLY picks, and each test has a folder of its own that is gone afterwards', () => {
	const script = 'echo 1..1\n[ -d "$TMPDIR" ] && [ -z "$(ls -A "$TMPDIR")" ] && touch "$TMPDIR/x" && echo ok 1\necho "# $TMPDIR"';
	const run = runner({ 'a.test.sh': script, 'b.test.sh': script, 'c.test.sh': script }, { ONLY: 'new/[ab]', VERBOSE: '1' });
	assert.equal(run.last, '2 passed, 0 failed');
	const folders = [...run.text.matchAll(/# (\/\S+)/g)].map(([, folder]) => folder);
	assert.equal(new Set(folders).size, 2);
	assert.ok(folders.every((folder) => !fs.existsSync(folder)));
});
