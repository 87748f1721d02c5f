// Whether a signed manifest is of this image, and every signature in it of a trusted key: what does not hold is never stored. Pure but
// for the arithmetic of the signatures.

import { canonicalTextOf, NO_EXPIRY, readSignedInstant } from '#protocol/device/canonical-text.ts';
import { isSignedBy, readReleaseKey } from '#protocol/device/release-key.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_SIGNATURES } from '#protocol/limits.ts';
import type { StoredSignatures, TrustedKey } from '#server/db/firmware/signatures.ts';

/** What the server knows of the image. */
export interface SignableImage {
  readonly product: string;
  readonly version: string;
  readonly chip: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly security_version: number;
}

/** So far the clock of the signer may be ahead: as boards have it (`offer_validation.cpp`). */
const CLOCK_TOLERANCE_MS = 86_400_000;

const FIELDS = ['product', 'version', 'chip', 'size_bytes', 'sha256', 'security_version'] as const;

/** Throws `signature_mismatch`, `signature_invalid`, `key_untrusted`. */
export function checkSigned(
  signed: SignedManifest,
  image: SignableImage,
  keys: readonly TrustedKey[],
  nowMs: number,
): StoredSignatures {
  const name = `${image.product} ${image.version} for ${image.chip}`;
  for (const field of FIELDS) {
    if (signed[field] === image[field]) continue;
    throw new OtterError(
      'signature_mismatch',
      `the signature of ${name} is about ${field} ${signed[field]}, the image has ${image[field]}`,
      'sign this build: otter firmware sign FILE, with the same --product and --version as for the upload',
    );
  }
  const text = canonicalTextOf(signed);
  if (text === undefined) throw invalid(name, 'one of its dates is malformed');
  refuseDates(signed, name, nowMs);
  const ids = signed.signatures.map(({ key_id }) => key_id);
  if (new Set(ids).size < ids.length) throw invalid(name, 'a key signs it twice');
  for (const { key_id, signature } of signed.signatures) {
    const key = keys.find((one) => one.key_id === key_id);
    if (key === undefined) throw untrusted(key_id, image.product, keys);
    const readable = readReleaseKey(key.public_key);
    if (readable?.keyId !== key_id || !isSignedBy(readable, text, signature))
      throw invalid(name, `key ${key_id} did not make it`);
  }
  const { created_at, expires_at, signatures } = signed;
  return { created_at, expires_at, signatures };
}

/**
 * What is stored after these signatures came. Of the same dates they stand beside those that are there. Of other dates they take
 * their place, if no key that counts is lost by that. Throws `signature_replaces`.
 */
export function mergeSignatures(
  stored: StoredSignatures | undefined,
  added: StoredSignatures,
  signedBy: readonly string[],
): StoredSignatures {
  if (stored === undefined) return added;
  if (stored.created_at === added.created_at && stored.expires_at === added.expires_at) {
    const others = stored.signatures.filter(({ key_id }) => !added.signatures.some((one) => one.key_id === key_id));
    const signatures = [...others, ...added.signatures];
    if (signatures.length <= MAX_SIGNATURES) return { ...added, signatures };
    // Those of keys that do not count any more make room.
    const counting = signatures.filter(
      ({ key_id }) => signedBy.includes(key_id) || !others.some((one) => one.key_id === key_id),
    );
    if (counting.length <= MAX_SIGNATURES) return { ...added, signatures: counting };
    throw new OtterError(
      'signature_replaces',
      `with these it would have ${counting.length} signatures, the most is ${MAX_SIGNATURES}: boards read no more`,
      'retire a key that nobody needs, or sign with those that are needed over other dates: --expires',
    );
  }
  const lost = signedBy.filter((key) => !added.signatures.some(({ key_id }) => key_id === key));
  if (lost.length === 0) return added;
  throw new OtterError(
    'signature_replaces',
    `the stored signatures have other dates (${stored.created_at}, ${stored.expires_at}); that of key ${lost.join(', ')} would be lost`,
    'sign with all of these keys at once: --key FILE FILE',
  );
}

function refuseDates({ created_at, expires_at }: SignedManifest, name: string, nowMs: number): void {
  const createdMs = readSignedInstant(created_at) ?? Number.NaN;
  if (!(createdMs <= nowMs + CLOCK_TOLERANCE_MS))
    throw invalid(
      name,
      `it comes from the future: ${created_at}; boards would refuse it (look at the clock of this computer)`,
    );
  if (expires_at !== NO_EXPIRY && !((readSignedInstant(expires_at) ?? Number.NaN) > nowMs))
    throw invalid(name, `it expired at ${expires_at}`);
}

function invalid(name: string, why: string): OtterError {
  return new OtterError(
    'signature_invalid',
    `the signature of ${name} does not hold: ${why}`,
    'sign the build again: otter firmware sign FILE',
  );
}

function untrusted(keyId: string, product: string, keys: readonly TrustedKey[]): OtterError {
  const trusted = keys.length === 0 ? 'none is' : `trusted: ${keys.map(({ key_id }) => key_id).join(', ')}`;
  return new OtterError(
    'key_untrusted',
    `release key ${keyId} is not trusted for product ${product}; ${trusted}`,
    'sign with a key that is, or trust this one first: otter key trust FILE.pub',
  );
}
