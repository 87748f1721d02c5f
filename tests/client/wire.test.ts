// What the library puts on the wire and makes of an offer, against a server that says whatever the test wants: real TLS, the
// program of the library, no rules of a server.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { CheckUpdateRequest, Offer } from '#protocol/device/api.ts';
import {
  startScriptedServer,
  type ScriptedServer,
  FLEET_TOKEN,
  NOTHING_NEW,
  sha256Of,
} from '../simulator/scripted-server.ts';
import { buildDeviceImage } from './support/device-image.ts';
import { OtterDevice } from './support/otter-device.ts';

const PRODUCT = 'greenhouse';
const OLD = buildDeviceImage({ product: PRODUCT, version: '1.0.0' });
const MAC = '24:6f:28:00:09:01';
const URL_WITH_QUERY = '/firmware/greenhouse/1.1.0%2Bb1/esp32/image.bin?assignment=9007199254740991&x=%41';

function offerOf(image: Buffer, change: Partial<Offer> = {}): Offer {
  return {
    update_available: true,
    reason: 'update',
    poll_interval_s: 30,
    assignment_id: 7,
    rollback: false,
    labels: [],
    url: URL_WITH_QUERY,
    manifest: {
      format: 'otter-manifest/1',
      product: PRODUCT,
      version: '1.1.0',
      chip: 'esp32',
      size_bytes: image.length,
      sha256: sha256Of(image),
      security_version: 0,
      created_at: '2026-11-23T10:00:00Z',
      release_notes: '',
    },
    ...change,
  };
}

async function serve(script: Parameters<typeof startScriptedServer>[0]): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  onTestFinished(server.close);
  return server;
}

async function board(server: ScriptedServer, args: readonly string[] = []): Promise<OtterDevice> {
  const { url, pin } = server;
  const often = ['--interval', '30', '--rest-speed', '30', ...args];
  const device = await OtterDevice.start({
    server: url,
    pin,
    token: FLEET_TOKEN,
    mac: MAC,
    image: OLD,
    speed: 3,
    args: often,
  });
  onTestFinished(() => device.scrap());
  return device;
}

const isOld = (body: CheckUpdateRequest): boolean => body.current_version === '1.0.0';

describe('the library', () => {
  test('says how long it is up, what its heap is, and when it asks again where it sleeps', async () => {
    const server = await serve({ image: OLD, checkIn: () => ({ ...NOTHING_NEW, poll_interval_s: 30 }) });
    const device = await board(server, ['--next-check', '86400', '--free-heap', '201344']);
    await device.waitFor('checked');
    await device.waitFor('checked', { after: device.moment });
    const [first, second] = server.checkIns;
    expect(first).toMatchObject({ next_check_s: 86_400, free_heap_bytes: 201_344, boot: { state: 'confirmed' } });
    expect(Number(first?.largest_block_bytes)).toBeGreaterThan(0);
    const uptimesS = [first, second].map((body) => Number(body?.boot?.uptime_s));
    expect(uptimesS[0]).toBeGreaterThanOrEqual(5);
    expect((uptimesS[1] ?? 0) - (uptimesS[0] ?? 0)).toBeGreaterThanOrEqual(27);
  });

  test('fetches the address of the offer as it stands there, with its query, and so does a resume', async () => {
    const image = buildDeviceImage({ product: PRODUCT, version: '1.1.0' });
    const server = await serve({
      image,
      checkIn: (body) => (isOld(body) ? offerOf(image) : NOTHING_NEW),
      breakFirstDownloadAt: Math.floor(image.length / 2),
    });
    const device = await board(server);
    await device.waitFor('confirmed');
    expect(server.downloads.map(({ url }) => url)).toEqual([URL_WITH_QUERY, URL_WITH_QUERY]);
    expect(server.downloads[1]).toMatchObject({
      range: expect.stringMatching(/^bytes=[1-9]\d*-$/),
      ifRange: `"${sha256Of(image)}"`,
    });
    expect(server.reports.at(-1)).toMatchObject({ status: 'confirmed', assignment_id: 7 });
  });

  test('tries a build that an operator cleared once more for each assignment', async () => {
    const image = buildDeviceImage({ product: PRODUCT, version: '1.1.0', script: 'crash' });
    let change: Partial<Offer> = {};
    const server = await serve({
      image,
      checkIn: (body) => (isOld(body) ? offerOf(image, change) : NOTHING_NEW),
    });
    const device = await board(server);
    const isKnownBad = { where: ({ error }: { readonly error?: string }) => error === 'known_bad' };
    await device.waitFor('rejected', isKnownBad);
    expect(server.downloads).toHaveLength(1);
    change = { assignment_id: 8, forgiven: true };
    await device.waitFor('rolled_back', { after: device.moment });
    await device.waitFor('rejected', { after: device.moment, ...isKnownBad });
    await device.waitFor('rejected', { after: device.moment, ...isKnownBad });
    expect(server.downloads).toHaveLength(2);
    change = { assignment_id: 9, forgiven: true };
    await device.waitFor('rolled_back', { after: device.moment });
    expect(server.downloads).toHaveLength(3);
  });
});
