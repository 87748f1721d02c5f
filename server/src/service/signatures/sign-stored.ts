// Signatures of builds that are stored already come later: by a second person, after an expiry, or when a key is trusted first.

import type { Firmware } from '#protocol/admin/firmware.ts';
import { chipOfFolder } from '#protocol/device/api.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OtterError } from '#protocol/errors.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { listFirmwareByVersion, listImages } from '#server/db/firmware/firmware.ts';
import { readSignatures } from '#server/db/firmware/signatures.ts';
import type { Trx } from '#server/db/schema.ts';
import { getFirmware } from '#server/service/firmware/firmware.ts';
import { showUploaded } from '#server/service/firmware/shown-firmware.ts';
import type { Deps } from '#server/service/deps.ts';
import type { Principal } from '#server/service/principal.ts';
import { checkSigned, mergeSignatures } from './check-signed.ts';
import { recordSignatures, signersAmong } from './stored-signatures.ts';
import { listTrusted } from './trusted.ts';

/** Throws `firmware_unknown`, `image_unknown`, `signature_replaces`, and what `checkSigned` throws. */
export async function signFirmware(
  deps: Deps,
  version: string,
  signed: SignedManifest,
  by: Principal,
  nowMs: number,
): Promise<Firmware> {
  if (signed.version !== version)
    throw new OtterError(
      'signature_mismatch',
      `the signature is about version ${signed.version}, not ${version}`,
      `sign that version: otter firmware sign ${version} --stored`,
    );
  const folder = await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    return signStored(trx, signed, by, nowMs);
  });
  await showUploaded(deps, signed.product, signed.version, folder);
  return getFirmware(deps, signed);
}

/** The same in a transaction that raised the revision. Answers the folder of the image. */
export async function signStored(trx: Trx, signed: SignedManifest, by: Principal, nowMs: number): Promise<string> {
  const { product, version, chip, sha256 } = signed;
  const [firmware] = await listFirmwareByVersion(trx, version, product);
  if (firmware === undefined)
    throw new OtterError('firmware_unknown', `there is no firmware ${product} ${version}`, 'otter firmware list');
  const image = (await listImages(trx, [firmware.id])).find((one) => one.sha256 === sha256);
  if (image === undefined)
    throw new OtterError(
      'image_unknown',
      `${product} ${version} has no image for ${chip} with SHA-256 ${sha256}`,
      `otter firmware show ${version} --product ${product}`,
    );
  const keys = await listTrusted(trx, product);
  const known = {
    product,
    version,
    chip: chipOfFolder(image.folder),
    size_bytes: image.size_bytes,
    sha256: image.sha256,
    security_version: firmware.security_version,
  };
  const added = checkSigned(signed, known, keys, nowMs);
  const merged = mergeSignatures(readSignatures(image.signed), added, signersAmong(image, keys));
  await recordSignatures(trx, { firmware, image }, merged, by, nowMs);
  return image.folder;
}
