// Labels with a query, over real HTTPS on both databases: who has them and when that changes, what nobody can do to them, and that a board
// which has left stays in its rollout.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MAX_DYNAMIC_LABELS } from '#protocol/limits.ts';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DAY_S = 86_400;

describe.each(BOTH)('a label with a query on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let ours: string;
  /** Of this test alone. */
  let group: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    ours = `product = ${line.product}`;
    group = `group-${line.product}`;
    server.clock.advance(61);
    const { items } = await server.admin('listLabels', { query: { limit: '500' } });
    for (const { name, where } of items)
      if (where !== null) await server.admin('deleteLabel', { params: { name }, query: { confirm: 'true' } });
  });
  afterAll(async () => server.end());

  const create = async (where: string, name = group) => server.admin('createLabel', { body: { name, where } });
  const having = async (name = group) => {
    const { items } = await server.admin('listDevices', {
      query: { where: `${ours} and label ${name}`, limit: '500' },
    });
    return items.map(({ mac }) => mac);
  };
  const label = async (mac: string, name: string) =>
    server.admin('labelDevice', { params: { device: mac, name }, query: { confirm: 'true' } });
  const unlabel = async (mac: string, name: string) =>
    server.admin('unlabelDevice', { params: { device: mac, name }, query: { confirm: 'true' } });
  const later = async (seconds: number) => {
    server.clock.advance(seconds);
    await server.tick();
  };

  describe('is on the devices that the query means', () => {
    test('from the moment it is made, and shows its query', async () => {
      const old = await line.newDevice('1.3.0');
      await line.newDevice('1.4.0');
      const where = `${ours} and version < 1.4`;
      expect(await create(where)).toMatchObject({ name: group, where, devices: 1 });
      expect(await having()).toEqual([old]);
      const other = `${ours} and version >= 1.4`;
      expect(await server.admin('updateLabel', { params: { name: group }, body: { where: other } })).toMatchObject({
        where: other,
        devices: 1,
      });
      expect(await having()).not.toContain(old);
    });

    test('as soon as it is known what they say, and no longer', async () => {
      await create(`${ours} and version < 1.4`);
      const mac = await line.newDevice('1.3.0');
      expect(await having()).toEqual([mac]);
      await line.checkIn(mac, '1.4.0');
      expect(await having()).toEqual([]);
      await line.checkIn(mac, '1.3.0');
      expect(await having()).toEqual([mac]);
    });

    test('with the change of another label, one by one and in bulk', async () => {
      await create(`${ours} and label lab and not label kept`);
      const [one, two] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      await label(one, 'lab');
      expect(await having()).toEqual([one]);
      await server.admin('changeInBulk', { body: { verb: 'label', label: 'lab', where: ours, confirm: true } });
      expect(await having()).toEqual([one, two]);
      await label(two, 'kept');
      expect(await having()).toEqual([one]);
      await server.admin('changeInBulk', { body: { verb: 'unlabel', label: 'lab', where: ours, confirm: true } });
      expect(await having()).toEqual([]);
      await label(one, 'lab');
      await unlabel(one, 'lab');
      expect(await having()).toEqual([]);
    });

    test('with time, by a tick: those that are not heard of, and those that are held', async () => {
      await create(`${ours} and (not seen for 7d or held)`);
      const [away, there] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      await later(7 * DAY_S + 1);
      await line.checkIn(there, '1.0.0');
      await later(61);
      expect(await having()).toEqual([away]);
      await line.checkIn(away, '1.0.0');
      await server.admin('holdDevice', { params: { device: there }, body: { reason: 'x' } });
      await later(61);
      expect(await having()).toEqual([there]);
    });
  });

  describe('cannot be', () => {
    test('put on a device or taken off one by hand, in whatever way', async () => {
      const mac = await line.newDevice('1.0.0');
      await create(`${ours} and version = 1.0.0`);
      const calls = [
        server.tryAdmin('labelDevice', { params: { device: mac, name: group } }),
        server.tryAdmin('unlabelDevice', { params: { device: mac, name: group } }),
        server.tryAdmin('labelDevices', { params: { name: group }, body: { macs: [mac] } }),
        ...['label', 'unlabel'].map(async (verb) =>
          server.tryAdmin('changeInBulk', { body: { verb, label: group, where: ours, confirm: true } }),
        ),
      ];
      for (const { status, body } of await Promise.all(calls)) {
        expect(status).toBe(409);
        expect(body).toMatchObject({
          error: { code: 'label_dynamic', message: expect.stringContaining(`label ${group}`) },
        });
      }
      expect(await having()).toEqual([mac]);
    });

    test('asked for by the query of another one; nor can a label go that a query needs', async () => {
      const mac = await line.newDevice('1.0.0', ['lab']);
      await create(`${ours} and label lab`);
      const refused = async (where: string, name = `${group}-2`) =>
        (await server.tryAdmin('createLabel', { body: { name, where } })).body;
      expect(await refused(`label ${group}`)).toMatchObject({ error: { code: 'query_invalid' } });
      expect(await refused('label me', 'me')).toMatchObject({ error: { code: 'query_invalid' } });
      expect(await refused('chop = 1')).toMatchObject({ error: { code: 'query_invalid', position: 1 } });
      expect(await refused('silent', 'lab')).toMatchObject({ error: { code: 'label_in_use' } });
      expect(
        await server.tryAdmin('deleteLabel', { params: { name: 'lab' }, query: { confirm: 'true' } }),
      ).toMatchObject({ status: 409, body: { error: { code: 'label_in_use' } } });
      expect(
        await server.tryAdmin('updateLabel', { params: { name: 'lab' }, body: { where: 'silent' } }),
      ).toMatchObject({ status: 409, body: { error: { code: 'invalid_transition' } } });
      expect(await having()).toEqual([mac]);
    });

    test(`one of more than ${MAX_DYNAMIC_LABELS}`, async () => {
      for (let number = 0; number < MAX_DYNAMIC_LABELS; number += 1)
        await create(`${ours} and held`, `${group}-${number}`);
      expect((await server.tryAdmin('createLabel', { body: { name: group, where: 'held' } })).body).toMatchObject({
        error: { code: 'label_limit' },
      });
    });
  });

  describe('and a rollout with a stage for it', () => {
    test('a board leaves the group after the stage opened: it stays a member, and stays with the build that is stable then', async () => {
      await line.add('1.1.0');
      const [stays, leaves] = [await line.newDevice('1.0.0', ['lab']), await line.newDevice('1.0.0', ['lab'])];
      const never = await line.newDevice('1.0.0');
      await create(`${ours} and label lab`);
      await server.admin('setPlan', {
        params: { name: 'group' },
        body: { stages: [{ name: 'all', label: group, percentage: 100, promotion: 'manual' }] },
      });
      const name = `${line.product}-r`;
      await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan: 'group', name } });
      await server.admin('startRollout', { params: { name }, body: {} });
      server.clock.advance(1);
      await unlabel(leaves, 'lab');
      expect(await having()).toEqual([stays]);
      expect((await line.checkIn(leaves, '1.0.0')).update_available, 'it has left, and is a member').toBe(true);
      expect((await line.checkIn(stays, '1.0.0')).update_available).toBe(true);
      expect((await line.checkIn(never, '1.0.0')).update_available).toBe(false);
      const { items } = await server.admin('listAssignments', { query: { rollout: name } });
      expect(items.map(({ mac }) => mac)).toEqual([stays, leaves].toSorted());
      await server.admin('promoteRollout', { params: { name }, body: { from: 'all', override: true, reason: 'test' } });
      expect(await server.admin('getRollout', { params: { name } })).toMatchObject({ status: 'complete' });
      expect((await line.checkIn(leaves, '1.0.0')).update_available, 'of the stable build').toBe(true);
      expect((await line.checkIn(never, '1.0.0')).update_available).toBe(false);
      // The label goes altogether, and what was decided by it stays.
      await server.admin('deleteLabel', { params: { name: group }, query: { confirm: 'true' } });
      expect((await line.checkIn(leaves, '1.0.0')).update_available).toBe(true);
    });

    test('a board that takes the build, and is not meant any more by its version, is a member all the same', async () => {
      await line.add('1.1.0');
      const mac = await line.newDevice('1.0.0');
      await create(`${ours} and version < 1.1`);
      await line.rollOut('1.1.0', 'pilot', group);
      const name = line.rolloutName('1.1.0');
      await line.take(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      await line.checkIn(mac, '1.1.0');
      expect(await having()).toEqual([]);
      const [pilot] = (await server.admin('getRollout', { params: { name } })).stages;
      expect(pilot?.outcomes).toMatchObject({ targeted: 1 });
      expect((await line.explain(mac)).reason).toBe('up_to_date');
    });

    test('a board that comes to be meant later joins with the next stage, as with every late label', async () => {
      await line.add('1.1.0');
      await line.newDevice('1.0.0', ['lab']);
      await create(`${ours} and label lab`);
      await server.admin('setPlan', {
        params: { name: 'twice' },
        body: {
          stages: [
            { name: 'first', label: group, percentage: 100, promotion: 'manual' },
            { name: 'second', label: group, percentage: 100, promotion: 'manual' },
          ],
        },
      });
      const name = `${line.product}-late`;
      await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan: 'twice', name } });
      await server.admin('startRollout', { params: { name }, body: {} });
      server.clock.advance(1);
      const late = await line.newDevice('1.0.0', ['lab']);
      expect(await having()).toContain(late);
      expect((await line.checkIn(late, '1.0.0')).reason).toBe('label_after_stage_opened');
      server.clock.advance(1);
      await server.admin('promoteRollout', {
        params: { name },
        body: { from: 'first', override: true, reason: 'test' },
      });
      await unlabel(late, 'lab');
      expect((await line.checkIn(late, '1.0.0')).update_available).toBe(true);
    });
  });
});
