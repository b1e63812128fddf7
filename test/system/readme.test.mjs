// The walks of the README, run as they stand there: by curl through the gateway, and by buf curl (by reflection) against the services.
// test-seconds: 300
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from '../harness/contract.mjs';
import { freePort, SERVICES, startSystem } from '../harness/system.mjs';
import { patience, until } from '../harness/wait.mjs';

const run = promisify(execFile);
const PORTS = { customers: 9001, ordering: 9002, warehouse: 9003, shipping: 9004, billing: 9005 };

let system;
let ports; // in the README -> here

before(async () => {
	system = await startSystem({ services: [] });
	ports = { 8080: new URL(system.url).port };
	for (const name of SERVICES) {
		ports[PORTS[name]] = await freePort();
		system.startService(name, [], ports[PORTS[name]]);
	}
	for (const name of SERVICES) await system.ready(name);
	await until('the gateway to have found them all', () => fetch(`${system.url}/readyz`).then((reply) => reply.ok));
});
after(() => system?.stop({ quiescent: true }));

// The shell blocks below a heading, as one script. Only the ports are others, and what is installed already is not installed again.
function blocks(heading) {
	const text = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
	const section = text.split(/^## /m).find((part) => part.startsWith(heading));
	const script = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, body]) => body).join('\n');
	return script.replace(/^make setup$/m, '').replace(/\b(8080|900[1-5])\b/g, (port) => ports[port]);
}

async function paste(script) {
	const { stdout, stderr } = await run('bash', ['--norc', '-eu', '-o', 'pipefail', '-c', script], { cwd: ROOT, timeout: patience(120_000), maxBuffer: 1 << 24 });
	assert.equal(stderr, '');
	return stdout;
}

it('the main job with curl ends with a paid invoice, and a refusal that says why', async () => {
	const said = await paste(blocks('The main job with curl'));
	assert.match(said, /"number": "INV-\d{4}-\d{6}"/);
	assert.match(said, /"state": "INVOICE_STATE_PAID"/);
	assert.match(said, /"reason": "ORDER_NOT_OPEN"/);
});

it('the same over gRPC, by reflection', async () => {
	const said = await paste(blocks('The same over gRPC'));
	assert.match(said, /"state": "INVOICE_STATE_PAID"/);
	assert.match(said, /quayside\.ordering\.v1\.OrderService\/SubmitOrder/);
});
