// Images are stored by their content. What is missing or damaged is named, and an upload of the same bytes puts it right; what
// no firmware has goes after an hour, and never from under an upload.

import { hash } from 'node:crypto';
import { lstat, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Call } from '#protocol/admin/status.ts';
import { IMAGE_CHECK_BYTES, IMAGE_CHECK_MS, STORE_SWEEP_MS, UNNAMED_BLOB_MS } from '#protocol/limits.ts';
import { largeImage } from '../../process/support/large-image.ts';
import { release } from '../../support/fleet.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { DIALECTS } from '../../support/scope.ts';
import { newPostgresDatabase, startTestServer, type TestServer } from '../../support/server/server.ts';

/** More than a busy machine needs. */
const READY_WITHIN = { timeout: 30_000, interval: 200 };

const VERSION = '1.0.0';
const image = largeImage(VERSION, 200_000);
const SHA256 = hash('sha256', image);
const PATH = `/firmware/default/${VERSION}/esp32/image.bin`;

const storeOf = ({ home }: TestServer): string => join(home, 'data/firmware');
const blobOf = (server: TestServer, sha256 = SHA256): string => join(storeOf(server), '.blobs', sha256);

const upload = async (server: TestServer, body = image) => server.admin('uploadFirmware', { query: READY, body });
const READY = { pilot_ready: 'true' };

/** With the fleet token, which fetches nothing that was not released. */
async function download(server: TestServer, path = PATH) {
  const [, , product = '', version = ''] = path.split('/');
  const { items } = await server.admin('listRollouts', { query: { product } });
  if (!items.some((rollout) => rollout.version === version)) await release(server, version, product);
  return server.fetch('GET', path, { token: server.fleetToken });
}

/** What /readyz answers is proven anew from time to time: waits until it answers this status. */
async function readiness(server: TestServer, status: 200 | 503): Promise<unknown> {
  const answer = await vi.waitFor(async () => {
    const found = await server.json('GET', '/readyz');
    expect(found.status).toBe(status);
    return found;
  }, READY_WITHIN);
  return answer.body;
}

async function damaged(server: TestServer): Promise<readonly Call[]> {
  return (await server.admin('getStatus')).calls.filter(({ kind }) => kind === 'damaged_image');
}

async function flipBit(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([byte.readUInt8(0) ^ 1]), 0, 1, at);
  await file.close();
}

/** Moves the clock by so many milliseconds, and lets the server look around. */
async function pass(server: TestServer, ms: number): Promise<void> {
  server.clock.advance(ms / 1000);
  await server.tick();
}

describe.each(DIALECTS)('a stored image on %s', (dialect) => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startTestServer({ dialect });
  });
  afterEach(async () => server.end());

  test('that is missing is named, fails /readyz, and comes back with an upload of the same bytes', async () => {
    await upload(server);
    await readiness(server, 200);
    await rm(blobOf(server));
    expect(await readiness(server, 503)).toMatchObject({
      error: { code: 'unavailable', message: '1 image is not in the store, or not whole' },
    });
    expect((await download(server)).status).toBe(503);
    expect(await damaged(server)).toMatchObject([
      {
        text: expect.stringMatching(/^the stored image of default 1\.0\.0 for esp32 is damaged: the file is missing/),
        commands: ['otter firmware add FILE --product default --version 1.0.0'],
      },
    ]);
    expect(await upload(server)).toMatchObject({
      already_there: true,
      warnings: ['the stored file was missing or damaged: it is whole again'],
    });
    expect(await upload(server), 'once').toMatchObject({ already_there: true, warnings: [] });
    await readiness(server, 200);
    expect((await download(server)).body.equals(image)).toBe(true);
    expect(await damaged(server)).toEqual([]);
    const { items } = await server.admin('listAudit', { query: { action: 'firmware.repair' } });
    expect(items).toMatchObject([{ subject: 'default 1.0.0', details: { chip: 'esp32', sha256: SHA256 } }]);
  });

  test('is read again every week, and sooner where it was damaged', async () => {
    await upload(server);
    await flipBit(blobOf(server), 100);
    await pass(server, IMAGE_CHECK_MS - 1_000);
    expect(await damaged(server)).toEqual([]);
    await pass(server, STORE_SWEEP_MS);
    expect(await damaged(server)).toMatchObject([{ text: expect.stringContaining('have SHA-256') }]);
    await flipBit(blobOf(server), 100);
    await pass(server, STORE_SWEEP_MS + 1_000);
    expect(await damaged(server), 'somebody restored the file').toEqual([]);
  });

  test('is read again after a stop that was none, also by a start of its own', async () => {
    await upload(server);
    await server.stop();
    await flipBit(blobOf(server), 100);
    server = await startTestServer({ like: server });
    await server.tick();
    expect(await damaged(server), 'after a clean stop').toEqual([]);
    await server.stop();
    await rm(join(storeOf(server), '.stopped'));
    server = await startTestServer({ like: server });
    await server.tick();
    expect(await damaged(server)).toHaveLength(1);
  });

  test('that no firmware has goes after an hour; those that one has, or that another database put, stay', async () => {
    await upload(server);
    const removed = largeImage('0.9.0', 50_000);
    await upload(server, removed);
    const foreign = 'f'.repeat(64);
    await writeFile(blobOf(server, foreign), 'of a server with another database');
    await server.admin('removeFirmware', { params: { version: '0.9.0' }, query: { confirm: 'true' } });
    const stored = async () => (await readdir(join(storeOf(server), '.blobs'))).toSorted();
    await pass(server, STORE_SWEEP_MS);
    await pass(server, UNNAMED_BLOB_MS - 1_000);
    expect(await stored()).toHaveLength(3);
    await pass(server, STORE_SWEEP_MS);
    expect(await stored()).toEqual([SHA256, foreign].toSorted());
    expect((await download(server)).body.equals(image)).toBe(true);
    expect(await readdir(join(storeOf(server), 'default')), 'people see it no more').toEqual([VERSION]);
  });

  test('survives a start on an empty database, with its link, and is there when it is uploaded from there', async () => {
    await upload(server);
    await server.stop();
    const empty = await startTestServer({
      like: server,
      databaseUrl: dialect === 'postgres' ? await newPostgresDatabase({ hasSchema: true }) : 'sqlite:data/empty.db',
    });
    await pass(empty, STORE_SWEEP_MS);
    await pass(empty, 2 * UNNAMED_BLOB_MS);
    const shown = join(storeOf(empty), 'default', VERSION, 'esp32/image.bin');
    expect(await upload(empty, await readFile(shown))).toMatchObject({ already_there: false, warnings: [] });
    expect((await download(empty)).body.equals(image)).toBe(true);
    await empty.stop();
    server = await startTestServer({ like: server });
    await readiness(server, 200);
  });

  test('of two products is stored once, and stays until neither has it', async () => {
    const plain = largeImage(VERSION, 50_000, 'valve');
    await upload(server, plain);
    await upload(server);
    expect(await readdir(join(storeOf(server), '.blobs'))).toHaveLength(2);
    const raw = await openRaw(server, { writes: true });
    await raw.query(`update images set sha256 = '${SHA256}', size_bytes = ${image.length},
      block_sha256 = (select block_sha256 from images where sha256 = '${SHA256}') where sha256 <> '${SHA256}'`);
    await raw.query('update catalog set revision = revision + 1');
    await pass(server, STORE_SWEEP_MS);
    await pass(server, UNNAMED_BLOB_MS);
    expect(await readdir(join(storeOf(server), '.blobs'))).toEqual([SHA256]);
    expect((await download(server, `/firmware/valve/${VERSION}/esp32/image.bin`)).body.equals(image)).toBe(true);
    await raw.query(
      `delete from rollout_images where image_id in (select images.id from images join firmware on firmware.id = firmware_id where product = 'valve')`,
    );
    await raw.query(`delete from images where firmware_id = (select id from firmware where product = 'valve')`);
    await raw.query('update catalog set revision = revision + 1');
    await raw.close();
    await pass(server, STORE_SWEEP_MS);
    await pass(server, UNNAMED_BLOB_MS);
    expect((await download(server)).body.equals(image)).toBe(true);
    expect(await readdir(storeOf(server)), 'people see it no more').not.toContain('valve');
  });

  test('of a home of version 0.1 is taken over at the start, once, and nothing is lost', async () => {
    const other = largeImage('1.1.0', 100_000, 'valve');
    await upload(server);
    await upload(server, other);
    await server.stop();
    await makeOld(server);
    for (let start = 0; start < 2; start += 1) {
      server = await startTestServer({ like: server });
      expect((await readdir(join(storeOf(server), '.blobs'))).toSorted()).toEqual(
        [SHA256, hash('sha256', other)].toSorted(),
      );
      expect((await download(server)).body.equals(image)).toBe(true);
      expect((await download(server, '/firmware/valve/1.1.0/esp32/image.bin')).body.equals(other)).toBe(true);
      const shown = join(storeOf(server), 'default', VERSION, 'esp32/image.bin');
      expect((await lstat(shown)).isSymbolicLink()).toBe(true);
      expect(await readFile(shown)).toEqual(image);
      await server.tick();
      expect(await damaged(server)).toEqual([]);
      await readiness(server, 200);
      if (start === 0) await server.stop();
    }
  });
});

describe('a stored image', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startTestServer();
  });
  afterEach(async () => server.end());

  test('is one file under its SHA-256, and a link with a manifest for people', async () => {
    const { firmware } = await upload(server);
    expect(await readFile(blobOf(server))).toEqual(image);
    const folder = join(storeOf(server), 'default', VERSION, 'esp32');
    expect((await lstat(join(folder, 'image.bin'))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(folder, 'image.bin'))).toEqual(image);
    await release(server, VERSION);
    const manifest = await server.json('GET', `/firmware/default/${VERSION}/esp32/manifest.json`, {
      token: server.fleetToken,
    });
    expect(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))).toEqual(manifest.body);
    expect(firmware.images).toMatchObject([{ url: PATH, sha256: SHA256 }]);
    await rm(join(storeOf(server), 'default'), { recursive: true });
    expect((await download(server)).body.equals(image), 'what people see is never read').toBe(true);
    await pass(server, STORE_SWEEP_MS);
    expect(await readFile(join(folder, 'image.bin')), 'and comes back').toEqual(image);
  });

  test('of blocked firmware is given to nobody, so /readyz does without it', async () => {
    await upload(server);
    await rm(blobOf(server));
    await server.admin('blockFirmware', { params: { version: VERSION }, body: {} });
    await readiness(server, 200);
    expect(await damaged(server)).toHaveLength(1);
  });

  test('that a download finds damaged is named from then on, until the same bytes come again', async () => {
    await upload(server);
    await flipBit(blobOf(server), 70_000);
    expect(await damaged(server)).toEqual([]);
    await expect(download(server)).rejects.toThrow(/aborted|ECONNRESET|socket hang up/);
    await vi.waitFor(
      async () => expect(await damaged(server)).toMatchObject([{ text: expect.stringContaining('have SHA-256') }]),
      READY_WITHIN,
    );
    await readiness(server, 200);
    await upload(server);
    expect(await damaged(server)).toEqual([]);
    expect((await download(server)).body.equals(image)).toBe(true);
  });

  test('is read as many bytes with each tick as one tick may', async () => {
    const sizeBytes = 3_500_000;
    for (const version of ['2.0.0', '2.0.1', '2.0.2', '2.0.3', '2.0.4'])
      await upload(server, largeImage(version, sizeBytes));
    const checkedSince = async (sinceMs: number): Promise<number> => {
      const raw = await openRaw(server);
      const rows = await raw.query(`select id from images where checked_at_ms >= ${sinceMs}`);
      await raw.close();
      return rows.length;
    };
    server.clock.advance((IMAGE_CHECK_MS + STORE_SWEEP_MS) / 1000);
    const { nowMs } = server.clock;
    const perTick = Math.floor(IMAGE_CHECK_BYTES / sizeBytes);
    for (const expected of [perTick, 2 * perTick, 5, 5]) {
      await server.tick();
      expect(await checkedSince(nowMs)).toBe(expected);
    }
  });
});

/** Makes the store of a stopped server what version 0.1 left: files at their places, and nothing else. */
async function makeOld(server: TestServer): Promise<void> {
  const store = storeOf(server);
  for (const product of await readdir(store)) {
    if (product.startsWith('.')) continue;
    for (const version of await readdir(join(store, product))) {
      const path = join(store, product, version, 'esp32/image.bin');
      const bytes = await readFile(path);
      await rm(path);
      await writeFile(path, bytes);
    }
  }
  await rm(join(store, '.blobs'), { recursive: true });
  await rm(join(store, '.stopped'));
}

describe('two servers on one PostgreSQL and one store', () => {
  test('store the same bytes that come to both at once, once', async () => {
    const first = await startTestServer({ dialect: 'postgres' });
    const second = await startTestServer({ like: first });
    for (let round = 0; round < 5; round += 1) {
      const body = largeImage(`3.0.${round}`, 200_000);
      const answers = await Promise.all([upload(first, body), upload(second, body)]);
      expect(answers.filter(({ already_there }) => already_there)).toHaveLength(1);
      const got = await download(second, `/firmware/default/3.0.${round}/esp32/image.bin`);
      expect(got.body.equals(body)).toBe(true);
    }
    expect(await readdir(join(storeOf(first), '.incoming'))).toEqual([]);
    await second.stop();
    await first.end();
  });

  test('never remove bytes from under an upload, however long nobody had them', async () => {
    const first = await startTestServer({ dialect: 'postgres' });
    const second = await startTestServer({ like: first });
    for (let round = 0; round < 12; round += 1) {
      const body = largeImage(`3.1.${round}`, 200_000);
      await upload(first, body);
      await first.admin('removeFirmware', { params: { version: `3.1.${round}` }, query: { confirm: 'true' } });
      await pass(first, STORE_SWEEP_MS);
      first.clock.advance(UNNAMED_BLOB_MS / 1000);
      const uploads = async (): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, round * 2));
        await upload(second, body);
      };
      await Promise.all([first.tick(), uploads()]);
      expect((await download(first, `/firmware/default/3.1.${round}/esp32/image.bin`)).body.equals(body)).toBe(true);
    }
    await second.stop();
    await first.end();
  });
});

test('a store whose folder is not there fails /readyz and says so, and is ready with the folder', async () => {
  const server = await startTestServer();
  await upload(server);
  const store = storeOf(server);
  await rename(store, `${store}.away`);
  await mkdir(store);
  const body = await readiness(server, 503);
  expect(body).toMatchObject({ error: { hint: expect.stringContaining('storage.root') } });
  expect(JSON.stringify(body), 'it tells strangers no names').not.toContain(VERSION);
  await rm(store, { recursive: true });
  await rename(`${store}.away`, store);
  await readiness(server, 200);
  await server.end();
});
