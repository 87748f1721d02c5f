// Files that a person names: images, tokens, release notes, and the server's own certificate.

import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { runOtter } from '../support/otter-command.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'otter-cli-'));
});
afterEach(async () => rm(home, { recursive: true, force: true }));

const REMOTE = ['--server', 'https://127.0.0.1:9', '--pin', `spki:${'0'.repeat(64)}`];

describe('an invalid image is refused before anything is sent', () => {
  const addFile = async (name: string) => runOtter(home, ['firmware', 'add', name, '--token', 'x', ...REMOTE]);

  test('D6: a file that is not there, with its path', async () => {
    const run = await addFile('nowhere.bin');
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain(`${path.join(home, 'nowhere.bin')}: there is no such file`);
  });

  test('D7: a folder', async () => {
    const run = await addFile('.');
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain('is a folder');
  });

  test('D9: an empty file', async () => {
    await writeFile(path.join(home, 'empty.bin'), '');
    const run = await addFile('empty.bin');
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain('empty.bin is empty');
  });

  test('one byte more than an image may have', async () => {
    const file = path.join(home, 'large.bin');
    await writeFile(file, 'x');
    await truncate(file, MAX_IMAGE_BYTES + 1);
    const run = await addFile('large.bin');
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain(`has ${MAX_IMAGE_BYTES + 1} bytes`);
  });

  test('an image of the largest size passes on to the server', async () => {
    const file = path.join(home, 'largest.bin');
    await writeFile(file, 'x');
    await truncate(file, MAX_IMAGE_BYTES);
    expect(await addFile('largest.bin')).toMatchObject({ exitCode: 5 });
  });
});

describe('a token', () => {
  test('D25: without one, the message names the variable and the file', async () => {
    const run = await runOtter(home, ['status', ...REMOTE]);
    expect(run.exitCode).toBe(4);
    expect(run.stderr).toContain('OTTER_TOKEN');
    expect(run.stderr).toContain('--token-file FILE');
  });

  test.for([0o644, 0o640, 0o604])('D26: in a file that others can read is refused (%o)', async (mode) => {
    const file = path.join(home, 'token');
    await writeFile(file, 'ota_x\n');
    await chmod(file, mode);
    const run = await runOtter(home, ['status', '--token-file', 'token', ...REMOTE]);
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain(`chmod 600 ${file}`);
    expect(run.stderr).not.toContain('ota_x');
  });

  test('in a file of mode 0600 is taken, and wins over the environment', async () => {
    const file = path.join(home, 'token');
    await writeFile(file, 'ota_x\n', { mode: 0o600 });
    const env = { OTTER_TOKEN: 'not a token' };
    expect(await runOtter(home, ['status', '--token-file', 'token', ...REMOTE], { env })).toMatchObject({
      exitCode: 5,
    });
    expect(await runOtter(home, ['status', ...REMOTE], { env })).toMatchObject({ exitCode: 3 });
  });
});

test('D23: a server that is down is named with its port and what to try', async () => {
  const run = await runOtter(home, ['status', '--token', 'x', ...REMOTE]);
  expect(run.exitCode).toBe(5);
  expect(run.stderr).toContain('127.0.0.1:9');
  expect(run.stderr).toContain('npm start');
});

describe('the certificate of this machine', () => {
  const create = async () => runOtter(home, ['cert', 'create', '--host', 'otter.example', '10.0.0.7', '--home', home]);
  const certs = () => path.join(home, 'data', 'certs');

  test('is made with the names that were given, its key for this user only', async () => {
    const run = await create();
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/pin +spki:[0-9a-f]{64}\n/);
    expect(run.stdout).toContain('otter.example, 10.0.0.7');
    expect((await stat(path.join(certs(), 'server.key'))).mode & 0o777).toBe(0o600);
  });

  test('D34: is never replaced', async () => {
    await create();
    const before = await readFile(path.join(certs(), 'server.key'), 'utf8');
    const run = await create();
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain('already there');
    expect(await readFile(path.join(certs(), 'server.key'), 'utf8')).toBe(before);
  });

  test('D33: leaves nothing where it cannot be written', async () => {
    await mkdir(path.join(home, 'data'), { recursive: true });
    await writeFile(certs(), 'a file in the place of the folder');
    const run = await create();
    expect(run.exitCode).toBe(3);
    expect(await readdir(path.join(home, 'data'))).toEqual(['certs']);
  });

  test('is shown after init, as text and as JSON', async () => {
    expect(await runOtter(home, ['init', '--home', home])).toMatchObject({ exitCode: 0 });
    const text = await runOtter(home, ['cert', 'show', '--home', home]);
    const json = await runOtter(home, ['cert', 'show', '--home', home, '--json']);
    expect(text).toMatchObject({ exitCode: 0, stderr: '' });
    const shown = JSON.parse(json.stdout);
    expect(shown).toMatchObject({ key: 'EC P-256', pin: expect.stringMatching(/^spki:[0-9a-f]{64}$/) });
    expect(text.stdout).toContain(shown.pin);
  });

  test('a second init makes nothing and says so', async () => {
    await runOtter(home, ['init', '--home', home]);
    const run = await runOtter(home, ['init', '--home', home]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain('everything is there');
  });

  test('a configuration that cannot be read ends with 78 and the place of the mistake', async () => {
    await runOtter(home, ['init', '--home', home]);
    await writeFile(path.join(home, 'config', 'server.yml'), 'prot: 1\n', { mode: 0o600 });
    const run = await runOtter(home, ['status', '--home', home]);
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toMatch(/server\.yml:1:1/);
  });
});
