// Signs a manifest with the keys that are open. What is signed is said by the file of the image, never by a server, unless the
// caller shows a person what it is.

import { CommandError } from '#cli/exit-code.ts';
import {
  canonicalTextOf,
  NO_EXPIRY,
  readSignedInstant,
  type SignedFields,
  toSignedInstant,
} from '#protocol/device/canonical-text.ts';
import { MANIFEST_FORMAT } from '#protocol/device/manifest.ts';
import { signText } from '#protocol/device/release-key.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { MAX_SIGNATURES } from '#protocol/limits.ts';
import type { OpenedKey } from './key-file.ts';

/** What is known of an image before it is signed. */
export type ImageFields = Omit<SignedFields, 'created_at' | 'expires_at'>;

export interface SigningTimes {
  readonly nowMs: number;
  /** `-`: never. */
  readonly expiresAt: string;
}

/** Each key once. Errors: `argument_invalid`. */
export function signManifest(
  image: ImageFields,
  keys: readonly OpenedKey[],
  { nowMs, expiresAt }: SigningTimes,
): SignedManifest {
  const unsigned: SignedManifest = {
    format: MANIFEST_FORMAT,
    product: image.product,
    version: image.version,
    chip: image.chip,
    size_bytes: image.size_bytes,
    sha256: image.sha256,
    security_version: image.security_version,
    created_at: toSignedInstant(nowMs),
    expires_at: expiresAt,
    signatures: [],
  };
  return addSignatures(unsigned, keys);
}

/** The same text signed by more keys; one that signed before signs anew. Errors: `argument_invalid`. */
export function addSignatures(signed: SignedManifest, keys: readonly OpenedKey[]): SignedManifest {
  const text = canonicalTextOf(signed);
  if (text === undefined)
    throw CommandError.own(
      'argument_invalid',
      'a field of the manifest is malformed, so there is nothing to sign',
      'look at product and version',
    );
  const made = new Map(signed.signatures.map((signature) => [signature.key_id, signature]));
  for (const { releaseKey, privateKey } of keys)
    made.set(releaseKey.keyId, { key_id: releaseKey.keyId, signature: signText(privateKey, text) });
  if (made.size > MAX_SIGNATURES)
    throw CommandError.own(
      'argument_invalid',
      `${made.size} signatures, the most is ${MAX_SIGNATURES}`,
      'sign with fewer keys',
    );
  return { ...signed, signatures: [...made.values()] };
}

const DAY_MS = 86_400_000;

/** `never`, `365d`, a day or an instant in UTC. Errors: `argument_invalid`. */
export function readExpiry(text: string | undefined, nowMs: number): string {
  if (text === undefined || text === 'never') return NO_EXPIRY;
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const atMs =
    days === undefined
      ? readSignedInstant(text.length === 10 ? `${text}T00:00:00Z` : text)
      : nowMs + Number(days) * DAY_MS;
  if (atMs === undefined)
    throw CommandError.own(
      'argument_invalid',
      `expiry ${JSON.stringify(text)} is not understood`,
      'write 365d, 2027-11-30, 2027-11-30T00:00:00Z or never',
    );
  if (atMs <= nowMs)
    throw CommandError.own(
      'argument_invalid',
      `expiry ${text} has passed: no board would install the build`,
      'choose a later one',
    );
  return toSignedInstant(atMs);
}
