// Names that operators give devices, and notes on devices, firmware and rollouts, over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('what operators write on %s', (dialect) => {
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

  const call = (mac: string, name: string) => ({ params: { device: mac }, body: { name } });
  const name = async (mac: string, given: string) => server.admin('nameDevice', call(mac, given));

  describe('a name of a device', () => {
    test('stands wherever its MAC does, in whichever letter case', async () => {
      const mac = await line.newDevice('1.0.0');
      const given = `Sensor ${line.product}`;
      expect(await name(mac, ` ${given}  `)).toMatchObject({ mac, name: given });
      for (const device of [given, given.toUpperCase(), mac.toUpperCase(), mac.replaceAll(':', '-')]) {
        const found = await server.admin('getDevice', { params: { device } });
        expect(found.device).toMatchObject({ mac, name: given });
      }
      const params = { device: given };
      expect(await server.admin('explainDevice', { params })).toMatchObject({ mac, name: given });
      expect(await server.admin('getTelemetry', { params })).toMatchObject({ mac });
      expect(await server.admin('labelDevice', { params: { ...params, name: 'shop' } })).toMatchObject({
        labels: ['shop'],
      });
      expect(await server.admin('holdDevice', { params, body: { reason: 'x' } })).toMatchObject({ mac });
      expect(await server.admin('releaseDevice', { params })).toMatchObject({ hold: null });
      expect(await server.admin('setCounted', { params, body: { counted: 'no' } })).toMatchObject({ counted: 'no' });
      expect(await server.admin('clearKnownBad', { params })).toMatchObject({ cleared: [] });
      expect(await server.admin('removeDevice', { params, query: { confirm: 'true' } })).toMatchObject({
        mac,
        name: given,
      });
      await line.checkIn(mac, '1.0.0');
      expect((await line.detail(mac)).device.name, 'it went with the device').toBeNull();
    });

    test('means one device: another one does not get it, until the first gives it up', async () => {
      const [one, other] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      const given = `pump-${line.product}`;
      await name(one, given);
      expect(await server.tryAdmin('nameDevice', call(other, given.toUpperCase()))).toMatchObject({
        status: 409,
        body: { error: { code: 'name_taken', message: expect.stringContaining(one) } },
      });
      expect(await name(one, given.toUpperCase()), 'its own in another case').toMatchObject({
        name: given.toUpperCase(),
      });
      expect(await name(given, ''), 'by itself').toMatchObject({ mac: one, name: null });
      expect(await name(other, given)).toMatchObject({ mac: other, name: given });
    });

    test('goes to one of two that ask for it at the same moment', async () => {
      const macs = await Promise.all(Array.from({ length: 4 }, async () => line.newDevice('1.0.0')));
      const asked = await Promise.all(macs.map(async (mac) => server.tryAdmin('nameDevice', call(mac, line.product))));
      expect(asked.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409]);
    });

    test.each([
      '24:6f:28:aa:bb:cc',
      '246f28aabbcc',
      'dev-17',
      'DEV-17',
      '-x',
      '=1+1',
      'a/b',
      'a"b',
      'a\u0007b',
      'a\u202Eb',
      'x'.repeat(65),
    ])('is not %j', async (bad) => {
      const mac = await line.newDevice('1.0.0');
      expect(await server.tryAdmin('nameDevice', call(mac, bad))).toMatchObject({ status: 400 });
      expect((await line.detail(mac)).device.name).toBeNull();
    });

    test.each(['Küche 2', '温室-1', 'x'.repeat(64), '12', 'No. 7 (east) #2'])('may be %j', async (good) => {
      const mac = await line.newDevice('1.0.0');
      expect(await name(mac, good)).toMatchObject({ name: good });
      expect((await server.admin('getDevice', { params: { device: good } })).device.mac).toBe(mac);
      await name(mac, '');
    });

    test('that nobody has is said to be a name, and what it looks like otherwise', async () => {
      expect(await server.tryAdmin('getDevice', { params: { device: 'sensor-404' } })).toMatchObject({
        status: 404,
        body: { error: { code: 'device_unknown', message: 'no device has the name sensor-404' } },
      });
    });

    test('is said by assignments, by who waits and by events from then on, as it was then', async () => {
      await line.makeStable('1.0.0');
      await line.add('1.1.0');
      await line.rollOut('1.1.0', 'expand');
      const mac = await line.newDevice('1.0.0');
      const [first, second] = [`a-${line.product}`, `b-${line.product}`];
      await name(mac, first);
      await line.take(mac, '1.0.0');
      await name(mac, second);
      expect((await line.assignments(mac))[0]).toMatchObject({ mac, name: second });
      const waiting = await server.admin('getWaiting', { params: { name: line.rolloutName('1.1.0') } });
      expect(waiting.items).toMatchObject([{ mac, name: second }]);
      const { items } = await server.admin('listEvents', { query: { product: line.product, sort: 'id' } });
      const told = items.filter((event) => event.mac === mac).map((event) => [event.type, event.name, event.data.was]);
      expect(told.slice(-4)).toEqual([
        ['assignment.offered', null, undefined],
        ['device.named', first, undefined],
        ['assignment.downloading', first, undefined],
        ['device.named', second, first],
      ]);
    });

    test('that it has already is no change: no event, no row in the audit', async () => {
      const mac = await line.newDevice('1.0.0');
      for (let round = 0; round < 2; round += 1) await name(mac, `c-${line.product}`);
      const { items } = await server.admin('listAudit', { query: { subject: mac } });
      expect(items).toMatchObject([{ action: 'device.name', details: { name: `c-${line.product}`, was: null } }]);
    });
  });

  test('sorts numbers by their value, and devices without a name come last', async () => {
    const given = ['sensor-10', 'Sensor-2', 'sensor-2b', 'sensor-002 c', 'attic', '7', 'sensor-1'];
    const nameless = await line.newDevice('1.0.0');
    for (const one of given) await name(await line.newDevice('1.0.0'), `${line.product} ${one}`);
    const sorted = async (sort: string) =>
      (await server.admin('listDevices', { query: { product: line.product, sort } })).items.map(
        (device) => device.name?.slice(line.product.length + 1) ?? device.mac,
      );
    const expected = ['7', 'attic', 'sensor-1', 'Sensor-2', 'sensor-002 c', 'sensor-2b', 'sensor-10', nameless];
    expect(await sorted('name')).toEqual(expected);
    expect(await sorted('-name')).toEqual(expected.toReversed());
  });

  describe('a note', () => {
    test('on a device, a firmware and a rollout is shown with author and time, until an empty one removes it', async () => {
      const mac = await line.newDevice('1.0.0');
      await line.add('1.1.0');
      await line.rollOut('1.1.0', 'draft');
      const at = new Date(server.clock.nowMs).toISOString();
      const text = 'ask Ada\nbefore you touch it';
      const note = { text, by: 'admin', at };
      const body = { note: text };
      const device = { params: { device: mac } };
      const firmware = { params: { version: '1.1.0' }, query: { product: line.product } };
      const rollout = { params: { name: line.rolloutName('1.1.0') } };
      expect(await server.admin('noteDevice', { ...device, body })).toMatchObject({ note });
      expect(await server.admin('noteFirmware', { ...firmware, body })).toMatchObject({ note });
      expect(await server.admin('noteRollout', { ...rollout, body })).toMatchObject({ note });
      server.clock.advance(60);
      await server.admin('noteDevice', { ...device, body });
      expect((await line.detail(mac)).device.note, 'who says it again is not its author').toEqual(note);
      expect((await server.admin('listFirmware', { query: { product: line.product } })).items).toMatchObject([
        { note },
      ]);
      expect((await server.admin('listRollouts', { query: { product: line.product } })).items).toMatchObject([
        { note },
      ]);
      expect((await server.admin('listDevices', { query: { product: line.product } })).items).toMatchObject([{ note }]);
      const empty = { body: { note: ' ' } };
      expect(await server.admin('noteDevice', { ...device, ...empty })).toMatchObject({ note: null });
      expect(await server.admin('noteFirmware', { ...firmware, ...empty })).toMatchObject({ note: null });
      expect(await server.admin('noteRollout', { ...rollout, ...empty })).toMatchObject({ note: null });
    });

    test('that is too long or has control characters is refused', async () => {
      const mac = await line.newDevice('1.0.0');
      for (const note of ['x'.repeat(1_001), 'a\u0000b', 'a\u001Bb'])
        expect(await server.tryAdmin('noteDevice', { params: { device: mac }, body: { note } })).toMatchObject({
          status: 400,
        });
    });

    test('on what is not there is refused by its name', async () => {
      const body = { note: 'x' };
      const codes = await Promise.all([
        server.tryAdmin('noteDevice', { params: { device: line.newMac() }, body }),
        server.tryAdmin('noteFirmware', { params: { version: '9.9.9' }, body }),
        server.tryAdmin('noteRollout', { params: { name: 'nothing' }, body }),
      ]);
      expect(codes.map(({ status, body: answer }) => [status, JSON.stringify(answer)])).toEqual([
        [404, expect.stringContaining('device_unknown')],
        [404, expect.stringContaining('firmware_unknown')],
        [404, expect.stringContaining('rollout_unknown')],
      ]);
    });
  });
});
