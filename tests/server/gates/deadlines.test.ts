// Deadlines at work: which offers end by time alone, and which stand still. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

/** Three polls of ten minutes, ten minutes of trial, and the download of a small image. */
const DEADLINE_S = 3 * 600 + 600 + 1;

describe.each(DIALECTS)('an offer on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  const stateAfter = async (mac: string, seconds: number): Promise<string | undefined> => {
    server.clock.advance(seconds);
    await server.tick();
    return (await line.assignments(mac))[0]?.state;
  };

  test('ends when its time is up, and not before', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    expect(await stateAfter(mac, DEADLINE_S - 60)).toBe('offered');
    expect(await stateAfter(mac, 60 + 5)).toBe('timed_out');
  });

  test('of a complete rollout ends, too', async () => {
    await line.rollOut('1.1.0', 'complete');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    expect(await stateAfter(mac, DEADLINE_S + 5)).toBe('timed_out');
  });

  test('stands still while the rollout is paused, and has its whole time when it goes on', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.move('1.1.0', 'pause');
    expect(await stateAfter(mac, 10 * DEADLINE_S)).toBe('offered');
    await line.move('1.1.0', 'resume');
    expect(await stateAfter(mac, DEADLINE_S - 60)).toBe('offered');
    expect(await stateAfter(mac, 60 + 5)).toBe('timed_out');
  });

  /** Checks in every 20 minutes for so long, and is offered the same each time. */
  const waitFor = async (mac: string, id: number, hours: number): Promise<void> => {
    for (let minute = 0; minute < hours * 60; minute += 20) {
      server.clock.advance(20 * 60);
      await server.tick();
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'update', assignment_id: id });
    }
  };

  test.each([
    ['that has reported the download', 36, ['downloading', 'downloaded']],
    ['that reports nothing', 23, []],
  ] as const)('does not end while a device %s waits %i h for an hour of its own', async (_, hours, reports) => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const id = await line.offer(mac, '1.0.0');
    for (const [index, status] of reports.entries()) await line.report(mac, id, index + 1, status);
    await waitFor(mac, id, hours);
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.1.0');
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed', attempt: 1 }]);
  });

  test('ends a while after the device that holds the image was heard of last', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const id = await line.offer(mac, '1.0.0');
    await line.report(mac, id, 1, 'downloaded');
    await waitFor(mac, id, 2);
    expect(await stateAfter(mac, 3 * 600)).toBe('downloaded');
    expect(await stateAfter(mac, 5)).toBe('timed_out');
  });

  test('ends when a device never takes it, though it is heard of, so that it does not hold up others for ever', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const id = await line.offer(mac, '1.0.0');
    await waitFor(mac, id, 24);
    expect(await stateAfter(mac, DEADLINE_S)).toBe('timed_out');
  });

  test('ends on trial, however often the device says that it still is', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    for (let minute = 0; minute < 40; minute += 10) {
      expect(await stateAfter(mac, 600)).toBe('trial');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
    }
    expect(await stateAfter(mac, 5)).toBe('timed_out');
  });
});
