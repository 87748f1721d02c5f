// Boards whose offer was withdrawn before they took the build: a gate waits for those that get another one, and for no others. Over real
// HTTPS.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DAY_S = 86_400;

describe.each(DIALECTS)('the gate of a stage on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let name: string;
  let macs: readonly string[];
  /** The board that the stage waits for. */
  let third: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    name = line.rolloutName('1.1.0');
    await line.makeStable('1.0.0');
  });
  afterAll(async () => server.end());

  const begin = async (): Promise<void> => {
    await line.add('1.1.0');
    macs = [];
    for (let board = 0; board < 3; board += 1) macs = [...macs, await line.newDevice('1.0.0', ['pilot'])];
    third = macs[2] ?? '';
    server.clock.advance(2 * DAY_S);
    for (const mac of macs) await line.checkIn(mac, '1.0.0');
    const gate = { min_confirmed: 3, max_failed: 0, soak_s: 600 };
    const pilot = { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'auto', gate };
    const all = { name: 'all', label: 'general', percentage: 100, promotion: 'manual' };
    await server.admin('setPlan', { params: { name }, body: { stages: [pilot, all] } });
    server.clock.advance(1);
    await server.admin('createRollout', { body: { name, version: '1.1.0', product: line.product, plan: name } });
    await server.admin('startRollout', { params: { name }, body: {} });
  };
  const hold = async (device: string) =>
    server.admin('holdDevice', { params: { device }, body: { reason: 'at the fair' } });
  const release = async (device: string) => server.admin('releaseDevice', { params: { device } });
  /** The first two run the build; the third does this every five minutes. */
  const pass = async (seconds: number, act: () => Promise<unknown>): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += 300) {
      server.clock.advance(300);
      for (const mac of macs.slice(0, 2)) await line.checkIn(mac, '1.1.0');
      await act();
      await server.tick();
    }
  };
  const rollout = async () => server.admin('getRollout', { params: { name } });
  const waitingFor = async (query: Readonly<Record<string, string>>) =>
    (await server.admin('getWaiting', { params: { name }, query })).items.map(({ mac }) => mac);

  test.each([
    {
      what: 'whose label was taken off',
      withdraw: async () =>
        server.admin('unlabelDevice', { params: { device: third, name: 'pilot' }, query: { confirm: 'true' } }),
      goesOn: async () => line.checkIn(third, '1.0.0'),
    },
    {
      what: 'that is of another chip now, for which there is no image',
      withdraw: async () => line.checkIn(third, '1.0.0', { chip: 'esp32c3' }),
      goesOn: async () => line.checkIn(third, '1.0.0', { chip: 'esp32c3' }),
    },
    {
      what: 'that runs another product now',
      withdraw: async () => server.checkIn(third, '1.0.0', { product: 'elsewhere' }),
      goesOn: async () => server.checkIn(third, '1.0.0', { product: 'elsewhere' }),
    },
  ])('does not wait for a board $what after it was offered the build', async ({ withdraw, goesOn }) => {
    await begin();
    for (const mac of macs.slice(0, 2)) await line.update(mac, '1.0.0', '1.1.0');
    await line.offer(third, '1.0.0');
    await withdraw();
    await pass(3_600, goesOn);
    expect((await line.assignments(third)).at(-1)).toMatchObject({ state: 'superseded' });
    expect(await rollout()).toMatchObject({ status: 'running', stage: 'all' });
  });

  test('does not wait for a board that was held while it fetched the build, runs it all the same, and was released', async () => {
    await begin();
    for (const mac of macs.slice(0, 2)) await line.update(mac, '1.0.0', '1.1.0');
    const id = await line.take(third, '1.0.0');
    await hold(third);
    await line.report(third, id, 1, 'installing');
    await line.checkIn(third, '1.1.0', ON_TRIAL);
    await line.report(third, id, 2, 'confirmed');
    await line.checkIn(third, '1.1.0');
    await release(third);
    await pass(3_600, async () => line.checkIn(third, '1.1.0'));
    expect(await rollout()).toMatchObject({ status: 'running', stage: 'all' });
  });

  test('waits for a board that was held and released, which is offered the build again, and counts it once', async () => {
    await begin();
    for (const mac of macs.slice(0, 2)) await line.update(mac, '1.0.0', '1.1.0');
    await line.offer(third, '1.0.0');
    await hold(third);
    await release(third);
    await pass(3_600, async () => line.checkIn(third, '1.0.0', ON_TRIAL));
    const { stage, stages } = await rollout();
    expect(stage).toBe('pilot');
    expect(stages[0]?.outcomes).toMatchObject({ targeted: 3, healthy: 2, waiting: 1 });
    await line.update(third, '1.0.0', '1.1.0');
    await pass(3_600, async () => line.checkIn(third, '1.1.0'));
    expect(await rollout()).toMatchObject({ stage: 'all', stages: [{ outcomes: { targeted: 3, healthy: 3 } }, {}] });
  });

  test('names the rule that leaves such a board out, and lists it by that rule', async () => {
    await begin();
    await line.offer(third, '1.0.0');
    await line.checkIn(third, '1.0.0', { chip: 'esp32c3' });
    expect((await rollout()).left_out).toMatchObject([{ reason: 'no_image_for_chip', devices: 1, examples: [third] }]);
    expect(await waitingFor({ left_out: 'no_image_for_chip' })).toEqual([third]);
    expect((await rollout()).stages[0]?.outcomes.waiting, 'as many as are listed').toBe(3);
    expect((await waitingFor({ outcome: 'waiting' })).toSorted()).toEqual([...macs].toSorted());
  });

  test('does not wait for a board that let the offer of a required version on the way pass', async () => {
    await line.add('1.0.5');
    await server.admin('setRequired', {
      params: { version: '1.0.5' },
      query: { product: line.product },
      body: { required: true },
    });
    await begin();
    for (const mac of macs.slice(0, 2)) {
      await line.update(mac, '1.0.0', '1.0.5');
      await line.update(mac, '1.0.5', '1.1.0');
    }
    expect((await line.checkIn(third, '1.0.0')).manifest).toMatchObject({ version: '1.0.5' });
    await pass(8 * 3_600, async () => undefined);
    expect((await line.assignments(third))[0]).toMatchObject({ state: 'timed_out' });
    expect(await rollout()).toMatchObject({ status: 'running', stage: 'all' });
    // It is back, and its way goes on.
    await line.update(third, '1.0.0', '1.0.5');
    await line.update(third, '1.0.5', '1.1.0');
    expect((await rollout()).stages[0]?.outcomes).toMatchObject({ targeted: 3, soaking: 1 });
  });
});
