// What an upload brings of signatures, and whether it needs any.

import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OtterError } from '#protocol/errors.ts';
import type { ReleaseKeyRow } from '#server/db/firmware/release-keys.ts';
import { readSignatures, type StoredSignatures } from '#server/db/firmware/signatures.ts';
import type { Reader } from '#server/db/schema.ts';
import { checkSigned, mergeSignatures, type SignableImage } from './check-signed.ts';
import { signersAmong } from './stored-signatures.ts';
import { listTrusted } from './trusted.ts';

/**
 * Of a new image. Once a release key is trusted for the product, nobody gets a build in without a signature. Throws
 * `signature_missing`, and what `checkSigned` throws.
 */
export async function requiredSignatures(
  db: Reader,
  image: SignableImage,
  signed: SignedManifest | undefined,
  nowMs: number,
): Promise<StoredSignatures | undefined> {
  const keys = await listTrusted(db, image.product);
  if (signed !== undefined) return checkSigned(signed, image, keys, nowMs);
  if (keys.length > 0) throw signatureMissing(image, keys);
  return undefined;
}

/** Of bytes that are there already: these signatures beside those that are stored. Undefined: nothing new. */
export async function addedSignatures(
  db: Reader,
  image: SignableImage,
  signed: SignedManifest | undefined,
  stored: { readonly signed: string | null },
  nowMs: number,
): Promise<StoredSignatures | undefined> {
  if (signed === undefined) return undefined;
  const keys = await listTrusted(db, image.product);
  const added = checkSigned(signed, image, keys, nowMs);
  return mergeSignatures(readSignatures(stored.signed), added, signersAmong(stored, keys));
}

function signatureMissing({ product, version }: SignableImage, keys: readonly ReleaseKeyRow[]): OtterError {
  return new OtterError(
    'signature_missing',
    `${product} ${version} is not signed, and product ${product} takes only builds signed by ${keys.map(({ key_id }) => key_id).join(' or ')}`,
    'otter firmware add FILE --key release.key.age, or sign it elsewhere: otter firmware sign FILE',
  );
}
