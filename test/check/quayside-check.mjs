#!/usr/bin/env node
// quayside-check: reads all five databases, changes nothing, and says of every invariant whether it holds.
//
//     node test/check/quayside-check.mjs --host run/postgres/socket --quiescent
//
//   --host DIR             where the database server listens (a socket's folder or a name); the role is `auditor` (deploy/local/databases.sh)
//   --SERVICE CONNINFO     how to reach one service's database instead: --billing 'host=/run/other user=auditor dbname=billing'
//   --quiescent            also what is true only when nothing is under way: no client writes, everything is up
//   --within SECONDS       looks again until everything holds or the time is over: for what needs a moment to settle
//   --history FILE         also what clients were told (form: history.mjs)
//   --only ID[,ID...]      only these invariants
//   --strict               an invariant that could not be looked at, because a table is not there, counts as "could not check"
//   --json                 results as JSON
//
// One line for each invariant, with what violates it below. Exit status: 0 all hold, 1 some do not, 2 could not check.
//
// It shares no code with the services: psql reads, in one transaction (REPEATABLE READ READ ONLY) for each database, all opened at once; but each database has its
// own moment, so what spans databases is looked at only with --quiescent.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { decode } from '../harness/contract.mjs';
import { checkWithin, databasesAt, gaps, INVARIANTS, report, SERVICES, violated } from './check.mjs';
import { readHistory } from './history.mjs';
import { CannotCheck } from './snapshot.mjs';

const FLAGS = { host: 'string', quiescent: 'boolean', within: 'string', history: 'string', only: 'string', strict: 'boolean', json: 'boolean', help: 'boolean' };

function readArguments(args) {
	const options = Object.fromEntries([...Object.entries(FLAGS), ...SERVICES.map((name) => [name, 'string'])].map(([name, type]) => [name, { type }]));
	try {
		return parseArgs({ args, options }).values;
	} catch (error) {
		throw new CannotCheck(error.message);
	}
}

// The comment that this file opens with.
function usage() {
	const source = fs.readFileSync(new URL(import.meta.url), 'utf8').split('\n').slice(1);
	return source.slice(0, source.findIndex((line) => !line.startsWith('//'))).map((line) => `${line.replace(/^\/\/ ?/, '')}\n`).join('');
}

function chosen(only) {
	const ids = only?.split(',');
	const stranger = ids?.find((id) => !INVARIANTS.some((invariant) => invariant.id === id));
	if (stranger) throw new CannotCheck(`there is no invariant ${stranger}; there are ${INVARIANTS.map(({ id }) => id).join(' ')}`);
	return ids;
}

function databases(values) {
	const found = values.host ? databasesAt(values.host) : {};
	for (const name of SERVICES) if (values[name]) found[name] = values[name];
	const missing = SERVICES.find((name) => !found[name]);
	if (missing) throw new CannotCheck(`say where the databases are: --host, or --${missing}`);
	return found;
}

async function main(args) {
	const values = readArguments(args);
	if (values.help) {
		process.stdout.write(usage());
		return 0;
	}
	const results = await checkWithin(Number(values.within ?? 0), {
		databases: databases(values),
		quiescent: values.quiescent,
		history: values.history && readHistory(values.history),
		only: chosen(values.only),
		decode,
	});
	process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : `${report(results)}\n`);
	if (violated(results).length > 0) return 1;
	if (values.strict && gaps(results).length > 0) throw new CannotCheck(`not looked at: ${gaps(results).map(({ id }) => id).join(' ')}`);
	return 0;
}

main(process.argv.slice(2)).then((status) => (process.exitCode = status), (error) => {
	process.stderr.write(`quayside-check: could not check: ${error instanceof CannotCheck ? error.message : error.stack}\n`);
	process.exitCode = 2;
});
