// deploy/local/postgres.sh and databases.sh: private, durable, repeatable clusters, whoever starts them.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
const SCRIPT = path.join(ROOT, 'deploy/local/postgres.sh');
const scratch = (name) => path.join(os.tmpdir(), name);

function cluster(verb, dir, as = []) {
	const run = spawnSync([...as, SCRIPT][0], [...as, SCRIPT].slice(1).concat(verb, dir), { encoding: 'utf8' });
	assert.equal(run.status, 0, run.stderr);
	return run.stdout.trim();
}

function sql(socket, query, { role = 'postgres', database = 'postgres' } = {}) {
	return execFileSync('psql', ['-X', '-At', '-h', socket, '-U', role, '-d', database, '-c', query], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

// The first line of postmaster.pid is the server's process id.
function pidFile(dir) {
	return path.join(dir, 'data/postmaster.pid');
}

function serverPid(dir) {
	return Number(fs.readFileSync(pidFile(dir), 'utf8').split('\n')[0]);
}

async function until(condition) {
	for (const deadline = Date.now() + 10_000; !condition(); await new Promise((resolve) => setImmediate(resolve))) {
		assert.ok(Date.now() < deadline, 'in time');
	}
}

function alive(pid) {
	try {
		process.kill(pid, 0);
		return !fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z');
	} catch {
		return false;
	}
}

test('a cluster is durable, listens on its socket only and keeps its data', () => {
	const dir = scratch('keep');
	const socket = cluster('start', dir);
	for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums']) {
		assert.equal(sql(socket, `SHOW ${setting}`), 'on', setting);
	}
	assert.equal(sql(socket, 'SHOW listen_addresses'), '');
	assert.equal(fs.statSync(socket).mode & 0o777, 0o700);
	sql(socket, 'CREATE TABLE kept (a int)');
	const pid = serverPid(dir);
	assert.equal(cluster('start', dir), socket);
	assert.equal(serverPid(dir), pid, 'a second start changes nothing');
	cluster('stop', dir);
	cluster('stop', dir);
	assert.ok(!alive(pid));
	assert.equal(sql(cluster('start', dir), 'SELECT count(*) FROM kept'), '0');
	cluster('destroy', dir);
	assert.ok(!fs.existsSync(dir));
});

test('it starts again after kill -9, also when its old process id belongs to someone else', async () => {
	const dir = scratch('killed');
	const socket = cluster('start', dir);
	sql(socket, 'CREATE TABLE kept (a int)');
	for (const reused of [false, true]) {
		const pid = serverPid(dir);
		const backends = fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p) && fs.existsSync(`/proc/${p}/stat`) && fs.readFileSync(`/proc/${p}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid));
		process.kill(pid, 'SIGKILL');
		await until(() => !alive(pid) && backends.every((p) => !alive(Number(p))));
		if (reused) {
			fs.writeFileSync(pidFile(dir), fs.readFileSync(pidFile(dir), 'utf8').replace(/^\d+/, String(process.pid)));
		}
		assert.equal(cluster('start', dir), socket);
		assert.equal(sql(socket, 'SELECT count(*) FROM kept'), '0');
	}
	cluster('destroy', dir);
});

test('long paths and folders that the server may not enter are got around', () => {
	const long = path.join(scratch('x'.repeat(110)), 'pg');
	const closed = scratch('closed');
	fs.mkdirSync(closed, { mode: 0o700 });
	for (const dir of [long, path.join(closed, 'pg')]) {
		const socket = cluster('start', dir);
		assert.ok(socket.length < 90, socket);
		assert.equal(sql(socket, 'SELECT 1'), '1');
		cluster('stop', dir);
		assert.equal(sql(cluster('start', dir), 'SELECT 1'), '1');
		cluster('destroy', dir);
		assert.ok(!fs.existsSync(socket));
	}
});

test('a user who is not root runs it as himself', { skip: process.getuid() !== 0 && 'the other tests do' }, () => {
	const home = scratch('home');
	fs.mkdirSync(home);
	execFileSync('chown', ['nobody', home]);
	const as = ['setpriv', '--reuid', 'nobody', '--clear-groups', 'env', `QUAYSIDE_PG_TEMPLATE=${home}/template`];
	const dir = path.join(home, 'pg');
	const socket = cluster('start', dir, as);
	assert.equal(execFileSync('stat', ['-c', '%U', socket], { encoding: 'utf8' }).trim(), 'nobody');
	assert.equal(sql(socket, 'SELECT 1'), '1');
	cluster('destroy', dir, as);
});

test('each service reaches its own database and no other', () => {
	const dir = scratch('roles');
	const socket = cluster('start', dir);
	const make = () => execFileSync(path.join(ROOT, 'deploy/local/databases.sh'), [socket], { encoding: 'utf8' });
	assert.equal(make(), '');
	sql(socket, 'CREATE TABLE kept (a int)', { role: 'ordering', database: 'ordering' });
	assert.equal(make(), '', 'again, and nothing changes');
	assert.equal(sql(socket, 'SELECT count(*) FROM kept', { role: 'ordering', database: 'ordering' }), '0');
	for (const database of ['customers', 'warehouse', 'shipping', 'billing', 'postgres', 'template1']) {
		assert.throws(() => sql(socket, 'SELECT 1', { role: 'ordering', database }), /permission denied for database/);
	}
	cluster('destroy', dir);
});
