// Several rollouts of one product at once: side by side where no device is in both, refused where one is, or the second
// takes its devices over. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PLANS = `plans:
  - name: north
    stages: [{name: north, label: north}]
  - name: south
    stages: [{name: south, label: south}]
  - name: both
    stages: [{name: north, label: north}, {name: south, label: south}]
  - name: everyone
    stages: [{name: few, label: general, percentage: 1%}, {name: all, label: general}]
`;

describe.each(BOTH)('rollouts of one product on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let north: string;
  let south: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    server.clock.advance(1);
    for (const version of ['1.1.0', '1.2.0']) await line.add(version);
    north = await line.newDevice('1.0.0', ['north']);
    south = await line.newDevice('1.0.0', ['south']);
  });
  afterAll(async () => server.end());

  const create = async (version: string, plan: string): Promise<string> =>
    (await server.admin('createRollout', { body: { version, product: line.product, plan } })).name;
  const start = async (version: string, plan: string, supersede?: boolean): Promise<string> => {
    const name = await create(version, plan);
    server.clock.advance(1);
    await server.admin('startRollout', { params: { name }, body: supersede === undefined ? {} : { supersede } });
    return name;
  };
  const offered = async (mac: string): Promise<string | undefined> =>
    (await line.checkIn(mac, '1.0.0')).manifest?.version;
  const statusOf = async (name: string) => (await server.admin('getRollout', { params: { name } })).status;

  test('go side by side where no device is in both', async () => {
    await start('1.1.0', 'north');
    await start('1.2.0', 'south');
    expect(await offered(north)).toBe('1.1.0');
    expect(await offered(south)).toBe('1.2.0');
    expect(await offered(await line.newDevice('1.0.0'))).toBeUndefined();
  });

  test('are refused where devices are in both, with how many and one of them', async () => {
    const first = await start('1.1.0', 'north');
    const second = await create('1.2.0', 'both');
    const refused = await server.tryAdmin('startRollout', { params: { name: second }, body: {} });
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'rollout_conflict' } } });
    const { message, hint } = (refused.body as { error: { message: string; hint: string } }).error;
    expect(message).toContain(`rollout ${first}`);
    expect(message).toContain('1 now');
    expect(message).toContain(north);
    expect(hint).toContain('supersede');
    expect(await statusOf(second)).toBe('draft');
    expect(await offered(north)).toBe('1.1.0');
  });

  test('for every device overlap with everything, even with no device in both', async () => {
    const empty = new ProductLine(server);
    for (const version of ['1.1.0', '1.2.0']) await empty.add(version);
    await empty.rollOut('1.1.0', 'pilot');
    await empty.rollOut('1.2.0', 'draft');
    const params = { name: empty.rolloutName('1.2.0') };
    expect(await server.tryAdmin('startRollout', { params, body: {} })).toMatchObject({
      status: 409,
      body: { error: { code: 'rollout_conflict' } },
    });
  });

  test('that supersede take their devices over; the rest goes on', async () => {
    const first = await start('1.1.0', 'both');
    await server.admin('promoteRollout', { params: { name: first }, body: {} });
    expect(await offered(north)).toBe('1.1.0');
    expect(await offered(south)).toBe('1.1.0');
    await start('1.2.0', 'south', true);
    expect(await statusOf(first)).toBe('running');
    expect(await offered(south)).toBe('1.2.0');
    expect(await offered(north)).toBe('1.1.0');
    expect(await line.assignments(south)).toMatchObject([
      { version: '1.2.0', state: 'offered' },
      { version: '1.1.0', state: 'superseded' },
    ]);
  });

  test('that supersede hold back devices of stages that have not opened', async () => {
    const first = await start('1.1.0', 'south');
    await start('1.2.0', 'everyone', true);
    // The second is at 1 % of all: whoever it takes later is not updated twice.
    expect(await statusOf(first)).toBe('aborted');
    expect(await offered(south)).toBeUndefined();
  });

  test('that supersede whole ones end them, with the reason', async () => {
    const first = await start('1.1.0', 'north');
    const second = await start('1.2.0', 'both', true);
    const { status, ended_reason } = await server.admin('getRollout', { params: { name: first } });
    expect({ status, ended_reason }).toEqual({ status: 'aborted', ended_reason: `superseded by ${second}` });
    expect(await offered(north)).toBe('1.2.0');
    const { items } = await server.admin('listAudit', { query: { subject: second, action: 'rollout.start' } });
    expect(items).toMatchObject([{ details: { supersedes: [first] } }]);
  });

  test('may start again side by side after one of them has ended', async () => {
    const first = await start('1.1.0', 'north');
    await server.admin('abortRollout', { params: { name: first }, body: {} });
    await start('1.2.0', 'both');
    expect(await offered(north)).toBe('1.2.0');
  });

  test('for some labels are stable for the devices with those labels alone', async () => {
    const first = await start('1.1.0', 'north');
    await server.admin('promoteRollout', { params: { name: first }, body: {} });
    expect(await statusOf(first)).toBe('complete');
    expect(await offered(await line.newDevice('1.0.0', ['north'])), 'a new one with the label').toBe('1.1.0');
    expect(await offered(south)).toBeUndefined();
    expect(await line.checkIn(south, '1.0.0')).toMatchObject({ reason: 'nothing_to_offer' });
    const { items } = await server.admin('listFirmware', { query: { product: line.product } });
    expect(items.map(({ stable }) => stable)).toEqual([false, false]);
  });
});
