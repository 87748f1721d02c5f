// The bounds of downloads: how many at once, how slow, and whose word counts for an address. Rows B23, B27 and B35 of
// tests/data/bad-inputs.tsv.

import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  MAX_DOWNLOADS_OF_TOKEN,
  MAX_LARGE_ANSWERS,
  MIN_TRANSFER_BYTES_PER_S,
  TRANSFER_GRACE_MS,
} from '#protocol/limits.ts';
import { SlowReaderGuard } from '#server/http/answer/slow-reader-guard.ts';
import { Downloads } from '../../support/attack/held-download.ts';
import { addFirmware, imageOf, release } from '../../support/fleet.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS, type Dialect } from '../../support/scope.ts';
import type { RawClient } from '../../support/server/raw-client.ts';
import { expectLoggedOnce, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

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

    const downloads = await Downloads.of(server);
    expect(2 * downloads.times).toBeLessThanOrEqual(MAX_LARGE_ANSWERS);
    const standStill = async () => downloads.hold(PATH, server.fleetToken);

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
      // Both: a reader of the next round that still finds the place of one of these taken would hold none.
      const cut = () => server.logged.filter((line) => line.includes(PATH) && line.includes('"cut":true'));
      await vi.waitFor(() => expect(cut()).toHaveLength(2 * (round + 1)), 5_000);
      await vi.waitFor(async () => expect((await download()).status).toBe(200), 5_000);
    }
    await server.end();
  },
);

describe.each(DIALECTS)('downloads at a time on %s', (dialect) => {
  let server: TestServer;
  let downloads: Downloads;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    await addFirmware(server, '1.0.0');
    await release(server, '1.0.0');
    downloads = await Downloads.of(server);
  });
  afterAll(async () => server.end());

  const held: RawClient[] = [];
  afterEach(() => {
    for (const client of held.splice(0)) client.close();
  });
  const hold = async (path: string, token: string, count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) held.push(await downloads.hold(path, token));
  };

  /** A board that enrolled and was offered 1.1.0. */
  async function enrol(line: ProductLine): Promise<string> {
    const [mac, token] = [await line.newDevice('1.0.0'), `otd_${randomBytes(32).toString('base64url')}`];
    await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } });
    const body = { mac, current_version: '1.0.0', labels: [], product: line.product, chip: 'esp32' };
    const answer = await server.json('POST', '/api/v1/check-update', { token, body });
    expect(answer.body).toMatchObject({ update_available: true });
    return token;
  }

  test('B27: two with the token of one board, a third is told when to come again and gets it then; other boards go on', async () => {
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const [token, other] = [await enrol(line), await enrol(line)];
    const path = `/firmware/${line.product}/1.1.0/esp32/image.bin`;
    const download = async (by: string) => server.fetch('GET', path, { token: by });
    expect((await download(token)).status).toBe(200);
    await hold(path, token, MAX_DOWNLOADS_OF_TOKEN);
    await vi.waitFor(async () => expect((await download(token)).status).toBe(429), 5_000);
    const waits = new Set<number>();
    for (let count = 0; count < 8; count += 1) {
      const refused = await download(token);
      await expectRefusal(server, refused, 'too_many_downloads');
      waits.add(Number(refused.headers['retry-after']));
    }
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(30);
    expect(waits.size, 'they do not all come back at once').toBeGreaterThan(1);
    expect((await download(other)).status, 'another board').toBe(200);
    expect((await download(server.fleetToken)).status, 'and one that has no token of its own').toBe(200);
    held.pop()?.close();
    await vi.waitFor(async () => expect((await download(token)).status).toBe(200), 5_000);
  });

  test('the fleet token is that of many boards: as many as there are places', async () => {
    const count = 10 * MAX_DOWNLOADS_OF_TOKEN;
    await hold('/firmware/1.0.0/image.bin', server.fleetToken, MAX_DOWNLOADS_OF_TOKEN);
    const all = await Promise.all(
      Array.from({ length: count }, async () =>
        server.fetch('GET', '/firmware/1.0.0/image.bin', { token: server.fleetToken }),
      ),
    );
    expect(all.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => 200));
  });
});

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
