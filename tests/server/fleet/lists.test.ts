// Pages, orders and filters of every list, over real HTTPS on both databases.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AdminRouteName, adminRoutes } from '#protocol/admin/routes.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DEVICES = 120;
const LISTS = Object.keys(adminRoutes).filter((name): name is AdminRouteName => name.startsWith('list'));

/** What each list may be sorted by. */
const ORDERS: Readonly<Record<string, readonly string[]>> = {
  listDevices: ['mac', 'name', 'last_seen_at', 'first_seen_at', 'current_version'],
  listLabels: ['name'],
  listFirmware: ['created_at'],
  listRollouts: ['created_at', 'name'],
  listAssignments: ['id'],
  listSchedules: ['name'],
  listAudit: ['id'],
  listEvents: ['id'],
  listEnrolments: ['asked_at'],
};

describe.each(BOTH)('a list on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let macs: readonly string[];

  beforeAll(async () => {
    server = await startTestServer({ dialect });
    line = new ProductLine(server);
    await line.add('1.1.0');
    await line.add('1.2.0');
    for (let time = 0; time < 3; time += 1) {
      const body = { mac: '24:6f:28:ee:ee:01', token: `otd_${String(time).repeat(43)}` };
      await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body });
    }
    macs = Array.from({ length: DEVICES }, () => line.newMac());
    for (const [index, mac] of macs.entries()) {
      // Many devices share an instant and a version, so that ties have to be broken.
      if (index % 10 === 0) server.clock.advance(1);
      await line.checkIn(mac, index % 3 === 0 ? '1.0.0' : '1.1.0');
    }
    const pilots = macs.slice(0, 7);
    await server.admin('labelDevices', { params: { name: 'pilot' }, body: { macs: pilots } });
    for (const name of ['lab', 'shop', 'attic']) await server.admin('createLabel', { body: { name } });
    await line.rollOut('1.1.0', 'pilot');
    for (const mac of pilots) await line.checkIn(mac, '1.0.0');
    await line.move('1.1.0', 'abort');
    server.clock.advance(1);
    await line.rollOut('1.2.0', 'draft');
    for (const name of ['night', 'noon', 'dawn'])
      await server.admin('createSchedule', { body: { name, cron: '0 2 * * *', action: 'window', duration_s: 3600 } });
  });
  afterAll(async () => server.end());

  const walk = async (route: AdminRouteName, query: Readonly<Record<string, string>>): Promise<readonly unknown[]> => {
    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page = await server.tryAdmin(route, { query: { ...query, ...(cursor === null ? {} : { cursor }) } });
      expect(page.status).toBe(200);
      const { items, next_cursor } = readPage(page.body);
      expect(items.length).toBeLessThanOrEqual(Number(query['limit'] ?? 50));
      seen.push(...items);
      cursor = next_cursor;
    } while (cursor !== null);
    return seen;
  };

  test('is one of those that have their orders in this test', () => {
    expect(LISTS.toSorted()).toEqual(Object.keys(ORDERS).toSorted());
  });

  test.each(LISTS)('%s says in its summary what it may be sorted by', (route) => {
    expect(adminRoutes[route].summary).toMatch(new RegExp(`sort by ${(ORDERS[route] ?? []).join(', ')}$`));
  });

  test.each(LISTS.flatMap((route) => (ORDERS[route] ?? []).map((sort) => ({ route, sort }))))(
    '$route by $sort gives every item once, in both orders, however small the pages are',
    async ({ route, sort }) => {
      const forward = await walk(route, { sort, limit: '7' });
      const backward = await walk(route, { sort: `-${sort}`, limit: '13' });
      const whole = await walk(route, { sort, limit: '500' });
      expect(forward.length).toBeGreaterThan(1);
      expect(forward).toEqual(whole);
      expect(backward).toEqual(whole.toReversed());
      const texts = whole.map((item) => JSON.stringify(item));
      expect(new Set(texts).size).toBe(texts.length);
    },
  );

  test.each(LISTS)('%s counts all of its items where it is asked to, on whichever page', async (route) => {
    const whole = await walk(route, { limit: '500' });
    const [sort = ''] = ORDERS[route] ?? [];
    const first = await server.tryAdmin(route, { query: { limit: '1', sort, total: 'true' } });
    expect(first.body).toMatchObject({ total: whole.length });
    const cursor = readPage(first.body).next_cursor ?? '';
    const second = await server.tryAdmin(route, { query: { limit: '1', sort, cursor, total: 'true' } });
    expect(second.body).toMatchObject({ total: whole.length });
    expect((await server.tryAdmin(route, { query: { limit: '1' } })).body).not.toHaveProperty('total');
  });

  test('of devices by mac is in the order of the alphabet', async () => {
    const { items } = await server.admin('listDevices', { query: { limit: '500' } });
    expect(items.map(({ mac }) => mac)).toEqual(macs.toSorted());
  });

  test('neither repeats nor skips when items come in between two pages', async () => {
    const first = await server.admin('listDevices', { query: { limit: '60', product: line.product } });
    const before = new ProductLine(server);
    const early = '00:00:00:00:00:01';
    await before.checkIn(early, '1.0.0');
    const rest = await walk('listDevices', { limit: '60', cursor: first.next_cursor ?? '' });
    const listed = new Set([...first.items.map(({ mac }) => mac), ...rest.map((item) => readMac(item))]);
    for (const mac of macs) expect(listed).toContain(mac);
    expect(first.items.length + rest.length).toBe(DEVICES);
  });

  test.each(['0', '501', '-1', '1e2', '1000000000', 'ten', '1.5', ' 5'])('with limit %j is refused', async (limit) => {
    for (const route of LISTS)
      expect(await server.tryAdmin(route, { query: { limit } })).toMatchObject({
        status: 400,
        body: { error: { code: 'limit_invalid' } },
      });
  });

  test.each(['password;DROP', 'id; drop table devices', '--mac', '', '-', '__proto__', 'constructor', 'MAC'])(
    'sorted by %j is refused with what it may be sorted by',
    async (sort) => {
      for (const route of LISTS) {
        const { status, body } = await server.tryAdmin(route, { query: { sort } });
        expect({ route, status }).toEqual({ route, status: 400 });
        expect(body).toMatchObject({ error: { code: 'sort_invalid' } });
      }
    },
  );

  test.each([
    'x',
    'null',
    Buffer.from('null').toString('base64url'),
    Buffer.from('[1]').toString('base64url'),
    Buffer.from('[1,2,3]').toString('base64url'),
    Buffer.from('[{"$gt":1},1]').toString('base64url'),
    Buffer.from('[null,1]').toString('base64url'),
    Buffer.from('[1e999,1]').toString('base64url'),
    Buffer.from('["-mac","24:6f:28:00:00:01",1]').toString('base64url'),
    Buffer.from('["mac",5,1]').toString('base64url'),
    Buffer.from('["mac","24:6f:28:00:00:01","1"]').toString('base64url'),
    Buffer.from('["id","five",5]').toString('base64url'),
    Buffer.from('["-id","five",5]').toString('base64url'),
  ])('with cursor %j is refused', async (cursor) => {
    for (const route of LISTS)
      expect(await server.tryAdmin(route, { query: { cursor } })).toMatchObject({
        status: 400,
        body: { error: { code: 'cursor_invalid' } },
      });
  });

  test('with the cursor of another order is refused', async () => {
    const { next_cursor } = await server.admin('listDevices', { query: { limit: '5', sort: 'mac' } });
    for (const sort of ['last_seen_at', 'current_version', '-first_seen_at', '-mac'])
      expect(await server.tryAdmin('listDevices', { query: { sort, cursor: next_cursor ?? '' } })).toMatchObject({
        status: 400,
        body: { error: { code: 'cursor_invalid' } },
      });
  });

  test('with a query that it does not have is refused', async () => {
    for (const route of LISTS)
      expect(await server.tryAdmin(route, { query: { offset: '10' } })).toMatchObject({ status: 400 });
  });

  test.each([
    [{ label: 'pilot' }, 7],
    [{ label: 'attic' }, 0],
    [{ label: 'unheard-of' }, 0],
    [{ version: '1.1.0' }, 80],
    [{ version: '1.0.0' }, 40],
    [{ label: 'pilot', version: '1.1.0' }, 0],
    // Their rollout was aborted; they hear of it with their next poll.
    [{ status: 'updating' }, 7],
    [{ status: 'trial' }, 0],
  ] as const)('of devices with %j has %i', async (query, devices) => {
    const items = await walk('listDevices', { ...query, product: line.product });
    // The pilots were offered a build from 1.0.0 and say 1.0.0 since.
    const expected =
      'version' in query && !('label' in query) ? devices + (query.version === '1.0.0' ? 4 : -4) : devices;
    expect(items).toHaveLength(expected);
  });

  test('of devices by the beginning of the MAC has those that begin so, in any spelling of its letters', async () => {
    const prefix = macs[0]?.slice(0, 14) ?? '';
    for (const mac of [prefix, prefix.toUpperCase()])
      expect(await walk('listDevices', { mac })).toHaveLength(macs.filter((each) => each.startsWith(prefix)).length);
    expect(await walk('listDevices', { mac: macs[3] ?? '' })).toHaveLength(1);
    expect(await walk('listDevices', { mac: 'ff:ff' })).toHaveLength(0);
    expect(await server.tryAdmin('listDevices', { query: { mac: '24%' } })).toMatchObject({ status: 400 });
  });

  test('of rollouts, firmware and assignments is filtered by what it names', async () => {
    const { product } = line;
    expect(await walk('listRollouts', { product, status: 'draft' })).toMatchObject([{ version: '1.2.0' }]);
    expect(await walk('listRollouts', { product: 'another' })).toEqual([]);
    expect(await walk('listFirmware', { product })).toMatchObject([{ version: '1.2.0' }, { version: '1.1.0' }]);
    expect(await walk('listFirmware', { product, channel: 'beta' })).toEqual([]);
    const rollout = line.rolloutName('1.1.0');
    expect(await walk('listAssignments', { rollout })).toHaveLength(7);
    expect(await walk('listAssignments', { rollout, mac: macs[0] ?? '' })).toHaveLength(1);
    expect(await walk('listAssignments', { rollout, state: 'superseded' })).toHaveLength(7);
    expect(await walk('listAssignments', { rollout, state: 'confirmed' })).toEqual([]);
    expect(await walk('listAudit', { action: 'rollout.abort' })).toMatchObject([{ subject: rollout }]);
    expect(await walk('listAudit', { subject: 'pilot' })).toMatchObject([{ action: 'device.label' }]);
  });
});

function readPage(body: object): { readonly items: readonly unknown[]; readonly next_cursor: string | null } {
  const page = { items: [], next_cursor: null, ...body };
  return page;
}

function readMac(item: unknown): unknown {
  return typeof item === 'object' && item !== null && 'mac' in item ? item.mac : undefined;
}
