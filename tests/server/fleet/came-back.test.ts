// A device that was removed and is heard of again, over real HTTPS on both databases: by a late report, by a download, by a check-in.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a device that was removed on %s', (dialect) => {
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

  const remove = async (mac: string) =>
    server.admin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } });
  const now = (): string => new Date(server.clock.nowMs).toISOString();

  test('is said to be removed, when and by whom, by its MAC and by its id', async () => {
    const mac = await line.newDevice('1.0.0');
    const { id } = (await line.detail(mac)).device;
    const at = now();
    await remove(mac);
    server.clock.advance(60);
    for (const device of [mac, id])
      for (const route of ['getDevice', 'explainDevice', 'releaseDevice', 'removeDevice'] as const)
        expect(await server.tryAdmin(route, { params: { device } })).toMatchObject({
          status: 404,
          body: { error: { code: 'device_unknown', message: `device ${device} was removed (admin, ${at})` } },
        });
  });

  test('comes back as a new one with its next check, and says so', async () => {
    const mac = await line.newDevice('1.0.0', ['lab']);
    expect((await line.detail(mac)).removed).toBeNull();
    const { id } = (await line.detail(mac)).device;
    await server.admin('nameDevice', { params: { device: mac }, body: { name: line.product } });
    const at = now();
    await remove(mac);
    server.clock.advance(3_600);
    const back = now();
    await line.checkIn(mac, '1.0.0');
    const detail = await line.detail(mac);
    expect(detail).toMatchObject({
      device: { labels: [], name: null, first_seen_at: back },
      removed: { device_id: id, at, by: 'admin', replaced_by: null, came_back_at: back },
    });
    expect(detail.device.id).not.toBe(id);
    expect((await server.tryAdmin('getDevice', { params: { device: id } })).status, 'its old id names nobody').toBe(
      404,
    );
    const { items } = await server.admin('listEvents', {
      query: { product: line.product, type: 'device', sort: 'id' },
    });
    expect(items.map(({ type, device_id, data }) => ({ type, device_id, data }))).toMatchObject([
      { type: 'device.named', device_id: id },
      { type: 'device.removed', device_id: id, data: { actor: 'admin' } },
      { type: 'device.came_back', device_id: detail.device.id, data: { removed_at: at, removed_by: 'admin' } },
    ]);
    await remove(mac);
    await line.checkIn(mac, '1.0.0');
    expect((await line.detail(mac)).removed, 'the last time is told').toMatchObject({
      device_id: detail.device.id,
      at: back,
    });
  });

  test('a simulated one leaves no trace', async () => {
    const mac = line.newMac();
    const simulated = { library: 'otter-simulator/1' };
    await line.checkIn(mac, '1.0.0', simulated);
    await remove(mac);
    await line.checkIn(mac, '1.0.0', simulated);
    expect((await line.detail(mac)).removed).toBeNull();
  });

  describe('in the middle of an update', () => {
    let mac: string;
    let assignment: number;
    beforeEach(async () => {
      await line.makeStable('1.0.0');
      await line.add('1.1.0');
      await line.rollOut('1.1.0', 'expand');
      mac = line.newMac();
      assignment = await line.take(mac, '1.0.0');
    });

    test('a report that comes late is refused, and makes no half of a board', async () => {
      await remove(mac);
      for (const status of ['downloaded', 'installing', 'confirmed'] as const)
        expect(await line.report(mac, assignment, 7, status)).toMatchObject({
          status: 404,
          body: { error: { code: 'assignment_unknown', hint: 'drop this report and check for an update' } },
        });
      expect((await server.admin('listDevices', { query: { product: line.product } })).items).toEqual([]);
      expect((await server.admin('listAssignments', { query: { mac } })).items).toEqual([]);
      server.clock.advance(60);
      const again = await line.take(mac, '1.0.0');
      expect(await line.report(mac, assignment, 8, 'confirmed'), 'nor counts for the new one').toMatchObject({
        status: 404,
      });
      expect((await line.assignments(mac)).map(({ id, state }) => [id, state])).toEqual([[again, 'downloading']]);
    });

    test('the image is given out all the same, and noted for nobody', async () => {
      const { url = '' } = await line.checkIn(mac, '1.0.0');
      await remove(mac);
      expect((await server.fetch('GET', url, { token: server.fleetToken })).status).toBe(200);
      expect((await server.admin('listDevices', { query: { product: line.product } })).items).toEqual([]);
    });

    test('a report, a check-in and the removal at one moment leave a whole board or none', async () => {
      for (let round = 1; round <= 8; round += 1) {
        server.clock.advance(60);
        const answers = await Promise.all([
          line.report(mac, assignment, round, 'downloading'),
          server.device('check-update', { mac, current_version: '1.0.0', product: line.product, labels: [] }),
          server.tryAdmin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } }),
          line.report(mac, assignment, round, 'installing'),
          server.tryAdmin('nameDevice', { params: { device: mac }, body: { name: line.product } }),
        ]);
        for (const { status, body } of answers) expect([200, 404], JSON.stringify(body)).toContain(status);
        const { items } = await server.admin('listDevices', { query: { product: line.product } });
        if (items.length > 0) expect((await line.detail(mac)).device.last_seen_at).toBe(now());
        assignment = await line.take(mac, '1.0.0');
      }
    });
  });
});
