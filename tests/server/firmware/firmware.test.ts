// Firmware for operators: ready, blocked, stable, over real HTTPS on both databases. Uploading has tests of its own.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('firmware on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const unblock = async (version: string) =>
    server.admin('unblockFirmware', { params: { version }, query: { product: line.product } });

  test('that is blocked takes its devices home to the prior stable build', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const updated = line.newMac();
    const onTrial = line.newMac();
    const offered = line.newMac();
    for (const mac of [updated, onTrial, offered]) await line.offer(mac, '1.0.0');
    await line.checkIn(updated, '1.1.0');
    await line.checkIn(onTrial, '1.1.0', ON_TRIAL);

    expect(await line.block('1.1.0')).toMatchObject({
      firmware: { blocked: true, blocked_reason: 'heater stays on', stable: false },
      aborted_rollouts: [line.rolloutName('1.1.0')],
      devices_running: 2,
      prior_stable: '1.0.0',
    });
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'aborted', ended_reason: 'its firmware was blocked' });
    expect(await line.checkIn(offered, '1.0.0')).toMatchObject({ update_available: false, reason: 'up_to_date' });
    expect(await line.checkIn(updated, '1.1.0')).toMatchObject({
      rollback: true,
      reason: 'blocked_go_back',
      manifest: { version: '1.0.0' },
    });
    expect(await line.checkIn(onTrial, '1.1.0', ON_TRIAL)).toMatchObject({ reason: 'trial_running' });
    expect(await line.checkIn(onTrial, '1.1.0')).toMatchObject({ rollback: true, manifest: { version: '1.0.0' } });
    for (const mac of [updated, onTrial]) {
      await line.checkIn(mac, '1.0.0');
      expect((await line.assignments(mac))[0]).toMatchObject({ rollback: true, state: 'confirmed', version: '1.0.0' });
    }
  });

  test('that is blocked and was stable gives way to the one before it', async () => {
    await line.makeStable('1.0.0');
    await line.makeStable('1.1.0');
    await line.makeStable('1.2.0');
    expect(await line.block('1.2.0')).toMatchObject({ aborted_rollouts: [], prior_stable: '1.1.0' });
    expect(await line.checkIn(line.newMac(), '1.2.0')).toMatchObject({
      reason: 'blocked_go_back',
      manifest: { version: '1.1.0' },
    });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({
      rollback: false,
      manifest: { version: '1.1.0' },
    });
  });

  test('that is blocked without a prior stable build leaves its devices where they are, and says so', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0');
    expect(await line.block('1.1.0')).toMatchObject({ prior_stable: null, devices_running: 1 });
    expect(await line.checkIn(mac, '1.1.0')).toMatchObject({
      update_available: false,
      reason: 'blocked_without_prior_stable',
    });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ reason: 'nothing_to_offer' });
  });

  test('that is blocked without a prior stable build is replaced by the rollout of the repaired one', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const pilot = await line.newDevice('1.1.0', ['pilot']);
    const other = await line.newDevice('1.1.0');
    await line.block('1.1.0');
    await line.add('1.1.1');
    await line.rollOut('1.1.1', 'pilot');
    expect(await line.checkIn(pilot, '1.1.0')).toMatchObject({ reason: 'update', manifest: { version: '1.1.1' } });
    expect(await line.checkIn(other, '1.1.0')).toMatchObject({ reason: 'blocked_without_prior_stable' });
  });

  test('that is blocked aborts its drafts and its paused rollouts, and cannot be made ready', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'pilot');
    await line.move('1.1.0', 'pause');
    await server.admin('createRollout', { body: { version: '1.1.0', product: line.product } });
    const { aborted_rollouts } = await line.block('1.1.0');
    expect(aborted_rollouts.toSorted()).toEqual([line.rolloutName('1.1.0'), line.rolloutName('1.1.0-2')]);
    const name = { params: { version: '1.1.0' }, query: { product: line.product } };
    expect(await server.tryAdmin('setPilotReady', { ...name, body: {} })).toMatchObject({
      status: 403,
      body: { error: { code: 'firmware_blocked' } },
    });
  });

  test('that is blocked twice keeps the newer reason and nothing else changes', async () => {
    await line.add('1.1.0');
    await line.block('1.1.0');
    const name = { params: { version: '1.1.0' }, query: { product: line.product } };
    expect(await server.admin('blockFirmware', { ...name, body: { reason: 'and it smells' } })).toMatchObject({
      firmware: { blocked_reason: 'and it smells' },
      aborted_rollouts: [],
    });
  });

  test('that is blocked is not given out any more', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'pilot');
    const path = `/firmware/${line.product}/1.1.0/esp32/image.bin`;
    expect((await server.fetch('GET', path, { token: server.fleetToken })).status).toBe(200);
    await line.block('1.1.0');
    expect(await server.json('GET', path, { token: server.fleetToken })).toMatchObject({
      status: 403,
      body: { error: { code: 'firmware_blocked' } },
    });
  });

  test('that is unblocked is allowed again, and a completed rollout of it is stable again', async () => {
    await line.makeStable('1.0.0');
    await line.makeStable('1.1.0');
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'expand');
    await line.block('1.1.0');
    await line.block('1.2.0');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ rollback: true, manifest: { version: '1.0.0' } });
    expect(await unblock('1.1.0')).toMatchObject({ blocked: false, blocked_reason: null, stable: true });
    expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ reason: 'up_to_date' });
    expect(await line.assignments(mac), 'the way back is not offered any more').toMatchObject([
      { state: 'superseded' },
    ]);
    await unblock('1.2.0');
    expect(await line.rollout('1.2.0'), 'an aborted rollout stays aborted').toMatchObject({ status: 'aborted' });
    expect(await line.checkIn(line.newMac(), '1.2.0')).toMatchObject({ reason: 'newer_than_target' });
  });

  test('is shown with its images, its devices and what it is to its product', async () => {
    await line.add('1.0.0', { ready: false, chips: ['esp32', 'esp32s3'] });
    await line.newDevice('1.0.0');
    await line.newDevice('1.0.0');
    await server.admin('getStatus');
    const query = { product: line.product };
    expect(await server.admin('getFirmware', { params: { version: '1.0.0' }, query })).toMatchObject({
      product: line.product,
      channel: 'stable',
      pilot_ready: false,
      blocked: false,
      stable: false,
      devices: 2,
      images: [{ chip: 'esp32' }, { chip: 'esp32s3' }],
    });
    expect(await server.tryAdmin('getFirmware', { params: { version: '9.0.0' } })).toMatchObject({
      status: 404,
      body: { error: { code: 'firmware_unknown' } },
    });
  });

  test('of several products with one version must be named with its product', async () => {
    await line.add('7.7.7');
    await new ProductLine(server).add('7.7.7');
    expect(await server.tryAdmin('getFirmware', { params: { version: '7.7.7' } })).toMatchObject({
      status: 409,
      body: { error: { code: 'version_ambiguous' } },
    });
  });
});
