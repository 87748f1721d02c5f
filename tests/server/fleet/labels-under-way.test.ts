// A change of labels that touches a rollout under way is answered with what it would do, and done when it is said again with
// a yes. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewPlan } from '#protocol/admin/rollouts.ts';
import { bucketOf } from '#engine/facts/bucket.ts';
import { ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const manual = { percentage: 100, promotion: 'manual' } as const;
const YES = { query: { confirm: 'true' } };

describe.each(DIALECTS)('a label of a rollout under way on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  /** Labels of the first and the second stage. */
  let first: string;
  let second: string;
  let name: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    first = `first-${line.product}`;
    second = `second-${line.product}`;
    name = `spring-${line.product}`;
    server.clock.advance(1);
    const plan: NewPlan = {
      stages: [
        { name: 'pilot', label: first, ...manual },
        { name: 'shops', label: second, ...manual },
      ],
    };
    await server.admin('setPlan', { params: { name: 'two-labels' }, body: plan });
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  const create = async (plan = 'two-labels') => {
    await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan, name } });
  };
  const move = async (command: 'start' | 'promote' | 'pause' | 'abort') =>
    server.admin(`${command}Rollout`, { params: { name }, body: {} });
  const open = async () => {
    await create();
    await move('start');
    server.clock.advance(1);
  };
  const put = async (mac: string, label: string, more = {}) =>
    server.tryAdmin('labelDevice', { params: { device: mac, name: label }, ...more });
  const take = async (mac: string, label: string, more = {}) =>
    server.tryAdmin('unlabelDevice', { params: { device: mac, name: label }, ...more });
  const labelsOf = async (mac: string) => (await line.detail(mac)).device.labels;
  const asked = (message: string) => ({
    status: 409,
    body: {
      error: { code: 'confirmation_needed', message, hint: expect.stringMatching(/--yes \(confirm=true\)/) },
    },
  });
  const head = (label: string, stage: string, status = 'running') =>
    `label ${label} is stage ${stage} of rollout ${name} (${status}): `;

  test('is added only with a yes, which names the stage that takes the device', async () => {
    const mac = await line.newDevice('1.0.0');
    await open();
    expect(await put(mac, first)).toMatchObject(
      asked(`${head(first, 'pilot')}${mac} would join it when stage shops opens`),
    );
    expect(await put(mac, second)).toMatchObject(
      asked(`${head(second, 'shops')}${mac} would join it when stage shops opens`),
    );
    expect(await put(mac, first, { query: { confirm: 'false' } })).toMatchObject({ status: 409 });
    expect(await labelsOf(mac)).toEqual([]);
    expect((await server.admin('listLabels', { query: { limit: '500' } })).items.map((one) => one.name)).toContain(
      first,
    );
    expect(await put(mac, first, YES)).toMatchObject({ status: 200, body: { labels: [first] } });
    expect(await put(mac, first), 'it has it already').toMatchObject({ status: 200 });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'label_after_stage_opened' });
    await move('promote');
    expect(await line.checkIn(mac, '1.0.0'), 'as the answer said').toMatchObject({ update_available: true });
  });

  test('is said to change nothing where it does not', async () => {
    const pilot = await line.newDevice('1.0.0', [first]);
    await open();
    expect(await put(pilot, second)).toMatchObject(
      asked(`${head(second, 'shops')}${pilot} would stay in it by another stage`),
    );
    const other = await line.newDevice('1.0.0', [second]);
    expect(await put(other, first)).toMatchObject(
      asked(`${head(first, 'pilot')}${other} would join it when stage shops opens, with the label or without`),
    );
    await move('promote');
    server.clock.advance(1);
    const late = await line.newDevice('1.0.0');
    expect(await put(late, second)).toMatchObject(
      asked(`${head(second, 'shops')}${late} would not join it: no stage that is still to open takes it`),
    );
  });

  test('is removed only with a yes, which names the offer that ends', async () => {
    const [idle = '', loading = '', trying = ''] = await Promise.all(
      [1, 2, 3].map(async () => line.newDevice('1.0.0')),
    );
    const macs = [idle, loading, trying];
    for (const mac of macs) await put(mac, first);
    await open();
    await line.report(loading, await line.offer(loading, '1.0.0'), 1, 'downloading');
    await line.offer(trying, '1.0.0');
    await line.checkIn(trying, '1.1.0', { boot: { state: 'trial' } });
    await move('pause');
    const leaves = (mac: string) => `${head(first, 'pilot', 'paused')}${mac} would leave it at once`;
    expect(await take(idle, first)).toMatchObject(asked(leaves(idle)));
    expect(await take(loading, first)).toMatchObject(
      asked(`${leaves(loading)}; the open offer (downloading) would end`),
    );
    expect(await take(trying, first)).toMatchObject(asked(`${leaves(trying)} (trial: that goes on to its end)`));
    for (const mac of macs) expect(await labelsOf(mac)).toEqual([first]);
    await put(idle, second, YES);
    expect(await take(idle, first)).toMatchObject(asked(`${leaves(idle)} until stage shops opens`));
    expect(await take(idle, second)).toMatchObject(
      asked(`${head(second, 'shops', 'paused')}${idle} would stay in it by another stage`),
    );
    expect(await take(loading, first, YES)).toMatchObject({ status: 200, body: { labels: [] } });
    await line.checkIn(loading, '1.0.0');
    expect(await line.assignments(loading)).toMatchObject([{ state: 'superseded' }]);
    expect(await take(loading, first), 'it is off already').toMatchObject({ status: 200 });
  });

  test('is removed from a device that would only join later with a yes too', async () => {
    const waiting = await line.newDevice('1.0.0', [second]);
    await open();
    expect(await take(waiting, second)).toMatchObject(
      asked(`${head(second, 'shops')}${waiting} would not join it any more when stage shops opens`),
    );
    await put(waiting, first, YES);
    expect(await take(waiting, second)).toMatchObject(
      asked(`${head(second, 'shops')}${waiting} would join it when stage shops opens, with the label or without`),
    );
  });

  test('of the careful plan brings a device in ahead of its share, and the answer says when', async () => {
    await create('careful');
    const seed = await seedOf(name);
    let [ahead, outside] = ['', ''];
    while (ahead === '' || outside === '') {
      const mac = await line.newDevice('1.0.0');
      if (bucketOf(seed, mac) >= 2_500) ahead = mac;
      else if (bucketOf(seed, mac) >= 500) outside = mac;
    }
    await put(outside, 'pilot');
    await move('start');
    server.clock.advance(1);
    const pilot = `label pilot is stage pilot of rollout ${name} (running): `;
    expect(await put(ahead, 'pilot')).toMatchObject(asked(`${pilot}${ahead} would join it when stage few opens`));
    expect(await take(outside, 'pilot')).toMatchObject(
      asked(`${pilot}${outside} would leave it at once until stage some opens`),
    );
    await move('abort');
  });

  test('is added to many devices with one answer for all, and on none of them without a yes', async () => {
    const macs: string[] = [];
    for (let index = 0; index < 4; index += 1) macs.push(await line.newDevice('1.0.0'));
    const [one = '', two = '', three = '', four = ''] = macs;
    await put(four, second);
    await open();
    const all = async (confirm?: boolean) =>
      server.tryAdmin('labelDevices', {
        params: { name: first },
        body: { macs, ...(confirm === undefined ? {} : { confirm }) },
      });
    const answer = `${head(first, 'pilot')}${one}, ${two} and 1 more would join it when stage shops opens, ${four} would join it when stage shops opens, with the label or without`;
    expect(await all()).toMatchObject(asked(answer));
    expect(await all(false)).toMatchObject(asked(answer));
    expect(await labelsOf(three)).toEqual([]);
    expect(await all(true)).toMatchObject({ status: 200, body: { changed: 4 } });
    expect(await all(), 'all have it already').toMatchObject({ status: 200, body: { changed: 0 } });
  });

  test('is no matter for a draft, an ended rollout, another label or another product', async () => {
    const mac = await line.newDevice('1.0.0');
    const stranger = await new ProductLine(server).newDevice('1.0.0');
    await create();
    expect(await put(mac, first)).toMatchObject({ status: 200 });
    expect(await take(mac, first)).toMatchObject({ status: 200 });
    await move('start');
    expect(await put(stranger, first)).toMatchObject({ status: 200 });
    expect(await put(mac, `other-${line.product}`)).toMatchObject({ status: 200 });
    expect(await put(mac, first)).toMatchObject({ status: 409 });
    await move('abort');
    expect(await put(mac, first)).toMatchObject({ status: 200 });
    expect(await take(mac, first)).toMatchObject({ status: 200 });
  });

  test('is deleted only with a yes while a rollout that has not ended aims at it, draft or not', async () => {
    const mac = await line.newDevice('1.0.0');
    const remove = async (more = {}) => server.tryAdmin('deleteLabel', { params: { name: first }, ...more });
    await create();
    expect(await remove()).toMatchObject(asked(`${head(first, 'pilot', 'draft')}no device has it`));
    await put(mac, first);
    expect(await remove()).toMatchObject(
      asked(`${head(first, 'pilot', 'draft')}${mac} would not join it any more when stage pilot opens`),
    );
    await move('start');
    await line.offer(mac, '1.0.0');
    expect(await remove()).toMatchObject(
      asked(`${head(first, 'pilot')}${mac} would leave it at once; the open offer (offered) would end`),
    );
    expect(await labelsOf(mac)).toEqual([first]);
    expect(await remove(YES)).toMatchObject({ status: 200, body: { devices: 1 } });
    expect(await labelsOf(mac)).toEqual([]);
    expect(await remove()).toMatchObject({ status: 404, body: { error: { code: 'label_unknown' } } });
    await move('abort');
    await put(mac, second);
    expect(await server.tryAdmin('deleteLabel', { params: { name: second } })).toMatchObject({ status: 200 });
  });

  async function seedOf(rollout: string): Promise<number> {
    const database = await openRaw(server);
    const [row] = await database.query(`select seed from rollouts where name = '${rollout}'`);
    await database.close();
    return Number(row?.['seed']);
  }
});
