// A board in the place of another that broke, over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a device that is replaced on %s', (dialect) => {
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

  const call = (old: string, by: string, confirm = 'true') => ({
    params: { device: old },
    query: { confirm },
    body: { by },
  });
  const replace = async (old: string, by: string) => server.admin('replaceDevice', call(old, by));
  const refusal = async (old: string, by: string, confirm = 'true') => {
    const { status, body } = await server.tryAdmin('replaceDevice', call(old, by, confirm));
    return { status, ...JSON.parse(JSON.stringify(body)).error };
  };
  const name = async (mac: string, given: string) =>
    server.admin('nameDevice', { params: { device: mac }, body: { name: given } });
  const note = async (mac: string, text: string) =>
    server.admin('noteDevice', { params: { device: mac }, body: { note: text } });

  test('passes labels, name, note, hold and the mark of a test board on, and is removed', async () => {
    const old = await line.newDevice('1.0.0', ['lab', 'north']);
    const given = `sensor-${line.product}`;
    await name(old, given);
    const { note: written } = await note(old, 'behind the boiler');
    const { hold } = await server.admin('holdDevice', { params: { device: old }, body: { reason: 'at the fair' } });
    await server.admin('setCounted', { params: { device: old }, body: { counted: 'no', reason: 'the bench' } });
    const { id } = (await line.detail(old)).device;
    server.clock.advance(60);
    const heir = await line.newDevice('1.1.0', ['lab', 'new']);
    await note(heir, 'fresh from the oven');
    const at = new Date(server.clock.nowMs).toISOString();
    const asked = await refusal(given, heir, 'false');
    expect(asked).toMatchObject({ status: 409, code: 'confirmation_needed' });
    for (const said of [
      `${heir} would take the place of ${old}`,
      '0 assignments',
      `label north, the name ${given}, the note, the hold, that it is a test board`,
      'its own note is gone then: fresh from the oven',
    ])
      expect(asked.message).toContain(said);
    expect((await line.detail(old)).device.name, 'nothing happened yet').toBe(given);

    const done = await replace(given, heir);
    expect(done).toMatchObject({ replaced: { device_id: id, mac: old }, labels: ['north'], already: false });
    expect(done.by).toMatchObject({
      mac: heir,
      name: given,
      labels: ['lab', 'new', 'north'],
      note: written,
      hold,
      counted: 'no',
      counted_reason: 'the bench',
      current_version: '1.1.0',
    });
    expect((await server.admin('getDevice', { params: { device: given } })).device.mac).toBe(heir);
    expect((await server.tryAdmin('getDevice', { params: { device: old } })).body).toMatchObject({
      error: { message: `device ${old} was replaced by ${heir} (admin, ${at})` },
    });
    const { items } = await server.admin('listAudit', { query: { subject: old, action: 'device.replace' } });
    expect(items).toMatchObject([{ details: { by: heir, labels: ['north'], name: given, held: true } }]);
    const events = await server.admin('listEvents', { query: { product: line.product, type: 'device.replaced' } });
    expect(events.items).toMatchObject([{ mac: old, device_id: id, name: given, data: { replaced_by: heir } }]);
  });

  test('once more changes nothing, by its MAC, its id and the name that went over', async () => {
    const [old, heir] = [await line.newDevice('1.0.0', ['lab']), await line.newDevice('1.0.0')];
    await name(old, `pump-${line.product}`);
    const { replaced } = await replace(old, heir);
    const audited = async () => (await server.admin('listAudit', { query: { limit: '500' } })).items.length;
    const before = await audited();
    for (const ref of [old, replaced.device_id, `pump-${line.product}`])
      expect(await replace(ref, heir)).toMatchObject({ replaced, labels: [], already: true });
    expect(await audited()).toBe(before);
  });

  test('keeps name and note of the new board where the old one has none', async () => {
    const [old, heir] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    await name(heir, `new-${line.product}`);
    await note(heir, 'its own');
    expect((await refusal(old, heir, 'false')).message).toContain('over go no label, no name and no note');
    expect((await replace(old, heir)).by).toMatchObject({ name: `new-${line.product}`, note: { text: 'its own' } });
  });

  test('keeps the hold of the new board where both are held', async () => {
    const [old, heir] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    for (const [mac, reason] of [
      [old, 'old'],
      [heir, 'new'],
    ] as const)
      await server.admin('holdDevice', { params: { device: mac }, body: { reason } });
    expect((await replace(old, heir)).by.hold).toMatchObject({ reason: 'new' });
  });

  test('takes back what the new board was offered where the hold goes over', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const [old, heir] = [await line.newDevice('1.0.0'), line.newMac()];
    await line.take(heir, '1.0.0');
    await server.admin('holdDevice', { params: { device: old }, body: { reason: 'at the fair' } });
    await replace(old, heir);
    expect((await line.assignments(heir))[0]).toMatchObject({ state: 'superseded' });
    expect((await line.checkIn(heir, '1.0.0')).reason).toBe('device_held');
  });

  test('passes no dynamic label on: its query says whether the new board has it, by the name that went over', async () => {
    const [old, heir] = [await line.newDevice('1.0.0'), await line.newDevice('1.1.0')];
    const [byVersion, byName, given] = [`v-${line.product}`, `n-${line.product}`, `d-${line.product}`];
    const ofLine = `product = ${line.product}`;
    await server.admin('createLabel', { body: { name: byVersion, where: `${ofLine} and version = 1.0.0` } });
    await server.admin('createLabel', { body: { name: byName, where: `${ofLine} and name = ${given}` } });
    await name(old, given);
    expect((await line.detail(old)).device.labels).toEqual([byName, byVersion]);
    const done = await replace(old, heir);
    expect(done).toMatchObject({ labels: [], by: { labels: [byName] } });
  });

  test('is refused by a board that has not checked in, and by itself, with what to do', async () => {
    const old = await line.newDevice('1.0.0');
    const unknown = line.newMac();
    expect(await refusal(old, unknown)).toMatchObject({
      status: 404,
      code: 'replacement_unknown',
      message: `no board ${unknown} has checked in yet`,
    });
    expect(await refusal(unknown, old)).toMatchObject({ status: 404, code: 'device_unknown' });
    expect(await refusal(old, old)).toMatchObject({ status: 400, code: 'field_invalid' });
    expect((await line.detail(old)).device.mac).toBe(old);
  });

  test('is refused where the new board would have too many labels', async () => {
    const labels = (count: number, letter: string) => Array.from({ length: count }, (_, i) => `${letter}${i}`);
    const old = await line.newDevice('1.0.0', labels(20, 'a'));
    const heir = await line.newDevice('1.0.0', labels(20, 'b'));
    expect(await refusal(old, heir)).toMatchObject({ status: 409, code: 'label_limit' });
    expect((await line.detail(heir)).device.labels).toHaveLength(20);
  });

  test('says what differs and what a label does to a rollout under way before it does it; that counts from the next stage on', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    const old = await line.newDevice('1.0.0', ['pilot']);
    await line.rollOut('1.1.0', 'pilot');
    server.clock.advance(1);
    await line.take(old, '1.0.0');
    const heir = line.newMac();
    await line.checkIn(heir, '1.0.0', { chip: 'esp32' });
    const { message } = await refusal(old, heir, 'false');
    for (const said of [
      `${old} is chip unknown, ${heir} esp32`,
      `${old} is in the middle of rollout ${line.rolloutName('1.1.0')} (downloading)`,
      `label pilot is stage pilot of rollout ${line.rolloutName('1.1.0')} (running)`,
    ])
      expect(message).toContain(said);
    await replace(old, heir);
    server.clock.advance(60);
    expect((await line.checkIn(heir, '1.0.0', { chip: 'esp32' })).update_available).toBe(false);
    await line.move('1.1.0', 'promote');
    expect((await line.checkIn(heir, '1.0.0', { chip: 'esp32' })).update_available).toBe(true);
  });

  test('by two that ask at the same moment is done once', async () => {
    const [old, heir, other] = [
      await line.newDevice('1.0.0', ['lab']),
      await line.newDevice('1.0.0'),
      await line.newDevice('1.0.0'),
    ];
    const answers = await Promise.all(
      [heir, heir, other].map(async (by) => server.tryAdmin('replaceDevice', call(old, by))),
    );
    const done = answers.filter(({ status, body }) => status === 200 && body['already'] === false);
    expect(done).toHaveLength(1);
    for (const { status } of answers) expect([200, 404]).toContain(status);
  });
});
