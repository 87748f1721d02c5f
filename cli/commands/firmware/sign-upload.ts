// The signature that goes with an upload: that of the file beside the image, or one that is made now, where the server trusts a key for
// the product. Where it trusts none, builds go as they are.

import type { Session } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { imageFieldsOf } from '#cli/signing/image-fields.ts';
import { findKeyFiles, type KeyOptions, openKeys } from '#cli/signing/open-keys.ts';
import { readExpiry, signManifest } from '#cli/signing/sign.ts';
import { findSignatureFile, signatureFileOf } from '#cli/signing/signature-file.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OtterError } from '#protocol/errors.ts';

export interface UploadSigning extends KeyOptions {
  readonly product?: string | undefined;
  readonly version?: string | undefined;
  readonly forceProduct?: true | undefined;
  readonly forceVersion?: true | undefined;
  readonly expires?: string | undefined;
}

/** Undefined: the build goes unsigned, and the server says whether it takes it. */
export async function signUpload(
  shell: Shell,
  { client, terminal }: Pick<Session, 'client' | 'terminal'>,
  { image, bytes, options }: { readonly image: string; readonly bytes: Buffer; readonly options: UploadSigning },
): Promise<SignedManifest | undefined> {
  const fields = fieldsOf(bytes, options);
  // The server says what is wrong with the image.
  if (fields === undefined) return undefined;
  const isNamed = options.key !== undefined;
  const trusted = (await client.call('getReleaseKeys', {})).items.filter(
    ({ product, retired_at }) => retired_at === null && (product === null || product === fields.product),
  );
  if (trusted.length === 0 && !isNamed) return undefined;
  const beside = isNamed ? undefined : await findSignatureFile(image, bytes);
  if (beside !== undefined) {
    terminal.note(`the signature is that of ${signatureFileOf(image)}`);
    return beside;
  }
  if ((await findKeyFiles(shell, options)).length === 0) return undefined;
  const keys = await openKeys(shell, options);
  const nowMs = Date.now();
  return signManifest(fields, keys, { nowMs, expiresAt: readExpiry(options.expires, nowMs) });
}

function fieldsOf(bytes: Buffer, { product, version, forceProduct, forceVersion }: UploadSigning) {
  try {
    const force = { forceProduct: forceProduct === true, forceVersion: forceVersion === true };
    return imageFieldsOf(bytes, { product, version, ...force });
  } catch (error) {
    if (error instanceof OtterError) return undefined;
    throw error;
  }
}
