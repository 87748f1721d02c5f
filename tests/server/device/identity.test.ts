// Who a device is: an id that stays, and names by which it is found; its MAC is the first. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bucketOf } from '#engine/facts/bucket.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('who a device is, on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
  });
  afterAll(async () => server.end());

  const idOf = async (mac: string): Promise<string> => (await line.detail(mac)).device.id;

  /** What another protocol would bring. */
  const addName = async (id: string, name: string): Promise<void> => {
    const raw = await openRaw(server, { writes: true });
    const key = Number(id.replace('dev-', ''));
    await raw.query(`insert into device_names (kind, name, device_id) values ('mac', '${name}', ${key})`);
    await raw.close();
  };

  test('its id is the same in every answer and event, and names no other device', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', ['pilot']);
    const other = await line.newDevice('1.0.0');
    await line.rollOut('1.1.0');
    await line.update(mac, '1.0.0', '1.1.0');
    const { device, names, assignments } = await line.detail(mac);
    expect(device.id).toMatch(/^dev-[1-9]/);
    expect(await idOf(other)).not.toBe(device.id);
    expect(names).toEqual([{ kind: 'mac', name: mac }]);
    expect(assignments).toMatchObject([{ device_id: device.id, mac }]);
    const { items } = await server.admin('listDevices', { query: { product: line.product, sort: 'mac' } });
    expect(items[0]).toMatchObject({ id: device.id, mac });
    expect(await line.explain(mac)).toMatchObject({ device_id: device.id, mac });
    const told = await server.admin('listEvents', { query: { product: line.product, limit: '100' } });
    const ofDevice = told.items.filter((event) => event.mac === mac);
    expect(ofDevice.length).toBeGreaterThan(2);
    expect(new Set(ofDevice.map((event) => event.device_id))).toEqual(new Set([device.id]));
    expect(new Set(told.items.filter((event) => event.mac === null).map((event) => event.device_id))).toEqual(
      new Set([null]),
    );
  });

  test('every address of a device takes its id as well as its MAC', async () => {
    const mac = await line.newDevice('1.0.0');
    const id = await idOf(mac);
    const params = { device: id };
    const label = { device: id, name: `of-${line.product}` };
    expect(await server.admin('getDevice', { params })).toEqual(await line.detail(mac));
    expect(await server.admin('explainDevice', { params })).toEqual(await line.explain(mac));
    expect(await server.admin('getTelemetry', { params })).toMatchObject({ mac, hours: [{ checks: 1 }] });
    expect(await server.admin('labelDevice', { params: label })).toMatchObject({ mac, labels: [label.name] });
    expect(await server.admin('unlabelDevice', { params: label })).toMatchObject({ mac, labels: [] });
    const body = { counted: 'no', reason: 'the bench' } as const;
    expect(await server.admin('setCounted', { params, body })).toMatchObject({ mac, counted: 'no' });
    expect(await server.admin('clearKnownBad', { params })).toEqual({ cleared: [], builds: [] });
    const removed = await server.admin('removeDevice', { params, query: { confirm: 'true' } });
    expect(removed).toMatchObject({ device_id: id, mac });
    const { items } = await server.admin('listAudit', { query: { subject: mac } });
    expect(items.map(({ action }) => action).toSorted()).toEqual([
      'device.clear_known_bad',
      'device.counted',
      'device.remove',
    ]);
  });

  test('an id is never given to another device, also when its MAC comes back', async () => {
    const mac = await line.newDevice('1.0.0');
    const id = await idOf(mac);
    await server.admin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } });
    await line.checkIn(mac, '1.0.0');
    expect(await idOf(mac)).not.toBe(id);
    expect(await server.tryAdmin('getDevice', { params: { device: id } })).toMatchObject({
      status: 404,
      body: {
        error: { code: 'device_unknown', message: expect.stringContaining(`no device ${id} has checked in yet`) },
      },
    });
  });

  test.each(['dev-0', 'dev-01', 'dev-', 'dev-1x', 'dev--1', `dev-${'9'.repeat(16)}`, '17', '24.6f'])(
    'what is neither id nor MAC is a name, which nobody has: %s',
    async (device) => {
      expect(await server.tryAdmin('getDevice', { params: { device } })).toMatchObject({
        status: 404,
        body: { error: { code: 'device_unknown', hint: expect.stringContaining('dev-17') } },
      });
    },
  );

  test.each(['24:6f', 'a"b', '-1', ' ', '24:6f:28:aa:bb:cg', 'x'.repeat(65)])(
    'what can be none of the three is refused: %s',
    async (device) => {
      expect(await server.tryAdmin('getDevice', { params: { device } })).toMatchObject({
        status: 400,
        body: { error: { code: 'mac_invalid', hint: expect.stringContaining('dev-17') } },
      });
    },
  );

  test('a device that has another name is found by each, and is one device', async () => {
    const first = await line.newDevice('1.0.0');
    const { device } = await line.detail(first);
    const second = line.newMac();
    await addName(device.id, second);
    server.clock.advance(60);
    await line.checkIn(second, '1.0.1');
    const detail = await line.detail(second);
    expect(detail.device).toMatchObject({
      id: device.id,
      mac: first,
      current_version: '1.0.1',
      first_seen_at: device.first_seen_at,
    });
    expect(detail.names.map(({ name }) => name)).toEqual([first, second].toSorted());
    expect(await line.detail(first)).toEqual(detail);
    const listed = await server.admin('listDevices', { query: { mac: second.slice(0, -1) } });
    expect(listed.items.map(({ id }) => id)).toEqual([device.id]);
    const label = { name: `both-${line.product}` };
    const both = await server.admin('labelDevices', { params: label, body: { macs: [second, first] } });
    expect(both).toEqual({ changed: 1 });
    const { total } = await server.admin('previewRollout', { params: { name: await draft() } });
    expect(total).toBe(1);
  });

  test('it goes on with its update by whichever name, and no other device may report for it', async () => {
    await line.add('1.1.0');
    const first = await line.newDevice('1.0.0', ['pilot']);
    const other = await line.newDevice('1.0.0');
    const second = line.newMac();
    await addName(await idOf(first), second);
    await line.rollOut('1.1.0');
    const id = await line.offer(second, '1.0.0');
    expect(await line.offer(first, '1.0.0')).toBe(id);
    expect(await line.report(second, id, 1, 'downloading')).toMatchObject({ body: { state: 'downloading' } });
    expect(await line.report(first, id, 1, 'downloading')).toMatchObject({ body: { duplicate: true } });
    for (const stranger of [other, line.newMac()])
      expect(await line.report(stranger, id, 2, 'failed')).toMatchObject({
        status: 404,
        body: {
          error: { code: 'assignment_unknown', message: `assignment_id: device ${stranger} has no assignment ${id}` },
        },
      });
    const { items } = await server.admin('listAssignments', { query: { mac: second } });
    expect(items).toMatchObject([{ id, mac: first, state: 'downloading' }]);
  });

  test('its bucket follows from its first name, whatever name it checks in by', async () => {
    await line.add('1.1.0');
    const { name, seed } = await halfRollout();
    // One that the first half takes, and one that it does not; each with a second name of the other half.
    for (const isTaken of [true, false]) {
      const first = macOf(seed, isTaken);
      const second = macOf(seed, !isTaken);
      await line.checkIn(first, '1.0.0');
      await addName(await idOf(first), second);
      await server.admin('labelDevice', {
        params: { device: first, name: `half-${line.product}` },
        query: { confirm: 'true' },
      });
    }
    await server.admin('startRollout', { params: { name }, body: {} });
    const { items } = await server.admin('listDevices', { query: { product: line.product, sort: 'first_seen_at' } });
    for (const device of items) {
      const { names } = await line.detail(device.mac);
      expect(names).toHaveLength(2);
      const decided = await Promise.all(
        names.map(async (one) => (await line.checkIn(one.name, '1.0.0')).update_available),
      );
      const isTaken = bucketOf(seed, device.mac) < 5_000;
      expect(decided).toEqual([isTaken, isTaken]);
    }
    expect(items).toHaveLength(2);
  });

  /** A MAC that no other device has, in this half of the buckets. */
  function macOf(seed: number, isBelow: boolean): string {
    for (;;) {
      const mac = line.newMac();
      if (bucketOf(seed, mac) < 5_000 === isBelow) return mac;
    }
  }

  /** A draft whose first stage takes half of those with its label. */
  async function halfRollout(): Promise<{ readonly name: string; readonly seed: number }> {
    const label = `half-${line.product}`;
    const plan = {
      description: 'half of them',
      stages: [
        { name: 'half', label, percentage: 50, promotion: 'manual' },
        { name: 'rest', label, percentage: 100, promotion: 'manual' },
      ],
    };
    await server.admin('setPlan', { params: { name: label }, body: plan });
    const { name } = await server.admin('createRollout', {
      body: { version: '1.1.0', product: line.product, plan: label, pilot_label: label },
    });
    const raw = await openRaw(server);
    const [row] = await raw.query(`select seed from rollouts where name = '${name}'`);
    await raw.close();
    return { name, seed: Number(row?.['seed']) };
  }

  async function draft(): Promise<string> {
    await line.add('2.0.0');
    return (await line.rollOut('2.0.0', 'draft')).name;
  }
});
