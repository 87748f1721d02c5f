// How the server stops: what it finishes, what it cuts, what it leaves behind.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { findPort } from '#server/home/port-file.ts';
import { release } from '../support/fleet.ts';
import { addDevices, mac } from '../support/fleet.ts';
import { newHome, type ServerProcess, startServerProcess } from '../support/server/process.ts';
import { head, RawClient } from '../support/server/raw-client.ts';
import { largeImage } from './support/large-image.ts';
import { holdLock } from './support/locked.ts';
import { READ_ONLY, throughMount, turnReadOnly } from './support/read-only-folder.ts';

/** The kernel holds some megabytes for a reader that does not read; three images are more than it takes. */
const IMAGE_BYTES = 4_000_000;
const DOWNLOADS = 3;

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', (signal) => {
  test('ends the server with exit code 0, soft state saved and the port file gone', async () => {
    const server = await startServerProcess(await newHome());
    expect(findPort(server.home)).toBe(Number(server.url.port));
    const [device = ''] = await addDevices(server, 1, '1.0.0');
    await server.checkIn(device, '1.0.1', { rssi_dbm: -61, library: 'OtterOTA 1.0.0' });
    const exit = await server.stop(signal);
    expect(exit).toMatchObject({ code: 0 });
    expect(exit.stdout).toContain('"msg":"stopped"');
    expect(existsSync(join(server.home, 'data/server.port'))).toBe(false);
    const saved = new DatabaseSync(join(server.home, 'data/otter.db'), { readOnly: true });
    expect(saved.prepare('select current_version, attributes from devices').get()).toEqual({
      current_version: '1.0.1',
      attributes: '{"library":"OtterOTA 1.0.0"}',
    });
    expect(saved.prepare('select rssi_dbm from presence').get()).toEqual({ rssi_dbm: -61 });
    saved.close();
  });
});

test.skipIf(READ_ONLY.isMissing)(
  `a home that has turned read-only keeps no server from stopping${READ_ONLY.skipped}`,
  async () => {
    const home = await newHome();
    const elsewhere = await newHome();
    const server = await startServerProcess(home, {
      // What holds a file open there would keep the kernel from doing so.
      env: {
        OTTER_DATABASE: `sqlite:${elsewhere}/data/otter.db`,
        OTTER_STORAGE_ROOT: `${elsewhere}/data/firmware`,
      },
      through: throughMount(home),
    });
    await turnReadOnly(server.process, home);
    const exit = await server.stop();
    expect(exit).toMatchObject({ code: 0 });
    expect(exit.stdout).toContain('the port file could not be removed');
    expect(exit.stdout).toContain('"msg":"stopped"');
  },
);

test('a log that nothing can be written to neither ends the server nor keeps it from stopping', async () => {
  const server = await startServerProcess(await newHome(), { through: ['sh', '-c', 'exec "$@" > /dev/full', 'sh'] });
  await addDevices(server, 200, '1.0.0');
  expect(await server.json('GET', '/healthz')).toMatchObject({ status: 200 });
  expect(await server.stop()).toMatchObject({ code: 0 });
});

test('answers the requests that are under way, while their commit waits for another program', async () => {
  const server = await startServerProcess(await newHome());
  await holdLock(server.home, 4_000);
  const checks = Array.from({ length: 20 }, async (_, index) => server.checkIn(mac(index), '1.0.0'));
  // Nothing outside says that they have arrived; most of the time of the lock is theirs.
  await delay(2_500);
  server.process.child.kill('SIGTERM');
  await Promise.all(checks);
  expect(await server.process.exited).toMatchObject({ code: 0 });
  const saved = new DatabaseSync(join(server.home, 'data/otter.db'), { readOnly: true });
  expect(saved.prepare('select count(*) as devices from devices').get()).toEqual({ devices: 20 });
  saved.close();
});

test('lets a slow reader finish its downloads within the 10 s', async () => {
  const server = await startServerProcess(await newHome());
  const { reader, bytes } = await openDownloads(server);
  server.process.child.kill('SIGTERM');
  await vi.waitFor(() => expect(server.process.stdout).toContain('"msg":"stopping'));
  reader.socket.resume();
  for (let index = 0; index < DOWNLOADS; index += 1) {
    const { status, body } = await reader.answer();
    expect(status).toBe(200);
    expect(body.equals(bytes)).toBe(true);
  }
  const finishedMs = performance.now();
  expect(await server.process.exited).toMatchObject({ code: 0 });
  // The connection has nothing more to say: it is not kept open for the client's next request.
  expect(performance.now() - finishedMs).toBeLessThan(3_000);
});

test('cuts a reader that does not move after 10 s, and never ends its answer cleanly', async () => {
  const server = await startServerProcess(await newHome());
  const { reader, bytes } = await openDownloads(server);
  const startedMs = performance.now();
  server.process.child.kill('SIGTERM');
  const { code } = await server.process.exited;
  expect(code).toBe(0);
  expect(performance.now() - startedMs).toBeGreaterThan(9_500);
  reader.socket.resume();
  expect((await reader.rest()).bytes.length).toBeLessThan(DOWNLOADS * bytes.length);
});

test('a second signal, of the same or the other kind, ends it at once', async () => {
  const server = await startServerProcess(await newHome());
  await openDownloads(server);
  server.process.child.kill('SIGINT');
  await delay(500);
  server.process.child.kill('SIGTERM');
  // Whoever waits for the readers ends with 0.
  expect(await server.process.exited).toMatchObject({ code: 130 });
});

/** Downloads one behind the other on a connection whose client has stopped reading. */
async function openDownloads(server: ServerProcess): Promise<{ readonly reader: RawClient; readonly bytes: Buffer }> {
  const bytes = largeImage('2.0.0', IMAGE_BYTES);
  await server.admin('uploadFirmware', { query: { pilot_ready: 'true' }, body: bytes });
  await release(server, '2.0.0');
  const reader = await RawClient.open(server.url);
  reader.socket.pause();
  const get = head(
    'GET /firmware/2.0.0/image.bin HTTP/1.1',
    `host: ${server.url.host}`,
    `authorization: Bearer ${server.fleetToken}`,
  );
  reader.send(get.repeat(DOWNLOADS));
  await delay(300);
  return { reader, bytes };
}
