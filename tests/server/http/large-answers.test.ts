// Answers over 64 KiB, with and without a token: they arrive whole, a reader that stands still holds next to nothing, there
// are places for so many, and nobody without a token takes those of operators or boards.

import { once } from 'node:events';
import tls from 'node:tls';
import vm from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { LARGE_ANSWER_BYTES, MAX_LARGE_ANSWERS, MAX_OPEN_ANSWERS, TRANSFER_GRACE_MS } from '#protocol/limits.ts';
import { addDevices, addFirmware, imageOf, release } from '../../support/fleet.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { expectLoggedOnce, expectRefusal } from '../../support/server/refusal.ts';
import { sizeOf } from '../../support/scope.ts';
import { newHome, type ServerProcess, startServerProcess } from '../../support/server/process.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const SCRIPT = '/docs/js/scalar.js';
const DEVICES = '/api/v1/admin/devices?limit=500';
const MIB = 1_048_576;
const askFor = (path: string, ...lines: readonly string[]): string =>
  head(`GET ${path} HTTP/1.1`, 'Host: otter', ...lines);

describe('a large answer', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    await addDevices(server, 300, '1.0.0');
    await addFirmware(server, '1.0.0');
    await release(server, '1.0.0');
  });
  afterAll(async () => server.end());
  afterEach(() => {
    vi.useRealTimers();
  });

  const list = async () => server.fetch('GET', DEVICES, { token: server.adminToken });

  /** Asks for more than the buffers of both ends hold, and reads the first bytes alone. */
  async function standStill(): Promise<RawClient> {
    const client = await RawClient.open(server.url);
    onTestFinished(() => client.close());
    client.socket.once('data', () => client.socket.pause());
    client.send(askFor(SCRIPT).repeat(2));
    return client;
  }

  test('the page of the API is what a browser needs: HTML that names a script and the document', async () => {
    const moved = await server.fetch('GET', '/docs');
    expect({ status: moved.status, location: moved.headers.location }).toEqual({ status: 301, location: '/docs/' });
    const page = await server.fetch('GET', '/docs/');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body.toString()).toMatch(/<script[^>]* src="js\/scalar\.js"/);
    expect(page.body.toString()).toContain('/openapi.json');
    const script = await server.fetch('GET', SCRIPT);
    expect(script.headers).toMatchObject({
      'content-type': 'application/javascript; charset=utf-8',
      'content-length': String(script.body.length),
    });
    expect(script.body.length).toBeGreaterThan(MIB);
    expect(() => new vm.Script(script.body.toString())).not.toThrow();
    const { body } = await server.json('GET', '/openapi.json');
    expect(body).toMatchObject({ openapi: '3.1.0', paths: { '/api/v1/admin/devices': {} } });
  });

  test('of an operator arrives whole, with its length, and is logged like any other', async () => {
    const { status, headers, body } = await list();
    expect(status).toBe(200);
    expect(body.length).toBeGreaterThan(LARGE_ANSWER_BYTES);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(body.length),
    });
    expect(JSON.parse(body.toString()).items).toHaveLength(300);
    await expectLoggedOnce(server, String(headers['x-request-id']), { status: 200 });
  });

  test('has places: those without a token take none from operators and boards, and give them back', async () => {
    const readers = await Promise.all(Array.from({ length: MAX_LARGE_ANSWERS / 2 }, async () => standStill()));
    await vi.waitFor(async () => expect((await server.fetch('GET', SCRIPT)).status).toBe(503), 10_000);
    const refused = await server.fetch('GET', SCRIPT);
    await expectRefusal(server, refused, 'busy');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(30);
    expect((await list()).status).toBe(200);
    const image = await server.fetch('GET', '/firmware/1.0.0/image.bin', { token: server.fleetToken });
    expect(image.body.equals(imageOf('1.0.0'))).toBe(true);
    for (const reader of readers) reader.close();
    await vi.waitFor(async () => expect((await server.fetch('GET', SCRIPT)).status).toBe(200), 10_000);
  });

  test('is cut where its reader takes nothing for the grace', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const client = await standStill();
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(TRANSFER_GRACE_MS);
      const cut = server.logged.filter((line) => line.includes('slow_client'));
      expect(cut.map((line) => JSON.parse(line))).toMatchObject([{ path: SCRIPT, cut: true }]);
    }, 20_000);
    client.socket.resume();
    expect((await client.rest()).ending).not.toBe('open');
  });

  test(`stands behind at most ${MAX_OPEN_ANSWERS - 1} others of its connection, or the connection is cut`, async () => {
    const polite = await RawClient.open(server.url);
    onTestFinished(() => polite.close());
    polite.send(askFor('/healthz').repeat(MAX_OPEN_ANSWERS));
    for (let count = 0; count < MAX_OPEN_ANSWERS; count += 1) expect((await polite.answer()).status).toBe(200);
    const flooding = await RawClient.open(server.url);
    flooding.send(askFor(SCRIPT) + askFor('/healthz').repeat(MAX_OPEN_ANSWERS));
    expect((await flooding.rest()).ending).not.toBe('open');
  });
});

// As much for each as all of them would hold if one kept a whole answer; a rush leaves some MiB behind whatever comes of it.
const { READERS, MOST_MIB } = sizeOf({ push: { READERS: 150, MOST_MIB: 30 }, whole: { READERS: 500, MOST_MIB: 50 } });

describe.skipIf(process.platform !== 'linux')(
  `${READERS} connections without a token that never read (needs Linux)`,
  () => {
    // 500 connections that only stand there cost 25 to 30 MiB, of which TLS has nearly all.
    test.each([
      [SCRIPT, 1],
      [SCRIPT, MAX_OPEN_ANSWERS],
      ['/openapi.json', 1],
    ])(`cost less than ${MOST_MIB} MiB where they ask for %s, %d at once`, async (path, times) => {
      // With the space for what is short-lived that `npm start` gives; more of it is filled on a busy machine, and kept.
      const env = { OTTER_LOG_LEVEL: 'warn', NODE_OPTIONS: '--max-semi-space-size=4' };
      const server = await startServerProcess(await newHome(), { env });
      // What a server holds after its first rush is not held for those that stand still.
      for (let served = 0; served < 60; served += 20)
        await Promise.all(Array.from({ length: 20 }, async () => server.fetch('GET', path)));
      const before = await server.process.readMemoryBytes();
      let mostBytes = 0;
      const measure = async (): Promise<void> => {
        mostBytes = Math.max(mostBytes, (await server.process.readMemoryBytes()) - before);
      };
      for (let opened = 0; opened < READERS; opened += 20) {
        await Promise.all(Array.from({ length: 20 }, async () => neverRead(server, path, times)));
        await measure();
      }
      // Over a new connection: those of before may be closed by now.
      server.agent.destroy();
      expect((await server.json('GET', '/readyz')).status).toBe(200);
      await measure();
      expect(mostBytes).toBeLessThan(MOST_MIB * MIB);
    });

    async function neverRead({ url }: ServerProcess, path: string, times: number): Promise<void> {
      const socket = tls.connect({ host: url.hostname, port: Number(url.port), rejectUnauthorized: false });
      onTestFinished(() => void socket.destroy());
      await once(socket, 'secureConnect');
      // A server may cut it.
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(askFor(path).repeat(times));
    }
  },
);
