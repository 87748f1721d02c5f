// Another chance for devices that failed by what may pass, and none where there is proof against the build. On both databases.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

/** Longer than any back-off of a few failures. */
const REST_S = 600;
const NOBODY = { devices: 0, examples: [], causes: [] };

describe.each(DIALECTS)('a retry on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  const name = () => line.rolloutName('1.1.0');
  const retry = async () =>
    server.tryAdmin('retryRollout', { params: { name: name() }, body: { reason: 'new router' } });
  const failures = async (mac: string) => (await line.detail(mac)).builds[0];
  /** Fails the next offer of this device and waits until its back-off is over. */
  const fail = async (mac: string, error_code: string, status: 'failed' | 'rejected' = 'failed') => {
    await line.report(mac, await line.offer(mac, '1.0.0'), 1, status, { error_code });
    server.clock.advance(REST_S);
  };
  const start = async (count: number) => {
    const macs: string[] = [];
    for (let index = 0; index < count; index += 1) macs.push(await line.newDevice('1.0.0', ['pilot']));
    await line.rollOut('1.1.0');
    return macs;
  };

  test('lifts the known bad of three device faults; the back-off of one failure stays', async () => {
    const [mac = ''] = await start(1);
    await fail(mac, 'flash_write');
    await fail(mac, 'low_memory');
    await line.report(mac, await line.offer(mac, '1.0.0'), 1, 'failed', { error_code: 'flash_write' });
    expect(await failures(mac)).toMatchObject({ failures: 3, known_bad: true, next_offer_at: null });
    expect(await retry()).toMatchObject({ status: 200, body: { devices: 1, examples: [mac] } });
    const again = new Date(server.clock.nowMs + 60_000).toISOString();
    expect(await failures(mac)).toMatchObject({ failures: 1, known_bad: false, next_offer_at: again });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'backing_off' });
    server.clock.advance(60);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
    expect((await server.admin('listAudit', { query: { subject: name() } })).items[0]).toMatchObject({
      actor: 'admin',
      action: 'rollout.retry',
      details: { devices: 1, reason: 'new router' },
    });
  });

  test('shortens the rest of a device that the network failed, and of one that was timed out', async () => {
    const [failing = '', silent = ''] = await start(2);
    for (const code of ['connect', 'stalled', 'timeout']) await fail(failing, code);
    for (let round = 0; round < 2; round += 1) {
      await line.offer(silent, '1.0.0');
      server.clock.advance(86_400);
      await server.tick();
      server.clock.advance(REST_S);
    }
    expect((await line.assignments(silent)).map(({ state }) => state)).toEqual(['timed_out', 'timed_out']);
    expect((await retry()).body).toMatchObject({ devices: 2, examples: [failing, silent], known_bad: NOBODY });
    expect(await failures(failing)).toMatchObject({ failures: 1, last_error: 'timeout' });
    expect(await failures(silent)).toMatchObject({ failures: 1 });
    expect((await retry()).body, 'there is nothing more to forgive').toEqual({
      devices: 0,
      examples: [],
      known_bad: NOBODY,
    });
  });

  test('never reaches what is proof, or of a cause that is not known', async () => {
    const [rolledBack = '', refused = '', mixed = '', unknown = '', signed = ''] = await start(5);
    await line.offer(rolledBack, '1.0.0');
    await line.checkIn(rolledBack, '1.1.0', ON_TRIAL);
    await line.checkIn(rolledBack, '1.0.0', CAME_BACK);
    await fail(refused, 'flash_write');
    await fail(refused, 'known_bad', 'rejected');
    await fail(mixed, 'flash_hash');
    await fail(mixed, 'flash_write');
    await fail(mixed, 'image');
    for (let round = 0; round < 2; round += 1) await fail(unknown, 'of_a_later_release');
    for (let round = 0; round < 2; round += 1) await fail(signed, 'signature', 'rejected');
    const before = await Promise.all([rolledBack, refused, mixed, unknown, signed].map(failures));
    expect(before).toMatchObject([
      { known_bad: true },
      { known_bad: true },
      { known_bad: true, failures: 3 },
      { failures: 2 },
      { failures: 2 },
    ]);
    expect((await retry()).body).toEqual({
      devices: 0,
      examples: [],
      known_bad: {
        devices: 3,
        examples: [rolledBack, refused, mixed],
        causes: [
          { cause: 'crash', devices: 1 },
          { cause: 'image', devices: 1 },
          { cause: 'known_bad', devices: 1 },
        ],
      },
    });
    expect(await Promise.all([rolledBack, refused, mixed, unknown, signed].map(failures))).toEqual(before);
    expect(await line.checkIn(rolledBack, '1.0.0')).toMatchObject({ reason: 'known_bad' });
  });

  test('forgives a device that came back after its power went, for that is no fault of the build', async () => {
    const [mac = ''] = await start(1);
    for (let round = 0; round < 3; round += 1) {
      await line.offer(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      await line.checkIn(mac, '1.0.0', { boot: { state: 'confirmed', reason: 'brownout' } });
      server.clock.advance(REST_S);
    }
    expect(await failures(mac)).toMatchObject({ known_bad: true });
    expect((await retry()).body).toMatchObject({ devices: 1 });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
  });

  test('reaches a required version that failed on the way', async () => {
    await line.add('1.0.5');
    const requiredVersion = { params: { version: '1.0.5' }, query: { product: line.product }, body: {} };
    await server.admin('setRequired', requiredVersion);
    const [mac = ''] = await start(1);
    for (let round = 0; round < 3; round += 1) await fail(mac, 'flash_write');
    expect(await failures(mac)).toMatchObject({ version: '1.0.5', known_bad: true });
    expect((await retry()).body).toEqual({ devices: 1, examples: [mac], known_bad: NOBODY });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ manifest: { version: '1.0.5' } });
  });

  test('leaves a device alone that is under way again or has confirmed', async () => {
    const [underWay = '', done = ''] = await start(2);
    for (const mac of [underWay, done]) for (const code of ['connect', 'stalled']) await fail(mac, code);
    await line.offer(underWay, '1.0.0');
    await line.offer(done, '1.0.0');
    await line.checkIn(done, '1.1.0');
    expect((await retry()).body).toEqual({ devices: 0, examples: [], known_bad: NOBODY });
    expect(await failures(underWay)).toMatchObject({ failures: 2 });
  });

  test('is for a rollout that offers something: open or complete', async () => {
    const [mac = ''] = await start(1);
    await fail(mac, 'connect');
    await fail(mac, 'connect');
    await line.move('1.1.0', 'pause');
    expect(await retry()).toMatchObject({ status: 200, body: { devices: 1 } });
    await line.move('1.1.0', 'abort');
    expect(await retry()).toMatchObject({
      status: 409,
      body: {
        error: { code: 'invalid_transition', message: `rollout ${name()} is aborted: it offers nothing any more` },
      },
    });
    const draft = new ProductLine(server);
    await draft.add('1.1.0');
    await draft.rollOut('1.1.0', 'draft');
    const ofDraft = { params: { name: draft.rolloutName('1.1.0') }, body: {} };
    expect(await server.tryAdmin('retryRollout', ofDraft)).toMatchObject({ status: 409 });
    await draft.move('1.1.0', 'start');
    for (const _ of ['pilot', 'expand']) await draft.move('1.1.0', 'promote');
    expect(await server.tryAdmin('retryRollout', ofDraft)).toMatchObject({ status: 200, body: { devices: 0 } });
    const nowhere = { params: { name: 'nowhere' }, body: {} };
    expect(await server.tryAdmin('retryRollout', nowhere)).toMatchObject({ status: 404 });
  });
});

test('a retry reaches each of very many devices', async () => {
  const server = await startTestServer();
  const line = new ProductLine(server);
  await line.add('1.1.0');
  const macs = Array.from({ length: 520 }, () => line.newMac());
  await Promise.all(macs.map(async (mac) => line.checkIn(mac, '1.0.0')));
  await line.rollOut('1.1.0', 'expand');
  // As if each had failed three times at once: written by hand, for the reports would take longer than the test.
  const file = new DatabaseSync(join(server.home, 'data/otter.db'));
  file.exec(`insert into assignments (device_id, rollout_id, stage_id, firmware_id, image_id, is_rollback, attempt, state,
    ran_build, confirm_claimed, left_before, error_code, forgiven, offered_at_ms, updated_at_ms)
    select devices.id, rollouts.id, stages.id, images.firmware_id, images.id, 0, number, 'failed',
      0, 0, 0, 'flash_write', 0, ${START_MS}, ${START_MS}
    from devices, rollouts join stages on stages.rollout_id = rollouts.id and stages.position = 2, images,
      (select 1 as number union select 2 union select 3)`);
  file.close();
  const call = { params: { name: line.rolloutName('1.1.0') }, body: {} };
  expect(await server.admin('retryRollout', call)).toMatchObject({ devices: 520 });
  for (const mac of [macs[0], macs[260], macs[519]])
    expect((await line.detail(mac ?? '')).builds).toMatchObject([{ failures: 1, known_bad: false }]);
  await server.end();
});
