// Trusting a release key: nothing changes before every build that boards need is signed, and from then on nothing goes out, and nothing
// comes in, that no trusted key signed. Over real HTTPS on both databases.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalTextOf } from '#protocol/device/canonical-text.ts';
import type { Manifest } from '#protocol/device/manifest.ts';
import { isSignedBy } from '#protocol/device/release-key.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { BOTH } from '../../support/scope.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';
import { knows, SignedLine } from '../../support/signed-line.ts';
import { newKey, sha256Of, signFields } from '../../support/signing.ts';

const DAY_S = 86_400;

describe.each(BOTH)('release keys on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  afterAll(async () => server.end());

  const reasonOf = async (line: SignedLine, mac: string, version: string, more = {}) =>
    (await line.checkIn(mac, version, more)).reason;

  test('the first key takes effect when all that boards need is signed, and not half of it before', async () => {
    const line = new SignedLine(server);
    const key = newKey();
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await line.makeStable(version);
    await line.add('1.3.0');
    await line.rollOut('1.3.0', 'pilot');
    const mac = await line.newDevice('1.0.0');
    const refused = await line.tryTrust(key, []);
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'builds_unsigned' } } });
    expect(JSON.stringify(refused.body)).toMatch(/1\.3\.0.*rollout.*1\.2\.0.*stable.*1\.1\.0.*prior_stable/);
    // Two of the three: as if nothing had been sent.
    const { items } = await server.admin('getUnsignedBuilds', { query: { product: line.product } });
    expect(items.map(({ version, use }) => `${version} ${use}`)).toEqual([
      '1.3.0 rollout',
      '1.2.0 stable',
      '1.1.0 prior_stable',
    ]);
    const two = [line.sign('1.3.0', [key]), line.sign('1.2.0', [key])];
    expect(await line.tryTrust(key, two)).toMatchObject({ status: 409, body: { error: { code: 'builds_unsigned' } } });
    expect(await line.keyOf(key)).toBeUndefined();
    expect((await line.checkIn(mac, '1.0.0')).manifest).not.toHaveProperty('signatures');
    expect(await line.trust(key)).toMatchObject({
      status: 200,
      body: { signed: 3, key: { key_id: key.releaseKey.keyId } },
    });
    const { manifest } = await line.checkIn(mac, '1.0.0');
    expect(manifest).toMatchObject({ version: '1.2.0', created_at: '2026-11-23T10:00:00Z', expires_at: '-' });
    expect(holds(manifest, key)).toBe(true);
    // Once more changes nothing.
    expect(await line.tryTrust(key, [])).toMatchObject({ status: 200, body: { signed: 0 } });
  });

  test('F33: an upload needs a signature of a trusted key, of exactly this build', async () => {
    const line = new SignedLine(server);
    const [key, other] = [newKey(), newKey()];
    expect(await line.tryUpload('1.0.0', line.sign('1.0.0', [key]))).toMatchObject(refusal(409, 'key_untrusted'));
    expect(await line.tryUpload('1.0.0', undefined)).toMatchObject({ status: 201 });
    expect(await line.trust(key)).toMatchObject({ status: 200 });
    expect(await line.tryUpload('1.1.0', undefined)).toMatchObject(refusal(409, 'signature_missing'));
    expect(await line.tryUpload('1.1.0', line.sign('1.1.0', [other]))).toMatchObject(refusal(409, 'key_untrusted'));
    expect(await line.tryUpload('1.1.0', line.sign('1.1.0', [key, other]))).toMatchObject(
      refusal(409, 'key_untrusted'),
    );
    const good = line.sign('1.1.0', [key]);
    const of = (change: object) => line.tryUpload('1.1.0', { ...good, ...change });
    for (const field of [
      { version: '1.1.1' },
      { chip: 'esp32s3' },
      { size_bytes: 1 },
      { sha256: '0'.repeat(64) },
      { security_version: 1 },
    ])
      expect(await of(field)).toMatchObject(refusal(409, 'signature_mismatch'));
    const [signature] = good.signatures;
    for (const broken of [
      { created_at: '2026-11-23T10:00:01Z' },
      { expires_at: '2027-11-23T10:00:00Z' },
      { created_at: 'today' },
      { signatures: [signature, signature] },
      { signatures: [{ ...signature, signature: line.sign('1.2.0', [key]).signatures[0]?.signature }] },
    ])
      expect(await of(broken)).toMatchObject(refusal(422, 'signature_invalid'));
    for (const malformed of [{ signatures: [] }, { more: 1 }, { format: 'otter-manifest/2' }])
      expect(await of(malformed)).toMatchObject(refusal(422, 'signature_invalid'));
    expect(await line.tryUpload('1.1.0', line.sign('1.1.0', [key], '2026-11-23T09:59:59Z'))).toMatchObject(
      refusal(422, 'signature_invalid'),
    );
    expect(
      (await server.admin('listFirmware', { query: { product: line.product } })).items.map(({ version }) => version),
    ).toEqual(['1.0.0']);
    expect(await of({})).toMatchObject({
      status: 201,
      body: { image: { signed: { key_ids: [key.releaseKey.keyId], expires_at: '-' } } },
    });
    const shown: Manifest = JSON.parse(
      await readFile(join(server.home, `data/firmware/${line.product}/1.1.0/esp32/manifest.json`), 'utf8'),
    );
    expect(holds(shown, key)).toBe(true);
    // The same bytes with another signature: both stand.
    await line.trust(other);
    expect(await line.tryUpload('1.1.0', signFields(unsignedOf(good), [other]))).toMatchObject({
      status: 200,
      body: { already_there: true, image: { signed: { key_ids: [key.releaseKey.keyId, other.releaseKey.keyId] } } },
    });
  });

  test('a key of one product says nothing of another', async () => {
    const [line, free] = [new SignedLine(server), new SignedLine(server)];
    const key = newKey();
    await line.trust(key);
    expect(await free.tryUpload('1.0.0', undefined)).toMatchObject({ status: 201 });
    expect(await free.tryUpload('1.1.0', free.sign('1.1.0', [key]))).toMatchObject(refusal(409, 'key_untrusted'));
    expect(await line.tryUpload('1.0.0', undefined)).toMatchObject(refusal(409, 'signature_missing'));
  });

  test('D35: what is not P-256 is no release key', async () => {
    for (const public_key of ['', 'text', newKey().privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()])
      expect(await server.tryAdmin('trustReleaseKey', { body: { public_key } })).toMatchObject(
        refusal(422, 'key_invalid'),
      );
  });

  test('a signature that somebody changed in the database is none: the build is held, called and explained', async () => {
    const line = new SignedLine(server);
    const key = newKey();
    await line.trust(key);
    await line.release('1.0.0', [key]);
    await line.release('1.1.0', [key]);
    const mac = await line.newDevice('1.0.0');
    expect(await reasonOf(line, mac, '1.0.0')).toBe('update');
    await changeRow(
      server,
      `update images set signed = replace(signed, '10:00:00Z', '10:00:01Z') where path like '${line.product}/1.1.0/%'`,
    );
    expect(await reasonOf(line, mac, '1.0.0')).toBe('unsigned');
    const { rules, to_change } = await line.explain(mac);
    expect(to_change).toContain(`otter firmware sign 1.1.0 --stored --product ${line.product}`);
    expect(rules.find(({ rule }) => rule === 'unsigned')).toMatchObject({
      matched: true,
      facts: 'no trusted key signed the image',
    });
    const { calls } = await server.admin('getStatus');
    expect(calls.filter(({ kind, text }) => kind === 'signature' && text.includes(line.product))).toHaveLength(1);
    // Other bytes under the signed name are not what was signed either.
    await changeRow(
      server,
      `update images set signed = replace(signed, '10:00:01Z', '10:00:00Z'), sha256 = '${sha256Of(Buffer.from('other'))}' where path like '${line.product}/1.1.0/%'`,
    );
    expect(await reasonOf(line, mac, '1.0.0')).toBe('unsigned');
    await changeRow(server, `update images set signed = 'no JSON' where path like '${line.product}/1.1.0/%'`);
    expect(await reasonOf(line, mac, '1.0.0')).toBe('unsigned');
  });

  test('a signature ends when it says so; signed anew the build goes on', async () => {
    const line = new SignedLine(server);
    const key = newKey();
    await line.trust(key);
    await line.release('1.0.0', [key]);
    await line.release('1.1.0', [key], 'complete', '2026-12-23T10:00:00Z');
    const mac = await line.newDevice('1.0.0');
    const called = async () =>
      (await server.admin('getStatus')).calls.filter(
        ({ kind, text }) => kind === 'signature' && text.includes(line.product),
      );
    expect(await called()).toEqual([
      expect.objectContaining({ text: expect.stringContaining('expires at 2026-12-23') }),
    ]);
    server.clock.advance(30 * DAY_S - 1);
    expect(await reasonOf(line, mac, '1.0.0')).toBe('update');
    server.clock.advance(1);
    expect(await reasonOf(line, mac, '1.0.0')).toBe('signature_expired');
    expect(await called()).toEqual([expect.objectContaining({ text: expect.stringContaining('has expired') })]);
    const body = line.sign('1.1.0', [key], '2027-12-23T10:00:00Z');
    const signed = await server.tryAdmin('signFirmware', { params: { version: '1.1.0' }, body });
    expect(signed).toMatchObject({
      status: 200,
      body: { images: [{ signed: { expires_at: '2027-12-23T10:00:00Z' } }] },
    });
    expect((await line.checkIn(mac, '1.0.0')).manifest).toMatchObject({ expires_at: '2027-12-23T10:00:00Z' });
    server.clock.nowMs = START_MS;
  });

  test('signatures add up over the same dates, and never take that of another key away', async () => {
    const line = new SignedLine(server);
    const [key, other] = [newKey(), newKey()];
    await line.trust(key);
    await line.trust(other);
    const first = line.sign('1.0.0', [key], '2027-11-23T10:00:00Z');
    expect(await line.tryUpload('1.0.0', first)).toMatchObject({ status: 201 });
    const sign = (body: unknown) => server.tryAdmin('signFirmware', { params: { version: '1.0.0' }, body });
    expect(await sign(line.sign('1.0.0', [other]))).toMatchObject(refusal(409, 'signature_replaces'));
    expect(await sign(signFields(unsignedOf(first), [other]))).toMatchObject({
      status: 200,
      body: { images: [{ signed: { key_ids: [key.releaseKey.keyId, other.releaseKey.keyId] } }] },
    });
    expect(await sign(line.sign('1.0.0', [key]))).toMatchObject(refusal(409, 'signature_replaces'));
    expect(await sign(line.sign('1.0.0', [other, key]))).toMatchObject({
      status: 200,
      body: { images: [{ signed: { expires_at: '-' } }] },
    });
    expect(await sign({ ...first, version: '1.0.1' })).toMatchObject(refusal(409, 'signature_mismatch'));
    expect(await sign({ ...first, sha256: '0'.repeat(64) })).toMatchObject(refusal(404, 'image_unknown'));
  });

  test('C27: a board that knows keys is offered only what they signed, whether the server trusts a key or not', async () => {
    const line = new SignedLine(server);
    const [key, other] = [newKey(), newKey()];
    await line.makeStable('1.0.0');
    await line.makeStable('1.1.0');
    const mac = await line.newDevice('1.0.0');
    expect(await reasonOf(line, mac, '1.0.0', knows(key))).toBe('release_key_unknown');
    await line.trust(key);
    expect(await reasonOf(line, mac, '1.0.0', knows(key))).toBe('update');
    expect(await reasonOf(line, mac, '1.0.0', knows(other))).toBe('release_key_unknown');
    expect(await reasonOf(line, mac, '1.0.0', knows(other, key))).toBe('update');
    expect(await reasonOf(line, mac, '1.0.0', { ...knows(other, key), release_keys_needed: 2 })).toBe(
      'release_key_unknown',
    );
    expect(await reasonOf(line, mac, '1.0.0', { release_keys: [] })).toBe('update');
    // What cannot be read is as if it were not said, and is shown.
    for (const release_keys of [
      'text',
      ['short'],
      [1],
      Array.from({ length: 5 }, (_, i) => `${i}`.repeat(16)),
      ['a'.repeat(16), 'a'.repeat(16)],
    ])
      expect(await reasonOf(line, mac, '1.0.0', { release_keys })).toBe('update');
    await server.admin('getStatus');
    expect((await line.detail(mac)).device.attributes).toMatchObject({ unreadable: ['release_keys'] });
  });
});

function refusal(status: number, code: string) {
  return { status, body: { error: { code } } };
}

function unsignedOf(signed: SignedManifest): Omit<SignedManifest, 'signatures'> {
  const { signatures, ...fields } = signed;
  expect(signatures).not.toEqual([]);
  return fields;
}

function holds(manifest: Manifest | undefined, key: ReturnType<typeof newKey>): boolean {
  const text = manifest === undefined ? undefined : canonicalTextOf(manifest);
  const found = manifest?.signatures?.find(({ key_id }) => key_id === key.releaseKey.keyId);
  return text !== undefined && found !== undefined && isSignedBy(key.releaseKey, text, found.signature);
}

/** Somebody who has the database changes it, and lets the servers know. */
async function changeRow(server: TestServer, sql: string): Promise<void> {
  const raw = await openRaw(server, { writes: true });
  await raw.query(sql);
  await raw.query('update catalog set revision = revision + 1');
  await raw.close();
}
