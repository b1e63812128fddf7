// To be imported before anything else: from here on the programs under test are those of the fault build (make fault; runtime/fault.h).
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
const folder = path.join(path.resolve(process.env.QUAYSIDE_BUILD ?? path.join(root, 'build')), 'fault');

if (!fs.existsSync(path.join(folder, 'bin/ordering'))) throw new Error(`there is no fault build in ${path.relative(root, folder)}; make it: make fault`);
process.env.QUAYSIDE_BUILD = folder;
