// The answer to a check-in fits the buffer of a board, however much an operator has written, over real HTTPS on both
// databases.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Offer } from '#protocol/device/api.ts';
import {
  MAX_DEVICE_LABELS,
  MAX_IMAGE_BYTES,
  MAX_NAME_CHARS,
  MAX_NOTES_CHARS,
  MAX_OFFER_BYTES,
  MAX_OFFER_NOTES_CHARS,
  MAX_POLL_INTERVAL_S,
  MAX_VERSION_CHARS,
} from '#protocol/limits.ts';
import { buildEspImage } from '../../support/esp-image-builder.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { newKey, signImage } from '../../support/signing.ts';

/** The plus sign takes three bytes in the address of the image. */
const VERSION = '1.1.0+'.padEnd(MAX_VERSION_CHARS, 'b');
const NEWER = '2.0.0';
const CHIP = { id: 0x0014, name: 'esp32c61' };
/** A board reads the text and ends it with a NUL. */
const MOST_BYTES = MAX_OFFER_BYTES - 1;

const OTTER = '\u{1f9a6}';
const NOTES: readonly (readonly [string, string])[] = [
  ['quotes', '"'.repeat(300)],
  ['backslashes, tabs and line feeds', '\\\t\n'.repeat(100)],
  ['emoji', OTTER.repeat(250)],
  ['emoji at odd places', `x${OTTER.repeat(249)}`],
  ['control characters that JSON does not escape', '\u0085\u2028\u2029\u{e007f}'.repeat(70)],
];

describe.each(DIALECTS)('the largest offer on %s', (dialect) => {
  let server: TestServer;
  const labels = Array.from({ length: MAX_DEVICE_LABELS }, (_, index) => `${index}-`.padEnd(MAX_NAME_CHARS, 'l'));
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  afterAll(async () => server.end());

  test.each(NOTES)('fits with %s in the release notes, which are whole everywhere else', async (_, nasty) => {
    const notes = nasty.padEnd(MAX_NOTES_CHARS, 'x');
    const number = NOTES.findIndex(([, text]) => text === nasty);
    const product = `${number}-`.padEnd(MAX_NAME_CHARS, 'p');
    const mac = `24:6f:28:00:00:0${number}`;
    const image = `firmware/${product}/${encodeURIComponent(VERSION)}/${CHIP.name}`;
    await addStable(server, { product, version: VERSION, notes });
    await addStable(server, { product, version: NEWER, notes: '' });
    await server.checkIn(mac, NEWER, { product, chip: CHIP.name });
    for (const name of labels) await server.admin('labelDevice', { params: { device: mac, name } });
    const build = { params: { version: NEWER }, query: { product } };
    await server.admin('blockFirmware', { ...build, body: { reason: 'heater stays on' } });

    const { status, headers, body } = await server.fetch('POST', '/api/v1/check-update', {
      token: server.fleetToken,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ mac, current_version: NEWER, product, chip: CHIP.name }),
    });
    const offer: Offer = JSON.parse(body.toString());
    expect(status).toBe(200);
    expect(headers['content-length']).toBe(String(body.length));
    expect(body.length).toBeLessThanOrEqual(MOST_BYTES);
    const url = `/${image}/image.bin?assignment=${offer.assignment_id}`;
    expect(offer).toMatchObject({ reason: 'blocked_go_back', rollback: true, url });
    expect(offer.labels.toSorted()).toEqual(labels.toSorted());
    expect(offer.manifest.release_notes).toBe(Array.from(notes).slice(0, MAX_OFFER_NOTES_CHARS).join(''));
    expect(offer.manifest.release_notes.isWellFormed()).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(withLargestNumbers(offer)))).toBeLessThanOrEqual(MOST_BYTES);

    const { manifest } = offer;
    const whole = { ...manifest, release_notes: notes };
    expect((await server.json('GET', `/${image}/manifest.json`, { token: server.fleetToken })).body).toEqual(whole);
    const folder = join(server.home, 'data/firmware', product, VERSION, CHIP.name);
    expect(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))).toEqual(whole);
    const firmware = await server.admin('getFirmware', { params: { version: VERSION }, query: { product } });
    expect(firmware.release_notes).toBe(notes);
  });

  test('fits with four signatures beside the longest labels', async () => {
    const product = 'signed-'.padEnd(MAX_NAME_CHARS, 'p');
    const mac = '24:6f:28:00:02:00';
    const image = buildEspImage({ chipId: CHIP.id, descriptor: { version: VERSION } });
    const keys = [newKey(), newKey(), newKey(), newKey()];
    for (const { releaseKey } of keys)
      await server.admin('trustReleaseKey', { body: { public_key: releaseKey.pem, product } });
    const { nowMs } = server.clock;
    const signed = signImage(image, { product, version: VERSION, keys, nowMs, expiresAt: '2027-11-23T10:00:00Z' });
    const query = {
      product,
      version: VERSION,
      pilot_ready: 'true',
      force_product: 'true',
      signed: JSON.stringify(signed),
    };
    await server.admin('uploadFirmware', { query: { ...query, notes: OTTER.repeat(250) }, body: image });
    const { name } = await server.admin('createRollout', { body: { version: VERSION, product } });
    for (const step of ['start', 'promote', 'promote'] as const)
      await server.admin(`${step}Rollout`, { params: { name }, body: {} });
    await server.checkIn(mac, '1.0.0', { product, chip: 'esp32' });
    for (let index = 0; index < MAX_DEVICE_LABELS; index += 1) {
      const label = `${`${index}-`.padEnd(MAX_NAME_CHARS, 'k')}=${'v'.repeat(MAX_NAME_CHARS)}`;
      await server.admin('labelDevice', { params: { device: mac, name: label } });
    }
    const answer = await server.checkIn(mac, '1.0.0', { product, chip: CHIP.name });
    expect(answer.manifest?.signatures).toHaveLength(4);
    expect(answer.labels).toHaveLength(MAX_DEVICE_LABELS);
    expect(Buffer.byteLength(JSON.stringify(withLargestNumbers(answer as Offer)))).toBeLessThanOrEqual(MOST_BYTES);
  });

  test('has the notes whole where they are as long as an offer may have them', async () => {
    const product = 'short-notes';
    const notes = OTTER.repeat(MAX_OFFER_NOTES_CHARS);
    await addStable(server, { product, version: VERSION, notes });
    const answer = await server.checkIn('24:6f:28:00:01:00', '1.0.0', { product });
    expect(answer.manifest?.release_notes).toBe(notes);
  });
});

async function addStable(
  server: TestServer,
  { product, version, notes }: { readonly product: string; readonly version: string; readonly notes: string },
): Promise<void> {
  await server.admin('uploadFirmware', {
    // The name in the app descriptor is too short for the longest product.
    query: { product, version, notes, pilot_ready: 'true', force_product: 'true' },
    body: buildEspImage({ chipId: CHIP.id, descriptor: { version } }),
  });
  const { name } = await server.admin('createRollout', { body: { version, product } });
  for (const step of ['start', 'promote', 'promote'] as const)
    await server.admin(`${step}Rollout`, { params: { name }, body: {} });
}

/** As after years of assignments, with an image that fills its slot. */
function withLargestNumbers(offer: Offer): Offer {
  return {
    ...offer,
    poll_interval_s: MAX_POLL_INTERVAL_S,
    assignment_id: Number.MAX_SAFE_INTEGER,
    url: offer.url.replace(/[0-9]+$/, String(Number.MAX_SAFE_INTEGER)),
    install_window: { from_minute: 1_439, duration_min: 1_440, utc_offset_min: -840 },
    forgiven: true,
    manifest: { ...offer.manifest, size_bytes: MAX_IMAGE_BYTES, security_version: 0xffff_ffff },
  };
}
