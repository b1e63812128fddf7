// `make check` fails when a contract, the layout of a file, static analysis or a script breaks its rules. Tried in a copy of the project.
// (Layer and house rules: test/house/house.test.mjs.)
// test-seconds: 600
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { before } from 'node:test';

const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
const COPY = path.join(os.tmpdir(), 'copy');
const CONTRACT = 'protos/quayside/customers/v1/customers.proto';

// Only what the checks look at.
before(() => {
	for (const entry of ['Makefile', 'make', 'base', 'protos', 'test', 'deploy', '.ci', '.clang-format', '.clang-tidy', 'package.json', 'package-lock.json']) {
		fs.cpSync(path.join(ROOT, entry), path.join(COPY, entry), { recursive: true });
	}
	fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(COPY, 'node_modules'));
});

function make(...goals) {
	const env = { ...process.env, MAKEFLAGS: '', MAKELEVEL: '', MODE: '', BUILD: 'build' };
	const run = spawnSync('make', ['-C', COPY, ...goals], { encoding: 'utf8', env });
	return { status: run.status, text: run.stdout + run.stderr };
}

// Changes a file, runs a goal, puts the file back.
function changed(file, change, goal) {
	const target = path.join(COPY, file);
	const was = fs.existsSync(target) ? fs.readFileSync(target, 'utf8') : undefined;
	fs.mkdirSync(path.dirname(target), { recursive: true });
	fs.writeFileSync(target, change(was ?? ''));
	const run = make(goal);
	if (was === undefined) {
		fs.rmSync(target);
	} else {
		fs.writeFileSync(target, was);
	}
	return run;
}

function breaks(file, change, goal, message) {
	const run = changed(file, change, goal);
	assert.notEqual(run.status, 0, run.text);
	assert.match(run.text, message);
}

test('contracts: buf lint', () => {
	const run = make('check-lint');
	assert.equal(run.status, 0, run.text);
	breaks(CONTRACT, (text) => `${text}\nmessage badly_named { string Field = 1; }\n`, 'check-lint', /badly_named/);
});

test('contracts: buf breaking, against the baseline', () => {
	const run = make('check-breaking');
	assert.equal(run.status, 0, run.text);
	breaks(CONTRACT, (text) => text.replace(/\bstring email = (\d+)/, 'string e_mail = $1'), 'check-breaking', /"email".*"e_mail"|"e_mail"/s);
	breaks(CONTRACT, (text) => `${text}\n// A new one.\nmessage Added {}\n`, 'check-breaking', /make baseline/);
});

test('clang-format', () => {
	breaks('base/new.c', () => 'int new_function(void);\nint new_function(void) { return 1; }\n', 'check-format', /new\.c:2.*clang-format/);
});

test('clang-tidy, for the file and for a header that it includes', () => {
	const good = '#include "base/new.h"\n\nint new_function(int a)\n{\n\treturn a == 1 ? 1 : 2;\n}\n';
	const header = 'int new_function(int a);\n';
	fs.writeFileSync(path.join(COPY, 'base/new.h'), header);
	fs.writeFileSync(path.join(COPY, 'base/new.c'), good);
	const goal = 'build/tidy/base/new.ok';
	assert.equal(make(goal).status, 0);
	breaks('base/new.c', (text) => text.replace('1 : 2', '1 : 1'), goal, /bugprone-branch-clone/);
	assert.equal(make(goal).status, 0);
	breaks('base/new.h', (text) => `${text}static inline int twice(int a)\n{\n\treturn a == 1 ? a : a;\n}\n`, goal, /bugprone-branch-clone/);
	fs.rmSync(path.join(COPY, 'base/new.h'));
	fs.rmSync(path.join(COPY, 'base/new.c'));
});

test('shellcheck', () => {
	assert.equal(make('check-shell').status, 0);
	breaks('deploy/local/new.sh', () => '#!/bin/bash\nrm -rf $1/*\n', 'check-shell', /new\.sh/);
});

test('warnings are errors', () => {
	fs.writeFileSync(path.join(COPY, 'base/new.c'), 'int new_function(long a);\nint new_function(long a)\n{\n\treturn a;\n}\n');
	const run = make('build/obj/base/new.o');
	assert.notEqual(run.status, 0);
	assert.match(run.text, /-Werror=conversion/);
	fs.rmSync(path.join(COPY, 'base/new.c'));
});
