// The main story over real HTTPS, on both databases: a build goes to the pilot, then to everyone, and back when it is blocked.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addDevices, addFirmware, rollOut } from '../../support/fleet.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(DIALECTS)('a rollout on %s', (dialect) => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startTestServer({ dialect });
  });
  afterEach(async () => server.end());

  test('goes to the pilot label first, then to every device', async () => {
    const [pilot = '', other = ''] = await addDevices(server, 2, '1.0.0');
    await server.admin('labelDevice', { params: { device: pilot, name: 'pilot' } });
    await addFirmware(server, '1.1.0');
    server.clock.advance(1);
    await rollOut(server, '1.1.0', 'pilot');
    expect(await server.checkIn(pilot, '1.0.0')).toMatchObject({
      update_available: true,
      reason: 'update',
      rollback: false,
      labels: ['pilot'],
      manifest: { version: '1.1.0' },
    });
    expect(await server.checkIn(other, '1.0.0')).toMatchObject({ update_available: false, reason: 'not_in_stage' });
    await server.admin('promoteRollout', { params: { name: '1.1.0' }, body: {} });
    expect(await server.checkIn(other, '1.0.0')).toMatchObject({
      update_available: true,
      manifest: { version: '1.1.0' },
    });
  });

  test('counts a device as confirmed when it was seen running the build, not when it says so', async () => {
    const [device = ''] = await addDevices(server, 1, '1.0.0');
    await addFirmware(server, '1.1.0');
    await rollOut(server, '1.1.0', 'expand');
    const { assignment_id } = await server.checkIn(device, '1.0.0');
    const claim = await server.device('report-status', {
      mac: device,
      assignment_id,
      sequence: 1,
      status: 'confirmed',
    });
    expect(claim.body).toEqual({ state: 'trial', duplicate: false });
    expect(await server.checkIn(device, '1.1.0', { boot: { state: 'trial' } })).toMatchObject({
      update_available: false,
      reason: 'trial_running',
    });
    const { stages } = await server.admin('getRollout', { params: { name: '1.1.0' } });
    expect(stages[1]?.outcomes).toMatchObject({ targeted: 1, healthy: 1, on_trial: 0 });
  });

  test('sends devices home to the prior stable build when the new one is blocked', async () => {
    const [device = ''] = await addDevices(server, 1, '1.0.0');
    await addFirmware(server, '1.0.0');
    await rollOut(server, '1.0.0', 'complete');
    await addFirmware(server, '1.1.0');
    await rollOut(server, '1.1.0', 'expand');
    await server.checkIn(device, '1.0.0');
    await server.checkIn(device, '1.1.0');
    const answer = await server.admin('blockFirmware', {
      params: { version: '1.1.0' },
      body: { reason: 'heater stays on' },
    });
    expect(answer).toMatchObject({ aborted_rollouts: ['1.1.0'], devices_running: 1, prior_stable: '1.0.0' });
    expect(await server.checkIn(device, '1.1.0')).toMatchObject({
      update_available: true,
      rollback: true,
      reason: 'blocked_go_back',
      manifest: { version: '1.0.0' },
    });
    expect(await server.checkIn(device, '1.0.0')).toMatchObject({ update_available: false, reason: 'up_to_date' });
  });

  test('does not offer a build again to the device that rolled it back, until an operator clears it', async () => {
    const [device = ''] = await addDevices(server, 1, '1.0.0');
    await addFirmware(server, '1.1.0');
    await rollOut(server, '1.1.0', 'expand');
    await server.checkIn(device, '1.0.0');
    await server.checkIn(device, '1.1.0', { boot: { state: 'trial' } });
    server.clock.advance(10);
    const back = { boot: { state: 'confirmed', reason: 'panic', rolled_back_from: '1.1.0' } };
    expect(await server.checkIn(device, '1.0.0', back)).toMatchObject({ update_available: false, reason: 'known_bad' });
    server.clock.advance(86_400);
    expect(await server.checkIn(device, '1.0.0', back)).toMatchObject({ reason: 'known_bad' });
    expect(await server.admin('clearKnownBad', { params: { device } })).toMatchObject({ cleared: ['1.1.0'] });
    expect(await server.checkIn(device, '1.0.0', back)).toMatchObject({ update_available: true });
    expect(await server.checkIn(device, '1.0.0', back)).toMatchObject({ forgiven: true, reason: 'update' });
  });
});
