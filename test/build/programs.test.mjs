// The built programs: hardened, and linked to what their layer allows.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

const { QUAYSIDE_ROOT: ROOT, QUAYSIDE_BUILD: BUILD } = process.env;
const SERVICES = ['customers', 'ordering', 'warehouse', 'shipping', 'billing'];
const binary = (name) => path.join(BUILD, 'bin', name);
const readelf = (name, ...flags) => execFileSync('readelf', [...flags, '--wide', binary(name)], { encoding: 'utf8' });
const needed = (name) => [...readelf(name, '-d').matchAll(/\(NEEDED\).*\[(.+?)\.so/g)].map(([, library]) => library);

for (const name of [...SERVICES, 'gateway']) {
	test(`${name} is hardened`, () => {
		assert.match(readelf(name, '-h'), /Type:\s+DYN/, 'position independent');
		const segments = readelf(name, '-l');
		assert.match(segments, /GNU_RELRO/);
		assert.match(segments, /GNU_STACK\s.*\sRW\s/, 'no executable stack');
		assert.doesNotMatch(segments, /\sRWE\s/);
		const dynamic = readelf(name, '-d');
		assert.match(dynamic, /FLAGS_1.*\bNOW\b/);
		assert.doesNotMatch(dynamic, /R(UN)?PATH/);
		const symbols = readelf(name, '--dyn-syms');
		assert.match(symbols, /__stack_chk_fail/);
		assert.match(symbols, /__\w+_chk\b/, 'fortified calls');
	});

	test(`${name} cannot be made to fail by its environment (runtime/fault.h)`, () => {
		assert.ok(!fs.readFileSync(binary(name)).includes('FAULT_FILE'));
	});

	test(`${name} names no path of the machine that built it`, () => {
		assert.ok(!fs.readFileSync(binary(name)).includes(ROOT));
	});
}

test('each program links what its layer allows', () => {
	for (const name of SERVICES) {
		const libraries = needed(name);
		assert.ok(libraries.includes('libgrpc') && libraries.includes('libpq'), libraries.join(' '));
		assert.ok(!libraries.includes('libevent_openssl'), libraries.join(' '));
	}
	const libraries = needed('gateway');
	assert.ok(libraries.includes('libgrpc'), libraries.join(' '));
	assert.ok(!libraries.includes('libpq'), libraries.join(' '));
});
