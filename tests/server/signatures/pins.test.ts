// Configurations that a release key signed: what the server takes, whom it sends them, and whom it counts as lost. Over real HTTPS.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PinsOfProduct } from '#protocol/admin/fleet/pins.ts';
import { pinIdOf } from '#protocol/device/configuration.ts';
import { formatPin } from '#protocol/pinned-https.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { TicketKeys } from '#server/service/access/ticket-keys.ts';
import { findBackupKey } from '#server/home/backup-key.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { knows, SignedLine } from '../../support/signed-line.ts';
import { newKey, signPins } from '../../support/signing.ts';

const FOREIGN = `spki:${createHash('sha256').update('a thief').digest('hex')}`;

const DAY_MS = 86_400_000;

describe.each(DIALECTS)('pins on %s', (dialect) => {
  let server: TestServer;
  let live: string;
  let backup: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    live = formatPin(server.pin);
    backup = findBackupKey(server.home)?.pin ?? '';
  });
  afterAll(async () => server.end());

  /** A product whose builds this key signs. */
  async function newLine() {
    const line = new SignedLine(server);
    const key = newKey();
    await line.trust(key);
    const send = async (body: object) => server.tryAdmin('configurePins', { body });
    const standing = async (): Promise<PinsOfProduct> => {
      const { products } = await server.admin('getPins', {});
      const found = products.find(({ product }) => product === line.product);
      if (found === undefined) throw new Error('the product is not there');
      return found;
    };
    /** A check of a board that takes configurations. */
    const ask = async (mac: string, sequence: number, more: object = {}) =>
      line.checkIn(mac, '1.0.0', { ...knows(key), configuration_sequence: sequence, ...more });
    const both = (fields: { readonly sequence?: number; readonly expiresAt?: string } = {}) =>
      signPins({ product: line.product, pins: [live, backup], ...fields }, key);
    return { line, key, send, standing, ask, both };
  }

  test('a configuration goes with the answer that offers nothing, until the board has acknowledged it', async () => {
    const { line, send, ask, both } = await newLine();
    const mac = line.newMac();
    expect(await ask(mac, 0)).not.toHaveProperty('configuration');
    const configuration = both({ sequence: 5 });
    expect((await send(configuration)).status).toBe(200);
    expect(await ask(mac, 0)).toMatchObject({ update_available: false, configuration });
    expect(await ask(mac, 4)).toMatchObject({ configuration });
    for (const held of [5, 6]) expect(await ask(mac, held)).not.toHaveProperty('configuration');
  });

  test('boards that hold a later one than a server that was restored are counted, until a new one takes its place', async () => {
    const { line, send, standing, ask, both } = await newLine();
    await send(both({ sequence: 5 }));
    const mac = line.newMac();
    const pins = { pins: [pinIdOf(live), pinIdOf(backup)] };
    await ask(mac, 5, pins);
    expect(await standing()).toMatchObject({ ready: 1, ahead: 0 });
    await ask(mac, 9, pins);
    expect(await standing()).toMatchObject({ ready: 0, unacknowledged: 1, ahead: 1 });
    await send(both({ sequence: 12 }));
    expect(await ask(mac, 9, pins)).toMatchObject({ configuration: { sequence: 12 } });
    await ask(mac, 12, pins);
    expect(await standing()).toMatchObject({ ready: 1, ahead: 0 });
  });

  test('one that brings the backup pin calls a person before it expires, until another takes its place', async () => {
    const { line, send, both } = await newLine();
    const at = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
    const now = server.clock.nowMs;
    const calls = async () =>
      (await server.admin('getStatus')).calls.filter(({ text }) => text.includes(`boards of ${line.product} `));
    await send(both({ expiresAt: at(now + 31 * DAY_MS) }));
    expect(await calls()).toEqual([]);
    server.clock.advance(2 * (DAY_MS / 1000));
    expect(await calls()).toMatchObject([
      {
        kind: 'certificate',
        commands: [`otter cert rotate start --product ${line.product}`, 'otter cert rotate status'],
      },
    ]);
    server.clock.advance(30 * (DAY_MS / 1000));
    expect(await calls()).toMatchObject([{ text: expect.stringContaining('has expired') }]);
    const [sequence, expiresAt] = [Math.floor(server.clock.nowMs / 1000), at(server.clock.nowMs + 365 * DAY_MS)];
    expect((await send(both({ sequence, expiresAt }))).status).toBe(200);
    expect(await calls()).toEqual([]);
  });

  test('it is sent to nobody who says no release key, other keys, or nothing of configurations', async () => {
    const { line, key, send, both } = await newLine();
    await send(both());
    for (const more of [
      {},
      { configuration_sequence: 0 },
      { configuration_sequence: 0, release_keys: [] },
      { configuration_sequence: 0, ...knows(newKey()) },
      { configuration_sequence: 0, ...knows(key, newKey()), release_keys_needed: 2 },
      { ...knows(key) },
      { ...knows(key), configuration_sequence: 'none' },
      { ...knows(key), configuration_sequence: -1 },
    ])
      expect(await line.checkIn(line.newMac(), '1.0.0', more)).not.toHaveProperty('configuration');
  });

  test('one that has expired, or whose key was retired, is not sent any more', async () => {
    const { line, key, send, ask, both } = await newLine();
    const soon = new Date(server.clock.nowMs + 60_000).toISOString().slice(0, 19);
    await send(both({ expiresAt: `${soon}Z` }));
    const mac = line.newMac();
    expect(await ask(mac, 0)).toHaveProperty('configuration');
    server.clock.advance(61);
    expect(await ask(mac, 0)).not.toHaveProperty('configuration');
    await send(both({ sequence: 2 }));
    expect(await ask(mac, 0)).toHaveProperty('configuration');
    await line.trust(newKey());
    const params = { key: key.releaseKey.keyId };
    await server.admin('retireReleaseKey', { params, body: { product: line.product, force: true } });
    expect(await ask(mac, 0)).not.toHaveProperty('configuration');
  });

  test('what no trusted key signed is refused, and nothing is stored', async () => {
    const { line, key, send, standing, ask, both } = await newLine();
    await ask(line.newMac(), 0);
    const good = both();
    const renamed = signPins({ product: line.product, pins: [live, backup] }, newKey());
    const [signature] = renamed.signatures;
    const rows = [
      [422, 'configuration_invalid', { ...good, pins: [backup] }],
      [422, 'configuration_invalid', { ...good, expires_at: 'tomorrow' }],
      [409, 'key_untrusted', renamed],
      [422, 'signature_invalid', { ...good, sequence: 7 }],
      [422, 'signature_invalid', { ...good, pins: [live, FOREIGN] }],
      [422, 'signature_invalid', { ...good, signatures: [{ ...signature, key_id: key.releaseKey.keyId }] }],
      [409, 'key_untrusted', { ...good, product: 'without-a-key' }],
      [400, 'field_invalid', { ...good, pins: ['spki:1234'] }],
      [400, 'field_invalid', { ...good, signatures: [] }],
    ] as const;
    for (const [status, code, body] of rows)
      expect(await send(body), JSON.stringify(body)).toMatchObject({ status, body: { error: { code } } });
    expect((await standing()).configuration).toBeNull();
  });

  test('the number only rises; the same once more changes nothing', async () => {
    const { line, send, standing, ask, both } = await newLine();
    await ask(line.newMac(), 0);
    const first = both({ sequence: 10 });
    await send(first);
    const { configuration: before } = await standing();
    server.clock.advance(60);
    expect((await send(first)).status).toBe(200);
    expect((await standing()).configuration).toEqual(before);
    for (const sequence of [9, 10])
      expect(await send(both({ sequence, expiresAt: '2099-01-01T00:00:00Z' }))).toMatchObject({
        status: 409,
        body: { error: { code: 'configuration_older' } },
      });
    expect((await send(both({ sequence: 11 }))).status).toBe(200);
  });

  test('every board is counted in one of four, and what it does not say counts as lost', async () => {
    const { line, send, standing, ask, both } = await newLine();
    const builtIn = { pins: [pinIdOf(live), pinIdOf(backup)] };
    const old = { pins: [pinIdOf(live)] };
    const [acknowledged, silent, configured] = [line.newMac(), line.newMac(), line.newMac()];
    await send(both({ sequence: 3 }));
    await ask(acknowledged, 3, builtIn);
    await ask(silent, 0, builtIn);
    await ask(configured, 3, old);
    await ask(line.newMac(), 2, old);
    await ask(line.newMac(), 0, { ...old, configuration_refused: 'expired' });
    // Without a release key: by the build alone.
    await line.checkIn(line.newMac(), '1.0.0', { release_keys: [], ...builtIn });
    await line.checkIn(line.newMac(), '1.0.0', { release_keys: [], ...old });
    await line.checkIn(line.newMac(), '1.0.0', { pins: ['no pin'] });
    await line.checkIn(line.newMac(), '1.0.0');
    expect(await standing()).toMatchObject({
      takes_configurations: true,
      configuration: { sequence: 3, pins: [live, backup], expires_at: null },
      devices: 9,
      ready: 2,
      unacknowledged: 1,
      by_configuration: 1,
      lost: 5,
      refused: 1,
    });
    const { examples } = await standing();
    expect(examples).toHaveLength(7);
    expect(examples).toEqual(expect.arrayContaining([silent, configured]));
    expect(examples).not.toContain(acknowledged);
  });
});

test('a server that goes over to another key resumes no TLS session of before', async () => {
  const server = await startTestServer();
  const keys: Buffer[] = [];
  await server.stop();
  const database = await openSqlite(join(server.home, 'data/otter.db'), { home: server.home, onNote: () => {} });
  for (const pin of ['a', 'a', 'b']) {
    const ticketKeys = new TicketKeys(database, pino({ level: 'silent' }), pin);
    ticketKeys.serve((key) => keys.push(key));
    await ticketKeys.tick(server.clock.nowMs);
  }
  await database.close();
  const [first, again, other] = keys.map((key) => key.toString('hex'));
  expect(first).toHaveLength(96);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});
