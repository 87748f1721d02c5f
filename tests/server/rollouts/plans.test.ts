// Plans: what a rollout is made from, and stages that take a share of the fleet. On both databases.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const SHARES = `plans:
  - name: by-shares
    description: pilot, a third, all
    stages:
      - {name: first, label: pilot}
      - {name: third, label: general, percentage: 33%}
      - {name: all, label: general}
  - name: at-once
    stages: [{name: everyone, label: general}]
  - name: lab-twice
    stages: [{name: a, label: pilot}, {name: b, label: lab, percentage: 50%}]
`;

describe.each(DIALECTS)('a plan on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: SHARES });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const create = async (body: Readonly<Record<string, string>>) =>
    server.admin('createRollout', { body: { version: '1.1.0', product: line.product, ...body } });
  const tryCreate = async (body: Readonly<Record<string, string>>) =>
    server.tryAdmin('createRollout', { body: { version: '1.1.0', product: line.product, ...body } });
  const move = async (name: string, command: 'start' | 'promote') =>
    server.admin(`${command}Rollout`, { params: { name }, body: {} });

  test('is listed with those that are built in', async () => {
    const { items } = await server.admin('getPlans');
    expect(items.map(({ name }) => name)).toEqual([
      'default',
      'careful',
      'urgent',
      'steady',
      'by-shares',
      'at-once',
      'lab-twice',
    ]);
    expect(await server.admin('getPlan', { params: { name: 'by-shares' } })).toEqual(items[4]);
    expect(await server.tryAdmin('getPlan', { params: { name: 'nowhere' } })).toMatchObject({
      status: 404,
      body: { error: { code: 'plan_unknown', hint: expect.stringContaining('by-shares') } },
    });
  });

  test('names the rollout and gives it its stages', async () => {
    await line.add('1.1.0');
    expect(await create({})).toMatchObject({ name: `${line.product}-1.1.0`, plan: 'default' });
    expect(await create({ plan: 'by-shares' })).toMatchObject({
      name: `${line.product}-1.1.0-by-shares`,
      plan: 'by-shares',
      pilot_label: 'pilot',
      stages: [
        { stage: 'first', label: 'pilot', percentage: 100 },
        { stage: 'third', label: 'general', percentage: 33 },
        { stage: 'all', label: 'general', percentage: 100 },
      ],
    });
    expect(await create({ plan: 'by-shares', pilot_label: 'lab' })).toMatchObject({
      pilot_label: 'lab',
      stages: [{ label: 'lab' }, { label: 'general' }, { label: 'general' }],
    });
    expect(await server.tryAdmin('deleteLabel', { params: { name: 'lab' } })).toMatchObject({
      status: 409,
      body: { error: { code: 'confirmation_needed' } },
    });
  });

  test('is refused where it is unknown, or has no place for the pilot label', async () => {
    await line.add('1.1.0');
    expect(await tryCreate({ plan: 'nowhere' })).toMatchObject({
      status: 404,
      body: { error: { code: 'plan_unknown' } },
    });
    const invalid = { status: 400, body: { error: { code: 'field_invalid' } } };
    expect(await tryCreate({ plan: 'at-once', pilot_label: 'lab' })).toMatchObject(invalid);
    expect(await tryCreate({ plan: 'lab-twice', pilot_label: 'lab' })).toMatchObject(invalid);
  });

  test('opens one stage after the other; a share only adds devices, and the last stage takes all', async () => {
    await line.add('1.1.0');
    const pilots = [await line.newDevice('1.0.0', ['pilot'])];
    const others: string[] = [];
    for (let index = 0; index < 30; index += 1) others.push(await line.newDevice('1.0.0'));
    const { name } = await create({ plan: 'by-shares' });
    const offered = async () => {
      const macs: string[] = [];
      for (const mac of [...pilots, ...others]) if ((await line.checkIn(mac, '1.0.0')).update_available) macs.push(mac);
      return macs;
    };
    expect(await move(name, 'start')).toMatchObject({ stage: 'first', target_label: 'pilot' });
    expect(await offered()).toEqual(pilots);

    expect(await move(name, 'promote')).toMatchObject({ status: 'running', stage: 'third', target_label: 'general' });
    const third = await offered();
    expect(third).toEqual(expect.arrayContaining(pilots));
    const taken = others.filter((mac) => third.includes(mac));
    const left = others.filter((mac) => !third.includes(mac));
    expect(taken.length).toBeGreaterThan(0);
    expect(left.length).toBeGreaterThan(0);
    const { stages } = await server.admin('getRollout', { params: { name } });
    expect(Math.abs((stages[1]?.outcomes.targeted ?? 0) - taken.length), 'the pilot may be one of them').toBeLessThan(
      2,
    );
    expect(await line.checkIn(left[0] ?? '', '1.0.0')).toMatchObject({ reason: 'percentage_not_reached' });
    const late = await line.newDevice('1.0.0', ['pilot']);
    expect((await line.checkIn(late, '1.0.0')).reason, 'its label came late').toMatch(
      /label_after|percentage_not|update/,
    );

    expect(await move(name, 'promote')).toMatchObject({ status: 'running', stage: 'all' });
    expect(await offered()).toEqual([...pilots, ...others]);
    expect(await move(name, 'promote')).toMatchObject({ status: 'complete', stage: 'all' });
  });

  test('that begins with everyone needs no pilot', async () => {
    await line.add('1.1.0');
    const { name } = await create({ plan: 'at-once' });
    const mac = await line.newDevice('1.0.0');
    expect(await move(name, 'start')).toMatchObject({ stage: 'everyone', pilot_label: 'general' });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
    expect(await move(name, 'promote')).toMatchObject({ status: 'complete' });
  });
});

test('a rollout keeps its stages when the plan is edited', async () => {
  const first = await startTestServer();
  writeFileSync(join(first.home, 'config/plans.yaml'), SHARES);
  await first.stop();
  const second = await startTestServer({ like: first });
  const line = new ProductLine(second);
  await line.add('1.1.0');
  const { name, stages } = await second.admin('createRollout', {
    body: { version: '1.1.0', product: line.product, plan: 'by-shares' },
  });
  await second.stop();
  writeFileSync(join(first.home, 'config/plans.yaml'), 'plans: []\n');
  const third = await startTestServer({ like: first });
  expect(await third.admin('getRollout', { params: { name } })).toMatchObject({ plan: 'by-shares', stages });
  await third.end();
});
