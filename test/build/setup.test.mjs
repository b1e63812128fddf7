// deploy/local/setup.sh: quick when nothing is missing, plain when it cannot help.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
const SCRIPT = path.join(ROOT, 'deploy/local/setup.sh');

test('with everything in place it does nothing, at once', () => {
	const run = spawnSync(SCRIPT, ['test'], { encoding: 'utf8' });
	assert.equal(run.stdout + run.stderr, '');
	assert.equal(run.status, 0);
});

// A machine as this one, but for some commands.
function pretend(commands, set, as = []) {
	const bin = fs.mkdtempSync(path.join(os.tmpdir(), 'bin-'));
	fs.chmodSync(bin, 0o755);
	for (const [name, text] of Object.entries(commands)) {
		fs.writeFileSync(path.join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
	}
	const [program, ...args] = [...as, SCRIPT, set];
	return spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } });
}

const NOBODY = process.getuid() === 0 ? ['setpriv', '--reuid', 'nobody', '--clear-groups'] : [];

test('without root and sudo it names what is missing and changes nothing', () => {
	const run = pretend({ 'dpkg-query': 'echo "installed gcc"; exit 1', sudo: 'exit 1', 'apt-get': 'echo called; exit 1' }, 'run', NOBODY);
	assert.equal(run.status, 1);
	assert.match(run.stderr, /needs root: apt-get install --no-install-recommends (?!.*\bgcc\b).*libgrpc-dev .*postgresql-15/);
	assert.doesNotMatch(run.stdout, /called/);
});

test('what is missing is installed, and nothing else', () => {
	const log = path.join(os.tmpdir(), 'apt.log');
	const all = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n'], { encoding: 'utf8' }).stdout;
	fs.writeFileSync(path.join(os.tmpdir(), 'installed'), all.replace(/^installed (node-llhttp|valgrind)\n/gm, ''));
	const commands = { 'dpkg-query': `cat ${os.tmpdir()}/installed; exit 1`, 'apt-get': `echo "$@" >>${log}`, sudo: 'shift; exec "$@"' };
	const run = pretend(commands, 'test');
	assert.equal(run.status, 0, run.stderr);
	const calls = fs.readFileSync(log, 'utf8').trim().split('\n');
	assert.equal(calls.length, 2);
	assert.match(calls[0], /update$/);
	assert.match(calls[1], /install --no-install-recommends node-llhttp valgrind$/);
});

test('a node that is too old counts as none', () => {
	const log = path.join(os.tmpdir(), 'apt-node.log');
	const run = pretend({ node: 'echo v16.20.0', 'apt-get': `echo "$@" >>${log}`, sudo: 'shift; exec "$@"' }, 'run');
	assert.equal(run.status, 0, run.stderr);
	assert.match(fs.readFileSync(log, 'utf8'), /install --no-install-recommends nodejs$/m);
});

test('building and running ask for nothing that only tests need', () => {
	const env = { ...process.env, MAKEFLAGS: '', MAKELEVEL: '', MODE: '' };
	const run = spawnSync('make', ['-n', '-C', ROOT, `BUILD=${path.join(os.tmpdir(), 'b')}`, 'run'], { encoding: 'utf8', env });
	assert.equal(run.status, 0, run.stderr);
	assert.match(run.stdout, /-o \S+\/bin\/gateway/);
	assert.doesNotMatch(run.stdout, /setup\.sh test|-lcmocka/);
});
