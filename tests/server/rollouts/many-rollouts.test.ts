// More rollouts are open than are read at once: the gate of the last one acts as that of the first, and the status says
// that there are more than it shows. On both databases.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const ROLLOUTS = 101;

const PLAN = {
  stages: [
    { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'auto', gate: { min_confirmed: 1, max_failed: 0 } },
    { name: 'all', label: 'general', percentage: 100, promotion: 'manual' },
  ],
} as const;

describe.each(DIALECTS)('of 101 open rollouts on %s', (dialect) => {
  let server: TestServer;
  let last: ProductLine;
  let pilot: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    await server.admin('setPlan', { params: { name: 'two' }, body: PLAN });
    for (let count = 1; count < ROLLOUTS; count += 1) await open(new ProductLine(server));
    last = new ProductLine(server);
    pilot = await last.newDevice('1.0.0', ['pilot']);
    await open(last);
  });
  afterAll(async () => server.end());

  const open = async (line: ProductLine): Promise<void> => {
    await line.add('1.1.0');
    const { name } = await server.admin('createRollout', {
      body: { version: '1.1.0', product: line.product, plan: 'two', name: line.rolloutName('1.1.0') },
    });
    await server.admin('startRollout', { params: { name }, body: {} });
  };

  test('the status shows 100, and says that there are more', async () => {
    const { rollouts, warnings } = await server.admin('getStatus');
    expect(rollouts).toHaveLength(100);
    expect(warnings).toEqual([expect.stringContaining('101 rollouts are open')]);
  });

  test('the gate of the last one acts with the tick', async () => {
    await last.take(pilot, '1.0.0');
    await last.checkIn(pilot, '1.1.0', ON_TRIAL);
    await last.checkIn(pilot, '1.1.0');
    expect(await last.rollout('1.1.0')).toMatchObject({ stage: 'pilot' });
    await server.tick();
    expect(await last.rollout('1.1.0')).toMatchObject({ stage: 'all' });
  });
});
