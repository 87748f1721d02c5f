// `otter cert rotate`: boards get to know the backup key, the server goes over to it, and comes back when its live key is lost.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Pins } from '#protocol/admin/fleet/pins.ts';
import { createKeyFiles, openKeyFile } from '#cli/signing/key-file.ts';
import { pinIdOf } from '#protocol/device/configuration.ts';
import { formatPin } from '#protocol/pinned-https.ts';
import { findBackupKey } from '#server/home/backup-key.ts';
import { type OtterRun, runOtter } from '../../support/otter-command.ts';
import { startTestServer } from '../../support/server/server.ts';
import { signPins } from '../../support/signing.ts';

const PASSPHRASE = 'four random words here';
const env = { OTTER_KEY_PASSPHRASE: PASSPHRASE };
const MAC = '24:6f:28:00:00:01';

let keys: string;
let keyId: string;
beforeAll(async () => {
  keys = await mkdtemp(join(tmpdir(), 'otter-rotate-'));
  await createKeyFiles(keys, ['release', 'other'], PASSPHRASE, { scryptLogN: 10 });
  keyId = (await openKeyFile(join(keys, 'release.key.age'), PASSPHRASE)).releaseKey.keyId;
});
afterAll(async () => rm(keys, { recursive: true }));

/** A server with a trusted release key, one board of `default` that takes configurations, and the command line beside it. */
async function newServer(pinsOfBuild: 'old' | 'both', { isSigned = true } = {}) {
  const server = await startTestServer();
  onTestFinished(async () => server.stop().catch(() => undefined));
  onTestFinished(() => rmSync(server.home, { recursive: true, force: true }));
  const live = formatPin(server.pin);
  const backup = findBackupKey(server.home)?.pin ?? '';
  if (isSigned)
    await server.admin('trustReleaseKey', { body: { public_key: readFileSync(join(keys, 'release.pub'), 'utf8') } });
  const pins = (pinsOfBuild === 'both' ? [live, backup] : [live]).map(pinIdOf);
  const checkIn = async (sequence?: number) =>
    server.checkIn(MAC, '1.0.0', {
      release_keys: isSigned ? [keyId] : [],
      pins,
      ...(sequence === undefined ? {} : { configuration_sequence: sequence }),
    });
  await checkIn(isSigned ? 0 : undefined);
  const otter = async (...args: readonly string[]): Promise<OtterRun> =>
    runOtter(keys, [...args, '--json', '--home', server.home], { env, cwd: keys });
  return { server, live, backup, checkIn, otter };
}

const pinsOf = ({ stdout }: OtterRun): Pins => JSON.parse(stdout) as Pins;
const codeOf = ({ stdout }: OtterRun): string => (JSON.parse(stdout) as { error: { code: string } }).error.code;

test('a server that was restored from before the last configuration: start signs a new one, which boards take', async () => {
  const { server, live, backup, checkIn, otter } = await newServer('both');
  const key = await openKeyFile(join(keys, 'release.key.age'), PASSPHRASE);
  const ofBackup = signPins({ product: 'default', sequence: 1_000, pins: [live, backup] }, key);
  await server.admin('configurePins', { body: ofBackup });
  expect(await checkIn(2_000), 'it has a later one').not.toHaveProperty('configuration');
  expect(pinsOf(await otter('cert', 'rotate', 'status'))).toMatchObject({
    products: [{ unacknowledged: 1, ahead: 1 }],
  });
  const started = await otter('cert', 'rotate', 'start', '--backup-pin', backup, '--yes');
  const sequence = pinsOf(started).products[0]?.configuration?.sequence ?? 0;
  expect(sequence).toBeGreaterThan(2_000);
  expect(await checkIn(2_000)).toMatchObject({ configuration: { sequence } });
  await checkIn(sequence);
  expect(pinsOf(await otter('cert', 'rotate', 'status'))).toMatchObject({ products: [{ ready: 1, ahead: 0 }] });
});

test('a fleet is walked over: start signs, boards acknowledge, finish changes the key, and it may be repeated', async () => {
  const { server, live, backup, checkIn, otter } = await newServer('both');
  const started = await otter('cert', 'rotate', 'start', '--backup-pin', backup, '--yes');
  expect(started).toMatchObject({ exitCode: 0 });
  const sequence = pinsOf(started).products[0]?.configuration?.sequence ?? 0;
  expect(Math.abs(sequence - Date.now() / 1000)).toBeLessThan(600);
  expect(pinsOf(started)).toMatchObject({
    live,
    backup,
    products: [{ product: 'default', configuration: { pins: [live, backup], key_ids: [keyId] }, unacknowledged: 1 }],
  });
  const again = await otter('cert', 'rotate', 'start', '--yes', '--backup-pin', backup);
  expect(pinsOf(again).products[0]?.configuration?.sequence).toBe(sequence);
  const anew = await otter('cert', 'rotate', 'start', '--yes', '--again', '--backup-pin', backup);
  expect(pinsOf(anew).products[0]?.configuration?.sequence).toBeGreaterThan(sequence);
  const early = await otter('cert', 'rotate', 'finish', '--yes');
  expect(early.exitCode).toBe(6);
  expect(codeOf(early)).toBe('boards_stranded');
  const { configuration } = await checkIn(0);
  expect(configuration).toMatchObject({ pins: [live, backup] });
  await checkIn(configuration?.sequence);
  expect(pinsOf(await otter('cert', 'rotate', 'status'))).toMatchObject({ products: [{ ready: 1, lost: 0 }] });
  const unasked = await otter('cert', 'rotate', 'finish');
  expect(codeOf(unasked)).toBe('confirmation_needed');
  const finished = await otter('cert', 'rotate', 'finish', '--yes');
  expect(finished.exitCode).toBe(0);
  const next = findBackupKey(server.home)?.pin;
  expect(JSON.parse(finished.stdout)).toMatchObject({ pin: backup, backup_pin: next });
  expect(next).not.toBe(backup);
  expect(readdirSync(join(server.home, 'data/certs')).filter((name) => name.includes('.before-'))).toHaveLength(2);
  await server.stop();
  const moved = await startTestServer({ like: server });
  expect(formatPin(moved.pin)).toBe(backup);
  expect((await moved.checkIn(MAC, '1.0.0')).reason).toBe('nothing_to_offer');
  await moved.stop();
});

test('a board that knows the pin by configuration alone, or not at all, is not left behind unless that is said', async () => {
  const { server, backup, checkIn, otter } = await newServer('old');
  const lost = await otter('cert', 'rotate', 'finish', '--yes');
  expect(lost.stdout).toContain('1 board does not know the backup pin and would be lost');
  const started = pinsOf(await otter('cert', 'rotate', 'start', '--backup-pin', backup, '--yes'));
  await checkIn(started.products[0]?.configuration?.sequence);
  const configured = await otter('cert', 'rotate', 'finish', '--yes');
  expect(configured.stdout).toContain('1 board knows it by configuration alone');
  const before = readFileSync(join(server.home, 'data/certs/server.key'), 'utf8');
  expect((await otter('cert', 'rotate', 'finish', '--yes', '--strand')).exitCode).toBe(0);
  expect(readFileSync(join(server.home, 'data/certs/server.key'), 'utf8')).not.toBe(before);
});

test('without a release key pins change by firmware alone, and the command says so', async () => {
  const { backup, otter } = await newServer('both', { isSigned: false });
  const run = await otter('cert', 'rotate', 'start', '--backup-pin', backup, '--yes');
  expect(run.exitCode).not.toBe(0);
  expect(run.stdout).toContain('pins change only by firmware');
  expect(run.stdout).toContain('otter board');
  // A build that has the pin is enough.
  expect(pinsOf(await otter('cert', 'rotate', 'status'))).toMatchObject({
    products: [{ takes_configurations: false, ready: 1 }],
  });
  expect((await otter('cert', 'rotate', 'finish', '--yes')).exitCode).toBe(0);
});

test('nothing is signed that a person did not compare, nor with a key that nobody trusts', async () => {
  const { backup, otter } = await newServer('both');
  expect(codeOf(await otter('cert', 'rotate', 'start', '--yes'))).toBe('confirmation_needed');
  expect(codeOf(await otter('cert', 'rotate', 'start'))).toBe('confirmation_needed');
  const foreign = `spki:${'0'.repeat(64)}`;
  const other = await otter('cert', 'rotate', 'start', '--yes', '--backup-pin', foreign);
  expect(codeOf(other)).toBe('server_identity_changed');
  const start = ['cert', 'rotate', 'start', '--yes', '--backup-pin', backup];
  expect(codeOf(await otter(...start, '--key', 'other.key.age'))).toBe('key_untrusted');
  expect(codeOf(await otter(...start, '--expires', 'soon'))).toBe('argument_invalid');
  expect(codeOf(await otter(...start, '--product', 'nobody'))).toBe('nobody_to_update');
  expect(pinsOf(await otter('cert', 'rotate', 'status')).products[0]?.configuration).toBeNull();
});

test('the certificate is lost: the key that was put away brings the server back, and its boards', async () => {
  const { server, backup, otter } = await newServer('both');
  const stowed = join(keys, 'stowed.age');
  await otter('cert', 'stow', stowed);
  await server.stop();
  for (const file of ['server.key', 'server.crt']) rmSync(join(server.home, 'data/certs', file));
  expect(codeOf(await otter('cert', 'rotate', 'finish', '--yes'))).toBe('key_missing');
  const wrong = await otter('cert', 'rotate', 'finish', '--yes', '--from', 'other.key.age');
  expect(codeOf(wrong)).toBe('argument_invalid');
  const run = await otter('cert', 'rotate', 'finish', '--yes', '--from', stowed);
  expect(run).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(run.stdout)).toMatchObject({ pin: backup, put_aside: [] });
  const back = await startTestServer({ like: server });
  expect(formatPin(back.pin)).toBe(backup);
  expect((await back.checkIn(MAC, '1.0.0')).update_available).toBe(false);
  await back.stop();
});

test('a power cut between certificate and key is completed by repeating it', async () => {
  const { server, backup, otter } = await newServer('both');
  await server.stop();
  const certs = join(server.home, 'data/certs');
  const [oldKey, backupKey] = ['server.key', 'backup.key'].map((name) => readFileSync(join(certs, name), 'utf8'));
  expect((await otter('cert', 'rotate', 'finish', '--yes', '--strand')).exitCode).toBe(0);
  // As it was left there: the new certificate, the old key, and the backup key, which goes last.
  await writeFile(join(certs, 'server.key'), oldKey ?? '');
  for (const name of ['backup.key', 'backup.pin']) rmSync(join(certs, name));
  await writeFile(join(certs, 'backup.key'), backupKey ?? '');
  await writeFile(join(certs, 'backup.pin'), `${backup}\n`);
  await expect(startTestServer({ like: server })).rejects.toThrow(/does not belong/);
  const run = await otter('cert', 'rotate', 'finish', '--yes');
  expect(JSON.parse(run.stdout)).toMatchObject({ pin: backup });
  expect(existsSync(join(certs, 'backup.key'))).toBe(true);
  const moved = await startTestServer({ like: server });
  expect(formatPin(moved.pin)).toBe(backup);
  await moved.stop();
});

test('a server that does not run cannot say who would be lost', async () => {
  const { server, otter } = await newServer('both');
  await server.stop();
  const run = await otter('cert', 'rotate', 'finish', '--yes');
  expect(codeOf(run)).toBe('server_unreachable');
  expect(run.stdout).toContain('--strand');
});
