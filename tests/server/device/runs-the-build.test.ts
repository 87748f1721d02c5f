// Whether a device runs a build: one definition for assignments, rules, counts and the way back. Each story over the wire, on
// both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgres } from '#server/db/postgres.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { join } from 'node:path';
import { withSignatureSector } from '../../support/esp-image-builder.ts';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const ELF = 'e1'.repeat(32);
const FOREIGN = 'b'.repeat(64);

describe.each(DIALECTS)('a build on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  /** The image of 1.1.0, as its developer has it. */
  let image: Buffer;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    server.clock.advance(1);
    image = line.image('1.1.0', { elfSha256: ELF });
  });
  afterAll(async () => server.end());

  const goOut = async (body = image): Promise<void> => {
    await line.upload('1.1.0', body);
    await line.rollOut('1.1.0', 'expand');
  };
  /** A device that took the offer and says this afterwards, confirmed. */
  const update = async (version: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const mac = line.newMac();
    const assignment = await line.offer(mac, '1.0.0');
    await line.report(mac, assignment, 1, 'installing');
    await line.checkIn(mac, version, { ...ON_TRIAL, ...more });
    await line.checkIn(mac, version, more);
    return mac;
  };

  test('is run by a board that names any of its three digests, 64 zeros or none', async () => {
    await goOut();
    const { images } = await server.admin('getFirmware', {
      params: { version: '1.1.0' },
      query: { product: line.product },
    });
    const appended = image.toString('hex', image.length - 32);
    const digests = [images[0]?.sha256, ELF, appended, '0'.repeat(64), undefined];
    for (const image_sha256 of digests) {
      const mac = await update('1.1.0', image_sha256 === undefined ? {} : { image_sha256 });
      expect(await line.assignments(mac), String(image_sha256)).toMatchObject([{ state: 'confirmed' }]);
      expect(await line.checkIn(mac, '1.1.0', { image_sha256 })).toMatchObject({ reason: 'up_to_date' });
    }
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ failed: 0, other: 0 });
  });

  test('that is signed for Secure Boot is known by the digest in front of its signature', async () => {
    await goOut(withSignatureSector(image));
    const mac = await update('1.1.0', { image_sha256: image.toString('hex', image.length - 32) });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed' }]);
  });

  test.each(['1.1.0+g1234567', 'v1.1.0', 'V1.1.0+ci.7'])('is run by a board that says %s', async (version) => {
    await goOut();
    const mac = await update(version);
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed' }]);
    expect(await line.checkIn(mac, version)).toMatchObject({ reason: 'up_to_date' });
    const query = { product: line.product };
    expect(await server.admin('getFirmware', { params: { version: '1.1.0' }, query })).toMatchObject({ devices: 1 });
  });

  test('with a leading v is updated to the next one', async () => {
    await goOut();
    expect(await line.checkIn(line.newMac(), 'v1.0.0')).toMatchObject({ reason: 'update' });
    expect(await line.checkIn(line.newMac(), 'v1.2.0')).toMatchObject({ reason: 'newer_than_target' });
  });

  test('of a tag with commits on top comes after the release of that tag', async () => {
    await goOut();
    expect(await line.checkIn(line.newMac(), 'v1.1.0-2-g0296947')).toMatchObject({ reason: 'newer_than_target' });
    expect(await line.checkIn(line.newMac(), 'v1.0.0-2-g0296947')).toMatchObject({ reason: 'update' });
  });

  test('names a release by what git describe wrote only where somebody says so', async () => {
    const body = line.image('v1.1.0-2-g0296947');
    const query = { product: line.product };
    expect(await server.tryAdmin('uploadFirmware', { query, body })).toMatchObject({
      status: 422,
      body: { error: { code: 'version_missing', hint: expect.stringContaining('--version 1.1.0-2-g0296947') } },
    });
    const version = '1.1.0-2-g0296947';
    const added = await server.admin('uploadFirmware', { query: { ...query, version }, body });
    expect(added).toMatchObject({ firmware: { version }, warnings: [expect.stringContaining('below its tag')] });
  });

  test('of the same version with another digest is neither success nor failure', async () => {
    await goOut();
    const mac = await update('1.1.0', { image_sha256: FOREIGN });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'installing' }]);
    expect(await line.checkIn(mac, '1.1.0', { image_sha256: FOREIGN })).toMatchObject({
      update_available: false,
      reason: 'other_build',
    });
    expect(await line.explain(mac)).toMatchObject({
      reason: 'other_build',
      text: expect.stringContaining(FOREIGN.slice(0, 12)),
    });
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ healthy: 0, failed: 0 });
    const query = { product: line.product };
    expect(await server.admin('getFirmware', { params: { version: '1.1.0' }, query })).toMatchObject({ devices: 0 });
  });

  test('whose program still says the old version is not offered to who names its digest', async () => {
    await goOut();
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    for (const image_sha256 of [image.toString('hex', image.length - 32), ELF]) {
      expect(await line.checkIn(mac, '1.0.0', { image_sha256 })).toMatchObject({
        update_available: false,
        reason: 'up_to_date',
      });
      expect(await line.explain(mac)).toMatchObject({ reason: 'up_to_date' });
    }
    expect(await line.assignments(mac)).toMatchObject([{ state: 'superseded' }]);
    expect(await line.checkIn(mac, '1.0.0', { image_sha256: FOREIGN })).toMatchObject({ reason: 'update' });
  });

  test('that is blocked is left by a board that adds build metadata to its version', async () => {
    await line.makeStable('1.0.0');
    await goOut();
    const mac = await update('1.1.0+ci.7');
    expect(await line.block('1.1.0')).toMatchObject({ devices_running: 1 });
    expect(await line.checkIn(mac, '1.1.0+ci.7')).toMatchObject({
      rollback: true,
      reason: 'blocked_go_back',
      manifest: { version: '1.0.0' },
    });
  });

  test('counts as run in a preview whatever way its version is written', async () => {
    await line.add('1.1.0');
    await line.newDevice('v1.1.0');
    await line.newDevice('1.1.0+ci.7');
    await line.newDevice('1.0.0');
    const { name } = await line.rollOut('1.1.0', 'draft');
    const preview = await server.admin('previewRollout', { params: { name } });
    expect(preview.left_out).toMatchObject([{ reason: 'up_to_date', devices: 2 }]);
    expect(preview.stages).toMatchObject([{ devices: 0 }, { devices: 1 }]);
  });
});

describe.each(DIALECTS)('a database from before the digests on %s', (dialect) => {
  test('gets them from the stored files at the start; a file that is gone stops nothing', async () => {
    const first = await startTestServer({ dialect });
    const line = new ProductLine(first);
    const image = line.image('1.1.0');
    await line.upload('1.1.0', image);
    await line.upload('1.2.0', line.image('1.2.0'));
    await line.rollOut('1.1.0', 'expand');
    await first.stop();
    const database = await (dialect === 'sqlite'
      ? openSqlite(join(first.home, 'data/otter.db'))
      : openPostgres(first.databaseUrl));
    await database.write(async (trx) => trx.updateTable('images').set({ appended_sha256: null }).execute());
    await database.write(async (trx) =>
      trx.updateTable('images').set({ block_sha256: '["00"]' }).where('path', 'like', '%1.2.0%').execute(),
    );
    await database.close();

    const second = await startTestServer({ dialect, like: first });
    line.moveTo(second);
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', { image_sha256: image.toString('hex', image.length - 32) });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed' }]);
    expect(second.logged.filter((entry) => entry.includes('the digest of an image could not be read'))).toHaveLength(1);
    await second.end();
  });
});
