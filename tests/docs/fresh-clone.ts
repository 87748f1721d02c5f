// A clone as a newcomer has it after `npm run demo`: the repository without any home of a server, in a folder of its own,
// with the packages installed. The packages are those of this repository, linked, so that nothing is fetched.

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './markdown.ts';

const PARTS = [
  'bin',
  'cli',
  'protocol',
  'engine',
  'server',
  'simulator',
  'package.json',
  'package-lock.json',
  '.env.example',
];
const TEMPLATES = ['config/server.example.yml', 'config/schedules.example.yaml', 'config/plans.example.yaml'];

/** The path of the clone; the caller removes it. */
export function makeClone(): string {
  const clone = mkdtempSync(join(tmpdir(), 'otter-clone-'));
  for (const part of [...PARTS, ...TEMPLATES]) cpSync(join(ROOT, part), join(clone, part), { recursive: true });
  const packages = join(clone, 'node_modules');
  mkdirSync(packages);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== '.otter-installed') symlinkSync(join(ROOT, 'node_modules', name), join(packages, name));
  }
  // What bin/otter.mjs leaves behind after an installation.
  const lock = createHash('sha256').update(readFileSync(join(clone, 'package-lock.json')));
  writeFileSync(join(packages, '.otter-installed'), `${lock.digest('hex')} dev\n`);
  return clone;
}
