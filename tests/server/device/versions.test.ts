// Versions as people write them, over the wire: with a leading v, as git describe writes them, and as texts that are no version.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const ELF = 'e2'.repeat(32);

describe.each(DIALECTS)('a board on %s', (dialect) => {
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

  /** A release of this name, whose app descriptor says `said`, rolled out to everybody. */
  const release = async (version: string, said = version): Promise<void> => {
    await line.upload(version, line.image(said, { elfSha256: ELF }));
    await line.rollOut(version, 'expand');
  };

  test.each([
    { says: 'v1.4.1-2-g0296947', reason: 'update' },
    { says: 'v1.4.1-2-g0296947-dirty', reason: 'update' },
    { says: 'V1.4.1-dirty', reason: 'update' },
    { says: '1.4.2-rc.1-3-g0296947', reason: 'update' },
    { says: 'v1.4.2', reason: 'up_to_date' },
    { says: '1.4.2+ci.9', reason: 'up_to_date' },
    { says: '1.4.2-dirty', reason: 'newer_than_target' },
    { says: 'v1.4.2-1-g0296947', reason: 'newer_than_target' },
  ])('that says $says is told $reason where 1.4.2 goes out', async ({ says, reason }) => {
    await release('1.4.2');
    expect(await line.checkIn(line.newMac(), says)).toMatchObject({ reason });
  });

  test.each(['1.2', '1.2.3.4', '2026.01.05', '0296947', 'abcdef0-dirty', '1', 'esp-idf: v4.4.4 e8bdaf9198'])(
    'that says %s is known by it, and held with the way out',
    async (says) => {
      await release('1.4.2');
      const mac = line.newMac();
      expect(await line.checkIn(mac, says)).toMatchObject({ update_available: false, reason: 'version_unreadable' });
      expect(await line.detail(mac)).toMatchObject({ device: { current_version: says } });
      expect(await line.explain(mac)).toMatchObject({
        text: expect.stringContaining(says),
        to_change: expect.stringMatching(/PROJECT_VER.*OTTER_FIRMWARE.*image_sha256/),
      });
    },
  );

  test('that says the name of a branch is not refused', async () => {
    const says = 'release/ng-v1.0.2-22-gd27fcd6';
    expect(await line.checkIn(line.newMac(), says)).toMatchObject({ update_available: false });
  });

  test('at as many commits after a tag as the target is told that neither is newer', async () => {
    await release('1.4.1-2-gabcdef0');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.4.1-2-g0296947')).toMatchObject({ reason: 'versions_unordered' });
    expect(await line.checkIn(mac, '1.4.1-2-gabcdef0')).toMatchObject({ reason: 'up_to_date' });
  });

  test('with a library that orders as SemVer alone is not offered what it would refuse', async () => {
    await release('1.4.1-2-gabcdef0');
    const mac = line.newMac();
    const old = { library: 'OtterOTA 0.2.0' };
    expect(await line.checkIn(mac, '1.4.1', old)).toMatchObject({ reason: 'board_orders_otherwise' });
    expect(await line.explain(mac)).toMatchObject({
      reason: 'board_orders_otherwise',
      text: expect.stringContaining('OtterOTA 0.2.0'),
      to_change: expect.stringContaining('0.3.0'),
    });
    // Below by both orders.
    expect(await line.checkIn(mac, '1.4.0', old)).toMatchObject({ reason: 'update' });
    expect(await line.checkIn(mac, '1.4.1', { library: 'OtterOTA 0.3.0' })).toMatchObject({ reason: 'update' });
    expect(await line.checkIn(mac, '1.4.1')).toMatchObject({ reason: 'update' });
  });

  test('with stock ESP-IDF is confirmed by its digest, whatever its descriptor says', async () => {
    await release('9.9.9', 'v1.4.1-2-g0296947-dirty');
    const mac = line.newMac();
    const assignment = await line.offer(mac, 'v1.4.1-2-g0296947-dirty', { image_sha256: 'f'.repeat(64) });
    await line.report(mac, assignment, 1, 'installing');
    const after = await line.checkIn(mac, 'v1.4.1-2-g0296947-dirty', { image_sha256: ELF });
    expect(after).toMatchObject({ reason: 'up_to_date' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed', version: '9.9.9' }]);
    expect(await line.detail(mac)).toMatchObject({
      device: { current_version: '9.9.9', attributes: { reported_version: 'v1.4.1-2-g0296947-dirty' } },
    });
    const query = { product: line.product };
    expect(await server.admin('getFirmware', { params: { version: '9.9.9' }, query })).toMatchObject({ devices: 1 });
  });

  test('with stock ESP-IDF is known by the commit that it says, where one release was built from it', async () => {
    await release('2.0.0', '0296947');
    const mac = line.newMac();
    const assignment = await line.offer(mac, '1.0.0');
    await line.report(mac, assignment, 1, 'installing');
    expect(await line.checkIn(mac, '0296947')).toMatchObject({ reason: 'up_to_date' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed' }]);
    expect(await line.checkIn(line.newMac(), '0296947', { chip: 'esp32c3' })).toMatchObject({
      reason: 'version_unreadable',
    });
    // From now on two releases say it.
    await line.upload('2.1.0', line.image('0296947', { elfSha256: 'e3'.repeat(32) }));
    expect(await line.checkIn(line.newMac(), '0296947')).toMatchObject({ reason: 'version_unreadable' });
  });

  test('that says a text which is no commit is not taken for a release by the text alone', async () => {
    await release('2.0.0', '1');
    expect(await line.checkIn(line.newMac(), '1')).toMatchObject({ reason: 'version_unreadable' });
    expect(await line.checkIn(line.newMac(), '1', { image_sha256: ELF })).toMatchObject({ reason: 'up_to_date' });
  });
});
