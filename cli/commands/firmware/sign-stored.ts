// `otter firmware sign VERSION --stored`: signs a build that the server holds already: by a second person, with the next key, or anew
// before its signature ends. What the server says of it is shown first, and a person compares it.

import { confirm, type Session } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { type KeyOptions, openKeys } from '#cli/signing/open-keys.ts';
import { addSignatures, readExpiry, signManifest } from '#cli/signing/sign.ts';
import { type Colors, formatTable } from '#cli/terminal.ts';
import type { Firmware } from '#protocol/admin/firmware.ts';
import { MANIFEST_FORMAT } from '#protocol/device/manifest.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';

export interface StoredOptions extends KeyOptions {
  readonly product?: string | undefined;
  readonly expires?: string | undefined;
  readonly yes?: true | undefined;
}

/** Signs every image of the version. The same dates are signed where there are any, so that signatures add up. */
export async function signStored(
  shell: Shell,
  { client, terminal }: Pick<Session, 'client' | 'terminal'>,
  version: string,
  options: StoredOptions,
): Promise<Firmware> {
  const nowMs = Date.now();
  const expiresAt = options.expires === undefined ? undefined : readExpiry(options.expires, nowMs);
  const firmware = await client.call('getFirmware', { params: { version }, query: { product: options.product } });
  terminal.note(formatStored(firmware, terminal.errorColors));
  await confirm(
    shell,
    options,
    `Sign ${firmware.images.length === 1 ? 'this image' : `these ${firmware.images.length} images`}`,
  );
  const keys = await openKeys(shell, options);
  let signed = firmware;
  for (const image of firmware.images) {
    const fields = fieldsOf(firmware, image);
    const manifest =
      image.signed === null || expiresAt !== undefined
        ? signManifest(fields, keys, { nowMs, expiresAt: expiresAt ?? readExpiry(undefined, nowMs) })
        : addSignatures({ ...fields, created_at: image.signed.created_at, expires_at: image.signed.expires_at }, keys);
    signed = await client.call('signFirmware', { params: { version: firmware.version }, body: manifest });
  }
  return signed;
}

function fieldsOf(
  firmware: Firmware,
  image: Firmware['images'][number],
): Omit<SignedManifest, 'created_at' | 'expires_at'> {
  return {
    format: MANIFEST_FORMAT,
    product: firmware.product,
    version: firmware.version,
    chip: image.chip,
    size_bytes: image.size_bytes,
    sha256: image.sha256,
    security_version: firmware.security_version,
    signatures: [],
  };
}

function formatStored(firmware: Firmware, colors: Colors): string {
  const rows = firmware.images.map(({ chip, sha256, signed }) => [chip, sha256, signed?.key_ids.join(' ') ?? 'nobody']);
  return `${firmware.product} ${firmware.version}, as the server holds it:\n${formatTable(['chip', 'sha256', 'signed by'], rows, colors)}`;
}
