// The signatures of stored images: kept, told in the audit, and who made them.

import { addAudit } from '#server/db/events/audit.ts';
import { saveSigned } from '#server/db/firmware/release-keys.ts';
import { readSignatures, type StoredSignatures, type TrustedKey } from '#server/db/firmware/signatures.ts';
import type { Trx } from '#server/db/schema.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';

/** In the same transaction, which raised the revision. */
export async function recordSignatures(
  trx: Trx,
  of: {
    readonly firmware: { readonly product: string; readonly version: string };
    readonly image: { readonly id: number; readonly folder: string; readonly sha256: string };
  },
  signatures: StoredSignatures,
  by: Principal,
  nowMs: number,
): Promise<void> {
  await saveSigned(trx, of.image.id, JSON.stringify(signatures));
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'firmware.sign',
    subject: `${of.firmware.product} ${of.firmware.version}`,
    details: {
      chip: of.image.folder,
      sha256: of.image.sha256,
      expires_at: signatures.expires_at,
      ...signersOf(signatures),
    },
  });
}

/** For an audit row: who signed. Their signatures were verified when they came. */
export function signersOf(signatures: StoredSignatures | undefined): { readonly signed_by?: readonly string[] } {
  return signatures === undefined ? {} : { signed_by: signatures.signatures.map(({ key_id }) => key_id) };
}

/** Which of these keys signed it; whether it holds was asked when it came. */
export function signersAmong(
  image: { readonly signed: string | null },
  keys: readonly TrustedKey[],
): readonly string[] {
  const stored = readSignatures(image.signed);
  return keys
    .map(({ key_id }) => key_id)
    .filter((key) => stored?.signatures.some((one) => one.key_id === key) === true);
}
