// What is remembered of a device may hold an offer, never permit one: everybody who has the fleet token can speak for a board
// once. Over the wire, on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CheckInAnswer } from '../../support/server/client.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const S3 = { chip: 'esp32s3' } as const;
const C3 = { chip: 'esp32c3' } as const;

describe.each(DIALECTS)('what is remembered on %s', (dialect) => {
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

  const goOut = async (...chips: readonly ('esp32s3' | 'esp32c3')[]): Promise<void> => {
    await line.add('1.1.0', { chips });
    await line.rollOut('1.1.0', 'expand');
  };
  /** A check-in, what the fleet says of it afterwards included: `explain` makes the decision that the device got. */
  const ask = async (mac: string, more: Readonly<Record<string, unknown>> = {}): Promise<CheckInAnswer> => {
    const answer = await line.checkIn(mac, '1.0.0', more);
    const { reason, version } = await line.explain(mac);
    expect({ reason, version }).toEqual({ reason: answer.reason, version: answer.manifest?.version ?? null });
    return answer;
  };
  /** Everything noted is stored. */
  const settle = async (): Promise<unknown> => server.admin('getStatus');

  test('a forged chip does not bring an image to a board that leaves its chip out', async () => {
    const mac = line.newMac();
    await ask(mac, S3);
    await settle();
    await ask(mac, C3);
    await settle();
    for (const chips of [['esp32c3'], ['esp32c3', 'esp32s3']] as const) {
      line = new ProductLine(server);
      await goOut(...chips);
      const product = { product: line.product };
      expect(await ask(mac, product)).toMatchObject({ update_available: false, reason: 'chip_unknown' });
      const { text, to_change } = await line.explain(mac);
      expect(text).toContain('esp32c3 and esp32s3');
      expect(to_change).toContain('names its chip');
      expect((await line.detail(mac)).device.attributes).toMatchObject({ other_chip: 'esp32s3' });
    }
    expect(await ask(mac, { product: line.product, ...S3 })).toMatchObject({ reason: 'update', manifest: S3 });
    await settle();
    expect(await ask(mac, { product: line.product }), 'the contradiction stays').toMatchObject({
      reason: 'chip_unknown',
    });
  });

  test('one remembered chip chooses no image among several, and holds one for another chip', async () => {
    await goOut('esp32s3', 'esp32c3');
    const mac = line.newMac();
    expect(await ask(mac, C3)).toMatchObject({ reason: 'update', manifest: C3 });
    await settle();
    expect(await ask(mac)).toMatchObject({ update_available: false, reason: 'chip_unknown' });
    expect(await ask(mac, C3)).toMatchObject({ reason: 'update', manifest: C3 });

    const single = new ProductLine(server);
    await single.add('1.1.0', { chips: ['esp32s3'] });
    await single.rollOut('1.1.0', 'expand');
    const { product } = single;
    await settle();
    expect(await ask(mac, { product })).toMatchObject({ update_available: false, reason: 'chip_unknown' });
    expect(await ask(mac, { product, ...C3 })).toMatchObject({ reason: 'no_image_for_chip' });
  });

  test('a board that never says its chip gets the only image there is, and one that said this chip, too', async () => {
    await goOut('esp32s3');
    expect(await ask(line.newMac())).toMatchObject({ reason: 'update', manifest: S3 });
    const mac = line.newMac();
    await line.checkIn(mac, '1.1.0', S3);
    await settle();
    expect(await ask(mac)).toMatchObject({ reason: 'update', manifest: S3 });
    await ask(mac, C3);
    await settle();
    expect(await ask(mac)).toMatchObject({ reason: 'chip_unknown' });
  });

  test('a slot of 0 holds that check-in only; a real one that is too small holds until another is said', async () => {
    await goOut('esp32s3');
    const mac = line.newMac();
    for (const slot_bytes of [0, 100]) {
      expect(await ask(mac, { ...S3, slot_bytes })).toMatchObject({ reason: 'slot_too_small' });
      await settle();
      expect(await line.explain(mac)).toMatchObject({ reason: 'slot_too_small' });
      expect(await ask(mac, S3)).toMatchObject({ reason: 'update' });
      await settle();
    }
    expect(await ask(mac, { ...S3, slot_bytes: 300 })).toMatchObject({ reason: 'slot_too_small' });
    await settle();
    expect(await ask(mac, S3)).toMatchObject({ reason: 'slot_too_small' });
    expect(await ask(mac, { ...S3, slot_bytes: 1_900_544 })).toMatchObject({ reason: 'update' });
  });

  test('a preview counts a board as its last check-in left it', async () => {
    await line.add('1.1.0', { chips: ['esp32s3', 'esp32c3'] });
    const { name } = await line.rollOut('1.1.0', 'draft');
    const mac = line.newMac();
    await ask(mac, S3);
    await settle();
    expect((await server.admin('previewRollout', { params: { name } })).left_out).toEqual([]);
    await ask(mac);
    await settle();
    expect((await server.admin('previewRollout', { params: { name } })).left_out).toMatchObject([
      { reason: 'chip_unknown', devices: 1 },
    ]);
  });
});
