// A firmware is removed, over real HTTPS on both databases: refused while anything needs it, with what does and which command ends
// that; and what goes with it.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DAY_S = 86_400;

describe.each(BOTH)('a firmware that is removed on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
  });
  afterAll(async () => server.end());

  const call = (version: string, confirm: 'true' | 'false' = 'true') => ({
    params: { version },
    query: { product: line.product, confirm },
  });
  const named = (version: string) => ({ params: { version }, query: { product: line.product } });
  const remove = async (version: string) => server.admin('removeFirmware', call(version));

  async function refusal(version: string): Promise<{ readonly message: string; readonly hint: string }> {
    const { status, body } = await server.tryAdmin('removeFirmware', call(version));
    expect(status).toBe(409);
    expect(body).toMatchObject({ error: { code: 'firmware_needed' } });
    return JSON.parse(JSON.stringify(body)).error;
  }

  /** Long enough for every watch to be over. */
  async function afterWatches(): Promise<void> {
    server.clock.advance(2 * DAY_S);
    await server.tick();
  }

  test('is asked for first, with what goes', async () => {
    await line.add('1.1.0', { chips: ['esp32', 'esp32s3'] });
    await line.rollOut('1.1.0', 'draft');
    await line.move('1.1.0', 'abort');
    const { status, body } = await server.tryAdmin('removeFirmware', call('1.1.0', 'false'));
    expect({ status, body }).toMatchObject({ status: 409, body: { error: { code: 'confirmation_needed' } } });
    expect(JSON.stringify(body)).toContain(`${line.product} 1.1.0 would be removed with 2 images`);
    expect(JSON.stringify(body)).toContain(line.rolloutName('1.1.0'));
    const found = await server.admin('getFirmware', named('1.1.0'));
    expect(found, 'nothing is done').toMatchObject({ blocked: false, images: [{}, {}] });
  });

  test('is refused while a rollout of it is a draft or goes on', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    expect(await refusal('1.1.0')).toMatchObject({
      message: expect.stringContaining(`rollout ${line.rolloutName('1.1.0')} is draft`),
      hint: `otter rollout abort ${line.rolloutName('1.1.0')}`,
    });
    await line.move('1.1.0', 'start');
    expect((await refusal('1.1.0')).message).toContain('is running');
    await line.move('1.1.0', 'pause');
    expect((await refusal('1.1.0')).message).toContain('is paused');
  });

  test('is refused while it is watched, stable, or what boards go back to', async () => {
    await line.makeStable('1.1.0');
    expect((await refusal('1.1.0')).message).toMatch(/is watched until 20.*; it is the stable build/);
    await afterWatches();
    expect((await refusal('1.1.0')).message).not.toContain('watched');
    await line.makeStable('1.2.0');
    expect((await refusal('1.1.0')).message).toContain('boards go back to it');
    await line.makeStable('1.3.0');
    await expect(remove('1.1.0')).resolves.toMatchObject({ version: '1.1.0', rollouts: [line.rolloutName('1.1.0')] });
  });

  test('is refused while it is the stable build of a chip for which the newer ones have no image', async () => {
    await line.add('1.1.0', { chips: ['esp32', 'esp32c3'] });
    await line.rollOut('1.1.0', 'complete');
    await line.makeStable('1.2.0');
    await line.makeStable('1.3.0');
    await afterWatches();
    expect((await refusal('1.1.0')).message).toContain('it is the stable build');
  });

  test('is refused while a board runs it, is in the middle of it, or has to pass it', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.1.0');
    expect(await refusal('1.1.0')).toMatchObject({
      message: expect.stringContaining('1 device runs it'),
      hint: `otter device list --product ${line.product} --version 1.1.0`,
    });
    await line.checkIn(mac, '1.0.0');
    await server.admin('setRequired', {
      ...named('1.1.0'),
      body: { required: true },
    });
    expect((await refusal('1.1.0')).hint).toBe(`otter firmware require 1.1.0 --product ${line.product} --not`);
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'expand');
    await line.take(mac, '1.0.0');
    await server.admin('setRequired', {
      ...named('1.1.0'),
      body: { required: false },
    });
    expect(await refusal('1.1.0')).toMatchObject({
      message: expect.stringContaining(`1 device is in the middle of it, such as ${mac}`),
      hint: `otter device show ${mac}`,
    });
  });

  test('is gone with its images, its rollouts and its attempts, and the audit says so', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.0.0', { boot: { ...CAME_BACK.boot, rolled_back_from: '1.1.0' } });
    await line.move('1.1.0', 'abort');
    expect((await line.detail(mac)).builds).toHaveLength(1);
    const { images } = await server.admin('getFirmware', named('1.1.0'));
    const url = images[0]?.url ?? '';
    expect((await server.fetch('GET', url, { token: server.fleetToken })).status).toBe(200);
    const removed = await remove('1.1.0');
    expect(removed).toMatchObject({
      assignments: 1,
      rollouts: [line.rolloutName('1.1.0')],
      images: [{ chip: 'esp32' }],
    });
    expect((await server.tryAdmin('getFirmware', named('1.1.0'))).status).toBe(404);
    expect((await server.tryAdmin('getRollout', { params: { name: line.rolloutName('1.1.0') } })).status).toBe(404);
    expect((await server.fetch('GET', url, { token: server.fleetToken })).status).toBe(404);
    expect(await line.detail(mac)).toMatchObject({ device: { current_version: '1.0.0' }, builds: [], assignments: [] });
    const { items } = await server.admin('listAudit', { query: { action: 'firmware.remove' } });
    expect(items[0]).toMatchObject({
      subject: `${line.product} 1.1.0`,
      details: { assignments: 1, images: [{ sha256: images[0]?.sha256 }] },
    });
  });

  test('that was a required version leaves the counts of other rollouts as they are', async () => {
    await line.add('1.1.0');
    await server.admin('setRequired', {
      ...named('1.1.0'),
      body: { required: true },
    });
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'expand');
    const mac = line.newMac();
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.0.0', { boot: { ...CAME_BACK.boot, rolled_back_from: '1.1.0' } });
    const before = await line.outcomes('1.2.0', 'expand');
    await server.admin('setRequired', {
      ...named('1.1.0'),
      body: { required: false },
    });
    expect(await remove('1.1.0')).toMatchObject({ assignments: 1, rollouts: [] });
    expect(await line.outcomes('1.2.0', 'expand')).toMatchObject({ failed: before.failed });
  });

  test('may be uploaded and rolled out again, with the same bytes', async () => {
    await line.add('1.1.0');
    await remove('1.1.0');
    const { status, body } = await server.tryAdmin('uploadFirmware', {
      query: { product: line.product, version: '1.1.0' },
      body: line.image('1.1.0', { chip: 'esp32', secureVersion: 1 }),
    });
    expect({ status, body }).toMatchObject({ status: 409, body: { error: { code: 'version_exists' } } });
    await line.add('1.1.0');
    await remove('1.1.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
  });

  test('is finished by whoever says it again, where a server was stopped half-way', async () => {
    await line.add('1.1.0');
    const raw = await openRaw(server, { writes: true });
    await raw.query(
      `update firmware set blocked = 1, blocked_reason = 'it is being removed' where product = '${line.product}'`,
    );
    await raw.query('update catalog set revision = revision + 1');
    await raw.close();
    await expect(remove('1.1.0')).resolves.toMatchObject({ version: '1.1.0' });
  });
});
