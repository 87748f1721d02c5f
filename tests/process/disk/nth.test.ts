// The n-th write or sync of a server fails, for one n after the other: an answer is a success or says that the disk is full or that the
// server cannot do it now, a server that ends says why, and after a new start on the same home everything that was answered is there,
// nothing is half there, and the audit verifies.

import { hash, randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { ErrorCode } from '#protocol/errors.ts';
import { addFirmware, imageOf, rollOut } from '../../support/fleet.ts';
import { sizeOf } from '../../support/scope.ts';
import type { Answered } from '../../support/server/client.ts';
import { newHome, type ServerProcess, startServerProcess } from '../../support/server/process.ts';
import { largeImage } from '../support/large-image.ts';
import { compileLibrary, type DiskCall, FailingDisk, type Failure } from './failing-disk.ts';

const LIBRARY = compileLibrary();
const SKIPPED = LIBRARY === undefined ? ' (skipped: no cc, or no Linux)' : '';
/** More calls than the work below makes: a sweep ends where nothing failed any more. */
const MOST_CALLS = 400;
const EVERY = Array.from({ length: MOST_CALLS }, (_, index) => index + 1);

const SWEEPS: readonly (Pick<Failure, 'call' | 'error' | 'goesOn'> & { readonly nths: readonly number[] })[] = [
  { call: 'write', error: 'ENOSPC', goesOn: false, nths: sizeOf({ push: [1, 5, 14], whole: EVERY }) },
  { call: 'write', error: 'EIO', goesOn: true, nths: sizeOf({ push: [3], whole: EVERY }) },
  { call: 'sync', error: 'EIO', goesOn: false, nths: sizeOf({ push: [1, 4], whole: EVERY }) },
  { call: 'sync', error: 'ENOSPC', goesOn: true, nths: sizeOf({ push: [2], whole: EVERY }) },
];

/** What a server answers whose disk fails; anything else is a fault of it. */
const REFUSED: ReadonlySet<ErrorCode> = new Set(['storage_full', 'unavailable', 'busy'] as const);

test.runIf(LIBRARY !== undefined).each(SWEEPS)(
  `one $call after the other fails with $error, going on: $goesOn, and what was answered is there${SKIPPED}`,
  async ({ nths, ...failure }) => {
    const home = await newHome();
    const disk = new FailingDisk(home);
    onTestFinished(async () => rm(`${home}.control`, { force: true }));
    const env = disk.env(LIBRARY ?? '');
    const ledger = new Ledger();
    let failures = 0;
    let server = await startServerProcess(home, { env });
    await addFirmware(server, '2.0.0');
    await rollOut(server, '2.0.0', 'expand');
    for (const nth of nths) {
      disk.fail({ ...failure, nth });
      await work(server, ledger, `${nth}`);
      const { failed } = disk;
      failures += failed;
      // Once more, with whatever the failure left.
      if (failed > 0) await work(server, ledger, `${nth}-again`);
      disk.heal();
      const { exitCode } = server.process.child;
      if (exitCode !== null)
        expect([exitCode, server.process.stderr]).toEqual([
          expect.any(Number),
          expect.stringMatching(/disk|space|database|storage/i),
        ]);
      await server.kill9();
      server = await startServerProcess(home, { env });
      await expectKept(server, ledger, failure.call, nth);
      if (failed === 0 && nths === EVERY) break;
    }
    expect(failures, 'the disk failed at all').toBeGreaterThan(0);
    expect(await server.stop()).toMatchObject({ code: 0 });
  },
);

class Ledger {
  readonly uploads = new Map<string, string>();
  readonly labels = new Set<string>();
  readonly devices = new Set<string>();
  readonly tokens = new Map<string, string>();
  readonly reports = new Map<number, { readonly mac: string; readonly sequence: number }>();
}

/** One of each thing that a server keeps. */
async function work(server: ServerProcess, ledger: Ledger, name: string): Promise<void> {
  const version = `1.0.0-${name.replace('-', '.')}`;
  const image = largeImage(version, 70_000);
  if (await done(server.tryAdmin('uploadFirmware', { body: image })))
    ledger.uploads.set(version, hash('sha256', image));
  if (await done(server.tryAdmin('createLabel', { body: { name: `label-${name}` } })))
    ledger.labels.add(`label-${name}`);
  const mac = `24:6f:28:${randomBytes(3)
    .toString('hex')
    .replaceAll(/(..)(?=.)/g, '$1:')}`;
  const check = await done(server.device('check-update', { mac, current_version: '1.0.0' }));
  if (check !== undefined) ledger.devices.add(mac);
  const assignmentId = Number(check?.['assignment_id'] ?? 0);
  const report = { mac, assignment_id: assignmentId, sequence: 1, status: 'downloading' };
  if (assignmentId > 0 && (await done(server.device('report-status', report))))
    ledger.reports.set(assignmentId, report);
  const token = `otd_${randomBytes(32).toString('base64url')}`;
  const enrolled = server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } });
  if (await done(enrolled)) ledger.tokens.set(mac, token);
}

/** The body of a success; undefined where the server refused as it may, or was gone. */
async function done(request: Promise<Answered>): Promise<Answered['body'] | undefined> {
  let answer: Answered;
  try {
    answer = await request;
  } catch {
    // It ended, or cut the connection: nothing was promised.
    return undefined;
  }
  const { status, body } = answer;
  if (status < 300) return body;
  expect([503, 507], JSON.stringify(body)).toContain(status);
  expect(body).toMatchObject({ error: { code: expect.toSatisfy((code: ErrorCode) => REFUSED.has(code)) } });
  return undefined;
}

async function expectKept(server: ServerProcess, ledger: Ledger, call: DiskCall, nth: number): Promise<void> {
  const at = `after ${call} ${nth}`;
  const { items } = await server.admin('listFirmware', { query: { limit: '500' } });
  const listed = new Map(items.map(({ version, images }) => [version, images[0]?.sha256]));
  for (const [version, sha256] of ledger.uploads)
    expect([at, version, listed.get(version)]).toEqual([at, version, sha256]);
  const blobs = join(server.home, 'data/firmware/.blobs');
  const stored = await readdir(blobs);
  expect(stored, at).toEqual(expect.arrayContaining([...listed.values()]));
  for (const sha256 of stored) expect(hash('sha256', await readFile(join(blobs, sha256))), at).toBe(sha256);
  for (const name of ledger.labels)
    expect([at, (await server.tryAdmin('createLabel', { body: { name } })).status]).toEqual([at, 409]);
  for (const device of ledger.devices) await server.admin('getDevice', { params: { device } });
  for (const [assignmentId, { mac }] of ledger.reports) {
    const again = { mac, assignment_id: assignmentId, sequence: 1, status: 'downloading' };
    // Who enrolled meanwhile speaks with its own token.
    const token = ledger.tokens.get(mac) ?? server.fleetToken;
    const { body } = await server.json('POST', '/api/v1/report-status', { token, body: again });
    expect([at, body]).toEqual([at, expect.objectContaining({ duplicate: true })]);
  }
  for (const [mac, token] of ledger.tokens) {
    const again = await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } });
    expect([at, again.body]).toEqual([at, { state: 'accepted' }]);
  }
  expect(await server.admin('verifyAudit'), at).toMatchObject({ intact: true });
  const { url = '' } = await server.checkIn('24:6f:28:00:00:01', '1.0.0');
  const { status, body } = await server.fetch('GET', url, { token: server.fleetToken });
  expect([at, status, body.equals(imageOf('2.0.0'))]).toEqual([at, 200, true]);
  expect([at, integrityOf(server.home)]).toEqual([at, 'ok']);
  for (const kept of [ledger.labels, ledger.devices, ledger.tokens, ledger.reports]) kept.clear();
}

function integrityOf(home: string): unknown {
  const database = new DatabaseSync(join(home, 'data/otter.db'), { readOnly: true });
  try {
    return database.prepare('pragma integrity_check').get()?.['integrity_check'];
  } finally {
    database.close();
  }
}
