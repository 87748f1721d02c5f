// The backup key of a server: there from the first day, made later for older homes, and put away where nobody finds both.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openKeyFile } from '#cli/signing/key-file.ts';
import { createBackupKey, findBackupKey, pinOf } from '#server/home/backup-key.ts';
import { initHome } from '#server/home/init.ts';
import { runOtter } from '../../support/otter-command.ts';
import { startTestServer } from '../../support/server/server.ts';

const PASSPHRASE = 'four random words here';
const env = { OTTER_KEY_PASSPHRASE: PASSPHRASE };

/** A new home, and a folder elsewhere. */
async function newHome(): Promise<{ readonly home: string; readonly elsewhere: string; readonly certs: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'otter-backup-key-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [home, elsewhere] = [join(folder, 'home'), join(folder, 'usb')];
  await initHome(home, { nowMs: Date.now() });
  mkdirSync(elsewhere);
  return { home, elsewhere, certs: join(home, 'data/certs') };
}

const otter = async (home: string, ...args: readonly string[]) =>
  runOtter(home, [...args, '--json', '--home', home], { env });

/** A home of before backup keys. */
function makeOld(certs: string): void {
  for (const file of ['backup.key', 'backup.pin']) rmSync(join(certs, file));
}

test('a new home has one, and `cert show` has its pin', async () => {
  const { home, certs } = await newHome();
  const pin = pinOf(createPublicKey(createPrivateKey(readFileSync(join(certs, 'backup.key')))));
  expect(findBackupKey(home)).toMatchObject({ pin, isStowed: false });
  expect(statSync(join(certs, 'backup.key')).mode & 0o777).toBe(0o600);
  const shown = await otter(home, 'cert', 'show');
  expect(JSON.parse(shown.stdout)).toMatchObject({ backup_pin: pin, backup_key: 'here' });
});

test('an older home goes on without one, until somebody makes it', async () => {
  const { home, certs } = await newHome();
  makeOld(certs);
  expect(await initHome(home, { nowMs: Date.now() })).toEqual([]);
  expect(JSON.parse((await otter(home, 'cert', 'show')).stdout)).toMatchObject({ backup_pin: null, backup_key: null });
  const made = await otter(home, 'cert', 'backup');
  expect(JSON.parse(made.stdout)).toEqual({ pin: findBackupKey(home)?.pin, put_aside: [] });
  const again = await otter(home, 'cert', 'backup');
  expect(again.exitCode).toBe(3);
  expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'already_there' } });
});

test('it is replaced only on purpose, and the one before is put aside', async () => {
  const { home, certs } = await newHome();
  const before = findBackupKey(home)?.pin;
  expect((await otter(home, 'cert', 'backup', '--replace')).exitCode).toBe(2);
  expect(findBackupKey(home)?.pin).toBe(before);
  const run = await otter(home, 'cert', 'backup', '--replace', '--yes');
  expect(run.exitCode).toBe(0);
  expect(findBackupKey(home)?.pin).not.toBe(before);
  expect(readdirSync(certs).filter((name) => name.includes('.before-'))).toHaveLength(2);
});

test('put away: the key leaves the home and opens with its passphrase; the pin stays', async () => {
  const { home, elsewhere, certs } = await newHome();
  const pin = findBackupKey(home)?.pin;
  const run = await otter(home, 'cert', 'stow', elsewhere);
  const file = join(elsewhere, 'server-backup.key.age');
  expect(JSON.parse(run.stdout)).toEqual({ pin, file });
  expect(existsSync(join(certs, 'backup.key'))).toBe(false);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).not.toContain('PRIVATE');
  expect(pinOf((await openKeyFile(file, PASSPHRASE)).releaseKey.key)).toBe(pin);
  expect(JSON.parse((await otter(home, 'cert', 'show')).stdout)).toMatchObject({
    backup_pin: pin,
    backup_key: 'stowed',
  });
  const again = await otter(home, 'cert', 'stow', join(elsewhere, 'other.age'));
  expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'key_missing' } });
});

test('it is not put into the home, nor over a file, and stays where that fails', async () => {
  const { home, elsewhere, certs } = await newHome();
  const inside = await otter(home, 'cert', 'stow', join(certs, 'stowed.age'));
  expect(inside.exitCode).toBe(3);
  await otter(home, 'key', 'create', 'taken', '--folder', elsewhere);
  const taken = await otter(home, 'cert', 'stow', join(elsewhere, 'taken.pub'));
  expect(JSON.parse(taken.stdout)).toMatchObject({ error: { code: 'already_there' } });
  const nowhere = await otter(home, 'cert', 'stow', join(elsewhere, 'missing/key.age'));
  expect(JSON.parse(nowhere.stdout)).toMatchObject({ error: { code: 'file_unwritable' } });
  expect(existsSync(join(certs, 'backup.key'))).toBe(true);
});

test('a home whose live key is lost does not get another one unseen', async () => {
  const { home, certs } = await newHome();
  for (const file of ['server.key', 'server.crt']) rmSync(join(certs, file));
  await expect(initHome(home, { nowMs: Date.now() })).rejects.toMatchObject({
    code: 'start_refused',
    hint: expect.stringContaining('cert rotate finish'),
  });
  makeOld(certs);
  expect(await initHome(home, { nowMs: Date.now() })).toContain(join(certs, 'server.crt'));
});

test.each([false, true])('a backup of the server has it as it is: put away %s', async (isStowed) => {
  const { home, elsewhere } = await newHome();
  const pin = findBackupKey(home)?.pin;
  if (isStowed) await otter(home, 'cert', 'stow', elsewhere);
  // A database is there after the first start.
  const server = await startTestServer({
    like: { home, databaseUrl: 'sqlite:data/otter.db', clock: { nowMs: Date.now(), advance: () => {} } },
  });
  await server.stop();
  const file = join(elsewhere, 'otter.tar');
  expect(await otter(home, 'backup', file)).toMatchObject({ exitCode: 0 });
  const other = join(elsewhere, 'other');
  expect(await otter(other, 'restore', file, '--none-blocked')).toMatchObject({ exitCode: 0 });
  expect(findBackupKey(other)).toMatchObject({ pin, isStowed });
  expect(() => createBackupKey(other)).toThrow(/EEXIST/);
});
