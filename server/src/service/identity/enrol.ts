// A board enrols: it brings the token that it made and stored. Repeating it is answered alike, so a lost answer costs nothing.

import type { EnrolAnswer } from '#protocol/device/api.ts';
import type { DeviceName } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_PENDING_ENROLMENTS } from '#protocol/limits.ts';
import { findTokenOwner, type IdentityRow, lockIdentity, saveIdentity } from '#server/db/identity/identities.ts';
import { findDevice } from '#server/db/fleet/devices.ts';
import { addPending, findPending, removePending, removePendingOf } from '#server/db/identity/pending-enrolments.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { letInAgain } from './revocation.ts';

export interface Enrolment {
  readonly name: DeviceName;
  /** SHA-256 of the token, hex: nothing else of it is kept. */
  readonly tokenSha256: string;
  readonly address: string;
}

/** Throws `other_board`, `too_many_boards`. */
export async function enrol(deps: Deps, enrolment: Enrolment, nowMs: number): Promise<EnrolAnswer> {
  const { name, tokenSha256 } = enrolment;
  deps.boardRates.takeChange({ name, speaker: { kind: 'fleet_token' } });
  return deps.database.write(async (trx) => {
    const row = await lockIdentity(trx, deps.database.dialect, name);
    if (row?.token_sha256 === tokenSha256) return { state: 'accepted' };
    const owner = await findTokenOwner(trx, tokenSha256);
    if (owner !== undefined && owner.text !== name.text)
      throw new OtterError(
        'other_board',
        `this token belongs to another board than ${name.text}`,
        'make a new token: two boards were flashed with the same memory',
      );
    if (row === undefined && !(await isKnown(trx, name))) await deps.newBoards.admit(trx, nowMs);
    if (!isLetIn(deps, row, nowMs)) {
      await keepPending(trx, enrolment, nowMs);
      return { state: 'pending' };
    }
    await acceptToken(trx, { name, before: row }, tokenSha256, nowMs);
    return { state: 'accepted' };
  });
}

/** By its check-ins, or since it asked before. */
async function isKnown(trx: Trx, name: DeviceName): Promise<boolean> {
  return (await findDevice(trx, name)) !== undefined || (await findPending(trx, name)).length > 0;
}

/** The token takes the place of the one before, and whoever else asked is forgotten. */
export async function acceptToken(
  trx: Trx,
  { name, before }: { readonly name: DeviceName; readonly before: IdentityRow | undefined },
  tokenSha256: string,
  nowMs: number,
): Promise<void> {
  await removePendingOf(trx, name);
  await letInAgain(trx, name, before);
  await saveIdentity(trx, name, {
    token_sha256: tokenSha256,
    enrolled_at_ms: nowMs,
    revoked_at_ms: null,
    side: null,
    side_since_ms: nowMs,
    claimed_twice_at_ms: null,
    open_until_ms: null,
  });
}

function isLetIn({ settings }: Deps, row: IdentityRow | undefined, nowMs: number): boolean {
  if (row !== undefined && row.open_until_ms !== null && nowMs < row.open_until_ms) return true;
  if (settings.devices.identity === 'approve') return false;
  return row === undefined || (row.token_sha256 === null && row.revoked_at_ms === null);
}

/** A few for each board: whoever asks again and again drives out the oldest, not the board's right to ask. */
async function keepPending(trx: Trx, { name, tokenSha256, address }: Enrolment, nowMs: number): Promise<void> {
  const { kind, text } = name;
  await addPending(trx, { token_sha256: tokenSha256, kind, name: text, asked_at_ms: nowMs, address });
  const rows = await findPending(trx, name);
  const beyond = rows.slice(MAX_PENDING_ENROLMENTS).map((row) => row.token_sha256);
  await removePending(trx, beyond);
}
