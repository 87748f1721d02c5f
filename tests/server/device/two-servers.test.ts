// Two server processes on one PostgreSQL: all shared truth is in the database. (Here they are two servers of one process,
// which share nothing but that.)

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe('two servers on one PostgreSQL', () => {
  let left: TestServer;
  let right: TestServer;
  let line: ProductLine;
  beforeEach(async () => {
    left = await startTestServer({ dialect: 'postgres' });
    right = await startTestServer({ like: left });
    line = new ProductLine(left);
    await line.add('1.1.0');
  });
  afterEach(async () => {
    await right.stop();
    await left.end();
  });

  const checkIn = async (server: TestServer, mac: string, version: string) =>
    server.checkIn(mac, version, { product: line.product });

  test('run a due schedule once', async () => {
    await line.rollOut('1.1.0', 'pilot');
    const rollout = line.rolloutName('1.1.0');
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) {
      const action = name === 'a' || name === 'c' ? 'pause' : 'resume';
      const body = { name, cron: `${names.indexOf(name) * 15} 2 * * *`, action, rollout };
      await left.admin('createSchedule', { body });
    }
    for (const minute of [0, 15, 30, 45]) {
      left.clock.nowMs = Date.UTC(2026, 10, 24, 2, minute);
      await Promise.all([left.tick(), right.tick(), left.tick(), right.tick()]);
    }
    const { items } = await right.admin('listAudit', { query: { subject: rollout, sort: 'id' } });
    expect(items.map(({ action, actor }) => `${actor} ${action}`).slice(2)).toEqual([
      'schedule:a rollout.pause',
      'schedule:b rollout.resume',
      'schedule:c rollout.pause',
      'schedule:d rollout.resume',
    ]);
    expect((await right.admin('listAudit', { query: { action: 'schedule.refused' } })).items).toEqual([]);
  });

  test('give a device one open assignment, whichever of them it asks how often at once', async () => {
    await line.rollOut('1.1.0', 'expand');
    const macs = Array.from({ length: 25 }, () => line.newMac());
    const answers = await Promise.all(
      macs.flatMap((mac) => [left, right, left, right].map(async (server) => checkIn(server, mac, '1.0.0'))),
    );
    expect(answers.every(({ update_available }) => update_available)).toBe(true);
    for (const [index] of macs.entries()) {
      const ids = answers.slice(index * 4, index * 4 + 4).map(({ assignment_id }) => assignment_id);
      expect(new Set(ids).size).toBe(1);
    }
    const raw = await openRaw(left);
    const counts = await raw.query(
      'select (select count(*) from devices)::int as devices, (select count(*) from assignments)::int as assignments',
    );
    expect(counts).toEqual([{ devices: macs.length, assignments: macs.length }]);
    await raw.close();
  });

  test('see a change that the other made at the next check', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    expect(await checkIn(right, mac, '1.0.0')).toMatchObject({ update_available: true });
    await line.move('1.1.0', 'pause');
    expect(await checkIn(right, mac, '1.0.0')).toMatchObject({ reason: 'rollout_paused' });
    await right.admin('resumeRollout', { params: { name: line.rolloutName('1.1.0') }, body: {} });
    expect(await checkIn(left, mac, '1.0.0')).toMatchObject({ update_available: true });
    const window = { name: 'night', cron: '0 22 * * *', action: 'window', duration_s: 3600 };
    await left.admin('createSchedule', { body: window });
    expect(await checkIn(right, mac, '1.0.0')).toMatchObject({ reason: 'window_closed' });
    await right.admin('deleteSchedule', { params: { name: 'night' } });
    expect(await checkIn(left, mac, '1.0.0')).toMatchObject({ update_available: true });
    await line.block('1.1.0');
    expect(await checkIn(right, mac, '1.0.0')).toMatchObject({ reason: 'nothing_to_offer' });
  });

  test('see a label and a report that came in at the other', async () => {
    const mac = await line.newDevice('1.0.0');
    await right.admin('labelDevice', { params: { device: mac, name: 'pilot' } });
    await line.rollOut('1.1.0', 'pilot');
    const { assignment_id } = await checkIn(right, mac, '1.0.0');
    const report = { mac, assignment_id, sequence: 1, status: 'failed', error_code: 'hash' };
    expect(await left.device('report-status', report)).toMatchObject({ body: { state: 'failed', duplicate: false } });
    expect(await right.device('report-status', report)).toMatchObject({ body: { state: 'failed', duplicate: true } });
    expect(await checkIn(right, mac, '1.0.0')).toMatchObject({ reason: 'backing_off' });
  });

  test('take the same report at the same moment once', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const { assignment_id } = await checkIn(left, mac, '1.0.0');
    const statuses = ['downloading', 'downloaded', 'installing', 'failed'] as const;
    const answers = await Promise.all(
      statuses.flatMap((status, sequence) =>
        [left, right].map(async (server) => server.device('report-status', { mac, assignment_id, sequence, status })),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.filter(({ body }) => body['duplicate'] === true)).toHaveLength(statuses.length);
    expect(await line.assignments(mac)).toMatchObject([{ state: 'failed' }]);
  });

  test('create one thing of one name, and start one rollout of a product', async () => {
    const both = async (call: (server: TestServer) => Promise<{ readonly status: number }>) =>
      (await Promise.all([left, right].map(call))).map(({ status }) => status).toSorted((a, b) => a - b);
    expect(await both(async (server) => server.tryAdmin('createLabel', { body: { name: 'lab' } }))).toEqual([201, 409]);
    await line.rollOut('1.1.0', 'draft');
    const again = { version: '1.1.0', product: line.product, name: 'again' };
    expect(await both(async (server) => server.tryAdmin('createRollout', { body: again }))).toEqual([201, 409]);
    const rollouts = [line.rolloutName('1.1.0'), 'again'];
    const answers = await Promise.all(
      rollouts.map(async (name, index) =>
        (index === 0 ? left : right).tryAdmin('startRollout', { params: { name }, body: {} }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });
});
