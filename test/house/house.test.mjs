// Every layer and house rule fails when it is broken, stays silent when it is not, and can be excused in one place with a reason.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

const HERE = path.dirname(new URL(import.meta.url).pathname);
const long = (lines) => Array.from({ length: lines }, (_, i) => `	use(${i});`).join('\n');

// rule, file, text that breaks it, [text of the same kind that does not]
const LAYERS = [
	['layer-base', 'base/a.c', '#include <event2/event.h>', '#include <stdio.h>'],
	['layer-base', 'base/a.c', '#include "runtime/loop.h"', '#include "base/arena.h"'],
	['layer-grpc', 'gateway/a.c', '#include <grpc/grpc.h>', '#include "runtime/rpc_client.h"'],
	['layer-bus', 'ordering/a.c', '#include <nanomsg/nn.h>', '#include "runtime/bus.h"'],
	['layer-database', 'runtime/loop.c', '#include <libpq-fe.h>', '#include "runtime/db.h"'],
	['layer-runtime', 'runtime/a.c', '#include "quayside/ordering/v1/ordering.pb-c.h"', '#include "quayside/common/v1/types.pb-c.h"'],
	['layer-service', 'billing/a.c', '#include "ordering/rules.h"', '#include "billing/rules.h"'],
	['layer-service', 'billing/a.c', '#include "gateway/json.h"', '#include "quayside/ordering/v1/ordering.pb-c.h"'],
	['layer-gateway', 'gateway/a.c', '#include "runtime/db.h"', '#include "runtime/contract.h"'],
	['layer-gateway', 'gateway/a.c', '#include "ordering/store.h"', '#include "gateway/http.h"'],
	['layer-rules', 'ordering/rules.c', '#include "runtime/call.h"', '#include "base/money.h"'],
	['layer-rules', 'ordering/rules.c', '#include <stdio.h>', '#include <stddef.h>'],
	['layer-rules', 'ordering/rules.c', 'int f(void) { return clock_now(); }', 'int f(void) { return 0; } /* clock_now() */'],
	['layer-store', 'ordering/store.c', '#include "ordering/peers.h"', '#include "ordering/store.h"'],
	['layer-root', 'ordering/store.c', '#include "store.h"', '#include "ordering/store.h"'],
];

const HOUSE = [
	['goto', 'base/a.c', '	goto out;', '/* goto */ f("goto");'],
	['typedef', 'base/a.c', 'typedef struct { int a; } a_t;', 'typedef struct status (*handler)(void);'],
	['allocation', 'gateway/a.c', '	x = malloc(1);', '	x = arena_alloc(a, 1);'],
	['release', 'ordering/a.c', '	PQclear(x);', '	arena_defer(a, PQclear, x);'],
	['clock', 'runtime/a.c', '	clock_gettime(0, &x);', '	x = clock_now();'],
	['sleep', 'runtime/a.c', '	usleep(5);', '	use(5);'],
	['sleep', 'test/system/a.test.sh', 'sleep 1', 'echo sleep 1'],
	['sql', 'ordering/handlers.c', '	f("SELECT a FROM b");', '	f("Select one of them");'],
	['sql', 'gateway/a.c', '	f("  DELETE FROM b");', '	/* "DELETE FROM b" */'],
	['built-sql', 'ordering/store.c', '	x = arena_printf(a, "SELECT %s", y);', '	x = arena_printf(a, "%s", y);'],
	['unfinished', 'docs/a.md', 'TODO: write', 'done'],
	['shared-folder', 'runtime/a_test.c', '	mkdtemp("/tmp/a-XXXXXX");', '	mkdtemp(strcat(getenv("TMPDIR"), "/a-XXXXXX")); /* not in "/tmp/" */'],
	['shared-folder', 'bench/a.mjs', "fs.mkdtempSync('/tmp/a')", "fs.mkdtempSync(path.join(os.tmpdir(), 'a'))"],
	['absolute-path', 'docs/a.md', 'see /home/someone/file', 'see ~/file and the home/ folder'],
	['registry', '.npmrc', 'registry=https://registry.example/', 'save-exact=true'],
	['registry', 'package-lock.json', '{ "resolved": "x" }', '{ "integrity": "x" }'],
	['secret', 'docs/a.md', '-----BEGIN RSA PRIVATE KEY-----', '-----BEGIN CERTIFICATE-----'],
	['secret', 'deploy/a.yaml', 'password: "correct-horse-battery"', 'password: "${PASSWORD}"'],
	['page-code', 'ui-static/a.js', 'x.innerHTML = y', 'x.textContent = y'],
	['page-inline', 'ui-static/a.html', '<p style="color: red">', '<p class="red">'],
	['header', 'runtime/a.h', '/* a: does things. */', '/*\n * a: does things.\n *\n * Invariants\n * - It is true.\n */'],
	['long', 'ordering/a.c', long(501), long(499)],
	['long', 'ordering/a_test.c', long(601), long(599)],
	['long', 'ordering/a.c', `int f(void)\n{\n${long(41)}\n}`, `int f(void)\n{\n${long(40)}\n}`],
];

// Runs a check in a folder that holds this one file.
function check(script, file, text) {
	const root = fs.mkdtempSync(path.join(os.tmpdir(), 'house-'));
	fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
	fs.writeFileSync(path.join(root, file), text + '\n');
	const run = spawnSync(path.join(HERE, script), { cwd: root, encoding: 'utf8' });
	fs.rmSync(root, { recursive: true });
	assert.equal(run.stderr, '');
	return run;
}

function excuse(rule, file, text) {
	const words = `house: ${rule} because this test needs it`;
	if (/\.(md|html|json)$/.test(file)) {
		return `# ${words}\n${text}`;
	}
	return /\.[chj]s?$/.test(file) ? `/* ${words} */\n${text}` : `# ${words}\n${text}`;
}

for (const [script, rules] of [['check-layers', LAYERS], ['check-house', HOUSE]]) {
	for (const [rule, file, bad, good] of rules) {
		test(`${script}: ${rule}: ${bad.slice(0, 60).replaceAll('\n', ' ')}`, () => {
			const broken = check(script, file, bad);
			assert.match(broken.stdout, new RegExp(`^${file}:\\d+: .*\\[${rule}\\]$`, 'm'));
			assert.equal(broken.status, 1);

			const kept = check(script, file, good);
			assert.ok(!kept.stdout.includes(`[${rule}]`), kept.stdout);

			if (rule === 'header') {
				return; // it is about the first comment, so no other can come before it
			}
			const excused = check(script, file, excuse(rule, file, bad));
			assert.ok(!excused.stdout.includes(`[${rule}]`), excused.stdout);

			const needless = check(script, file, excuse(rule, file, good));
			assert.match(needless.stdout, new RegExp(`excuses nothing; remove it \\[${rule}\\]`));
		});
	}
}

test('an excuse needs a reason', () => {
	const run = check('check-house', 'base/a.c', '/* house: goto because */\n	goto out;');
	assert.equal(run.status, 1);
});

test('every rule of the scripts is tested here', () => {
	for (const [script, rules] of [['check-layers', LAYERS], ['check-house', HOUSE]]) {
		const named = fs.readFileSync(path.join(HERE, script), 'utf8').matchAll(/^\s*\['([a-z-]+)',/gm);
		for (const [, name] of named) {
			assert.ok(rules.some(([rule]) => rule === name), `${script}: ${name}`);
		}
	}
});
