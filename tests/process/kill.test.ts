// kill -9 at random moments of uploads, reports, enrolments, stage changes and operator actions. After each restart everything that was answered is
// there, and nothing is half there. The seed stands in the name of each test; KILL_SEED repeats a run.

import { hash } from 'node:crypto';
import { lutimes, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Firmware } from '#protocol/admin/firmware.ts';
import { ASSIGNMENT_STATES } from '#protocol/admin/states.ts';
import { STALE_UPLOAD_MS } from '#protocol/limits.ts';
import { Random } from '#simulator/random.ts';
import { sizeOf } from '../support/scope.ts';
import { untilSettled } from '../support/server/settled.ts';
import { newHome, type ServerProcess, startServerProcess } from '../support/server/process.ts';
import { newPostgresDatabase } from '../support/server/server.ts';
import { largeImage } from './support/large-image.ts';
import { Ledger, prepare, REPORTS_PER_ROUND, workUntilKilled } from './support/workload.ts';

const SEED = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000);

const RUNS = [
  { dialect: 'sqlite', rounds: sizeOf({ push: 4, whole: 20 }) },
  { dialect: 'postgres', rounds: sizeOf({ push: 1, whole: 5 }) },
] as const;

test.each(RUNS)(
  `nothing acknowledged is lost and nothing is half there after $rounds times kill -9 on $dialect (seed ${SEED})`,
  async ({ dialect, rounds }) => {
    const random = new Random(SEED).fork(dialect);
    const home = await newHome();
    const databaseUrl = dialect === 'postgres' ? await newPostgresDatabase() : 'sqlite:data/otter.db';
    const env = { OTTER_DATABASE: databaseUrl };
    const ledger = new Ledger();
    const checked = new Set<string>();
    let server = await startServerProcess(home, { env });
    await prepare(server);
    for (let round = 0; round < rounds; round += 1) {
      await workUntilKilled(server, ledger, { round, random });
      await server.expectNoSecretStored(databaseUrl);
      server = await startServerProcess(home, { env });
      await untilSettled({ home, databaseUrl });
      await expectKept(server, ledger, checked);
      expect(dialect === 'sqlite' ? integrityOf(home) : 'ok').toBe('ok');
    }
    await expectIncomingCleaned(server, env);
    expect(ledger.uploaded.size).toBeGreaterThanOrEqual(rounds);
    expect(ledger.answeredReports).toBeGreaterThan(REPORTS_PER_ROUND * rounds);
    expect(ledger.answeredEnrolments).toBeGreaterThanOrEqual(rounds);
    expect(ledger.answeredMoves).toBeGreaterThanOrEqual(rounds);
  },
);

async function expectKept(server: ServerProcess, ledger: Ledger, checked: Set<string>): Promise<void> {
  await expectNothingHalfThere(server, ledger);
  await expectUploads(server, ledger, checked);
  await expectReports(server, ledger);
  await expectActions(server, ledger);
  await expectEnrolments(server, ledger);
  await expectMoves(server, ledger);
}

/** Every upload that was answered is listed, every listed image is exactly what was sent, and each has its audit row. */
async function expectUploads(server: ServerProcess, ledger: Ledger, checked: Set<string>): Promise<void> {
  const listed = (await listFirmware(server)).filter(({ version }) => ledger.sent.has(version));
  const versions = listed.map(({ version }) => version);
  expect(versions).toEqual(expect.arrayContaining([...ledger.uploaded]));
  for (const { version, images } of listed) {
    expect(images).toMatchObject([{ sha256: ledger.sent.get(version) }]);
    if (checked.has(version)) continue;
    // No rollout covers it, so no token of a board fetches it: these are the bytes that one would get.
    const stored = await readFile(join(server.home, 'data/firmware/.blobs', images[0]?.sha256 ?? ''));
    expect({ version, sha256: hash('sha256', stored) }).toEqual({ version, sha256: ledger.sent.get(version) });
    const { items } = await server.admin('listAudit', {
      query: { action: 'firmware.add', subject: `default ${version}` },
    });
    expect(items).toHaveLength(1);
    checked.add(version);
  }
}

/**
 * What people see is of firmware that is listed. A kill between the bytes and the row leaves bytes that no row names, whole; the
 * version is free for any other upload.
 */
async function expectNothingHalfThere(server: ServerProcess, ledger: Ledger): Promise<void> {
  const store = join(server.home, 'data/firmware');
  const listed = new Set((await listFirmware(server)).map(({ version }) => version));
  const shown = await readdir(join(store, 'default'));
  expect(shown.filter((version) => !listed.has(version))).toEqual([]);
  for (const name of await readdir(join(store, '.blobs')))
    expect(hash('sha256', await readFile(join(store, '.blobs', name)))).toBe(name);
  for (const version of [...ledger.sent.keys()].filter((sent) => !listed.has(sent))) {
    expect(ledger.uploaded).not.toContain(version);
    const body = largeImage(version, 10_000);
    ledger.sent.set(version, hash('sha256', body));
    expect(await server.admin('uploadFirmware', { body })).toMatchObject({ already_there: false });
    ledger.uploaded.add(version);
  }
}

/** An answered report is in: its repeat is a duplicate, and the assignment is at least as far as the answer said. */
async function expectReports(server: ServerProcess, ledger: Ledger): Promise<void> {
  const rank = (state: string): number => ASSIGNMENT_STATES.findIndex((known) => known === state);
  for (const { mac, assignmentId, sequence, state } of ledger.reports.values()) {
    if (sequence === 0) {
      const { items } = await server.admin('listAssignments', { query: { mac } });
      expect(items.map(({ id }) => id)).toContain(assignmentId);
      continue;
    }
    const again = { mac, assignment_id: assignmentId, sequence, status: 'downloading' };
    const { status, body } = await server.device('report-status', again);
    expect({ status, duplicate: body['duplicate'] }).toEqual({ status: 200, duplicate: true });
    expect(rank(String(body['state']))).toBeGreaterThanOrEqual(rank(state));
  }
  ledger.reports.clear();
}

/** The rollout is as the last answered action left it, or one further; every action has its audit row. */
async function expectActions(server: ServerProcess, ledger: Ledger): Promise<void> {
  const statusAfter = (action: string | undefined): string => (action === 'pause' ? 'paused' : 'running');
  const { status } = await server.admin('getRollout', { params: { name: 'other-1' } });
  const last = ledger.actions.at(-1);
  const isOneFurther = ledger.openAction !== undefined && status !== statusAfter(last);
  if (isOneFurther && ledger.openAction !== undefined) ledger.actions.push(ledger.openAction);
  ledger.openAction = undefined;
  expect(status).toBe(statusAfter(ledger.actions.at(-1)));
  const { items } = await server.admin('listAudit', { query: { subject: 'other-1', limit: '500', sort: 'id' } });
  const recorded = items.map(({ action }) => action.replace('rollout.', ''));
  expect(recorded.filter((action) => action === 'pause' || action === 'resume')).toEqual(ledger.actions);
  for (const name of ledger.labels) {
    const { status: found } = await server.tryAdmin('createLabel', { body: { name } });
    expect(found).toBe(409);
  }
  ledger.labels.clear();
}

/** A board whose answer was lost asks again and is answered alike; each speaks with its token, and with no other. */
async function expectEnrolments(server: ServerProcess, ledger: Ledger): Promise<void> {
  for (const [mac, token] of ledger.tokens) {
    const check = async () =>
      server.json('POST', '/api/v1/check-update', { token, body: { mac, current_version: '1.0.0' } });
    if (ledger.enrolled.has(mac)) expect([mac, (await check()).status]).toEqual([mac, 200]);
    for (const _ of ['it asks again', 'and again'])
      expect(
        await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } }),
      ).toMatchObject({ status: 200, body: { state: 'accepted' } });
    expect([mac, (await check()).status]).toEqual([mac, 200]);
  }
  const { items } = await server.admin('listEnrolments', { query: { limit: '500' } });
  expect(items).toEqual([]);
  ledger.tokens.clear();
  ledger.enrolled.clear();
}

/** Every move that was answered is in the audit and in the events, the one that was not is there as a whole or not at all. */
async function expectMoves(server: ServerProcess, ledger: Ledger): Promise<void> {
  for (const [name, moves] of ledger.moves) {
    const { items } = await server.admin('listAudit', { query: { subject: name, limit: '500', sort: 'id' } });
    const recorded = items.map(({ action }) => action.replace('rollout.', '')).slice(1);
    const open = ledger.openMove?.rollout === name ? ledger.openMove.move : undefined;
    const expected = recorded.length > moves.length && open !== undefined ? [...moves, open] : moves;
    expect([name, recorded]).toEqual([name, expected]);
    const { status, stage } = await server.admin('getRollout', { params: { name } });
    const last = expected.at(-1) ?? 'create';
    expect([name, status, stage]).toEqual([name, ...(AFTER[last] ?? [])]);
    const events = await server.admin('listEvents', { query: { rollout: name, type: 'stage.opened', limit: '500' } });
    expect(events.items).toHaveLength(expected.filter((move) => move !== 'abort').length);
    if (last !== 'abort') await server.admin('abortRollout', { params: { name }, body: {} });
  }
  ledger.moves.clear();
  ledger.openMove = undefined;
}

const AFTER: Readonly<Record<string, readonly [status: string, stage: string | null]>> = {
  create: ['draft', null],
  start: ['running', 'pilot'],
  promote: ['running', 'expand'],
  abort: ['aborted', 'expand'],
};

/** What a killed upload left in `.incoming` is removed by the first start after its hour; that start may be writing files of its own. */
async function expectIncomingCleaned(server: ServerProcess, env: Readonly<Record<string, string>>): Promise<void> {
  await server.stop();
  const incoming = join(server.home, 'data/firmware/.incoming');
  await writeFile(join(incoming, 'left-by-a-killed-upload'), 'half an ima');
  const left = await readdir(incoming);
  const past = (Date.now() - 2 * STALE_UPLOAD_MS) / 1000;
  for (const name of left) await lutimes(join(incoming, name), past, past);
  const next = await startServerProcess(server.home, { env });
  expect((await readdir(incoming)).filter((name) => left.includes(name))).toEqual([]);
  await next.stop();
  expect(await readdir(incoming)).toEqual([]);
}

async function listFirmware(server: ServerProcess): Promise<readonly Firmware[]> {
  const firmware: Firmware[] = [];
  let more: Readonly<Record<string, string>> | undefined = {};
  while (more !== undefined) {
    const page: { readonly items: readonly Firmware[]; readonly next_cursor: string | null } = await server.admin(
      'listFirmware',
      { query: { limit: '500', product: 'default', ...more } },
    );
    firmware.push(...page.items);
    more = page.next_cursor === null ? undefined : { cursor: page.next_cursor };
  }
  return firmware;
}

function integrityOf(home: string): unknown {
  const database = new DatabaseSync(join(home, 'data/otter.db'), { readOnly: true });
  try {
    return database.prepare('pragma integrity_check').get()?.['integrity_check'];
  } finally {
    database.close();
  }
}
