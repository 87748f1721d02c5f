// Boards that say odd things of themselves: chips by every name, revisions, MACs that are none, members that cannot be read.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SHARED_MAC_SIGNS } from '#protocol/limits.ts';
import { buildEspImage } from '../../support/esp-image-builder.ts';
import { runOtter } from '../../support/otter-command.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

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

  const imageFor = (minChipRevision: number, more: { readonly max?: number; readonly flashSizeCode?: number } = {}) =>
    buildEspImage({
      chipId: 0,
      minChipRevision,
      ...(more.max === undefined ? {} : { maxChipRevision: more.max }),
      flashSizeCode: more.flashSizeCode ?? 0,
      code: Buffer.alloc(64, minChipRevision % 251),
      descriptor: { version: '1.1.0', projectName: line.product },
    });

  test.each([
    { spelled: 'ESP32-D2WD', chip: 'esp32' },
    { spelled: 'ESP32-U4WDH', chip: 'esp32' },
    { spelled: 'ESP32-PICO-V3-02', chip: 'esp32' },
    { spelled: 'ESP32-S2FH16', chip: 'esp32s2' },
    { spelled: 'ESP32-S2 (Unknown)', chip: 'esp32s2' },
    { spelled: 'UNKNOWN', chip: null },
    { spelled: '', chip: null },
  ])('that names its chip $spelled has chip $chip', async ({ spelled, chip }) => {
    const mac = line.newMac();
    await line.checkIn(mac, '1.0.0', { chip: spelled });
    const { device } = await line.detail(mac);
    expect(device).toMatchObject({ chip, notes: [] });
  });

  test('is offered the image for its chip revision, of two in one firmware', async () => {
    await line.upload('1.1.0', imageFor(0, { max: 299 }));
    const { image } = await line.upload('1.1.0', imageFor(300));
    expect(image).toMatchObject({ chip: 'esp32', url: `/firmware/${line.product}/1.1.0/esp32-r300/image.bin` });
    expect(await line.upload('1.1.0', imageFor(300))).toMatchObject({ already_there: true });
    await line.rollOut('1.1.0', 'expand');
    const on = async (chip_revision: unknown) => line.checkIn(line.newMac(), '1.0.0', { chip: 'esp32', chip_revision });
    const old = await on(100);
    expect(old).toMatchObject({ reason: 'update', url: expect.stringContaining('/esp32/image.bin') });
    const eco3 = await on(301);
    expect(eco3).toMatchObject({
      reason: 'update',
      url: expect.stringContaining('/esp32-r300/image.bin'),
      manifest: { chip: 'esp32', sha256: image.sha256 },
    });
    const bytes = await server.fetch('GET', eco3.url ?? '', { token: server.fleetToken });
    expect(bytes.body.equals(imageFor(300))).toBe(true);
    const manifest = await server.fetch('GET', image.url.replace('image.bin', 'manifest.json'), {
      token: server.fleetToken,
    });
    expect(JSON.parse(String(manifest.body))).toMatchObject({ chip: 'esp32', sha256: image.sha256 });
    expect(await on(undefined)).toMatchObject({ reason: 'chip_revision_unknown' });
    expect(await on('v3')).toMatchObject({ reason: 'chip_revision_unknown' });
  });

  test('below the lowest or above the highest revision of the image is held with both', async () => {
    await line.upload('1.1.0', imageFor(300, { max: 399 }));
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const say = async (chip_revision: number | undefined) =>
      line.checkIn(mac, '1.0.0', { chip: 'esp32', ...(chip_revision === undefined ? {} : { chip_revision }) });
    expect(await say(299)).toMatchObject({ update_available: false, reason: 'chip_revision' });
    expect(await line.explain(mac)).toMatchObject({ text: expect.stringMatching(/v2\.99.*from v3\.0 to v3\.99/) });
    expect(await say(400)).toMatchObject({ reason: 'chip_revision' });
    expect(await say(undefined)).toMatchObject({ reason: 'update' });
    expect(await say(301)).toMatchObject({ reason: 'update' });
  });

  test('with less flash than the image was built for is held', async () => {
    await line.upload('1.1.0', imageFor(0, { flashSizeCode: 3 }));
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.0.0', { flash_bytes: 4_194_304 })).toMatchObject({ reason: 'flash_too_small' });
    expect(await line.checkIn(mac, '1.0.0', { flash_bytes: 8_388_608 })).toMatchObject({ reason: 'update' });
  });

  test('with members that cannot be read is served, and they are named where people look', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const odd = {
      image_sha256: 'AB'.repeat(32),
      boot: { state: 'confirmed', reason: 'x'.repeat(200), rolled_back_from: null },
      labels: null,
      library: '',
      chip_revision: '3.0',
      rssi_dbm: null,
    };
    expect(await line.checkIn(mac, '1.0.0', odd)).toMatchObject({ reason: 'update' });
    const { device } = await line.detail(mac);
    const dropped = [
      'boot.reason',
      'boot.rolled_back_from',
      'chip_revision',
      'image_sha256',
      'labels',
      'library',
      'rssi_dbm',
    ];
    expect(device.attributes).toMatchObject({ unreadable: dropped });
    expect(device.notes).toEqual([expect.stringContaining(dropped.join(', '))]);
    const home = await mkdtemp(join(tmpdir(), 'otter-odd-'));
    const pin = `${server.pin.kind}:${server.pin.sha256}`;
    const options = ['--server', server.url.origin, '--token', server.adminToken, '--pin', pin];
    const shown = await runOtter(home, ['device', 'show', mac, ...options]);
    expect(shown.stdout).toContain(`dropped: ${dropped.join(', ')}`);
    await line.checkIn(mac, '1.0.0');
    expect((await line.detail(mac)).device.notes).toEqual([]);
  });

  test('with a MAC that looks cut from an EUI-64 is served and flagged', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac().replace(/^(..:..:..):..:..:/, '$1:ff:fe:');
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'update' });
    expect((await line.detail(mac)).device.notes).toEqual([expect.stringMatching(/EUI-64 \(ff:fe/)]);
  });

  test('that shares its MAC with another one is shown as two', async () => {
    const mac = line.newMac();
    for (let sign = 0; sign <= 2 * SHARED_MAC_SIGNS; sign += 1) {
      server.clock.advance(60_000);
      await line.checkIn(mac, '1.0.0', { chip: sign % 2 === 0 ? 'esp32' : 'esp32c3' });
    }
    expect((await line.detail(mac)).device).toMatchObject({
      not_counted: 'shared_mac',
      notes: [expect.stringContaining('two boards seem to use this MAC')],
    });
  });
});
