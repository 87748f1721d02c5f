// Moving a fleet from one release key to the next by stepping releases: 1.0.0 signed by A; 1.1.0 signed by A and B, whose build knows B and
// C; 1.2.0 signed by B alone. What each board gets, what stays, and what may go. Over real HTTPS.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_RELEASE_KEYS } from '#protocol/limits.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { knows, SignedLine } from '../../support/signed-line.ts';
import { newKey } from '../../support/signing.ts';

describe.each(DIALECTS)('a rotation of keys on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  /** Of which tests read alone, each with a board of its own. */
  let shared: Awaited<ReturnType<typeof rotate>>;
  beforeAll(async () => {
    shared = await rotate();
  });
  afterAll(async () => server.end());

  /** With three releases, completed, unless the last is to wait in its stage. */
  async function rotate(last: 'complete' | 'expand' = 'complete') {
    const line = new SignedLine(server);
    const [a, b, c] = [newKey(), newKey(), newKey()];
    await line.trust(a);
    await line.trust(b);
    await line.release('1.0.0', [a]);
    await line.release('1.1.0', [a, b]);
    await line.release('1.2.0', [b], last);
    const told = async (mac: string, version: string, more = {}) => {
      const { reason, manifest, rollback } = await line.checkIn(mac, version, more);
      return manifest === undefined ? reason : `${rollback === true ? 'back to ' : ''}${manifest.version}`;
    };
    const inStage = last === 'complete' ? [] : ['pilot'];
    return { line, a, b, c, told, newBoard: async () => line.newDevice('1.0.0', inStage) };
  }

  test('a server that went from key to key for years can do so again: the key retired first makes room', async () => {
    const own = await startTestServer({ dialect });
    const line = new SignedLine(own);
    const keys = Array.from({ length: MAX_RELEASE_KEYS }, newKey);
    const [first = newKey(), second = newKey()] = keys;
    for (const key of keys) expect(await line.tryTrust(key, [])).toMatchObject({ status: 200 });
    expect(await line.tryTrust(newKey(), []), 'all of them are trusted').toMatchObject({
      body: { error: { code: 'key_limit' } },
    });
    for (const key of [second, first]) {
      own.clock.advance(1);
      await line.tryRetire(key, true);
    }
    expect(await line.tryTrust(newKey(), [])).toMatchObject({ status: 200 });
    expect(await line.keyOf(second)).toBeUndefined();
    expect(await line.keyOf(first)).toBeDefined();
    await own.end();
  });

  test.each(['complete', 'expand'] as const)(
    '1: a board that knows A alone gets the stepping release first, then the rest (the last is %s)',
    async (last) => {
      const { line, a, b, c, told, newBoard } = last === 'complete' ? shared : await rotate(last);
      const mac = await newBoard();
      expect(await told(mac, '1.0.0', knows(a))).toBe('1.1.0');
      await line.report(mac, (await line.checkIn(mac, '1.0.0', knows(a))).assignment_id ?? 0, 1, 'installing');
      await line.checkIn(mac, '1.1.0', { ...knows(b, c), boot: { state: 'trial' } });
      expect(await told(mac, '1.1.0', knows(b, c))).toBe('1.2.0');
      expect(await line.explain(mac)).toMatchObject({ version: '1.2.0' });
    },
  );

  test('1b: the preview of a rollout leaves such a board out, and says that it knows no key of it', async () => {
    const { line, a } = await rotate('expand');
    const mac = await line.newDevice('1.0.0');
    await line.checkIn(mac, '1.0.0', knows(a));
    const preview = await server.admin('previewRollout', { params: { name: line.rolloutName('1.2.0') } });
    expect(JSON.stringify(preview)).toContain('release_key_unknown');
    expect(preview.stages.reduce((sum, { devices }) => sum + devices, 0)).toBe(0);
  });

  test('2: a board that knows B goes straight to the end', async () => {
    const { a, b, told, newBoard } = shared;
    expect(await told(await newBoard(), '1.0.0', knows(a, b))).toBe('1.2.0');
    expect(await told(await newBoard(), '1.0.0', knows(b))).toBe('1.2.0');
  });

  test('3: one that says nothing, or knows no key, goes straight to the end', async () => {
    const { told, newBoard } = shared;
    expect(await told(await newBoard(), '1.0.0')).toBe('1.2.0');
    expect(await told(await newBoard(), '1.0.0', { release_keys: [] })).toBe('1.2.0');
  });

  test('4: one that knows other keys alone waits, and is told why', async () => {
    const { line, c, told, newBoard } = shared;
    const mac = await newBoard();
    expect(await told(mac, '1.0.0', knows(c))).toBe('release_key_unknown');
    expect(await line.explain(mac)).toMatchObject({ to_change: expect.stringContaining('docs/signing.md') });
  });

  test('5: where two keys of a board have to sign, what one of them signed is not offered', async () => {
    const { a, b, told, newBoard } = shared;
    const both = { ...knows(a, b), release_keys_needed: 2 };
    expect(await told(await newBoard(), '1.0.0', both)).toBe('1.1.0');
    expect(await told(await newBoard(), '1.1.0', both)).toBe('up_to_date');
  });

  test('6: a blocked stepping release leads nobody; the board waits for another', async () => {
    const { line, a, b, told, newBoard } = await rotate();
    const mac = await newBoard();
    await line.block('1.1.0');
    expect(await told(mac, '1.0.0', knows(a))).toBe('up_to_date');
    await line.release('1.1.5', [a, b]);
    expect(await told(mac, '1.0.0', knows(a))).toBe('1.1.5');
  });

  test('7: a stepping release stays while boards need it, and goes when none does', async () => {
    const { line, a, b, c, newBoard } = await rotate();
    await line.release('1.3.0', [b]);
    await line.release('1.4.0', [b]);
    const mac = await newBoard();
    await line.checkIn(mac, '1.0.0', knows(a));
    await server.admin('getStatus');
    const remove = { params: { version: '1.1.0' }, query: { product: line.product, confirm: 'true' } };
    const refused = await server.tryAdmin('removeFirmware', remove);
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'firmware_needed' } } });
    expect(JSON.stringify(refused.body)).toContain('stepping release');
    // Long enough for the watch of every rollout.
    server.clock.advance(2 * 86_400);
    await server.tick();
    await line.checkIn(mac, '1.4.0', knows(b, c));
    await server.admin('getStatus');
    expect(await server.tryAdmin('removeFirmware', remove)).toMatchObject({ status: 200 });
  });

  test('8: a key is retired when no board and no build needs it, and not before', async () => {
    const { line, a, b, c, newBoard } = await rotate();
    const [first, second] = [await newBoard(), await newBoard()];
    await line.checkIn(first, '1.0.0', knows(a));
    await line.checkIn(second, '1.0.0');
    const needed = await line.keyOf(a);
    expect(needed).toMatchObject({ devices: 1, dependent_devices: 1, unknown_devices: 1, safe_to_retire: false });
    expect(needed?.needed_by).toEqual([
      '1 board knows no other trusted key',
      '1 board does not say which keys it knows',
    ]);
    expect(needed?.examples).toEqual([first, second]);
    expect(await line.tryRetire(a)).toMatchObject({ status: 409, body: { error: { code: 'key_needed' } } });
    for (const mac of [first, second]) await line.checkIn(mac, '1.2.0', knows(b, c));
    expect(await line.keyOf(a)).toMatchObject({ devices: 0, safe_to_retire: true, needed_by: [] });
    expect(await line.tryRetire(a)).toMatchObject({ status: 200, body: { retired_by: 'admin' } });
    expect(await line.tryRetire(a)).toMatchObject({ status: 200 });
    expect(await line.tryUpload('1.3.0', line.sign('1.3.0', [a]))).toMatchObject({
      status: 409,
      body: { error: { code: 'key_untrusted' } },
    });
  });

  test('9: the key of a build that boards go back to is needed', async () => {
    const line = new SignedLine(server);
    const [a, b] = [newKey(), newKey()];
    await line.trust(a);
    await line.trust(b);
    await line.release('1.0.0', [a]);
    await line.release('1.1.0', [b]);
    expect(await line.keyOf(a)).toMatchObject({
      needed_by: [`${line.product} 1.0.0 for esp32 is signed by no other trusted key`],
    });
    const stored = (
      await server.admin('getFirmware', { params: { version: '1.0.0' }, query: { product: line.product } })
    ).images[0]?.signed;
    const body = { ...line.sign('1.0.0', [b]), created_at: stored?.created_at ?? '' };
    expect(await server.tryAdmin('signFirmware', { params: { version: '1.0.0' }, body })).toMatchObject({
      status: 200,
    });
    expect(await line.keyOf(a)).toMatchObject({ needed_by: [], safe_to_retire: true });
    expect(await line.tryRetire(a)).toMatchObject({ status: 200 });
    expect(await line.tryRetire(b)).toMatchObject({ status: 409, body: { error: { code: 'key_needed' } } });
  });

  test('10: a stolen key is retired at once; what it alone signed is offered to nobody', async () => {
    const { line, a, b, told, newBoard } = await rotate();
    const mac = await newBoard();
    await line.checkIn(mac, '1.0.0', knows(a));
    await server.admin('getStatus');
    expect(await line.tryRetire(a)).toMatchObject({ status: 409 });
    expect(await line.tryRetire(a, true)).toMatchObject({ status: 200, body: { retired_reason: 'stolen' } });
    // The board takes what B signed only if it knows B, too.
    expect(await told(mac, '1.0.0', knows(a))).toBe('release_key_unknown');
    expect(await told(mac, '1.0.0', knows(a, b))).toBe('1.2.0');
  });

  test('11: a board goes back to what its keys signed', async () => {
    const { line, a, b, c, told, newBoard } = await rotate();
    const mac = await newBoard();
    await line.update(mac, '1.0.0', '1.2.0');
    await line.block('1.2.0');
    expect(await told(mac, '1.2.0', knows(b, c))).toBe('back to 1.1.0');
    expect(await told(mac, '1.2.0', knows(a, b))).toBe('back to 1.1.0');
    expect(await told(mac, '1.2.0', knows(c))).toBe('release_key_unknown');
  });

  test('12: a key that was lost is replaced by the backup key that boards know', async () => {
    const line = new SignedLine(server);
    const [lost, backup] = [newKey(), newKey()];
    await line.trust(lost);
    await line.release('1.0.0', [lost]);
    const mac = await line.newDevice('1.0.0');
    await line.checkIn(mac, '1.0.0', knows(lost, backup));
    await line.trust(backup);
    await line.release('1.1.0', [backup]);
    expect((await line.checkIn(mac, '1.0.0', knows(lost, backup))).manifest).toMatchObject({ version: '1.1.0' });
  });
});
