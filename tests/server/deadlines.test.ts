// Deadlines at work: which offers end by time alone, and which stand still. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../support/product-line.ts';
import { DIALECTS, startTestServer, type TestServer } from '../support/server.ts';

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
});
