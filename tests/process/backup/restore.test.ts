// What a restore refuses, and that everything is as it was then; what it moves aside; and what an older state must not bring back.

import { readdirSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asCommandError } from '#cli/exit-code.ts';
import { makeBackup } from '#server/backup/make-backup.ts';
import { loadConfig } from '#server/config/config.ts';
import { readBackup } from '#server/backup/read-archive.ts';
import { addFirmware, mac } from '../../support/fleet.ts';
import { type Dialect, DIALECTS, sizeOf } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { back, emptyDatabase, newFolder, otter, startFleet, stateOf } from './homes.ts';

const SQLITE = 'sqlite:data/otter.db';

test('a file that is damaged anywhere, or ends too early, is refused, and the home is as it was', async () => {
  const server = await startFleet('sqlite');
  const folder = await newFolder();
  const [file, bad, home] = ['otter.tar', 'bad.tar', 'home'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await back(server, file);
  await otter(home, SQLITE, ['restore', file, '--none-blocked']);
  const before = stateOf(home);
  const bytes = await readFile(file);
  const at = (part: number): number => Math.floor(bytes.length * part);
  const flips = Array.from({ length: sizeOf({ push: 24, whole: 1_000 }) }, (_, index, all = 24) =>
    Math.floor(((index + 0.5) * bytes.length) / sizeOf({ push: all, whole: 1_000 })),
  );
  // Headers and the end, too: names, sizes, checksums, the manifest and its sum.
  const places = [0, 130, 150, 257, 300, bytes.length - 1, bytes.length - 1_100, bytes.length - 2_000, ...flips];
  const damaged = [
    ...places.map((place) => {
      const copy = Buffer.from(bytes);
      copy[place] = (copy[place] ?? 0) ^ 0x10;
      return copy;
    }),
    ...[0, 1, 512, at(0.3), at(0.9), bytes.length - 512, bytes.length - 1].map((end) => bytes.subarray(0, end)),
    Buffer.concat([bytes, Buffer.from('more')]),
    Buffer.from('no backup at all'),
  ];
  const options = { passphrase: async () => '', onProgress: () => undefined, signal: new AbortController().signal };
  for (const [index, content] of damaged.entries()) {
    writeFileSync(bad, content);
    const refused = await readBackup(bad, options).then(
      () => 'taken',
      (error: unknown) => asCommandError(error).code,
    );
    expect({ index, refused }).toEqual({ index, refused: 'backup_damaged' });
  }
  const { exitCode, answer } = await otter(home, SQLITE, ['restore', bad, '--none-blocked', '--aside']);
  expect({ exitCode, answer }).toMatchObject({ exitCode: 3, answer: { error: { code: 'backup_damaged' } } });
  expect(stateOf(home)).toBe(before);
  expect(readdirSync(home).toSorted()).toEqual(['config', 'data']);
});

test('an encrypted backup opens with its passphrase alone, and shows where it is damaged', async () => {
  const server = await startFleet('sqlite');
  const folder = await newFolder();
  const [file, right, wrong, short] = ['otter.tar', 'right', 'wrong', 'short'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  writeFileSync(right, 'correct horse battery staple\n');
  writeFileSync(wrong, 'correct horse battery stable\n');
  writeFileSync(short, 'short\n');
  const weak = await otter(server.home, server.databaseUrl, ['backup', file, '--passphrase-file', short]);
  expect(weak).toMatchObject({ exitCode: 3, answer: { error: { code: 'passphrase_weak' } } });
  const { config } = loadConfig({ home: server.home, env: { OTTER_DATABASE: server.databaseUrl } });
  const made = await makeBackup({
    config,
    file,
    replaces: false,
    passphrase: 'correct horse battery staple',
    scryptLogN: sizeOf({ push: 10, whole: 18 }),
    nowMs: Date.now(),
    onProgress: () => undefined,
    signal: new AbortController().signal,
  });
  expect(made).toMatchObject({ encrypted: true });
  const bytes = await readFile(file);
  for (const secret of [server.adminToken, server.fleetToken, 'PRIVATE KEY'])
    expect(bytes.includes(secret)).toBe(false);
  const home = join(folder, 'home');
  const restore = async (name: string, ...more: string[]) =>
    otter(home, SQLITE, ['restore', name, '--none-blocked', ...more]);
  expect(await restore(file)).toMatchObject({ exitCode: 2, answer: { error: { code: 'passphrase_missing' } } });
  const refused = await restore(file, '--passphrase-file', wrong);
  expect(refused).toMatchObject({ exitCode: 3, answer: { error: { code: 'passphrase_wrong' } } });
  const all = [
    bytes.subarray(0, bytes.length - 1),
    flipped(bytes, 150_000),
    bytes.subarray(0, 200_000),
    flipped(bytes, bytes.length - 5),
  ];
  for (const content of sizeOf({ push: all.slice(1, 2), whole: all })) {
    writeFileSync(join(folder, 'bad'), content);
    const bad = await restore(join(folder, 'bad'), '--passphrase-file', right);
    expect(bad).toMatchObject({ exitCode: 3, answer: { error: { code: 'backup_damaged' } } });
  }
  expect(await restore(file, '--passphrase-file', right)).toMatchObject({ exitCode: 0, answer: { images: 3 } });
  expect(await readFile(join(home, 'data/tokens/admin.token'), 'utf8')).toContain(server.adminToken);
});

function flipped(bytes: Buffer, place: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}

test.each(DIALECTS)('a server that runs, and data that is there, are left alone on %s', async (dialect) => {
  const server = await startFleet(dialect);
  const folder = await newFolder();
  const file = join(folder, 'otter.tar');
  await back(server, file);
  await server.checkIn(mac(77), '1.0.0');
  const living = await otter(server.home, server.databaseUrl, ['restore', file, '--none-blocked', '--aside']);
  expect(living).toMatchObject({ exitCode: 6, answer: { error: { code: 'home_in_use' } } });
  await server.stop();
  const before = stateOf(server.home);
  const held = await otter(server.home, server.databaseUrl, ['restore', file, '--none-blocked']);
  expect(held).toMatchObject({ exitCode: 6, answer: { error: { code: 'home_has_data' } } });
  expect(stateOf(server.home)).toBe(before);
  const done = await otter(server.home, server.databaseUrl, ['restore', file, '--none-blocked', '--aside']);
  expect(done).toMatchObject({ exitCode: 0 });
  const again = await startTestServer({ like: server });
  expect(await again.tryAdmin('getDevice', { params: { device: mac(77) } })).toMatchObject({ status: 404 });
  expect(await again.admin('getDevice', { params: { device: mac(1) } })).toMatchObject({ device: { labels: ['lab'] } });
  await again.stop();
  if (dialect === 'sqlite') await expectAside(server, done.answer);
  else expect(JSON.stringify(done.answer['moved'])).toContain('schema otter_before_');
});

/** What was moved aside is the server of before, whole. */
async function expectAside(server: TestServer, answer: Record<string, unknown>): Promise<void> {
  const moved = answer['moved'] as readonly { readonly from: string; readonly to: string }[];
  expect(moved.map(({ from }) => from)).toEqual(
    expect.arrayContaining(
      ['config/server.yml', 'data/certs', 'data/tokens', 'data/otter.db', 'data/firmware'].map((path) =>
        join(server.home, path),
      ),
    ),
  );
  for (const { from, to } of moved) {
    await rm(from, { recursive: true, force: true });
    await rename(to, from);
  }
  const old = await startTestServer({ like: server });
  expect(await old.admin('getDevice', { params: { device: mac(77) } })).toMatchObject({
    device: { current_version: '1.0.0' },
  });
  await old.stop();
}

test.each(DIALECTS)(
  'a build that was blocked after the backup is not offered by the restored server on %s',
  async (dialect) => {
    const server = await startFleet(dialect);
    const folder = await newFolder();
    const file = join(folder, 'otter.tar');
    expect(await server.checkIn(mac(1), '1.0.0')).toMatchObject({ manifest: { version: '1.1.0' } });
    await back(server, file);
    await addFirmware(server, '1.3.0');
    for (const version of ['1.1.0', '1.3.0'])
      await server.admin('blockFirmware', { params: { version }, body: { reason: 'smoke' } });
    expect(await server.checkIn(mac(1), '1.0.0')).not.toHaveProperty('manifest');

    const unsaid = await restoreInto(file, join(folder, 'unsaid'), dialect, []);
    expect(unsaid.answer).toMatchObject({ frozen: ['default'], blocked: [] });
    expect(await unsaid.server.checkIn(mac(1), '1.0.0')).toMatchObject({ reason: 'product_frozen' });
    expect((await unsaid.server.admin('getStatus', {})).calls[0]).toMatchObject({
      kind: 'restored',
      commands: ['otter firmware block VERSION --reason TEXT', 'otter product unfreeze default'],
    });
    await unsaid.server.admin('blockFirmware', { params: { version: '1.1.0' }, body: { reason: 'smoke' } });
    await unsaid.server.admin('unfreezeProduct', { params: { name: 'default' } });
    expect(await unsaid.server.checkIn(mac(1), '1.0.0')).not.toHaveProperty('manifest');
    expect((await unsaid.server.admin('getStatus', {})).calls.map(({ kind }) => kind)).not.toContain('restored');
    await unsaid.server.stop();

    const said = await restoreInto(file, join(folder, 'said'), dialect, ['--blocked', '1.1.0', 'default/1.3.0']);
    expect(said.answer).toMatchObject({ frozen: [], blocked: ['1.1.0'], not_in_backup: ['default/1.3.0'] });
    expect(await said.server.checkIn(mac(1), '1.0.0')).not.toHaveProperty('manifest');
    const { items } = await said.server.admin('listAudit', { query: { action: 'firmware.block' } });
    expect(items).toMatchObject([{ actor: 'restore', subject: 'default 1.1.0' }]);
    expect(await said.server.admin('verifyAudit', {})).toMatchObject({ intact: true });
    await said.server.stop();
  },
);

async function restoreInto(file: string, home: string, dialect: Dialect, args: readonly string[]) {
  const databaseUrl = await emptyDatabase(dialect);
  const { exitCode, stdout, answer } = await otter(home, databaseUrl, ['restore', file, ...args]);
  if (exitCode !== 0) throw new Error(stdout);
  const clock = { nowMs: Date.now(), advance: () => undefined };
  return { answer, server: await startTestServer({ like: { home, databaseUrl, clock } }) };
}

test('a backup of PostgreSQL becomes a server on SQLite, and the other way round', async () => {
  const ways = [
    ['postgres', 'sqlite'],
    ['sqlite', 'postgres'],
  ] as const;
  for (const [from, to] of ways.slice(0, sizeOf({ push: 1, whole: 2 }))) {
    const server = await startFleet(from);
    const folder = await newFolder();
    await mkdir(join(folder, 'home'));
    await back(server, join(folder, 'otter.tar'));
    const restored = await restoreInto(join(folder, 'otter.tar'), join(folder, 'home'), to, ['--none-blocked']);
    expect(await restored.server.admin('getDevice', { params: { device: mac(1) } })).toMatchObject({
      device: { labels: ['lab'] },
    });
    const before = (await server.admin('listEvents', {})).items.map(({ type }) => type);
    const after = (await restored.server.admin('listEvents', {})).items.map(({ type }) => type);
    expect(after.slice(0, before.length)).toEqual(before);
    await restored.server.stop();
  }
});
