// Many bad readers at once (rows B25 and B26 of tests/data/bad-inputs.tsv), against a server process of its own whose memory
// and open files can be counted.

import { readdir, readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { release } from '../../support/fleet.ts';
import { buildEspImage } from '../../support/esp-image-builder.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { DIALECTS, type Dialect, sizeOf } from '../../support/scope.ts';
import { newHome, type ServerProcess, startServerProcess } from '../../support/server/process.ts';
import { newPostgresDatabase } from '../../support/server/server.ts';

const PATH = '/firmware/default/1.0.0/esp32s3/image.bin';
const MIB = 1_048_576;

/** Small: many unread copies of it wait in the buffers of the kernel. */
const image = buildEspImage({ segments: [{ loadAddress: 0x42000020, data: Buffer.alloc(256 * 1024, 0x5a) }] });

const { GONE, READERS, MOST_MIB } = sizeOf({
  push: { GONE: 60, READERS: 200, MOST_MIB: 40 },
  whole: { GONE: 200, READERS: 1_000, MOST_MIB: 100 },
});

describe.skipIf(process.platform !== 'linux').each(DIALECTS)('a server with many bad readers, on %s', (dialect) => {
  test(`B26: ${GONE} clients that vanish at a random byte leave no file or socket open`, async () => {
    const server = await startWithImage(dialect);
    // Before the first download, so that a file which any of them leaves open counts.
    const atStart = await countOpenFiles(server);
    const places = fc.sample(fc.nat({ max: image.length }), { numRuns: GONE, seed: 26 });
    for (let index = 0; index < places.length; index += 10) {
      await Promise.all(places.slice(index, index + 10).map(async (bytes) => vanishAfter(server, bytes)));
    }
    await vi.waitFor(async () => expect(await countOpenFiles(server)).toBeLessThanOrEqual(atStart), 10_000);
    await expectServed(server);
  });

  test(`B25: ${READERS} readers that stand still leave room for the others and cost less than ${MOST_MIB} MiB`, async () => {
    const server = await startWithImage(dialect);
    // As many that read and leave: what a server holds after its first rush is not held for those that stand still.
    for (let served = 0; served < READERS; served += 20) {
      await Promise.all(Array.from({ length: 20 }, async () => vanishAfter(server, image.length)));
    }
    const memoryBefore = await readMemoryBytes(server);
    const readers: RawClient[] = [];
    try {
      for (let opened = 0; opened < READERS; opened += 20) {
        readers.push(...(await Promise.all(Array.from({ length: 20 }, async () => standStill(server)))));
      }
      await expectServed(server);
      expect((await server.json('GET', '/readyz')).status).toBe(200);
      expect((await readMemoryBytes(server)) - memoryBefore).toBeLessThan(MOST_MIB * MIB);
    } finally {
      for (const reader of readers) reader.close();
    }
    await expectServed(server);
  });
});

async function startWithImage(dialect: Dialect): Promise<ServerProcess> {
  const databaseUrl = dialect === 'postgres' ? await newPostgresDatabase({ hasSchema: true }) : 'sqlite:data/otter.db';
  const server = await startServerProcess(await newHome(), { env: { OTTER_DATABASE: databaseUrl } });
  await server.admin('uploadFirmware', { query: { version: '1.0.0', pilot_ready: 'true' }, body: image });
  await release(server, '1.0.0');
  return server;
}

async function expectServed(server: ServerProcess): Promise<void> {
  const { status, body } = await server.fetch('GET', PATH, { token: server.fleetToken });
  expect({ status, whole: body.equals(image) }).toEqual({ status: 200, whole: true });
}

async function vanishAfter(server: ServerProcess, bytes: number): Promise<void> {
  const client = await RawClient.open(server.url);
  let left = bytes;
  const gone = new Promise<void>((resolve) => {
    client.socket.on('data', (piece: Buffer) => {
      left -= piece.length;
      if (left > 0) return;
      client.close();
      resolve();
    });
  });
  client.send(requestOf(server));
  await gone;
}

/** Reads the beginning of the answer, then nothing more. */
async function standStill(server: ServerProcess): Promise<RawClient> {
  const client = await RawClient.open(server.url);
  client.socket.once('data', () => client.socket.pause());
  client.send(requestOf(server));
  expect((await client.head()).status).toBe(200);
  return client;
}

function requestOf(server: ServerProcess): string {
  return head(`GET ${PATH} HTTP/1.1`, 'Host: otter', `Authorization: Bearer ${server.fleetToken}`);
}

async function countOpenFiles(server: ServerProcess): Promise<number> {
  return (await readdir(`/proc/${server.process.child.pid}/fd`)).length;
}

/** Resident memory. */
async function readMemoryBytes(server: ServerProcess): Promise<number> {
  const status = await readFile(`/proc/${server.process.child.pid}/status`, 'utf8');
  const memoryKiB = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]);
  expect(memoryKiB).toBeGreaterThan(0);
  return memoryKiB * 1024;
}
