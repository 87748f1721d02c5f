// What tests of backups have in common: a fleet that leaves a row in most tables, commands on a home, and what a home holds.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readTar } from '#server/backup/tar.ts';
import { sumsOfFile } from '#server/db/copy/copy.ts';
import type { TableSum } from '#server/db/copy/tables.ts';
import { addDevices, addFirmware, rollOut } from '../../support/fleet.ts';
import { type OtterRun, runOtter } from '../../support/otter-command.ts';
import { newPostgresDatabase, startTestServer, type TestServer } from '../../support/server/server.ts';
import type { Dialect } from '../../support/scope.ts';

/** A folder that is removed when the test ends. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'otter-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ends with the test. */
export async function startFleet(dialect: Dialect): Promise<TestServer> {
  const server = await makeFleet(dialect);
  onTestFinished(async () => server.end());
  return server;
}

/** 1.0.0 is stable, 1.1.0 complete, 1.2.0 in its pilot; boards on 1.0.0, one of them with a name, a label and a note. */
export async function makeFleet(dialect: Dialect): Promise<TestServer> {
  const server = await startTestServer({ dialect });
  await addFirmware(server, '1.0.0');
  await rollOut(server, '1.0.0', 'complete');
  const [first = ''] = await addDevices(server, 5, '1.0.0');
  await addFirmware(server, '1.1.0');
  await rollOut(server, '1.1.0', 'complete');
  await addFirmware(server, '1.2.0');
  await rollOut(server, '1.2.0');
  await server.admin('createLabel', { body: { name: 'lab', description: 'on the bench' } });
  await server.admin('labelDevice', { params: { device: first, name: 'lab' } });
  await server.admin('noteDevice', { params: { device: first }, body: { note: 'a "quoted" naïve ☃ note' } });
  return server;
}

/** Runs a command for a home in this process. `databaseUrl` stands in the environment, as that of a test server does. */
export async function otter(
  home: string,
  databaseUrl: string,
  args: readonly string[],
): Promise<OtterRun & { readonly answer: Record<string, unknown> }> {
  const run = await runOtter(home, [...args, '--json', '--home', home], { env: { OTTER_DATABASE: databaseUrl } });
  const answer: Record<string, unknown> = run.stdout === '' ? {} : JSON.parse(run.stdout);
  return { ...run, answer };
}

export async function back(server: TestServer, file: string, ...args: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr, answer } = await otter(server.home, server.databaseUrl, ['backup', file, ...args]);
  if (exitCode !== 0) throw new Error(`backup ended with ${exitCode}: ${stdout}${stderr}`);
  return answer;
}

/** The address of an empty database of the same kind. */
export async function emptyDatabase(dialect: Dialect): Promise<string> {
  return dialect === 'postgres' ? newPostgresDatabase() : 'sqlite:data/otter.db';
}

/** What each table of the database in a backup holds. */
export async function sumsOf(file: string, folder: string): Promise<ReadonlyMap<string, TableSum>> {
  const database = join(folder, `sums-${process.hrtime.bigint()}.sqlite`);
  const { writeFileSync } = await import('node:fs');
  async function* bytes() {
    yield readFileSync(file);
  }
  for await (const { name, content } of readTar(bytes(), (why) => new Error(why))) {
    if (name !== 'database.sqlite') continue;
    const pieces: Buffer[] = [];
    for await (const piece of content) pieces.push(piece);
    writeFileSync(database, Buffer.concat(pieces));
  }
  return new Map((await sumsOfFile(database)).map((sum) => [sum.table, sum]));
}

/** One text for all that a home holds, but for locks and what is moved aside; undefined where it is none. */
export function stateOf(home: string): string {
  const digest = createHash('sha256');
  for (const path of filesOf(home, '')) digest.update(`${path}\0`).update(readFileSync(join(home, path)));
  return digest.digest('hex');
}

function filesOf(home: string, folder: string): readonly string[] {
  if (!existsSync(join(home, folder))) return [];
  return readdirSync(join(home, folder))
    .toSorted()
    .filter((name) => !/\.lock$|\.before-|^\.restore$|\.restoring|-wal$|-shm$|server\.port$|^\.otter\.tar/.test(name))
    .flatMap((name) => {
      const path = join(folder, name);
      return statSync(join(home, path)).isDirectory() ? filesOf(home, path) : [path];
    });
}
