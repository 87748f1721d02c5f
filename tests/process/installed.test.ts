// The launcher and the packages that are there: it installs nothing where nothing is missing, whoever installed it. npm is out of
// reach here, so that each try to install fails.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '../..');
const RECORD = 'node_modules/.package-lock.json';
const STAMP = 'node_modules/.otter-installed';

let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'otter-installed-'));
  const made = clone;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  for (const name of ['package.json', 'package-lock.json', 'bin', RECORD]) {
    mkdirSync(join(clone, 'node_modules'), { recursive: true });
    cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  }
  // The packages themselves, without the stamp of the launcher: as `npm ci` leaves them.
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter((found) => !found.startsWith('.')))
    symlinkSync(join(ROOT, 'node_modules', name), join(clone, 'node_modules', name));
  symlinkSync(join(ROOT, 'cli'), join(clone, 'cli'));
});

/** Asks for the version, with no npm in PATH. */
function start() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, 'bin/otter.mjs'), '--version'], {
    encoding: 'utf8',
    env: { PATH: '', HOME: clone },
  });
  return { status, stdout, stderr };
}

function forget(
  isForgotten: (path: string, entry: { readonly dev?: boolean; readonly optional?: boolean }) => boolean,
): void {
  const record = JSON.parse(readFileSync(join(clone, RECORD), 'utf8'));
  record.packages = Object.fromEntries(
    Object.entries<{ readonly dev?: boolean }>(record.packages).filter(([path, entry]) => !isForgotten(path, entry)),
  );
  writeFileSync(join(clone, RECORD), JSON.stringify(record));
}

const WELL = { status: 0, stdout: `${packageJson.version}\n`, stderr: '' };

test('what npm ci installed is kept, with the packages for tests', () => {
  expect(start()).toEqual(WELL);
  expect(readFileSync(join(clone, STAMP), 'utf8')).toMatch(/ dev\n$/);
});

test('what was installed without the packages for tests is enough to start', () => {
  forget((_, { dev }) => dev === true);
  expect(start()).toEqual(WELL);
  expect(readFileSync(join(clone, STAMP), 'utf8')).toMatch(/ production\n$/);
});

test('a package that is missing is installed', () => {
  forget((path) => path === 'node_modules/fastify');
  expect(start()).toMatchObject({ status: 69, stdout: '', stderr: expect.stringContaining('installing packages') });
});

test('a package that the record names and nobody finds is installed', () => {
  rmSync(join(clone, 'node_modules/fastify'));
  expect(start()).toMatchObject({ status: 69, stdout: '' });
});
