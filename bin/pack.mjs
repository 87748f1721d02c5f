// Makes what `npm pack` packs, and takes it away again. Node runs no TypeScript below node_modules, so the program goes out as
// JavaScript: the same files without their types, line for line, in dist/. The versions that were tested go out as
// npm-shrinkwrap.json, because npm never packs a package-lock.json; what only tests need is left out of it.
//
//   node bin/pack.mjs make      dist/ and npm-shrinkwrap.json
//   node bin/pack.mjs clean     removes both: npm would take a shrinkwrap of the clone for its lock

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const SHRINKWRAP = join(ROOT, 'npm-shrinkwrap.json');

/** What a server and the command line need; the demo and the images are for people with a clone. */
const PROGRAM = ['protocol', 'engine', 'server', 'cli', 'simulator'];
const LEFT_OUT = ['simulator/demo', 'simulator/images'];
const DASHBOARD = 'dashboard/dist';
/** A new home begins with these. */
const TEMPLATES = ['server.example.yml', 'schedules.example.yaml', 'plans.example.yaml'].map(
  (name) => `config/${name}`,
);

const COMMANDS = { make, clean };

const command = COMMANDS[process.argv[2]];
if (command === undefined) {
  process.stderr.write(`usage: node bin/pack.mjs ${Object.keys(COMMANDS).join('|')}\n`);
  process.exitCode = 2;
} else command();

function make() {
  clean();
  for (const path of PROGRAM.flatMap(listModules)) writeModule(path);
  for (const path of [...TEMPLATES, '.env.example']) cpSync(join(ROOT, path), join(DIST, path));
  // As it is committed: a test compares it with its sources.
  cpSync(join(ROOT, DASHBOARD), join(DIST, DASHBOARD), { recursive: true });
  const { name, version, type, imports } = readJson('package.json');
  writeJson(join(DIST, 'package.json'), { name, version, private: true, type, imports });
  writeJson(SHRINKWRAP, withoutDev(readJson('package-lock.json')));
}

function clean() {
  rmSync(DIST, { recursive: true, force: true });
  rmSync(SHRINKWRAP, { force: true });
}

function listModules(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !LEFT_OUT.some((left) => path.startsWith(`${left}/`)));
}

function writeModule(path) {
  const file = join(DIST, path.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(file), { recursive: true });
  const code = stripTypeScriptTypes(readFileSync(join(ROOT, path), 'utf8'), { mode: 'strip' });
  writeFileSync(file, namesScripts(code));
}

/** `'#cli/main.ts'` and `'./worker.ts'` become the names of what lies in dist/; no other text begins and ends so. */
function namesScripts(code) {
  return code.replaceAll(/(['"])(#|\.{1,2}\/)([\w./-]+)\.ts\1/g, '$1$2$3.js$1');
}

function withoutDev(lock) {
  const packages = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
  const { '': root, ...rest } = Object.fromEntries(packages);
  const { devDependencies: _, ...own } = root;
  return { ...lock, packages: { '': own, ...rest } };
}

function readJson(path) {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
