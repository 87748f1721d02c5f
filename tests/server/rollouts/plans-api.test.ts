// Plans that are made by the API, beside those that are built in and those of the file. On both databases.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ListedPlan, NewPlan } from '#protocol/admin/rollouts.ts';
import { MAX_PLANS } from '#protocol/limits.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const FILE = 'plans:\n  - name: of-the-file\n    stages: [{name: everyone, label: general}]\n';
const everyone = { name: 'everyone', label: 'general', percentage: 100, promotion: 'manual' } as const;
const gate = {
  min_confirmed: 5,
  max_failed: 0,
  max_failed_pct: 2.5,
  max_silent_pct: 20,
  soak_s: 60,
  on_halt: 'revert',
} as const;
const window = { cron: '0 2 * * *', timezone: 'Europe/Berlin', duration_s: 3_600, device_local: true };
const PLAN: NewPlan = {
  description: 'own boards, then all',
  stages: [{ name: 'own', label: 'lab', percentage: 50, promotion: 'auto', gate, window, max_in_flight: 7 }, everyone],
};

describe.each(DIALECTS)('a plan of the API on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: FILE });
  });
  beforeEach(() => {
    line = new ProductLine(server);
  });
  afterAll(async () => server.end());

  const set = async (name: string, body: unknown) => server.tryAdmin('setPlan', { params: { name }, body });
  const remove = async (name: string) => server.tryAdmin('deletePlan', { params: { name } });
  const sources = async () => (await server.admin('getPlans')).items.map(({ name, source }) => `${name} ${source}`);
  const refusal = (code: string, message: RegExp, status = 409) => ({
    status,
    body: { error: { code, message: expect.stringMatching(message) } },
  });

  test('is made, read, replaced and removed; each says where it comes from', async () => {
    const before = await sources();
    expect(before).toEqual([
      'default built_in',
      'careful built_in',
      'urgent built_in',
      'steady built_in',
      'of-the-file file',
    ]);
    const expected: ListedPlan = {
      name: 'mine',
      description: 'own boards, then all',
      stages: PLAN.stages,
      source: 'api',
    };
    expect(await set('mine', PLAN)).toMatchObject({ status: 200, body: expected });
    expect(await server.admin('getPlan', { params: { name: 'mine' } })).toEqual(expected);
    expect(await sources()).toEqual([...before, 'mine api']);
    expect(await set('mine', { stages: [everyone] })).toMatchObject({ status: 200, body: { description: '' } });
    expect(await server.admin('getPlan', { params: { name: 'mine' } })).toMatchObject({ stages: [everyone] });
    expect(await remove('mine')).toMatchObject({ status: 200, body: { name: 'mine' } });
    expect(await sources()).toEqual(before);
    expect(await remove('mine')).toMatchObject(refusal('plan_unknown', /no plan mine/, 404));
    const { items } = await server.admin('listAudit', { query: { subject: 'mine', sort: 'id' } });
    expect(items).toMatchObject([
      { action: 'plan.set', details: { new: true, stages: ['own', 'everyone'] } },
      { action: 'plan.set', details: { new: false, stages: ['everyone'] } },
      { action: 'plan.delete' },
    ]);
  });

  test('that says what is there already changes nothing', async () => {
    await set('same', PLAN);
    expect(await set('same', PLAN)).toMatchObject({ status: 200, body: { name: 'same' } });
    expect((await server.admin('listAudit', { query: { subject: 'same' } })).items).toHaveLength(1);
    await remove('same');
  });

  test('is copied into a rollout, which neither a change nor the removal reaches', async () => {
    await set('mine', PLAN);
    await line.add('1.1.0');
    const { name, stages } = await server.admin('createRollout', {
      body: { version: '1.1.0', product: line.product, plan: 'mine' },
    });
    expect(stages).toMatchObject([
      { stage: 'own', label: 'lab', percentage: 50, promotion: 'auto', gate },
      { stage: 'everyone', label: 'general', percentage: 100, promotion: 'manual', gate: null },
    ]);
    const rollout = async () => (await server.admin('getRollout', { params: { name } })).stages;
    await set('mine', { stages: [everyone] });
    expect(await rollout()).toEqual(stages);
    await remove('mine');
    expect(await rollout()).toEqual(stages);
  });

  test('says how long a rollout is watched after it completed', async () => {
    expect(await set('watched-briefly', { ...PLAN, watch_s: 7_200 })).toMatchObject({
      status: 200,
      body: { watch_s: 7_200 },
    });
    expect(await server.admin('getPlan', { params: { name: 'watched-briefly' } })).toMatchObject({ watch_s: 7_200 });
    expect(await server.tryAdmin('deletePlan', { params: { name: 'watched-briefly' } })).toMatchObject({ status: 200 });
  });

  test('cannot take the name of one that is built in, or that the file has', async () => {
    expect(await set('careful', PLAN)).toMatchObject(refusal('name_reserved', /careful is built in/));
    expect(await remove('careful')).toMatchObject(refusal('name_reserved', /careful is built in/));
    const fromFile = refusal('plan_from_file', /of-the-file comes from config\/plans\.yaml/);
    expect(await set('of-the-file', PLAN)).toMatchObject(fromFile);
    expect(await remove('of-the-file')).toMatchObject(fromFile);
  });

  test.each([
    ['no stages', {}, 'field_invalid', /stages: is missing/],
    ['an empty list', { stages: [] }, 'field_invalid', /stages: /],
    ['eleven stages', { stages: Array.from({ length: 11 }, () => everyone) }, 'field_invalid', /stages: .*10/],
    ['a stage without label', { stages: [{ name: 'a' }] }, 'field_invalid', /stages\.0\.label: is missing/],
    ['a name in capitals', { stages: [{ ...everyone, name: 'A' }] }, 'field_invalid', /stages\.0\.name: /],
    ['no devices', { stages: [{ ...everyone, percentage: 0 }] }, 'field_invalid', /stages\.0\.percentage: .*1/],
    ['half a percent', { stages: [{ ...everyone, percentage: 0.5 }] }, 'field_invalid', /percentage: .*integer/],
    ['an unknown promotion', { stages: [{ ...everyone, promotion: 'cron' }] }, 'field_invalid', /one of manual, auto/],
    ['a misspelt member', { stages: [{ ...everyone, percent: 5 }] }, 'field_unknown', /stages\.0\.percent/],
    [
      'a misspelt member of a gate',
      { stages: [{ ...everyone, gate: { min_confirmed: 1, max_fail: 1 } }] },
      'field_unknown',
      /stages\.0\.gate\.max_fail/,
    ],
    ['a name in the body', { name: 'mine', stages: [everyone] }, 'field_unknown', /name/],
    ['a description of two lines', { description: 'a\nb', stages: [everyone] }, 'control_char', /description/],
    [
      'two stages of one name',
      { stages: [everyone, everyone] },
      'field_invalid',
      /stages\.1\.name: .*"everyone" is taken/,
    ],
    [
      'promotion by a gate that is not there',
      { stages: [{ ...everyone, promotion: 'auto' }] },
      'field_invalid',
      /stages\.0\.gate: is required for promotion auto/,
    ],
    [
      'a window without duration',
      { stages: [{ ...everyone, window: { cron: '0 2 * * *', timezone: 'UTC' } }] },
      'field_invalid',
      /stages\.0\.window\.duration_s: is missing/,
    ],
    [
      'a misspelt member of a window',
      { stages: [{ ...everyone, window: { ...window, zone: 'UTC' } }] },
      'field_unknown',
      /stages\.0\.window\.zone/,
    ],
    [
      'a window at no time',
      { stages: [everyone, { ...everyone, name: 'b', window: { ...window, cron: '0 2 * *' } }] },
      'field_invalid',
      /stages\.1\.window\.cron: "0 2 \* \*" has 4 fields/,
    ],
    [
      'a window in no time zone',
      { stages: [{ ...everyone, window: { ...window, timezone: 'Europe/Berlim' } }] },
      'field_invalid',
      /stages\.0\.window\.timezone: Europe\/Berlim is not a known time zone/,
    ],
    [
      'a window of the device that opens on Mondays',
      { stages: [{ ...everyone, window: { ...window, cron: '0 2 * * 1' } }] },
      'field_invalid',
      /stages\.0\.window\.cron: .*names more than one time of every day/,
    ],
    [
      'a share that shrinks',
      { stages: [everyone, { ...everyone, name: 'few', percentage: 99 }] },
      'field_invalid',
      /stages\.1\.percentage: stage few takes a smaller share/,
    ],
  ])('with %s is refused', async (_, body, code, message) => {
    expect(await set('wrong', body)).toMatchObject(refusal(code, message, 400));
    expect(await server.tryAdmin('getPlan', { params: { name: 'wrong' } })).toMatchObject({ status: 404 });
  });

  test('is one of as many as there may be', async () => {
    for (let index = 0; index < MAX_PLANS; index += 1)
      expect(await set(`plan-${index}`, { stages: [everyone] })).toMatchObject({ status: 200 });
    expect(await set('one-more', { stages: [everyone] })).toMatchObject(refusal('plan_limit', /100 plans/));
    expect(await set('plan-7', PLAN), 'one that is there can be changed').toMatchObject({ status: 200 });
    for (let index = 0; index < MAX_PLANS; index += 1) await remove(`plan-${index}`);
  });
});

test('a plan of the API steps back where the file names it too, and is there again when the file does not', async () => {
  const first = await startTestServer();
  await first.admin('setPlan', { params: { name: 'of-the-file' }, body: PLAN });
  await first.stop();
  writeFileSync(join(first.home, 'config/plans.yaml'), FILE);
  const second = await startTestServer({ like: first });
  expect((await second.admin('getPlans')).items.filter(({ name }) => name === 'of-the-file')).toMatchObject([
    { source: 'file', stages: [{ name: 'everyone' }] },
  ]);
  await second.stop();
  writeFileSync(join(first.home, 'config/plans.yaml'), 'plans: []\n');
  const third = await startTestServer({ like: first });
  expect(await third.admin('getPlan', { params: { name: 'of-the-file' } })).toMatchObject({ source: 'api', ...PLAN });
  await third.end();
});
