// What a release key signs, and what no signature holds for: the vectors that the tests of the Arduino client read, too
// (client/extras/test/unit/trust, client/extras/test/unit/offer).

import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import {
  canonicalTextOf,
  type SignedFields,
  readSignedInstant,
  toSignedInstant,
} from '#protocol/device/canonical-text.ts';
import { isSignedBy, readReleaseKey, releaseKeyOf, signText } from '#protocol/device/release-key.ts';
import { Manifest } from '#protocol/device/manifest.ts';
import { parseStrictJson } from '#server/http/request/strict-json.ts';

const VECTORS = join(import.meta.dirname, '../../protocol/vectors');
const strict = { additionalProperties: false };
const vector = Value.Parse(
  Type.Object(
    {
      note: Type.String(),
      canonical_text: Type.String(),
      canonical_sha256: Type.String(),
      public_key_pem: Type.String(),
      key_id: Type.String(),
      signature_base64: Type.String(),
      manifest: Manifest,
    },
    strict,
  ),
  parseStrictJson(readFileSync(join(VECTORS, 'signature.json'))),
);
const key = readReleaseKey(vector.public_key_pem);
if (key === undefined) throw new Error('the key of the vector cannot be read');

describe('canonical texts', () => {
  const Case = Type.Object({
    name: Type.String(),
    manifest: Type.String(),
    text: Type.Union([Type.String(), Type.Null()]),
  });
  const { cases } = Value.Parse(
    Type.Object({ note: Type.String(), cases: Type.Array(Case) }, strict),
    parseStrictJson(readFileSync(join(VECTORS, 'canonical-texts.json'))),
  );

  test.each(cases)('$name', ({ manifest, text }) => {
    const fields = parseStrictJson(Buffer.from(manifest)) as SignedFields & { readonly format: string };
    const isOurs = fields.format === 'otter-manifest/1';
    expect(isOurs ? (canonicalTextOf(fields) ?? null) : null).toBe(text);
  });

  test('one is the same whatever else the manifest says, and in whatever order', () => {
    const { release_notes, ...fields } = vector.manifest;
    expect(release_notes).toBe('');
    const reversed = Object.fromEntries(Object.entries(fields).toReversed()) as typeof fields;
    expect(canonicalTextOf(vector.manifest)).toBe(vector.canonical_text);
    expect(canonicalTextOf(reversed)).toBe(vector.canonical_text);
  });

  test('an instant is written to the second and read back', () => {
    expect(toSignedInstant(Date.UTC(2026, 10, 23, 10, 0, 0, 999))).toBe('2026-11-23T10:00:00Z');
    expect(readSignedInstant('2026-11-23T10:00:00Z')).toBe(Date.UTC(2026, 10, 23, 10));
  });
});

describe('the signature of the shared vector', () => {
  test('is good, and names its key', () => {
    expect(key.keyId).toBe(vector.key_id);
    expect(isSignedBy(key, vector.canonical_text, vector.signature_base64)).toBe(true);
  });

  test('holds for no text that differs in one bit', () => {
    const text = Buffer.from(vector.canonical_text);
    const der = Buffer.from(vector.signature_base64, 'base64');
    const accepted = bits(text).filter((changed) => verify('sha256', changed, key.key, der));
    expect(accepted).toEqual([]);
  });

  test('holds no more where one bit of it differs, or where its end is missing, or something follows it', () => {
    const der = Buffer.from(vector.signature_base64, 'base64');
    const truncated = Array.from({ length: der.length }, (_, length) => der.subarray(0, length));
    const padded = [1, 2, 8].map((count) => Buffer.concat([der, Buffer.alloc(count)]));
    const accepted = [...bits(der), ...truncated, ...padded].filter((changed) =>
      isSignedBy(key, vector.canonical_text, changed.toString('base64')),
    );
    expect(accepted).toEqual([]);
  });

  test('has one spelling', () => {
    const spelt = vector.signature_base64;
    const others = [
      ` ${spelt}`,
      `${spelt}\n`,
      spelt.replaceAll('=', ''),
      spelt.replace('+', '-'),
      spelt.replace('/', '_'),
      '',
    ];
    expect(others.filter((other) => other !== spelt && isSignedBy(key, vector.canonical_text, other))).toEqual([]);
  });

  test('is not that of another key', () => {
    const other = releaseKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
    if (other === undefined) throw new Error('a key that cannot be read');
    expect(isSignedBy(other, vector.canonical_text, vector.signature_base64)).toBe(false);
  });
});

describe('a key', () => {
  test('that this computer makes signs what it verifies, in at most 72 bytes', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const made = releaseKeyOf(privateKey);
    if (made === undefined) throw new Error('a key that cannot be read');
    for (let round = 0; round < 50; round += 1) {
      const signature = signText(privateKey, vector.canonical_text);
      expect(isSignedBy(made, vector.canonical_text, signature)).toBe(true);
    }
    expect(readReleaseKey(made.pem)?.keyId).toBe(made.keyId);
  });

  test('is only a public one, on this curve', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
    const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey;
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
    const pems = [
      privateKey.export({ format: 'pem', type: 'pkcs8' }),
      ...[p384, secp256k1, rsa].map((wrong) => wrong.export({ format: 'pem', type: 'spki' })),
      '',
      '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
      vector.public_key_pem.replace('M', 'N'),
    ];
    expect(pems.filter((pem) => readReleaseKey(pem.toString()) !== undefined)).toEqual([]);
    expect(createPublicKey(createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }))).type).toBe('public');
  });

  test('of the vector in another layout has the same name', () => {
    const oneLine = vector.public_key_pem.replaceAll('\n', '\r\n');
    expect(readReleaseKey(oneLine)).toMatchObject({ keyId: vector.key_id, pem: vector.public_key_pem });
  });
});

/** The bytes with each one of their bits flipped. */
function bits(bytes: Buffer): readonly Buffer[] {
  return Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return changed;
  });
}
