// Verifies the signatures of stored images: each once in the life of the process, for the arithmetic takes some 0.1 ms. A catalog of
// thousands of images is verified in small pieces before it is loaded, so that nobody waits for all of it at once.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { canonicalTextOf } from '#protocol/device/canonical-text.ts';
import { chipOfFolder } from '#protocol/device/api.ts';
import { isSignedBy, readReleaseKey, type ReleaseKey } from '#protocol/device/release-key.ts';
import { listReleaseKeys, listSignedImages } from '#server/db/firmware/release-keys.ts';
import { isForProduct, readSignatures, type SignedImage, type TrustedKey } from '#server/db/firmware/signatures.ts';
import type { Reader } from '#server/db/schema.ts';

/** Verified without a pause: some 2 ms. */
const AT_ONCE = 20;

export class SignatureVerifier {
  readonly #keys = new Map<string, ReleaseKey | undefined>();
  /** By key, text and signature. */
  #verified = new Map<string, boolean>();

  /** Makes `signersOf` cheap for what is stored now, and forgets what is not. */
  async prepare(reader: Reader): Promise<void> {
    const keys = (await listReleaseKeys(reader)).filter(({ retired_at_ms }) => retired_at_ms === null);
    if (keys.length === 0) return;
    const before = this.#verified;
    this.#verified = new Map();
    let fresh = 0;
    for (const row of await listSignedImages(reader)) {
      const stored = readSignatures(row.signed);
      if (stored === undefined) continue;
      const { product, version, security_version: securityVersion, size_bytes: sizeBytes, sha256 } = row;
      const image = { product, version, securityVersion, chip: chipOfFolder(row.folder), sizeBytes, sha256, stored };
      fresh += this.#verifyAll(image, keys, before);
      if (fresh < AT_ONCE) continue;
      fresh = 0;
      await nextTurn();
    }
  }

  readonly signersOf = (image: SignedImage, keys: readonly TrustedKey[]): readonly string[] => {
    const text = textOf(image);
    if (text === undefined) return [];
    const signed = keys.filter((key) => image.stored.signatures.some((one) => this.#isGood(key, text, one)));
    return [...new Set(signed.map(({ key_id }) => key_id))];
  };

  /** Answers how many were new. */
  #verifyAll(image: SignedImage, keys: readonly TrustedKey[], before: ReadonlyMap<string, boolean>): number {
    const text = textOf(image);
    if (text === undefined) return 0;
    let fresh = 0;
    for (const key of keys.filter(({ product }) => isForProduct(product, image.product)))
      for (const one of image.stored.signatures) {
        if (one.key_id !== key.key_id) continue;
        const name = nameOf(key, text, one.signature);
        const known = before.get(name);
        if (known === undefined) fresh += 1;
        else this.#verified.set(name, known);
        this.#isGood(key, text, one);
      }
    return fresh;
  }

  #isGood(key: TrustedKey, text: string, one: SignedImage['stored']['signatures'][number]): boolean {
    if (one.key_id !== key.key_id) return false;
    const name = nameOf(key, text, one.signature);
    const known = this.#verified.get(name);
    if (known !== undefined) return known;
    const readable = this.#keyOf(key);
    // The id is what the key says of itself: a row that somebody gave the id of another key trusts nothing.
    const isGood = readable?.keyId === key.key_id && isSignedBy(readable, text, one.signature);
    this.#verified.set(name, isGood);
    return isGood;
  }

  #keyOf({ public_key }: TrustedKey): ReleaseKey | undefined {
    if (!this.#keys.has(public_key)) this.#keys.set(public_key, readReleaseKey(public_key));
    return this.#keys.get(public_key);
  }
}

/** Undefined: a field is malformed, so no signature holds. */
function textOf({
  product,
  version,
  securityVersion,
  chip,
  sizeBytes,
  sha256,
  stored,
}: SignedImage): string | undefined {
  return canonicalTextOf({
    product,
    version,
    chip,
    security_version: securityVersion,
    size_bytes: sizeBytes,
    sha256,
    created_at: stored.created_at,
    expires_at: stored.expires_at,
  });
}

function nameOf({ public_key }: TrustedKey, text: string, signature: string): string {
  return `${public_key}${text}${signature}`;
}
