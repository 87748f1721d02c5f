// One change of every device that a query means, over real HTTPS on both databases: what is told before, what is changed, what a repeat
// does, and what boards do meanwhile.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BulkChange } from '#protocol/admin/fleet/bulk.ts';
import { BULK_BATCH, BULK_BATCHES, MAX_DEVICE_LABELS } from '#protocol/limits.ts';
import { ProductLine } from '../../support/product-line.ts';
import { addDevicesRaw } from '../../support/query/raw-devices.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a change of many devices on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let ours: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    ours = `product = ${line.product}`;
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const change = async (body: Omit<BulkChange, 'where'> & { readonly where?: string }) =>
    server.admin('changeInBulk', { body: { where: ours, confirm: true, ...body } });
  const preview = async (query: Readonly<Record<string, string>>) =>
    server.admin('previewBulk', { query: { where: ours, ...query } });
  const having = async (where: string) => {
    const { items } = await server.admin('listDevices', { query: { where: `${ours} and (${where})`, limit: '500' } });
    return items.map(({ mac }) => mac);
  };
  const audited = async (action: string, subject: string) =>
    (await server.admin('listAudit', { query: { action, subject } })).items;
  const fleet = async (count: number, version = '1.0.0') => {
    const macs: string[] = [];
    for (let index = 0; index < count; index += 1) macs.push(await line.newDevice(version));
    return macs;
  };

  test('says how many it is before it is done, and does nothing without a yes', async () => {
    const macs = await fleet(3);
    await line.newDevice('2.0.0');
    const where = `${ours} and version < 2`;
    expect(await preview({ verb: 'label', label: 'lab', where })).toEqual({
      matched: 3,
      to_change: 3,
      full: 0,
      examples: macs,
      warnings: [],
    });
    expect(await server.tryAdmin('changeInBulk', { body: { verb: 'label', label: 'lab', where } })).toMatchObject({
      status: 409,
      body: {
        error: { code: 'confirmation_needed', message: '3 devices are meant, 3 of them would change' },
      },
    });
    expect(await having('label lab')).toEqual([]);
  });

  test('labels: at most so many have the label in the end, however often it is said; one entry of the audit', async () => {
    const macs = await fleet(5);
    const label = `pilot-${line.product}`;
    expect(await change({ verb: 'label', label, limit: 3 })).toEqual({ changed: 3, left: 0, next_cursor: null });
    expect(await having(`label ${label}`)).toEqual(macs.slice(0, 3));
    expect(await change({ verb: 'label', label, limit: 3 })).toMatchObject({ changed: 0 });
    expect(await change({ verb: 'label', label, limit: 4 })).toMatchObject({ changed: 1 });
    expect(await audited('device.label', label)).toMatchObject([
      { details: { where: ours, devices: 1, limit: 4 } },
      { details: { where: ours, devices: 3, limit: 3 } },
    ]);
    expect(await change({ verb: 'unlabel', label, where: `${ours} and label ${label}`, limit: 1 })).toMatchObject({
      changed: 1,
    });
    expect(await having(`label ${label}`)).toEqual(macs.slice(1, 4));
    expect(await audited('device.unlabel', label)).toHaveLength(1);
  });

  test('leaves out a device that has as many labels as it may, and says so', async () => {
    const [full, other] = await fleet(2);
    for (let index = 0; index < MAX_DEVICE_LABELS; index += 1)
      await server.admin('labelDevice', { params: { device: full ?? '', name: `l${index}` } });
    const asked = await preview({ verb: 'label', label: 'one-more' });
    expect(asked).toMatchObject({ matched: 2, to_change: 1, full: 1 });
    expect(asked.warnings).toEqual(['1 of them have as many labels as a device may have: they are left out']);
    await change({ verb: 'label', label: 'one-more' });
    expect(await having('label one-more')).toEqual([other]);
  });

  test('holds and releases: open offers end, gates leave the devices out, each device has its event', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const macs = await fleet(3);
    for (const mac of macs) await line.offer(mac, '1.0.0');
    const where = `${ours} and not held`;
    expect((await preview({ verb: 'hold', where })).warnings).toEqual(['3 of them are in the middle of an update']);
    expect(await change({ verb: 'hold', where: ours, reason: 'at the fair' })).toMatchObject({ changed: 3 });
    for (const mac of macs) {
      expect((await line.checkIn(mac, '1.0.0')).reason).toBe('device_held');
      expect(await line.assignments(mac)).toMatchObject([{ state: 'superseded', not_counted: 'held' }]);
    }
    expect(await audited('device.hold', ours)).toMatchObject([{ details: { devices: 3, reason: 'at the fair' } }]);
    expect(await change({ verb: 'hold', reason: 'again' }), 'they are held already').toMatchObject({ changed: 0 });
    expect(await change({ verb: 'release' })).toMatchObject({ changed: 3 });
    const told = await server.admin('listEvents', { query: { product: line.product, limit: '500' } });
    const types = told.items.map(({ type }) => type);
    expect(types.filter((type) => type === 'device.held')).toHaveLength(3);
    expect(types.filter((type) => type === 'device.released')).toHaveLength(3);
    for (const mac of macs) {
      expect(await line.assignments(mac)).toMatchObject([{ not_counted: null }]);
      expect((await line.checkIn(mac, '1.0.0')).update_available).toBe(true);
    }
  });

  test('forgives what failed on all of them, one version alone where that is said', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const macs = [line.newMac(), line.newMac()];
    for (const mac of macs) await line.rollBack(mac, '1.0.0', '1.1.0');
    const well = await line.newDevice('1.1.0');
    const where = `${ours} and known bad 1.1.0`;
    expect(await having('known bad 1.1.0')).toEqual(macs);
    expect(await having('not known bad 1.1.0')).toEqual([well]);
    expect(await change({ verb: 'clear_known_bad', version: '1.2.0', where })).toMatchObject({ changed: 0 });
    expect(await preview({ verb: 'clear_known_bad', version: '1.1.0' })).toMatchObject({ matched: 3, to_change: 2 });
    expect(await change({ verb: 'clear_known_bad', version: '1.1.0', where })).toMatchObject({ changed: 2 });
    expect(await having('known bad 1.1.0')).toEqual([]);
    expect((await line.checkIn(macs[0] ?? '', '1.0.0')).forgiven).toBe(true);
  });

  test('turns boards away, those with a token of their own and those that never enrolled: the fleet token was stolen with them', async () => {
    const [mac, other] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    const token = `otd_${randomBytes(32).toString('base64url')}`;
    await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } });
    expect(await preview({ verb: 'revoke' })).toMatchObject({ matched: 2, to_change: 2 });
    expect(await change({ verb: 'revoke' })).toMatchObject({ changed: 2 });
    const body = { mac, current_version: '1.0.0', labels: [], product: line.product };
    expect((await server.json('POST', '/api/v1/check-update', { token, body })).status).toBe(401);
    expect((await line.checkIn(mac, '1.0.0')).reason).toBe('token_revoked');
    expect((await line.checkIn(other, '1.0.0')).reason, 'the other one').toBe('token_revoked');
    expect(await change({ verb: 'revoke' }), 'once more').toMatchObject({ changed: 0 });
  });

  test('lets them try again: what failed is forgiven, and what was cancelled is offered again', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const [failed, cancelled, well] = [line.newMac(), line.newMac(), line.newMac()];
    await line.rollBack(failed, '1.0.0', '1.1.0');
    await line.take(cancelled, '1.0.0');
    await line.checkIn(well, '1.1.0');
    const body = { reason: 'the shop is open' };
    await server.admin('cancelUpdate', { params: { device: cancelled }, body });
    expect((await line.checkIn(cancelled, '1.0.0')).reason).toBe('update_cancelled');
    expect(await preview({ verb: 'retry' })).toMatchObject({ matched: 3, to_change: 2 });
    expect(await change({ verb: 'retry', where: ours })).toMatchObject({ changed: 2 });
    expect(await change({ verb: 'retry', where: ours }), 'nothing is left').toMatchObject({ changed: 0 });
    for (const mac of [failed, cancelled]) expect((await line.checkIn(mac, '1.0.0')).update_available).toBe(true);
    expect((await line.assignments(cancelled)).at(-1)).toMatchObject({ state: 'superseded', not_counted: null });
  });

  test('removes: they are new devices with their next check, and removals are told', async () => {
    const macs = await fleet(2);
    const kept = await line.newDevice('3.0.0');
    const where = `${ours} and version < 3`;
    expect(await change({ verb: 'remove', where })).toMatchObject({ changed: 2 });
    expect(await having('version >= 1')).toEqual([kept]);
    const { items } = await server.admin('listEvents', { query: { product: line.product, type: 'device.removed' } });
    expect(new Set(items.map(({ mac }) => mac))).toEqual(new Set(macs));
    expect(await audited('device.remove', where)).toMatchObject([{ details: { devices: 2 } }]);
  });

  test('changes those that a negated version means, and no other', async () => {
    const [old, fresh, odd] = [
      await line.newDevice('1.3.0'),
      await line.newDevice('1.4.0'),
      await line.newDevice('build-77'),
    ];
    const where = `${ours} and not version < 1.4`;
    expect(await change({ verb: 'label', label: 'not-old', where })).toMatchObject({ changed: 2 });
    expect(await having('label not-old')).toEqual([fresh, odd]);
    expect(await having('not label not-old')).toEqual([old]);
  });

  test('warns of a rollout that the label belongs to', async () => {
    const label = `p-${line.product}`;
    await line.add('1.1.0');
    await fleet(1);
    await line.rollOut('1.1.0', 'pilot', label);
    const [warning] = (await preview({ verb: 'label', label })).warnings;
    expect(warning).toMatch(new RegExp(`has a stage for label ${label}: devices that get it now join when its next`));
    await change({ verb: 'label', label });
    const [other] = (await preview({ verb: 'unlabel', label })).warnings;
    expect(other).toMatch(/devices that lose it leave it at once/);
  });

  test('goes through a large fleet in batches, under one entry; a cursor of another change is refused', async () => {
    const total = BULK_BATCH * BULK_BATCHES + 20;
    await addDevicesRaw(server, line.product, total);
    const label = `many-${line.product}`;
    const first = await change({ verb: 'label', label });
    expect(first).toMatchObject({ changed: BULK_BATCH * BULK_BATCHES, left: 20 });
    const cursor = first.next_cursor ?? '';
    for (const wrong of [{ cursor, where: `${ours} and silent` }, { cursor: 'x' }, { cursor: cursor.slice(0, -3) }])
      expect(
        await server.tryAdmin('changeInBulk', { body: { verb: 'label', label, where: ours, confirm: true, ...wrong } }),
      ).toMatchObject({ status: 400, body: { error: { code: 'cursor_invalid' } } });
    expect(await change({ verb: 'label', label, cursor })).toEqual({ changed: 20, left: 0, next_cursor: null });
    expect(await audited('device.label', label)).toMatchObject([{ details: { devices: total } }]);
    // Broken off after the first answer, and said once more: what is left, under an entry of its own.
    expect(await change({ verb: 'unlabel', label })).toMatchObject({ left: 20 });
    expect(await change({ verb: 'unlabel', label })).toMatchObject({ changed: 20, left: 0 });
    expect(await audited('device.unlabel', label)).toMatchObject([
      { details: { devices: 20 } },
      { details: { devices: total } },
    ]);
    await change({ verb: 'remove' });
    await change({ verb: 'remove' });
    expect(await preview({ verb: 'remove' })).toMatchObject({ matched: 0 });
  });

  test('and boards that check in meanwhile: each has the label, and each check-in is answered', async () => {
    const macs = await fleet(30);
    const label = `busy-${line.product}`;
    const checks = macs.map(async (mac) => line.checkIn(mac, '1.0.1'));
    const [done, ...answers] = await Promise.all([change({ verb: 'label', label }), ...checks]);
    expect(done).toMatchObject({ changed: 30 });
    expect(answers).toHaveLength(30);
    expect(await having(`label ${label} and version = 1.0.1`)).toHaveLength(30);
  });

  test.each([
    [{ verb: 'label' }, 'label: it is missing, and label needs one'],
    [{ verb: 'hold' }, 'reason: it is empty'],
    [{ verb: 'label', label: 'general' }, 'the label general means every device'],
    [{ verb: 'unlabel', label: 'nobody-has-it' }, 'there is no label nobody-has-it'],
    [{ verb: 'explode' }, 'verb'],
    [{ verb: 'release', where: 'chop' }, 'there is no field "chop"'],
    [{ verb: 'release', limit: 0 }, 'limit'],
  ])('%j is refused: %s', async (body, message) => {
    const { status, body: answer } = await server.tryAdmin('changeInBulk', {
      body: { where: ours, confirm: true, ...body },
    });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(answer)).toContain(JSON.stringify(message).slice(1, -1));
  });
});
