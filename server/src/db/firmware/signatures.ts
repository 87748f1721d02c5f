// What is stored of the signatures of an image, and what the catalog asks of whoever verifies them.

import { Value } from 'typebox/value';
import { NO_EXPIRY, readSignedInstant } from '#protocol/device/canonical-text.ts';
import { ManifestSignatures } from '#protocol/device/signed-manifest.ts';
import type { FirmwareFacts, ImageFacts } from '#engine/facts/model.ts';
import { EVERY_PRODUCT, type ReleaseKeyRow } from './release-keys.ts';

/** Who signed an image, and the dates that stand in the text that they signed. */
export type StoredSignatures = ManifestSignatures;

/** A key that is not retired. */
export type TrustedKey = Pick<ReleaseKeyRow, 'key_id' | 'product' | 'public_key'>;

/** What a signature of an image is about. */
export type SignedImage = Pick<FirmwareFacts, 'product' | 'version' | 'securityVersion'> &
  Pick<ImageFacts, 'chip' | 'sizeBytes' | 'sha256'> & { readonly stored: StoredSignatures };

/** Ids of those of these keys whose signature holds. */
export type SignersOf = (image: SignedImage, keys: readonly TrustedKey[]) => readonly string[];

/** What an image itself says of that. */
export type SignedPart = Omit<SignedImage, 'product' | 'version' | 'securityVersion' | 'stored'> & {
  readonly stored: StoredSignatures | undefined;
};

export function isForProduct(keyProduct: string, product: string): boolean {
  return keyProduct === EVERY_PRODUCT || keyProduct === product;
}

/** A date that cannot be read has passed. */
export function endsAtMsOf(stored: StoredSignatures | undefined): number | undefined {
  if (stored === undefined || stored.expires_at === NO_EXPIRY) return undefined;
  return readSignedInstant(stored.expires_at) ?? Number.NEGATIVE_INFINITY;
}

/** Undefined for what nobody signed, and for what is no list of signatures: nobody knows who changed it. */
export function readSignatures(text: string | null): StoredSignatures | undefined {
  if (text === null) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(ManifestSignatures, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
