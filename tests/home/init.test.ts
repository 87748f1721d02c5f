import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFiles } from '#server/home/create-files.ts';
import { initHome } from '#server/home/init.ts';
import { load, newFolder, newHome, NOW_MS } from '../config/new-home.ts';

const FILES = [
  'config/server.yml',
  'config/schedules.yaml',
  'config/plans.yaml',
  '.env.example',
  'data/tokens/fleet.token',
  'data/tokens/admin.token',
  'data/certs/server.key',
  'data/certs/server.crt',
  'data/certs/backup.key',
  'data/certs/backup.pin',
];

test('a home is made whole, and secrets are for the owner only', async () => {
  const home = join(newFolder(), 'new/home');
  const made = await initHome(home, { nowMs: NOW_MS });
  expect(made.map((path) => relative(home, path))).toEqual(FILES);
  const modes = FILES.map((path) => (statSync(join(home, path)).mode & 0o777).toString(8));
  expect(modes).toEqual(['600', '644', '644', '644', '600', '600', '600', '644', '600', '644']);
  expect(existsSync(join(home, '.env'))).toBe(false);
  expect(load(home).warnings).toEqual([]);
});

test('nothing that is there is changed, and what is missing is added', async () => {
  const home = await newHome();
  expect(await initHome(home, { nowMs: NOW_MS })).toEqual([]);
  const before = FILES.map((path) => readFileSync(join(home, path), 'utf8'));
  const fresh = ['config/schedules.yaml', 'data/tokens/admin.token'];
  for (const path of fresh) rmSync(join(home, path));
  expect(await initHome(home, { nowMs: NOW_MS })).toEqual(fresh.map((path) => join(home, path)));
  const after = FILES.map((path) => readFileSync(join(home, path), 'utf8'));
  expect(FILES.filter((_, index) => before[index] !== after[index])).toEqual(['data/tokens/admin.token']);
});

test.each([
  ['data/certs/server.crt', 'data/certs/server.key'],
  ['data/certs/server.key', 'data/certs/server.crt'],
])('with %s but without %s nothing is made, so that the pin cannot change unseen', async (present, missing) => {
  const home = await newHome();
  rmSync(join(home, missing));
  rmSync(join(home, 'config/schedules.yaml'));
  await expect(initHome(home, { nowMs: NOW_MS })).rejects.toMatchObject({
    code: 'start_refused',
    message: `${join(home, present)} is there, but ${join(home, missing)} is missing`,
  });
  expect(existsSync(join(home, 'config/schedules.yaml'))).toBe(false);
});

test('a folder that cannot be made is named', async () => {
  const home = newFolder();
  writeFileSync(join(home, 'data'), 'a file in the way');
  await expect(initHome(home, { nowMs: NOW_MS })).rejects.toMatchObject({
    code: 'start_refused',
    message: expect.stringContaining(join(home, 'data')),
  });
});

describe('new files are whole or not there', () => {
  test('a name that is taken keeps its content, and its partner is not made', () => {
    const folder = newFolder();
    const [first, taken] = [join(folder, 'first'), join(folder, 'taken')];
    writeFileSync(taken, 'old');
    const files = [first, taken].map((path) => ({ path, text: 'new', mode: 0o600 }));
    expect(() => createFiles(files)).toThrow(/cannot make .*first and .*taken: EEXIST/);
    expect(readdirSync(folder)).toEqual(['taken']);
    expect(readFileSync(taken, 'utf8')).toBe('old');
  });

  // A limit on the size of files is the one full disk that a test can make anywhere; the signal is what it sends first.
  test.skipIf(process.platform === 'win32')('a full disk leaves nothing, not even a temporary file', () => {
    const folder = newFolder();
    const script = `
      import { createFiles } from '#server/home/create-files.ts';
      process.on('SIGXFSZ', () => {});
      const text = 'x'.repeat(100_000);
      try { createFiles([{ path: process.argv[1] + '/key', text, mode: 0o600 }]); }
      catch (error) { console.log(error.code, error.message); }`;
    const node = `ulimit -f 16; exec "$0" --input-type=module -e "$1" "$2"`;
    const { stdout, stderr } = spawnSync('sh', ['-c', node, process.execPath, script, folder], {
      encoding: 'utf8',
      cwd: join(import.meta.dirname, '../..'),
    });
    expect(stdout + stderr).toMatch(/^start_refused cannot make .*key: EFBIG/);
    expect(readdirSync(folder)).toEqual([]);
  });
});
