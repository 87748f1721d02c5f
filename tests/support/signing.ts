// Release keys of a test, and what they sign: as the computer of an operator does it, without files and passphrases.

import { createHash, generateKeyPairSync } from 'node:crypto';
import type { OpenedKey } from '#cli/signing/key-file.ts';
import { imageFieldsOf } from '#cli/signing/image-fields.ts';
import { signConfiguration } from '#cli/signing/sign-configuration.ts';
import { addSignatures, signManifest } from '#cli/signing/sign.ts';
import type { Configuration } from '#protocol/device/configuration.ts';
import { releaseKeyOf } from '#protocol/device/release-key.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';

/** A new key. */
export function newKey(): OpenedKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const releaseKey = releaseKeyOf(privateKey);
  if (releaseKey === undefined) throw new Error('a new key that cannot be read');
  return { file: 'of the test', privateKey, releaseKey };
}

export interface SignWith {
  readonly product: string;
  readonly version: string;
  readonly keys: readonly OpenedKey[];
  readonly nowMs: number;
  readonly expiresAt?: string;
}

/** What `otter firmware sign` makes of this image. */
export function signImage(image: Buffer, { product, version, keys, nowMs, expiresAt = '-' }: SignWith): SignedManifest {
  const claims = { product, version, forceProduct: true, forceVersion: true };
  return signManifest(imageFieldsOf(image, claims), keys, { nowMs, expiresAt });
}

/** Any fields, also such as no image has. */
export function signFields(fields: Omit<SignedManifest, 'signatures'>, keys: readonly OpenedKey[]): SignedManifest {
  return addSignatures({ ...fields, signatures: [] }, keys);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What `otter cert rotate start` makes of these pins. */
export function signPins(
  fields: Partial<Parameters<typeof signConfiguration>[0]> & {
    readonly product: string;
    readonly pins: readonly string[];
  },
  ...keys: readonly OpenedKey[]
): Configuration {
  return signConfiguration({ sequence: 1, expiresAt: '-', ...fields }, keys);
}
