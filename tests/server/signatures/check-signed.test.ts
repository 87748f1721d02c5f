// The check of a signed manifest by the server: one bit more or less, anywhere, and it is refused.

import { describe, expect, test } from 'vitest';
import { canonicalTextOf } from '#protocol/device/canonical-text.ts';
import { OtterError } from '#protocol/errors.ts';
import { checkSigned, mergeSignatures, type SignableImage } from '#server/service/signatures/check-signed.ts';
import { SignatureVerifier } from '#server/service/signatures/signature-verifier.ts';
import { newKey, signFields } from '../../support/signing.ts';

const NOW_MS = Date.UTC(2026, 10, 30);
const [key, other] = [newKey(), newKey()];
const trusted = [key].map(({ releaseKey }) => ({ key_id: releaseKey.keyId, product: '*', public_key: releaseKey.pem }));
const image: SignableImage = {
  product: 'acme-sensor',
  version: '1.4.2',
  chip: 'esp32s3',
  size_bytes: 1_048_576,
  sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
  security_version: 3,
};
const signed = signFields(
  { format: 'otter-manifest/1', ...image, created_at: '2026-11-29T10:00:00Z', expires_at: '2027-11-29T10:00:00Z' },
  [key],
);
const [signature = { key_id: '', signature: '' }] = signed.signatures;

/** Undefined: it was taken. */
function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof OtterError ? error.code : String(error);
  }
}

const check = (manifest: typeof signed, of = image) => codeOf(() => checkSigned(manifest, of, trusted, NOW_MS));
const withDer = (der: Buffer) => ({ ...signed, signatures: [{ ...signature, signature: der.toString('base64') }] });

/** The text with each one of its bits flipped. */
function flipped(text: string): readonly string[] {
  return Array.from({ length: text.length * 8 }, (_, bit) => {
    const bytes = Buffer.from(text);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return bytes.toString('latin1');
  });
}

describe('a signed manifest', () => {
  test('is taken as it is', () => {
    expect(check(signed)).toBeUndefined();
  });

  test('F34: is refused with any bit of the signature flipped, and cut anywhere', () => {
    const der = Buffer.from(signature.signature, 'base64');
    const bits = Array.from({ length: der.length * 8 }, (_, bit) => {
      const bytes = Buffer.from(der);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return bytes;
    });
    const cut = Array.from({ length: der.length }, (_, length) => der.subarray(0, length));
    const taken = [...bits, ...cut, Buffer.concat([der, Buffer.alloc(1)])].filter(
      (bytes) => check(withDer(bytes)) !== 'signature_invalid',
    );
    expect(taken).toEqual([]);
  });

  test.each(['product', 'version', 'chip', 'sha256'] as const)(
    'F35: is refused with any bit of %s flipped, also where the image says the same',
    (field) => {
      const outcomes = flipped(signed[field]).flatMap((value) => [
        check({ ...signed, [field]: value }),
        check({ ...signed, [field]: value }, { ...image, [field]: value }),
      ]);
      expect(new Set(outcomes)).toEqual(new Set(['signature_mismatch', 'signature_invalid']));
    },
  );

  test.each(['created_at', 'expires_at'] as const)('is refused with any bit of %s flipped', (field) => {
    const outcomes = flipped(signed[field]).map((value) => check({ ...signed, [field]: value }));
    expect(new Set(outcomes)).toEqual(new Set(['signature_invalid']));
  });

  test.each(['size_bytes', 'security_version'] as const)(
    'is refused with any bit of %s flipped, also where the image says the same',
    (field) => {
      const values = Array.from({ length: 22 }, (_, bit) => signed[field] ^ (1 << bit));
      const outcomes = values.map((value) => check({ ...signed, [field]: value }, { ...image, [field]: value }));
      expect(new Set(outcomes)).toEqual(new Set(['signature_invalid']));
    },
  );

  test('is refused where a key that is not trusted signed it, alone or beside another', () => {
    const { signatures: _, ...fields } = signed;
    expect(check(signFields(fields, [other]))).toBe('key_untrusted');
    expect(check(signFields(fields, [key, other]))).toBe('key_untrusted');
    const [foreign = signature] = signFields(fields, [other]).signatures;
    expect(check({ ...signed, signatures: [{ ...foreign, key_id: signature.key_id }] })).toBe('signature_invalid');
  });
});

test('an image keeps four signatures: those of keys that do not count make room, and a fifth that counts is refused', () => {
  const keys = Array.from({ length: 5 }, newKey);
  const ids = keys.map(({ releaseKey }) => releaseKey.keyId);
  const { signatures: _, ...fields } = signed;
  const of = (...places: readonly number[]) => {
    const { created_at, expires_at, signatures } = signFields(
      fields,
      places.flatMap((place) => keys[place] ?? []),
    );
    return { created_at, expires_at, signatures };
  };
  const keysOf = (merged: { readonly signatures: readonly { readonly key_id: string }[] }) =>
    merged.signatures.map(({ key_id }) => key_id);
  const four = of(0, 1, 2, 3);
  expect(keysOf(mergeSignatures(four, of(4), ids.slice(1)))).toEqual(ids.slice(1));
  expect(keysOf(mergeSignatures(four, of(3), ids))).toEqual(ids.slice(0, 4));
  expect(codeOf(() => mergeSignatures(four, of(4), ids))).toBe('signature_replaces');
});

test('the catalog counts a signature only where the key is what its row says', () => {
  const { signersOf } = new SignatureVerifier();
  const facts = {
    product: image.product,
    version: image.version,
    securityVersion: image.security_version,
    chip: image.chip,
    sizeBytes: image.size_bytes,
    sha256: image.sha256,
    stored: { created_at: signed.created_at, expires_at: signed.expires_at, signatures: signed.signatures },
  };
  expect(canonicalTextOf(signed)).toBeDefined();
  expect(signersOf(facts, trusted)).toEqual([signature.key_id]);
  // Asked again it is remembered, and means the same.
  expect(signersOf(facts, trusted)).toEqual([signature.key_id]);
  expect(signersOf({ ...facts, version: '1.4.3' }, trusted)).toEqual([]);
  const swapped = [{ key_id: signature.key_id, product: '*', public_key: other.releaseKey.pem }];
  const [bySwapped = signature] = signFields({ ...signed }, [other]).signatures;
  expect(
    signersOf(
      { ...facts, stored: { ...facts.stored, signatures: [{ ...bySwapped, key_id: signature.key_id }] } },
      swapped,
    ),
  ).toEqual([]);
  expect(signersOf(facts, [])).toEqual([]);
});
