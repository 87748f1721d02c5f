// Labels decide who belongs to a stage, over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../support/product-line.ts';
import { DIALECTS, startTestServer, type TestServer } from '../support/server.ts';

describe.each(DIALECTS)('a label on %s', (dialect) => {
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

  test('that is put on after a stage opened counts from the next stage on', async () => {
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

  test('that is put on once more keeps its time', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', [label]);
    await line.rollOut('1.1.0', 'pilot', label);
    server.clock.advance(10);
    expect((await putOn(mac)).body).toEqual({ changed: 0 });
    await server.admin('labelDevice', { params: { mac, name: label } });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
  });

  test('that is taken off counts at once', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', [label]);
    await line.rollOut('1.1.0', 'pilot', label);
    await line.offer(mac, '1.0.0');
    const device = await server.admin('unlabelDevice', { params: { mac, name: label } });
    expect(device.labels).toEqual([]);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: false, reason: 'not_in_stage' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'superseded' }]);
    expect(await server.admin('unlabelDevice', { params: { mac, name: label } })).toMatchObject({ labels: [] });
  });

  test('is put on many devices, all or none', async () => {
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

  test('is put on 1000 devices at once at most', async () => {
    const macs = Array.from({ length: 1_001 }, () => line.newMac());
    expect(await putOn(...macs)).toMatchObject({ status: 400 });
    expect(await putOn()).toMatchObject({ status: 400 });
  });

  test('cannot be deleted while a rollout that has not ended aims at it', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', [label]);
    const remove = async () => server.tryAdmin('deleteLabel', { params: { name: label } });
    await line.rollOut('1.1.0', 'draft', label);
    for (const step of ['start', 'pause'] as const) {
      expect(await remove()).toMatchObject({ status: 409, body: { error: { code: 'in_use' } } });
      await line.move('1.1.0', step);
    }
    expect(await remove()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(line.rolloutName('1.1.0')) } },
    });
    await line.move('1.1.0', 'abort');
    expect(await remove()).toMatchObject({ status: 200, body: { devices: 1 } });
    expect((await line.detail(mac)).device.labels).toEqual([]);
    expect(await remove()).toMatchObject({ status: 404, body: { error: { code: 'label_unknown' } } });
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
    expect(await server.tryAdmin('labelDevice', { params: { mac, name: 'general' } })).toMatchObject(reserved);
    expect(await server.tryAdmin('labelDevices', { params: { name: 'general' }, body: { macs: [mac] } })).toMatchObject(
      reserved,
    );
  });

  test('that does not exist, or a device that does not, is named in the refusal', async () => {
    const mac = await line.newDevice('1.0.0');
    expect(await server.tryAdmin('unlabelDevice', { params: { mac, name: label } })).toMatchObject({
      status: 404,
      body: { error: { code: 'label_unknown' } },
    });
    expect(await server.tryAdmin('labelDevice', { params: { mac: line.newMac(), name: label } })).toMatchObject({
      status: 404,
      body: { error: { code: 'device_unknown' } },
    });
  });
});
