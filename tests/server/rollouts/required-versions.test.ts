// Required versions: a build that devices must not skip on their way to a newer one. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(DIALECTS)('a required version on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    for (const version of ['1.1.0', '1.2.0', '1.3.0', '1.4.0']) await line.add(version);
  });
  afterAll(async () => server.end());

  const isRequired = async (version: string, required = true) =>
    server.admin('setRequired', { params: { version }, query: { product: line.product }, body: { required } });
  const step = async (mac: string, from: string): Promise<string> => {
    const answer = await line.checkIn(mac, from);
    if (!answer.update_available) return answer.reason;
    const { version } = answer.manifest ?? { version: '' };
    await line.report(mac, answer.assignment_id ?? 0, 1, 'downloading');
    await line.checkIn(mac, version, ON_TRIAL);
    return version;
  };

  test('is passed by a device that was away for months, one after the other', async () => {
    expect(await isRequired('1.1.0')).toMatchObject({ required: true });
    await isRequired('1.3.0');
    await line.rollOut('1.4.0', 'complete');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'required_version' });
    const way = ['1.0.0'];
    for (let steps = 0; steps < 4; steps += 1) way.push(await step(mac, way.at(-1) ?? ''));
    expect(way).toEqual(['1.0.0', '1.1.0', '1.3.0', '1.4.0', 'up_to_date']);
    expect((await line.assignments(mac)).map(({ version, state }) => `${version} ${state}`)).toEqual([
      '1.4.0 confirmed',
      '1.3.0 confirmed',
      '1.1.0 confirmed',
    ]);
  });

  test('is not for devices that have passed it, nor for those that go nowhere near', async () => {
    await isRequired('1.2.0');
    await line.rollOut('1.4.0', 'expand');
    expect(await line.checkIn(line.newMac(), '1.2.0')).toMatchObject({ reason: 'update' });
    expect(await line.checkIn(line.newMac(), '1.3.0')).toMatchObject({ manifest: { version: '1.4.0' } });
    await isRequired('1.2.0', false);
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ manifest: { version: '1.4.0' } });
  });

  test('that is blocked is not skipped either: the device waits, and explain says for what', async () => {
    await isRequired('1.2.0');
    await line.block('1.2.0');
    await line.rollOut('1.4.0', 'expand');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: false, reason: 'firmware_withdrawn' });
    expect(await line.explain(mac)).toMatchObject({ to_change: expect.stringContaining('required version') });
    await isRequired('1.2.0', false);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ manifest: { version: '1.4.0' } });
  });

  test('that a device rolled back is not offered to it again', async () => {
    await isRequired('1.2.0');
    await line.rollOut('1.4.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.2.0', ON_TRIAL);
    expect(await line.checkIn(mac, '1.0.0', CAME_BACK)).toMatchObject({ reason: 'known_bad' });
  });

  test('that is confirmed is not a confirmation of the rollout', async () => {
    await isRequired('1.2.0');
    const pilot = await line.newDevice('1.0.0', ['pilot']);
    await line.rollOut('1.4.0');
    await step(pilot, '1.0.0');
    await line.checkIn(pilot, '1.2.0');
    expect(await line.outcomes('1.4.0', 'pilot')).toMatchObject({ targeted: 1, healthy: 0, waiting: 1 });
    await step(pilot, '1.2.0');
    await line.checkIn(pilot, '1.4.0');
    expect(await line.outcomes('1.4.0', 'pilot')).toMatchObject({ targeted: 1, healthy: 1, waiting: 0 });
  });
});
