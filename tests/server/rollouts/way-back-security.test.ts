// The way back respects the security version, and says who stays and why before anybody says yes. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const C3 = { chip: 'esp32c3' } as const;

describe.each(DIALECTS)('the way back on %s', (dialect) => {
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

  const makeStable = async (version: string, secureVersion: number): Promise<void> => {
    await line.add(version, { secureVersion });
    await line.rollOut(version, 'complete');
  };
  const named = (version: string) => ({ params: { version }, query: { product: line.product } });
  const preview = async (version: string) => server.admin('previewBlock', named(version));
  const run = async (count: number, version: string, more = {}): Promise<readonly string[]> => {
    const macs = Array.from({ length: count }, () => line.newMac());
    for (const mac of macs) await line.checkIn(mac, version, more);
    return macs;
  };

  test('skips builds whose security version the board refuses, and takes the next one that fits', async () => {
    await makeStable('1.0.0', 1);
    await makeStable('1.1.0', 1);
    await makeStable('1.0.5', 2);
    await line.add('1.2.0', { secureVersion: 2 });
    await line.rollOut('1.2.0', 'expand');
    const [mac = ''] = await run(1, '1.2.0');
    expect(await preview('1.2.0')).toMatchObject({
      devices_running: 1,
      prior_stable: '1.0.5',
      goes_to: [{ version: '1.0.5', devices: 1 }],
      stays: [],
    });
    expect(await line.block('1.2.0')).toMatchObject({
      prior_stable: '1.0.5',
      goes_to: [{ version: '1.0.5', devices: 1 }],
    });
    expect(await line.checkIn(mac, '1.2.0')).toMatchObject({ rollback: true, manifest: { version: '1.0.5' } });
  });

  test('holds with the reason where nothing is left that the board accepts, and a repaired build brings it on', async () => {
    await makeStable('1.0.0', 1);
    await line.add('1.1.0', { secureVersion: 2 });
    await line.rollOut('1.1.0', 'expand');
    const [mac = ''] = await run(1, '1.1.0');
    expect(await preview('1.1.0')).toMatchObject({
      prior_stable: null,
      goes_to: [],
      stays: [{ reason: 'security_version_lower', devices: 1, examples: [mac] }],
    });
    await line.block('1.1.0');
    expect(await line.checkIn(mac, '1.1.0')).toMatchObject({
      update_available: false,
      reason: 'security_version_lower',
    });
    expect(await line.explain(mac)).toMatchObject({
      reason: 'security_version_lower',
      to_change: expect.stringContaining('security version of at least 2'),
    });
    await line.add('1.1.1', { secureVersion: 2 });
    await line.rollOut('1.1.1', 'expand');
    expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ reason: 'update', manifest: { version: '1.1.1' } });
  });

  test('up is held, too, where the newer version has the lower security version', async () => {
    await makeStable('1.1.0', 1);
    await line.add('1.0.5', { secureVersion: 2 });
    const [mac = ''] = await run(1, '1.0.5');
    expect(await line.checkIn(mac, '1.0.5')).toMatchObject({
      update_available: false,
      reason: 'security_version_lower',
    });
    expect(await line.checkIn(line.newMac(), '1.0.4')).toMatchObject({ reason: 'update' });
  });

  test('says before a block how many boards run the build, where they go, and who stays and why', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0', { chips: ['esp32', 'esp32c3'] });
    await line.rollOut('1.1.0', 'expand');
    await run(3, '1.1.0', { chip: 'esp32' });
    await run(1, 'v1.1.0+ci.7', { chip: 'esp32', ...ON_TRIAL });
    const stranded = await run(2, '1.1.0', C3);
    await run(1, '1.1.0', { image_sha256: 'b'.repeat(64) });
    await run(2, '1.0.0');
    const before = await preview('1.1.0');
    expect(before).toEqual({
      product: line.product,
      version: '1.1.0',
      aborts: [line.rolloutName('1.1.0')],
      devices_running: 6,
      other_builds: 1,
      prior_stable: '1.0.0',
      goes_to: [{ version: '1.0.0', devices: 4 }],
      stays: [{ reason: 'no_image_for_chip', text: expect.any(String), devices: 2, examples: stranded }],
    });
    expect((await server.admin('getFirmware', named('1.1.0'))).blocked, 'nothing was done').toBe(false);
    const { goes_to, stays, devices_running, other_builds } = await line.block('1.1.0');
    expect({ goes_to, stays, devices_running, other_builds }).toEqual({
      goes_to: before.goes_to,
      stays: before.stays,
      devices_running: 6,
      other_builds: 1,
    });
  });

  test('says the same before and after a revert, of the images that the rollout released', async () => {
    await makeStable('1.0.0', 0);
    await makeStable('1.1.0', 1);
    await run(2, '1.1.0', { chip: 'esp32' });
    await line.upload('1.1.0', line.image('1.1.0', { ...C3, secureVersion: 1 }));
    const { name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product } });
    for (const step of ['startRollout', 'promoteRollout'] as const)
      await server.admin(step, { params: { name }, body: {} });
    const macs = await run(1, '1.1.0', C3);
    const expected = {
      aborts: [name],
      devices_running: 1,
      goes_to: [],
      stays: [{ reason: 'blocked_without_prior_stable', devices: 1, examples: macs }],
    };
    expect(await server.admin('previewRevert', { params: { name } })).toMatchObject(expected);
    await server.admin('abortRollout', { params: { name }, body: { revert: true } });
    expect(await server.admin('previewRevert', { params: { name } })).toMatchObject({ ...expected, aborts: [] });
    const of = { params: { name: line.rolloutName('1.1.0') } };
    expect(await server.admin('previewRevert', of), 'of an undo of the complete one').toMatchObject({
      aborts: [],
      devices_running: 3,
      goes_to: [],
    });
  });
});
