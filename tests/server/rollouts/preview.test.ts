// The preview of a rollout: what it says before is what happens then. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewPlan } from '#protocol/admin/rollouts.ts';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const manual = { promotion: 'manual' } as const;
const DAY_S = 86_400;

describe.each(DIALECTS)('a preview on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let label: string;
  let name: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    label = `own-${line.product}`;
    name = `spring-${line.product}`;
    const plan: NewPlan = {
      stages: [
        { name: 'own', label, percentage: 100, ...manual },
        { name: 'half', label: 'general', percentage: 50, ...manual },
        { name: 'everyone', label: 'general', percentage: 100, ...manual },
      ],
    };
    await server.admin('setPlan', { params: { name: 'by-halves' }, body: plan });
  });
  afterAll(async () => server.end());

  const chip = { chip: 'esp32' };
  const device = async (version = '1.0.0', more: Readonly<Record<string, unknown>> = chip) => {
    const mac = line.newMac();
    await line.checkIn(mac, version, more);
    return mac;
  };
  const devices = async (count: number) => {
    const macs: string[] = [];
    for (let index = 0; index < count; index += 1) macs.push(await device());
    return macs;
  };
  const addLabel = async (...macs: readonly string[]) =>
    server.admin('labelDevices', { params: { name: label }, body: { macs, confirm: true } });
  const create = async (plan = 'by-halves') =>
    server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan, name } });
  const move = async (command: 'start' | 'promote' | 'pause' | 'abort') =>
    server.admin(`${command}Rollout`, { params: { name }, body: {} });
  const preview = async () => server.admin('previewRollout', { params: { name } });
  const list = async (stage: string, limit = 7) => {
    const macs: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: Record<string, string> = { stage, limit: String(limit), ...(cursor === '' ? {} : { cursor }) };
      const page: { items: string[]; next_cursor: string | null } = await server.admin('getPreviewDevices', {
        params: { name },
        query,
      });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      macs.push(...page.items);
      cursor = page.next_cursor;
    }
    return macs;
  };

  test('says of a draft which devices each stage takes, and so it comes', async () => {
    await line.add('1.1.0');
    const macs = await devices(40);
    await addLabel(...macs.slice(0, 3));
    await create();
    const { stages, total, left_out, not_in_any_stage, warnings } = await preview();
    expect({ total, left_out, not_in_any_stage, warnings }).toEqual({
      total: 40,
      left_out: [],
      not_in_any_stage: 0,
      warnings: [],
    });
    expect(stages.map(({ stage, label: of, percentage, opened }) => [stage, of, percentage, opened])).toEqual([
      ['own', label, 100, false],
      ['half', 'general', 50, false],
      ['everyone', 'general', 100, false],
    ]);
    const listed = { own: await list('own'), half: await list('half'), everyone: await list('everyone') };
    expect(stages.map((stage) => stage.devices)).toEqual(Object.values(listed).map((of) => of.length));
    expect(stages.map((stage) => stage.examples)).toEqual(Object.values(listed).map((of) => of.slice(0, 10)));
    expect(Object.values(listed).flat().toSorted()).toEqual(macs.toSorted());
    expect(listed.half.length, 'more than fit one page of the list').toBeGreaterThan(7);

    const reached = new Set<string>();
    for (const stage of ['own', 'half', 'everyone'] as const) {
      await move(stage === 'own' ? 'start' : 'promote');
      const offered: string[] = [];
      for (const mac of macs) if ((await line.checkIn(mac, '1.0.0', chip)).update_available) offered.push(mac);
      expect(offered.filter((mac) => !reached.has(mac))).toEqual(listed[stage]);
      for (const mac of offered) reached.add(mac);
    }
  });

  test('says who is left out and why, one reason for each', async () => {
    await line.add('1.1.0', { chips: ['esp32', 'esp32s3'] });
    const left = {
      up_to_date: [await device('1.1.0')],
      newer_than_target: [await device('2.0.0')],
      version_unreadable: [await device('nightly')],
      no_image_for_chip: [await device('1.0.0', { chip: 'esp32c3' })],
      slot_too_small: [await device('1.0.0', { ...chip, slot_bytes: 16 })],
      chip_unknown: [await device('1.0.0', {}), await device('1.0.0', {})],
      known_bad: await devices(1),
    };
    const [bad = ''] = left.known_bad;
    const taken = [await device('0.9.0'), await device('1.0.0', { ...chip, boot: { state: 'trial' } })];
    const [, resting = ''] = [bad, ...(await devices(1))];
    // An earlier rollout of the same build, which one device rolled back and the network kept from another.
    await create('urgent');
    await move('start');
    await line.offer(bad, '1.0.0', chip);
    await line.checkIn(bad, '1.1.0', { ...chip, ...ON_TRIAL });
    await line.checkIn(bad, '1.0.0', { ...chip, ...CAME_BACK });
    await line.report(resting, await line.offer(resting, '1.0.0', chip), 1, 'failed', { error_code: 'connect' });
    expect(await line.checkIn(resting, '1.0.0', chip)).toMatchObject({ reason: 'backing_off' });
    await move('abort');
    name = `${name}-again`;
    await create();
    const found = await preview();
    expect(Object.fromEntries(found.left_out.map(({ reason, examples }) => [reason, examples]))).toEqual(left);
    expect(found.left_out[0]).toEqual({
      reason: 'chip_unknown',
      text: 'the check-in does not name the chip, and there are several images, or it named another chip before',
      devices: 2,
      examples: left.chip_unknown,
    });
    const all = [...(await list('own')), ...(await list('half')), ...(await list('everyone'))];
    expect(all.toSorted(), 'a rest or a trial leaves nobody out').toEqual([...taken, resting].toSorted());
    expect(found.total).toBe(taken.length + 1 + Object.values(left).flat().length);
  });

  test('of an open rollout tells what is open from what is to come, whatever holds it for now', async () => {
    await line.add('1.1.0');
    const [own = '', late = '', ...others] = await devices(12);
    await addLabel(own);
    await create();
    await move('start');
    server.clock.advance(1);
    await addLabel(late);
    await server.admin('createSchedule', {
      body: { name: `nights-${line.product}`, cron: '0 3 * * *', action: 'window', rollout: name, duration_s: 600 },
    });
    await move('pause');
    expect(await line.checkIn(own, '1.0.0', chip)).toMatchObject({ update_available: false });
    const { status, stages, warnings } = await preview();
    expect({ status, warnings }).toEqual({ status: 'paused', warnings: [] });
    expect(stages[0]).toMatchObject({ stage: 'own', opened: true, devices: 1, examples: [own] });
    expect(await list('half'), 'its label counts from the next stage on').toContain(late);
    expect(stages.map((stage) => stage.devices).reduce((sum, count) => sum + count, 0)).toBe(others.length + 2);
    await server.admin('deleteSchedule', { params: { name: `nights-${line.product}` } });
  });

  test('counts the silent ones, and who is in no stage', async () => {
    await line.add('1.1.0');
    const macs = await devices(3);
    await addLabel(...macs.slice(0, 2));
    server.clock.advance(DAY_S);
    await line.checkIn(macs[1] ?? '', '1.0.0', chip);
    const stage = { name: 'own', label, percentage: 100, ...manual };
    await server.admin('setPlan', { params: { name: 'own-only' }, body: { stages: [stage] } });
    await create('own-only');
    expect(await preview()).toMatchObject({
      stages: [{ devices: 2, silent: 1 }],
      not_in_any_stage: 1,
      total: 3,
      left_out: [],
    });
    const other = new ProductLine(server);
    await other.newDevice('1.0.0');
    expect(await preview(), 'devices of another product do not count').toMatchObject({ total: 3 });
  });

  test('counts each device of a large fleet once, and so does the answer to a label that goes', async () => {
    await line.add('1.1.0');
    const macs = Array.from({ length: 520 }, () => line.newMac());
    await Promise.all(macs.map(async (mac) => line.checkIn(mac, '1.0.0', chip)));
    await addLabel(...macs);
    await create();
    expect(await preview()).toMatchObject({ total: 520, stages: [{ devices: 520 }, { devices: 0 }, { devices: 0 }] });
    expect((await list('own', 300)).toSorted()).toEqual(macs.toSorted());
    await move('start');
    const { body } = await server.tryAdmin('deleteLabel', { params: { name: label } });
    const counts = JSON.stringify(body).match(/and (\d+) more would leave it/g) ?? [];
    expect(counts.reduce((sum, text) => sum + 2 + Number(/\d+/.exec(text)), 0)).toBe(520);
  });

  test('leaves out what runs a blocked build and rolls back first', async () => {
    await line.makeStable('1.0.0');
    await line.makeStable('1.0.5');
    await line.block('1.0.5');
    const blocked = await device('1.0.5');
    await line.add('1.1.0');
    await create();
    expect(await preview()).toMatchObject({
      left_out: [{ reason: 'blocked_go_back', devices: 1, examples: [blocked] }],
    });
  });

  test('takes a device that goes by a required version, and one that is on the way back from this very build', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await create('urgent');
    await move('start');
    const tried = await device();
    await line.offer(tried, '1.0.0', chip);
    await line.checkIn(tried, '1.1.0', chip);
    await server.admin('abortRollout', { params: { name }, body: { revert: true } });
    await line.add('1.0.5');
    const requiredVersion = { params: { version: '1.0.5' }, query: { product: line.product }, body: {} };
    await server.admin('setRequired', requiredVersion);
    const old = await device();
    name = `${name}-again`;
    await create();
    const { stages, left_out } = await preview();
    expect(stages.flatMap(({ examples }) => examples)).toEqual([old]);
    expect(left_out, 'a start ends the way back').toMatchObject([{ reason: 'up_to_date', examples: [tried] }]);
  });

  test('leaves to another open rollout what is in its plan too', async () => {
    await line.add('1.1.0');
    await line.add('1.2.0');
    const [shared = '', own = ''] = await devices(2);
    const stage = (of: string) => ({ stages: [{ name: 'only', label: of, percentage: 100, ...manual }] });
    await server.admin('setPlan', { params: { name: 'one' }, body: stage(label) });
    await server.admin('setPlan', { params: { name: 'two' }, body: stage(`two-${label}`) });
    await addLabel(shared, own);
    await create('one');
    await move('start');
    const other = { version: '1.2.0', product: line.product, plan: 'two', name: `other-${name}` };
    await server.admin('createRollout', { body: other });
    server.clock.advance(1);
    await server.admin('startRollout', { params: { name: other.name }, body: {} });
    await server.admin('labelDevice', { params: { device: shared, name: `two-${label}` }, query: { confirm: 'true' } });
    expect(await preview()).toMatchObject({
      stages: [{ devices: 1, examples: [own] }],
      left_out: [{ reason: 'other_rollout', devices: 1, examples: [shared] }],
    });
  });

  test('warns of what stands in the way of a start', async () => {
    await line.add('1.1.0', { ready: false });
    await create();
    expect((await preview()).warnings).toEqual([
      `firmware ${line.product} 1.1.0 is not marked pilot ready: otter firmware ready 1.1.0`,
      `no device of product ${line.product} has checked in yet`,
    ]);
    const macs = await devices(2);
    expect((await preview()).warnings).toContain(
      `stage own takes nobody: no device of ${line.product} has label ${label}: otter device label MAC ${label}`,
    );
    await addLabel(...macs);
    const { stages, warnings } = await preview();
    expect(
      stages.map((stage) => stage.devices),
      'as if it were ready',
    ).toEqual([2, 0, 0]);
    expect(warnings.slice(1)).toEqual([
      'stage half takes nobody: its devices are in an earlier stage, above its percentage, or left out',
      'stage everyone takes nobody: its devices are in an earlier stage, above its percentage, or left out',
    ]);
    await line.add('1.2.0');
    await server.admin('createRollout', { body: { version: '1.2.0', product: line.product, name: `other-${name}` } });
    await server.admin('startRollout', { params: { name: `other-${name}` }, body: {} });
    await server.admin('setPilotReady', { params: { version: '1.1.0' }, query: { product: line.product }, body: {} });
    expect((await preview()).warnings[0]).toBe(
      `rollout other-${name} (1.2.0) is running and wants the same devices (2 now): complete or abort it before this one starts, or start with --supersede`,
    );
  });

  test('is of a rollout that is there and has not ended, and of a stage that it has', async () => {
    await line.add('1.1.0');
    await create();
    const stage = async (query: Readonly<Record<string, string>>) =>
      server.tryAdmin('getPreviewDevices', { params: { name }, query });
    const refused = (status: number, code: string, message: RegExp) => ({
      status,
      body: { error: { code, message: expect.stringMatching(message) } },
    });
    expect(await stage({ stage: 'nowhere' })).toMatchObject(refused(400, 'field_invalid', /has no stage nowhere/));
    expect(await stage({})).toMatchObject(refused(400, 'field_invalid', /stage: is missing/));
    expect(await stage({ stage: 'own', cursor: 'x' })).toMatchObject(refused(400, 'cursor_invalid', /cursor/));
    expect(await stage({ stage: 'own', limit: '501' })).toMatchObject(refused(400, 'limit_invalid', /limit/));
    const nowhere = { params: { name: 'nowhere' } };
    expect(await server.tryAdmin('previewRollout', nowhere)).toMatchObject({ status: 404 });
    await move('abort');
    expect(await server.tryAdmin('previewRollout', { params: { name } })).toMatchObject(
      refused(409, 'invalid_transition', /is aborted: it has ended/),
    );
  });
});
