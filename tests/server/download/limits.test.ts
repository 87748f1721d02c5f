// The bounds of downloads: how many at once, how slow, and whose word counts for an address. Rows B23 and B35 of
// tests/data/bad-inputs.tsv.

import { appendFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MAX_LARGE_ANSWERS, MIN_TRANSFER_BYTES_PER_S, TRANSFER_GRACE_MS } from '#protocol/limits.ts';
import { SlowReaderGuard } from '#server/http/answer/slow-reader-guard.ts';
import { addFirmware, imageOf, release } from '../../support/fleet.ts';
import { DIALECTS, type Dialect } from '../../support/scope.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { expectLoggedOnce, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

/** The largest answer without a token, and what the buffers of both ends do not hold. */
const LARGE_PATH = '/docs/js/scalar.js';
const MORE_THAN_BUFFERS_BYTES = 9_000_000;

/** A server with these lines at the end of its server.yml. */
async function startConfigured(dialect: Dialect, lines: string): Promise<TestServer> {
  const first = await startTestServer({ dialect });
  await first.stop();
  await appendFile(join(first.home, 'config/server.yml'), `\n${lines}\n`);
  return startTestServer({ like: first });
}

test.each(DIALECTS)(
  'a server on %s with two download slots tells others to come later, and gives back the slots of readers that vanish',
  async (dialect) => {
    const server = await startConfigured(dialect, 'limits: { max_downloads: 2 }');
    await addFirmware(server, '1.0.0');
    await release(server, '1.0.0');
    const PATH = '/firmware/1.0.0/image.bin';
    const download = async () => server.fetch('GET', PATH, { token: server.fleetToken });

    // It is loaded at its first request, which takes a while on a busy machine.
    const { body: page } = await server.fetch('GET', LARGE_PATH);
    const times = Math.ceil(MORE_THAN_BUFFERS_BYTES / page.length);
    expect(2 * times).toBeLessThanOrEqual(MAX_LARGE_ANSWERS);

    /** Asks for more than the buffers of both ends hold before it asks for the image, reads nothing, and so keeps its slot. */
    async function standStill(): Promise<RawClient> {
      const client = await RawClient.open(server.url);
      client.socket.once('data', () => client.socket.pause());
      const before = head(`GET ${LARGE_PATH} HTTP/1.1`, 'Host: otter').repeat(times);
      const image = head(`GET ${PATH} HTTP/1.1`, 'Host: otter', `Authorization: Bearer ${server.fleetToken}`);
      // In one write: a server that cannot get rid of its answers reads no further.
      client.send(before + image);
      return client;
    }

    for (let round = 0; round < 3; round += 1) {
      const readers = [await standStill(), await standStill()];
      await vi.waitFor(async () => expect((await download()).status).toBe(503), 5_000);
      // Refusals take no slot and give none back.
      for (let count = 0; count < 3; count += 1) {
        const answer = await download();
        await expectRefusal(server, answer, 'busy');
        const retryAfterS = Number(answer.headers['retry-after']);
        expect(retryAfterS).toBeGreaterThanOrEqual(30);
        expect(retryAfterS).toBeLessThan(60);
      }
      for (const reader of readers) reader.close();
      await vi.waitFor(async () => expect((await download()).status).toBe(200), 5_000);
    }
    const cut = server.logged.filter((line) => line.includes(PATH) && line.includes('"cut":true'));
    expect(cut).toHaveLength(6);
    await server.end();
  },
);

test.each(DIALECTS)('B35: X-Forwarded-For is believed from the proxies that are listed, on %s', async (dialect) => {
  const server = await startConfigured(dialect, 'trust_proxy: [127.0.0.1]');
  await addFirmware(server, '1.0.0');
  await release(server, '1.0.0');
  const answer = await server.fetch('GET', '/firmware/1.0.0/image.bin', {
    token: server.fleetToken,
    headers: { 'x-forwarded-for': '198.51.100.1, 203.0.113.7' },
  });
  expect(answer.body.equals(imageOf('1.0.0'))).toBe(true);
  const line = await expectLoggedOnce(server, String(answer.headers['x-request-id']), { status: 200 });
  // The last address is the one that the proxy saw; those before it anybody can write.
  expect(line).toMatchObject({ ip: '203.0.113.7' });
  await server.end();
});

describe('B23: a slow reader', () => {
  const enough = (MIN_TRANSFER_BYTES_PER_S * TRANSFER_GRACE_MS) / 1000;
  afterEach(() => {
    vi.useRealTimers();
  });

  function guard() {
    vi.useFakeTimers();
    const raw = new PassThrough();
    const cuts: string[] = [];
    return { raw, cuts, guard: new SlowReaderGuard(raw, () => cuts.push('slow_client')) };
  }

  test('that takes 1 byte per second is cut after the grace, and not before', () => {
    const { raw, cuts, guard: watching } = guard();
    for (let second = 1; second < TRANSFER_GRACE_MS / 1000; second += 1) {
      vi.advanceTimersByTime(1_000);
      watching.moved(1);
    }
    expect(raw.destroyed).toBe(false);
    vi.advanceTimersByTime(1_000);
    expect({ destroyed: raw.destroyed, cuts }).toEqual({ destroyed: true, cuts: ['slow_client'] });
    watching.stop();
  });

  test('that takes just enough is never cut, and one that slows down later is', () => {
    const { raw, guard: watching } = guard();
    for (let minute = 0; minute < 5; minute += 1) {
      watching.moved(enough);
      vi.advanceTimersByTime(TRANSFER_GRACE_MS);
      expect(raw.destroyed).toBe(false);
    }
    watching.moved(enough - 1);
    vi.advanceTimersByTime(TRANSFER_GRACE_MS);
    expect(raw.destroyed).toBe(true);
    watching.stop();
  });

  test('is not watched any more when its image is sent', () => {
    const { raw, guard: watching } = guard();
    watching.stop();
    vi.advanceTimersByTime(10 * TRANSFER_GRACE_MS);
    expect(raw.destroyed).toBe(false);
  });
});
