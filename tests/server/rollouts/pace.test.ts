// The pace of a stage: how many devices are in the middle of an update at once, and how many begin one in a minute. Counted
// in the transaction of the offer, so that it holds whatever comes at once, at several servers.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CAME_BACK, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PLANS = `plans:
  - name: narrow
    stages: [{name: all, label: general, max_in_flight: 3}]
  - name: slow
    stages: [{name: all, label: general, max_offers_per_minute: 2}]
  - name: widening
    stages:
      - {name: few, label: general, percentage: 100%, max_in_flight: 1}
      - {name: all, label: general}
`;

describe.each(DIALECTS)('the pace of a stage on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let name: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  const begin = async (plan: string): Promise<void> => {
    ({ name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } }));
    await server.admin('startRollout', { params: { name }, body: {} });
  };
  const reason = async (mac: string): Promise<string> => (await line.checkIn(mac, '1.0.0')).reason;

  test('lets so many devices be at it, and the next one when one of them has ended', async () => {
    await begin('narrow');
    const [first, second, third, fourth] = [line.newMac(), line.newMac(), line.newMac(), line.newMac()];
    for (const mac of [first, second, third]) expect(await reason(mac)).toBe('update');
    expect(await line.checkIn(fourth, '1.0.0')).toMatchObject({ update_available: false, reason: 'in_flight_limit' });
    expect(await reason(first), 'an offer that is out is made again').toBe('update');
    expect(await line.explain(fourth)).toMatchObject({
      reason: 'in_flight_limit',
      text: expect.stringContaining('3 of 3 devices in flight'),
      to_change: 'a device that is at it ends its update',
    });
    await line.checkIn(first, '1.1.0');
    expect(await reason(fourth)).toBe('update');
    expect(await reason(line.newMac())).toBe('in_flight_limit');
    await line.report(second, (await line.assignments(second))[0]?.id ?? 0, 1, 'failed', { error_code: 'sha256' });
    expect(await reason(line.newMac()), 'a failure makes room, too').toBe('update');
  });

  test('asks a device that waits for its turn to come back soon', async () => {
    await begin('narrow');
    for (let index = 0; index < 3; index += 1) await line.offer(line.newMac(), '1.0.0');
    const { poll_interval_s } = await line.checkIn(line.newMac(), '1.0.0');
    expect(poll_interval_s).toBeLessThanOrEqual(165);
  });

  test('holds for many that ask at once', async () => {
    await begin('narrow');
    const answers = await Promise.all(Array.from({ length: 40 }, async () => reason(line.newMac())));
    expect(answers.filter((answer) => answer === 'update')).toHaveLength(3);
    expect(answers.filter((answer) => answer === 'in_flight_limit')).toHaveLength(37);
  });

  test('lets so many devices begin in a minute', async () => {
    await begin('slow');
    expect(await reason(line.newMac())).toBe('update');
    server.clock.advance(30);
    expect(await reason(line.newMac())).toBe('update');
    const third = line.newMac();
    expect(await reason(third)).toBe('offers_per_minute');
    server.clock.advance(29);
    expect(await reason(third)).toBe('offers_per_minute');
    server.clock.advance(1);
    expect(await reason(third), 'the first one was a minute ago').toBe('update');
    expect(await reason(line.newMac())).toBe('offers_per_minute');
  });

  test('is that of the stage that opened last', async () => {
    await begin('widening');
    expect(await reason(line.newMac())).toBe('update');
    const second = line.newMac();
    expect(await reason(second)).toBe('in_flight_limit');
    await server.admin('promoteRollout', { params: { name }, body: {} });
    expect(await reason(second)).toBe('update');
    expect(await reason(line.newMac())).toBe('update');
  });

  test('never holds the way back', async () => {
    await line.makeStable('1.0.0');
    await begin('narrow');
    const macs = [line.newMac(), line.newMac(), line.newMac()];
    for (const mac of macs) {
      await line.offer(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0');
    }
    for (let index = 0; index < 3; index += 1) await line.offer(line.newMac(), '1.0.0');
    await server.admin('abortRollout', { params: { name }, body: { revert: true } });
    for (const mac of macs) expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ rollback: true });
  });

  test('counts a device that tries again', async () => {
    await begin('narrow');
    const [first, second, third] = [line.newMac(), line.newMac(), line.newMac()];
    const id = await line.offer(first, '1.0.0');
    await line.report(first, id, 1, 'failed', { error_code: 'connection_lost' });
    for (const mac of [second, third, line.newMac()]) expect(await reason(mac)).toBe('update');
    server.clock.advance(60);
    expect(await reason(first)).toBe('in_flight_limit');
    await line.checkIn(second, '1.0.0', { boot: { ...CAME_BACK.boot, rolled_back_from: '1.1.0' } });
    expect(await reason(first)).toBe('update');
  });
});

test('the pace holds over four servers on one database', async () => {
  const servers = [await startTestServer({ dialect: 'postgres', plans: PLANS })];
  const [first] = servers;
  if (first === undefined) throw new Error('no server');
  for (let index = 1; index < 4; index += 1) servers.push(await startTestServer({ like: first }));
  const line = new ProductLine(first);
  await line.add('1.1.0');
  const { name } = await first.admin('createRollout', {
    body: { version: '1.1.0', product: line.product, plan: 'narrow' },
  });
  await first.admin('startRollout', { params: { name }, body: {} });
  // A board comes again where a busy server has no place for it now.
  const ask = async (server: TestServer, mac: string): Promise<unknown> => {
    for (;;) {
      const { status, body } = await server.device('check-update', {
        mac,
        current_version: '1.0.0',
        labels: [],
        product: line.product,
      });
      if (status === 200) return body['update_available'];
      expect(status).toBe(503);
    }
  };
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => ask(servers[index % 4] ?? first, line.newMac())),
  );
  expect(answers.filter((isOffered) => isOffered === true)).toHaveLength(3);
  for (const server of servers.slice(1)) await server.stop();
  await first.end();
});
