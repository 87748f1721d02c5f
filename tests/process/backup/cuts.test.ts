// Backup and restore cut at any moment: kill -9, a full disk, Ctrl-C. A backup is whole or not there; a home is the old server or the
// new one, for whoever comes next.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { finishRestore, lockWork, workFolder, writeJournal } from '#server/backup/switch.ts';
import { newPostgresDatabase, startTestServer } from '../../support/server/server.ts';
import { OTTER, spawnOtter } from '../../support/otter-command.ts';
import { type Dialect, sizeOf } from '../../support/scope.ts';
import { back, newFolder, otter, startFleet, stateOf } from './homes.ts';

const SQLITE = 'sqlite:data/otter.db';
const SEED_MS = Number(process.env['CUT_MS'] ?? Date.now() % 997);

test(`kill -9 leaves a whole backup or none, and the next one cleans up (seed ${SEED_MS})`, async () => {
  const server = await startFleet('sqlite');
  const folder = await newFolder();
  const file = join(folder, 'otter.tar');
  for (let round = 0; round < sizeOf({ push: 1, whole: 40 }); round += 1) {
    await spawnOtter(folder, ['backup', file, '--replace', '--home', server.home], {
      onStart: (child) =>
        void untilSeen(folder, '.otter.tar.part-')
          .then(() => delay((SEED_MS * (round + 1)) % 60))
          .then(() => child.kill('SIGKILL')),
    });
    if (existsSync(file)) await expectWhole(file, join(folder, `home-${round}`));
  }
  await back(server, file, '--replace');
  expect(readdirSync(folder).filter((name) => name.startsWith('.otter'))).toEqual([]);
  await expectWhole(file, join(folder, 'last'));
});

/** A name that was not there before: one of a process that was killed may be. */
async function untilSeen(folder: string, prefix: string): Promise<void> {
  const before = new Set(readdirSync(folder));
  const giveUpAt = Date.now() + 60_000;
  const isThere = (): boolean => readdirSync(folder).some((name) => name.startsWith(prefix) && !before.has(name));
  while (!isThere() && Date.now() < giveUpAt) await delay(2);
}

async function expectWhole(file: string, home: string): Promise<void> {
  expect(await otter(home, SQLITE, ['restore', file, '--none-blocked'])).toMatchObject({
    exitCode: 0,
    answer: { images: 3 },
  });
}

test('Ctrl-C leaves nothing of a backup, and says so', async () => {
  const server = await startFleet('sqlite');
  const folder = await newFolder();
  const { exitCode, stdout } = await spawnOtter(folder, ['backup', 'otter.tar', '--json', '--home', server.home], {
    onStart: (child) => void untilSeen(folder, '.otter.tar.part-').then(() => child.kill('SIGINT')),
  });
  // It may have been done just before.
  if (exitCode === 0) expect(readdirSync(folder)).toEqual(['otter.tar']);
  else
    expect({
      exitCode,
      error: JSON.parse(stdout).error.code,
      left: readdirSync(folder).filter((name) => name.includes('otter')),
    }).toEqual({ exitCode: 130, error: 'interrupted', left: [] });
});

const RESTORES = [
  { dialect: 'sqlite', rounds: sizeOf({ push: 2, whole: 50 }) },
  { dialect: 'postgres', rounds: sizeOf({ push: 1, whole: 15 }) },
] as const;

test.each(RESTORES)(
  `kill -9 in a restore leaves the old server or the new one on $dialect (seed ${SEED_MS})`,
  async ({ dialect, rounds }) => {
    const folder = await newFolder();
    let fleet = await leaveFleet(dialect, join(folder, 'otter.tar'));
    for (let round = 0; round < rounds; round += 1) {
      // A PostgreSQL cannot be copied as a folder.
      if (round > 0 && dialect === 'postgres') fleet = await leaveFleet(dialect, join(folder, `otter-${round}.tar`));
      const { file, databaseUrl } = fleet;
      const home = join(folder, `home-${round}`);
      await cp(fleet.home, home, { recursive: true, verbatimSymlinks: true });
      const old = stateOf(home);
      await spawnOtter(folder, ['restore', file, '--none-blocked', '--aside', '--home', home], {
        env: { OTTER_DATABASE: databaseUrl },
        onStart: (child) =>
          void untilSeen(home, '.restore')
            .then(() => delay((SEED_MS * (round + 1)) % sizeOf({ push: 400, whole: 900 })))
            .then(() => child.kill('SIGKILL')),
      });
      // Whoever comes next: a server that starts, or any command on this home.
      if (round % 2 === 0) await finishRestore(home);
      else expect(await otter(home, databaseUrl, ['init'])).toMatchObject({ exitCode: 0 });
      const isOld = existsSync(join(home, 'data/tokens/marker'));
      // The database says the same as the files.
      const labels = await labelsOf(home, databaseUrl, folder);
      expect({ isOld, hasLater: labels.includes('later') }).toEqual({ isOld, hasLater: isOld });
      if (isOld) expect(stateOf(home)).toBe(old);
      expect(leftIn(home)).toEqual([]);
      const again = await otter(home, databaseUrl, ['restore', file, '--none-blocked', '--aside']);
      expect(again).toMatchObject({ exitCode: 0 });
      expect(existsSync(join(home, 'data/tokens/marker'))).toBe(false);
      await rm(home, { recursive: true });
    }
  },
);

/** What only a restore that is at work has. */
function leftIn(home: string): readonly string[] {
  return readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => /\.restor/.test(name));
}

/** A server that was stopped: its backup, and a state that has gone on since. */
async function leaveFleet(dialect: Dialect, file: string) {
  const server = await startFleet(dialect);
  await back(server, file);
  await server.admin('createLabel', { body: { name: 'later', description: '' } });
  await server.stop();
  writeFileSync(join(server.home, 'data/tokens/marker'), 'later');
  return { file, home: server.home, databaseUrl: server.databaseUrl };
}

/** By way of a backup: no server has to start. */
async function labelsOf(home: string, databaseUrl: string, folder: string): Promise<string> {
  const { DatabaseSync } = await import('node:sqlite');
  const { copyPostgresToFile, copySqliteFile } = await import('#server/db/copy/copy.ts');
  const copy = join(folder, `labels-${process.hrtime.bigint()}.sqlite`);
  if (databaseUrl === SQLITE) await copySqliteFile(join(home, 'data/otter.db'), copy, () => undefined);
  else await copyPostgresToFile(databaseUrl, copy, {});
  const file = new DatabaseSync(copy);
  const names = file
    .prepare('select name from labels')
    .all()
    .map(({ name }) => String(name));
  file.close();
  return names.join(' ');
}

test('a restore that counts is brought to its end, after whichever of its moves it was cut', async () => {
  const folder = await newFolder();
  const places = ['config', 'data/certs', 'data/otter.db', 'data/firmware', '.env'];
  for (let cut = 0; cut <= 2 * places.length; cut += 1) {
    const home = join(folder, `home-${cut}`);
    mkdirSync(join(workFolder(home), 'home'), { recursive: true });
    mkdirSync(join(home, 'data'));
    const moves = places.map((place) => ({
      place: join(home, place),
      staged: join(workFolder(home), 'home', place.replace('/', '-')),
      aside: join(home, `${place}.before`),
    }));
    for (const { place, staged } of moves) {
      writeFileSync(place, 'old');
      writeFileSync(staged, 'new');
    }
    const removed = {
      place: join(home, 'data/otter.db-wal'),
      staged: null,
      aside: join(home, 'data/otter.db.before-wal'),
    };
    writeFileSync(removed.place, 'old');
    await writeJournal(home, { id: 'test', postgres: null, moves: [...moves, removed], isLaid: true });
    const steps = moves.flatMap(
      ({ place, staged, aside }) =>
        [
          [place, aside],
          [staged, place],
        ] as const,
    );
    for (const [from, to] of steps.slice(0, cut)) renameSync(from, to);
    expect(await finishRestore(home)).toBe('forwards');
    for (const { place, aside } of moves)
      expect([readFileSync(place, 'utf8'), readFileSync(aside, 'utf8')]).toEqual(['new', 'old']);
    expect([existsSync(removed.place), existsSync(removed.aside), existsSync(workFolder(home))]).toEqual([
      false,
      true,
      false,
    ]);
    expect(await finishRestore(home)).toBe('none');
  }
});

test('a server does not start into a restore that is at work, and ends one that was cut', async () => {
  const { file, home } = await leaveFleet('sqlite', join(await newFolder(), 'otter.tar'));
  mkdirSync(workFolder(home));
  const release = lockWork(home);
  const like = { home, databaseUrl: SQLITE, clock: { nowMs: Date.now(), advance: () => undefined } };
  await expect(startTestServer({ like })).rejects.toMatchObject({ code: 'home_in_use' });
  expect(await otter(home, SQLITE, ['restore', file, '--aside', '--none-blocked'])).toMatchObject({ exitCode: 6 });
  release();
  const plans = {
    place: join(home, 'config/plans.yaml'),
    staged: join(workFolder(home), 'plans'),
    aside: join(home, 'old'),
  };
  writeFileSync(plans.staged, 'plans: []\n');
  await writeJournal(home, { id: 'test', postgres: null, moves: [plans], isLaid: true });
  const server = await startTestServer({ like });
  await server.stop();
  expect([readFileSync(plans.place, 'utf8'), existsSync(plans.aside), existsSync(workFolder(home))]).toEqual([
    'plans: []\n',
    true,
    false,
  ]);
});

test('a restore into a PostgreSQL that was cut before its transaction was committed is taken back', async () => {
  const folder = await newFolder();
  const home = join(folder, 'home');
  mkdirSync(workFolder(home), { recursive: true });
  const move = {
    place: join(home, 'config'),
    staged: join(workFolder(home), 'config'),
    aside: join(home, 'config.before'),
  };
  writeFileSync(move.place, 'old');
  writeFileSync(move.staged, 'new');
  await writeJournal(home, { id: 'never', postgres: await newPostgresDatabase(), moves: [move], isLaid: true });
  expect(await finishRestore(home)).toBe('backwards');
  expect(readdirSync(home)).toEqual(['config']);
});

const MOUNT = 'mount -t tmpfs -o size=300k none "$0" && "$@"; code=$?; ls -A "$0"; exit $code';
const CAN_MOUNT = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m none "$0"', '/tmp']).status === 0;

test.skipIf(!CAN_MOUNT)(
  'a full disk ends a backup with nothing left, and a restore with everything as it was',
  async () => {
    const server = await startFleet('sqlite');
    const folder = await newFolder();
    const [file, small] = [join(folder, 'otter.tar'), join(folder, 'small')];
    mkdirSync(small);
    const run = (args: readonly string[]) =>
      spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, small, ...OTTER, ...args], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', HOME: folder },
      });
    const backup = run(['backup', join(small, 'otter.tar'), '--home', server.home]);
    expect({ status: backup.status, stdout: backup.stdout, stderr: backup.stderr }).toMatchObject({
      status: 5,
      stdout: '',
      stderr: expect.stringContaining('is full'),
    });
    await back(server, file);
    const restore = run(['restore', file, '--none-blocked', '--home', join(small, 'home')]);
    expect({ status: restore.status, stderr: restore.stderr }).toMatchObject({
      status: 5,
      stderr: expect.stringContaining('full'),
    });
  },
);
