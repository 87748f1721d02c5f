// Labels decide who belongs to a stage, over real HTTPS on both databases.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MAX_DEVICE_LABELS } from '#protocol/limits.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a label on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let label: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    label = `label-of-${line.product}`;
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const putOn = async (...macs: readonly string[]) =>
    server.tryAdmin('labelDevices', { params: { name: label }, body: { macs } });
  const count = async (): Promise<number | undefined> => {
    const { items } = await server.admin('listLabels', { query: { limit: '500' } });
    return items.find(({ name }) => name === label)?.devices;
  };

  test('that is added after a stage opened counts from the next stage on', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'pilot', label);
    server.clock.advance(1);
    const mac = await line.newDevice('1.0.0', [label]);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'label_after_stage_opened' });
    await line.move('1.1.0', 'abort');
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'pilot', label);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ manifest: { version: '1.2.0' }, labels: [label] });
  });

  test('that is added once more keeps its time', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', [label]);
    await line.rollOut('1.1.0', 'pilot', label);
    server.clock.advance(10);
    expect((await putOn(mac)).body).toEqual({ changed: 0 });
    await server.admin('labelDevice', { params: { device: mac, name: label } });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
  });

  test('that is removed counts at once', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', [label]);
    await line.rollOut('1.1.0', 'pilot', label);
    await line.offer(mac, '1.0.0');
    const device = await server.admin('unlabelDevice', {
      params: { device: mac, name: label },
      query: { confirm: 'true' },
    });
    expect(device.labels).toEqual([]);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: false, reason: 'not_in_stage' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'superseded' }]);
    expect(await server.admin('unlabelDevice', { params: { device: mac, name: label } })).toMatchObject({ labels: [] });
  });

  test('is added to many devices, all or none', async () => {
    const macs = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    const stranger = line.newMac();
    expect(await putOn(...macs, stranger)).toMatchObject({
      status: 404,
      body: { error: { code: 'device_unknown', message: expect.stringContaining(stranger) } },
    });
    expect(await count(), 'not even the label was made').toBeUndefined();
    expect((await putOn(...macs)).body).toEqual({ changed: 3 });
    expect((await putOn(...macs, ...macs)).body).toEqual({ changed: 0 });
    expect(await count()).toBe(3);
  });

  test('is added to 1000 devices at once at most', async () => {
    const macs = Array.from({ length: 1_001 }, () => line.newMac());
    expect(await putOn(...macs)).toMatchObject({ status: 400 });
    expect(await putOn()).toMatchObject({ status: 400 });
  });

  test('is added to a device that has as many as it may only when another is removed', async () => {
    const had = someLabels(MAX_DEVICE_LABELS);
    const mac = await line.newDevice('1.0.0', had);
    const refusal = { ...FULL, body: { error: { code: 'label_limit', message: expect.stringContaining(mac) } } };
    expect(await server.tryAdmin('labelDevice', { params: { device: mac, name: label } })).toMatchObject(refusal);
    expect((await line.detail(mac)).device.labels).toEqual(had);
    const [first = ''] = had;
    const again = await server.admin('labelDevice', { params: { device: mac, name: first } });
    expect(again.labels, 'one that it has is none more').toEqual(had);
    await server.admin('unlabelDevice', { params: { device: mac, name: first } });
    const device = await server.admin('labelDevice', { params: { device: mac, name: label } });
    expect(device.labels).toEqual([label, ...had.slice(1)].toSorted());
  });

  test('is added to none of many devices where one of them has as many as it may', async () => {
    const full = await line.newDevice('1.0.0', someLabels(MAX_DEVICE_LABELS));
    const macs = [await line.newDevice('1.0.0'), full, await line.newDevice('1.0.0')];
    expect(await putOn(...macs)).toMatchObject({
      ...FULL,
      body: { error: { code: 'label_limit', message: expect.stringContaining(full) } },
    });
    expect(await count(), 'not even the label was made').toBeUndefined();
    for (const mac of [macs[0] ?? '', macs[2] ?? '']) expect((await line.detail(mac)).device.labels).toEqual([]);
  });

  test('that is added together with many others is counted with them', async () => {
    const mac = await line.newDevice('1.0.0');
    const answers = await Promise.all(
      someLabels(MAX_DEVICE_LABELS + 8).map(async (name) =>
        server.tryAdmin('labelDevice', { params: { device: mac, name } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(MAX_DEVICE_LABELS);
    for (const answer of answers.filter(({ status }) => status !== 200)) expect(answer).toMatchObject(FULL);
    expect((await line.detail(mac)).device.labels).toHaveLength(MAX_DEVICE_LABELS);
  });

  test('is created once, with its description', async () => {
    const body = { name: label, description: 'the boards in the lab' };
    expect(await server.admin('createLabel', { body })).toMatchObject({ ...body, devices: 0 });
    expect(await server.tryAdmin('createLabel', { body })).toMatchObject({
      status: 409,
      body: { error: { code: 'name_taken' } },
    });
  });

  test('named general is never made and never put on', async () => {
    const mac = await line.newDevice('1.0.0');
    const reserved = { status: 409, body: { error: { code: 'name_reserved' } } };
    expect(await server.tryAdmin('createLabel', { body: { name: 'general' } })).toMatchObject(reserved);
    expect(await server.tryAdmin('labelDevice', { params: { device: mac, name: 'general' } })).toMatchObject(reserved);
    expect(await server.tryAdmin('labelDevices', { params: { name: 'general' }, body: { macs: [mac] } })).toMatchObject(
      reserved,
    );
  });

  test('that does not exist, or a device that does not, is named in the refusal', async () => {
    const mac = await line.newDevice('1.0.0');
    expect(await server.tryAdmin('unlabelDevice', { params: { device: mac, name: label } })).toMatchObject({
      status: 404,
      body: { error: { code: 'label_unknown' } },
    });
    expect(await server.tryAdmin('labelDevice', { params: { device: line.newMac(), name: label } })).toMatchObject({
      status: 404,
      body: { error: { code: 'device_unknown' } },
    });
  });
});

describe.each(BOTH)('a label from a hint on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    const first = await startTestServer({ dialect });
    await first.stop();
    await appendFile(join(first.home, 'config/server.yml'), '\nlabels: {from_hints: [hint-a, hint-b, hint-c]}\n');
    server = await startTestServer({ like: first });
    line = new ProductLine(server);
  });
  afterAll(async () => server.end());

  test('is ignored where the device has as many as it may, and the device is updated all the same', async () => {
    await line.makeStable('1.1.0');
    const had = someLabels(MAX_DEVICE_LABELS - 2);
    const mac = await line.newDevice('1.0.0', had);
    const labels = ['hint-a', 'hint-a', 'hint-b', 'hint-c'];
    const expected = ['hint-a', 'hint-b', ...had].toSorted();
    for (let poll = 0; poll < 2; poll += 1) {
      const answer = await line.checkIn(mac, '1.0.0', { labels });
      expect(answer.update_available).toBe(true);
      expect(answer.labels?.toSorted()).toEqual(expected);
    }
    expect((await line.detail(mac)).device.labels).toEqual(expected);
  });

  test('and one from an operator at the same moment are counted together', async () => {
    const had = someLabels(MAX_DEVICE_LABELS - 1);
    const macs = Array.from({ length: 12 }, () => line.newMac());
    for (const mac of macs) await line.checkIn(mac, '9.0.0');
    for (const name of had) await server.admin('labelDevices', { params: { name }, body: { macs } });
    const answers = await Promise.all(
      macs.map(async (mac) =>
        Promise.all([
          line.checkIn(mac, '9.0.0', { labels: ['hint-a'] }),
          server.tryAdmin('labelDevice', { params: { device: mac, name: 'operator' } }),
        ]),
      ),
    );
    for (const [index, mac] of macs.entries()) {
      const { labels } = (await line.detail(mac)).device;
      expect(labels).toHaveLength(MAX_DEVICE_LABELS);
      expect(answers[index]?.[1]).toMatchObject(labels.includes('operator') ? { status: 200 } : FULL);
    }
  });
});

const FULL = { status: 409, body: { error: { code: 'label_limit' } } };

function someLabels(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `had-${String(index).padStart(2, '0')}`);
}
