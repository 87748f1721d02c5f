// The database does not answer for a while: locked by another program, its connections cut, or silent. Devices get their
// answer or a 503 with a time to come back, never a 500; what was answered stays; and the server goes on by itself.

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Answered } from '../support/server/client.ts';
import { addDevices, addFirmware, mac, rollOut } from '../support/fleet.ts';
import { newHome, type ServerProcess, startServerProcess } from '../support/server/process.ts';
import { sizeOf } from '../support/scope.ts';
import { newPostgresDatabase } from '../support/server/server.ts';
import { holdLock } from './support/locked.ts';
import { OwnPostgres, signalAll } from './support/own-postgres.ts';
import { check, expectKept, reportWhile } from './support/reporting-boards.ts';

/** A device is answered within this time, whatever the database does; on a busy test machine a second later. */
const ANSWER_MS = 5_000;

const { RESTARTS, PAUSE_MS } = sizeOf({
  push: { RESTARTS: 2, PAUSE_MS: 8_000 },
  whole: { RESTARTS: 8, PAUSE_MS: 30_000 },
});

describe('SQLite held by another program', () => {
  test('for 1 s: a check that changes nothing does not wait, a new device waits and is answered', async () => {
    const server = await startServerProcess(await newHome());
    const [known = ''] = await addDevices(server, 1, '1.0.0');
    const { released } = await holdLock(server.home, 1_000);
    const fresh = timed(async () => check(server, mac(100)));
    const quiet = await timed(async () => check(server, known));
    expect(quiet).toMatchObject({ status: 200 });
    expect(quiet.ms).toBeLessThan(1_000);
    await released;
    expect(await fresh).toMatchObject({ status: 200 });
    expect(await server.admin('getDevice', { params: { device: mac(100) } })).toBeDefined();
  });

  test('for 6 s: checks that change nothing go on, the others get 503 with Retry-After within 5 s', async () => {
    const server = await startServerProcess(await newHome());
    const [known = ''] = await addDevices(server, 1, '1.0.0');
    const { released } = await holdLock(server.home, 6_000);
    const first = Array.from({ length: 30 }, async (_, index) => timed(async () => check(server, mac(100 + index))));
    await delay(3_000);
    const later = timed(async () => check(server, mac(200)));
    for (let count = 0; count < 10; count += 1) {
      const quiet = await timed(async () => check(server, known));
      expect(quiet).toMatchObject({ status: 200 });
      expect(quiet.ms).toBeLessThan(1_000);
      await delay(100);
    }
    for (const refused of await Promise.all(first)) {
      expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': expect.stringMatching(/^\d+$/) } });
      expect(refused.ms).toBeLessThan(ANSWER_MS + 1_000);
    }
    expect(await server.json('GET', '/readyz')).toMatchObject({ status: expect.toBeOneOf([200, 503]) });
    await released;
    // Came later, has the same patience, and was still waiting when the other program was done.
    expect(await later).toMatchObject({ status: 200 });
    expect(await check(server, mac(100))).toMatchObject({ status: 200 });
    const { devices } = await server.admin('getStatus');
    expect(devices.total).toBe(3);
    expect(await server.stop()).toMatchObject({ code: 0 });
  });
});

describe('PostgreSQL', () => {
  test('whose connections are cut again and again: 503s at most, nothing acknowledged is lost, the server goes on', async () => {
    const { server, operator } = await startOnPostgres();
    await addFirmware(server, '1.1.0');
    await rollOut(server, '1.1.0', 'expand');
    let cuts = 0;
    const loops = Array.from({ length: 12 }, async (_, index) => reportWhile(server, mac(index), () => cuts < CUTS));
    for (; cuts < CUTS; cuts += 1) {
      await operator.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${OTTERS}`);
      await delay(400);
    }
    const outcomes = await Promise.all(loops);
    expect(outcomes.some(({ refused }) => refused > 0)).toBe(true);
    await expectKept(server, outcomes);
    expect(await server.json('GET', '/readyz')).toMatchObject({ status: 200 });
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  test('that falls silent: 503 within the time of a device, and new connections take over', async () => {
    const { server, operator } = await startOnPostgres();
    const devices = await addDevices(server, 12, '1.0.0');
    await Promise.all(devices.map(async (device) => check(server, device)));
    const { rows } = await operator.query<{ pid: number }>(`select pid from pg_stat_activity where ${OTTERS}`);
    const pids = rows.map(({ pid }) => pid);
    onTestFinished(() => signalAll(pids, 'SIGCONT'));
    signalAll(pids, 'SIGSTOP');
    const silent = await Promise.all(devices.map(async (device) => timed(async () => check(server, device))));
    expect(silent.some(({ status }) => status === 503)).toBe(true);
    for (const { status, ms } of silent) {
      expect([200, 503]).toContain(status);
      expect(ms).toBeLessThan(ANSWER_MS + 1_000);
    }
    for (const device of devices) expect(await check(server, device)).toMatchObject({ status: 200 });
    signalAll(pids, 'SIGCONT');
    expect(await server.stop()).toMatchObject({ code: 0 });
  });
});

describe('PostgreSQL as a whole', () => {
  test(`restarted ${RESTARTS} times under load: 503s at most, nothing acknowledged is lost, the server goes on`, async () => {
    const { server, postgres } = await startOnOwnPostgres();
    let restarts = 0;
    const loops = Array.from({ length: 12 }, async (_, index) =>
      reportWhile(server, mac(index), () => restarts < RESTARTS),
    );
    for (; restarts < RESTARTS; restarts += 1) {
      await postgres.restart();
      await delay(1_000);
    }
    const outcomes = await Promise.all(loops);
    expect(outcomes.some(({ refused }) => refused > 0)).toBe(true);
    await expectKept(server, outcomes);
    expect(await server.json('GET', '/readyz')).toMatchObject({ status: 200 });
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  test.runIf(process.platform === 'linux')(
    `standing still for ${PAUSE_MS / 1000} s under load, new connections too: 503s at most, and the server goes on`,
    async () => {
      const { server, postgres } = await startOnOwnPostgres();
      let isOver = false;
      const loops = Array.from({ length: 12 }, async (_, index) => reportWhile(server, mac(index), () => !isOver));
      await delay(1_000);
      const goOn = await postgres.pause();
      await delay(PAUSE_MS);
      expect((await server.json('GET', '/healthz')).status, 'the process itself').toBe(200);
      goOn();
      // Once a board was answered again, all are asked to end with an answer.
      expect((await untilAnswered(server)).status).toBe(200);
      isOver = true;
      const outcomes = await Promise.all(loops);
      expect(outcomes.some(({ refused }) => refused > 0)).toBe(true);
      await expectKept(server, outcomes);
      expect(await server.stop()).toMatchObject({ code: 0 });
    },
  );
});

const CUTS = 6;

/** The connections of the server to the database of this test. */
const OTTERS = `application_name = 'otter' and datname = current_database()`;

async function startOnPostgres(): Promise<{ readonly server: ServerProcess; readonly operator: pg.Client }> {
  const url = await newPostgresDatabase();
  const server = await startServerProcess(await newHome(), { env: { OTTER_DATABASE: url } });
  const operator = new pg.Client({ connectionString: url });
  await operator.connect();
  onTestFinished(async () => operator.end());
  return { server, operator };
}

async function startOnOwnPostgres(): Promise<{ readonly server: ServerProcess; readonly postgres: OwnPostgres }> {
  const postgres = await OwnPostgres.start();
  const server = await startServerProcess(await newHome(), { env: { OTTER_DATABASE: postgres.url } });
  await addFirmware(server, '1.1.0');
  await rollOut(server, '1.1.0', 'expand');
  return { server, postgres };
}

async function untilAnswered(server: ServerProcess): Promise<Answered> {
  for (;;) {
    const answer = await check(server, mac(99));
    if (answer.status !== 503) return answer;
    await delay(100);
  }
}

async function timed(request: () => Promise<Answered>): Promise<Answered & { readonly ms: number }> {
  const startedMs = performance.now();
  return { ...(await request()), ms: performance.now() - startedMs };
}
