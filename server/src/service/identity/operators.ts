// What a person does about device tokens: accept an enrolment, let a board enrol anew, end a token.

import type { AcceptedEnrolments, DeviceIdentity, PendingEnrolment } from '#protocol/admin/fleet/enrolments.ts';
import type { DeviceName, DeviceRef } from '#protocol/identity.ts';
import { macName } from '#protocol/identity.ts';
import { overdueLimitS } from '#engine/outcome/rhythm.ts';
import { OtterError } from '#protocol/errors.ts';
import { BULK_BATCH, ENROL_AGAIN_MS } from '#protocol/limits.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { findDevice, holdDevices, type SeenDeviceRow } from '#server/db/fleet/devices.ts';
import {
  findIdentity,
  type IdentityRow,
  lockIdentity,
  revokedAt,
  saveIdentity,
} from '#server/db/identity/identities.ts';
import {
  findPending,
  listPending,
  listPendingNames,
  type PendingEnrolment as PendingRow,
} from '#server/db/identity/pending-enrolments.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { silenceAt } from '#server/service/device/observation.ts';
import { toInstant } from '#server/time/instant.ts';
import { acceptToken } from './enrol.ts';
import { revokeDevices } from './revocation.ts';

/** So many characters of a digest are shown: enough to tell two tokens of one board apart. */
const PREFIX_CHARS = 8;
const MAX_EXAMPLES = 10;

export async function listEnrolments(deps: Deps, query: ListQuery): Promise<Listed<PendingEnrolment>> {
  const page = await listPending(
    deps.database.read,
    readPage(query, { asked_at: 'pending_enrolments.asked_at_ms' }, '-asked_at'),
  );
  const items: PendingEnrolment[] = [];
  for (const row of page.rows) items.push(viewPending(row, await findIdentity(deps.database.read, macName(row.name))));
  return toListed(page, items);
}

/** `token`: how the shown digest begins; needed where a board has asked with several. Throws `device_unknown`, `enrolment_unknown`, `enrolment_ambiguous`. */
export async function acceptEnrolment(
  deps: Deps,
  device: DeviceRef,
  token: string | undefined,
  by: Principal,
  nowMs: number,
): Promise<DeviceIdentity> {
  return deps.database.write(async (trx) => {
    const name = await nameOf(trx, device);
    const before = await lockIdentity(trx, deps.database.dialect, name);
    const rows = await findPending(trx, name);
    const meant = rows.filter(({ token_sha256 }) => token === undefined || token_sha256.startsWith(token));
    const [row, ...others] = meant;
    if (row === undefined)
      throw new OtterError(
        'enrolment_unknown',
        `no enrolment of ${name.text} waits${token === undefined ? '' : ` with a token ${token}...`}`,
        `see who waits: otter device enrolments; to let in the next token that it brings: otter device reenrol ${name.text}`,
      );
    if (others.length > 0)
      throw new OtterError(
        'enrolment_ambiguous',
        `${name.text} asked with ${meant.length} tokens: ${meant.map((one) => `${one.token_sha256.slice(0, PREFIX_CHARS)} from ${one.address}`).join(', ')}`,
        `say which: otter device accept ${name.text} --token ${row.token_sha256.slice(0, PREFIX_CHARS)}; the board logs its own`,
      );
    await acceptToken(trx, { name, before }, row.token_sha256, nowMs);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.accept',
      subject: name.text,
      details: { token: row.token_sha256.slice(0, PREFIX_CHARS), address: row.address },
    });
    return viewIdentity(trx, name);
  });
}

/**
 * Of every board that asked with one token alone, but for those whose token was revoked: somebody turned them away, one by one. Throws
 * `confirmation_needed` with how many these are.
 */
export async function acceptEnrolments(
  deps: Deps,
  { isConfirmed }: { readonly isConfirmed: boolean },
  by: Principal,
  nowMs: number,
): Promise<AcceptedEnrolments> {
  const answer: AcceptedEnrolments = { accepted: 0, ambiguous: 0, examples: [], revoked: 0 };
  let replaced = 0;
  for (let after = ''; ;) {
    const page = await listPendingNames(deps.database.read, after, BULK_BATCH);
    const welcome = page.filter(({ isRevoked }) => !isRevoked);
    const clear = welcome.filter(({ asked }) => asked === 1);
    const ambiguous = welcome.filter((one) => !clear.includes(one));
    answer.revoked += page.length - welcome.length;
    replaced += clear.filter(({ hasToken }) => hasToken).length;
    answer.accepted += clear.length;
    answer.ambiguous += ambiguous.length;
    answer.examples.push(...ambiguous.slice(0, MAX_EXAMPLES - answer.examples.length).map(({ name }) => name));
    if (isConfirmed && clear.length > 0) await acceptAll(deps, clear, by, nowMs);
    const last = page.at(-1);
    if (last === undefined || page.length < BULK_BATCH) break;
    after = last.name;
  }
  if (isConfirmed) return answer;
  throw new OtterError(
    'confirmation_needed',
    `${answer.accepted} boards get the token that they asked with, ${replaced} of them in the place of another one; ${answer.ambiguous} asked with several and wait, and ${answer.revoked} whose token was revoked`,
    'send confirm=true to do it',
  );
}

/** As they are behind the lock; one that went meanwhile is left. */
async function acceptAll(
  deps: Deps,
  boards: readonly { readonly kind: 'mac'; readonly name: string }[],
  by: Principal,
  nowMs: number,
): Promise<void> {
  await deps.database.write(async (trx) => {
    for (const { kind, name: text } of boards) {
      const name = { kind, text };
      const before = await lockIdentity(trx, deps.database.dialect, name);
      const isRevoked = before !== undefined && before.revoked_at_ms !== null;
      const [row, ...others] = await findPending(trx, name);
      if (!isRevoked && row !== undefined && others.length === 0)
        await acceptToken(trx, { name, before }, row.token_sha256, nowMs);
    }
    const details = { devices: boards.length, first: boards[0]?.name ?? '', last: boards.at(-1)?.name ?? '' };
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.accept_all',
      subject: 'enrolments',
      details,
    });
  });
}

/** Ends the token at once; the board is let in again by `reenrol` alone. */
export async function revokeToken(
  deps: Deps,
  device: DeviceRef,
  by: Principal,
  nowMs: number,
): Promise<DeviceIdentity> {
  return change(deps, device, { by, nowMs, action: 'device.revoke' }, async (trx, name, board) => {
    if (board === undefined) return saveIdentity(trx, name, revokedAt(nowMs));
    return revokeDevices(trx, [board.id], nowMs);
  });
}

/**
 * The next enrolment is accepted, whatever was before; until then all stays as it is. For as long as a board takes that asked just now,
 * and asks again with a check.
 */
export async function reopenEnrolment(
  deps: Deps,
  device: DeviceRef,
  by: Principal,
  nowMs: number,
): Promise<DeviceIdentity> {
  await deps.presence.flush();
  return change(deps, device, { by, nowMs, action: 'device.reenrol' }, async (trx, name, board) => {
    const limitS = board?.limit_s ?? silenceAt(deps, nowMs).defaultLimitS;
    return saveIdentity(trx, name, { open_until_ms: nowMs + ENROL_AGAIN_MS + overdueLimitS(limitS) * 1000 });
  });
}

interface Change {
  readonly by: Principal;
  readonly nowMs: number;
  readonly action: string;
}

async function change(
  deps: Deps,
  device: DeviceRef,
  { by, nowMs, action }: Change,
  store: (trx: Trx, name: DeviceName, board: SeenDeviceRow | undefined) => Promise<void>,
): Promise<DeviceIdentity> {
  return deps.database.write(async (trx) => {
    const name = await nameOf(trx, device);
    const board = await findDevice(trx, name);
    // In the order of a check-in: the device, then its identity.
    if (board !== undefined) await holdDevices(trx, [board.id]);
    await lockIdentity(trx, deps.database.dialect, name);
    await store(trx, name, board);
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action, subject: name.text });
    return viewIdentity(trx, name);
  });
}

/** A board may have enrolled before its first check-in, so a MAC names one that no device has yet. */
async function nameOf(db: Reader, ref: DeviceRef): Promise<DeviceName> {
  if (typeof ref === 'object' && ref.kind === 'mac') return ref;
  const device = await findDevice(db, ref);
  if (device === undefined)
    throw new OtterError('device_unknown', 'there is no such device', 'name it by its MAC, or see: otter device list');
  return macName(device.first_name);
}

export async function viewIdentity(db: Reader, name: DeviceName): Promise<DeviceIdentity> {
  const row = await findIdentity(db, name);
  const pending = await findPending(db, name);
  const instant = (atMs: number | null | undefined): string | null =>
    atMs === null || atMs === undefined ? null : toInstant(atMs);
  return {
    mac: name.text,
    token: tokenOf(row),
    token_prefix: row?.token_sha256?.slice(0, PREFIX_CHARS) ?? null,
    enrolled_at: instant(row?.enrolled_at_ms),
    spoke_last: row?.side ?? null,
    claimed_twice_at: instant(row?.claimed_twice_at_ms),
    open_until: instant(row?.open_until_ms),
    pending: pending.map((one) => viewPending(one, row)),
  };
}

function tokenOf(row: IdentityRow | undefined): DeviceIdentity['token'] {
  if (row === undefined) return 'none';
  if (row.token_sha256 !== null) return 'accepted';
  return row.revoked_at_ms === null ? 'none' : 'revoked';
}

function viewPending(row: PendingRow, known: IdentityRow | undefined): PendingEnrolment {
  return {
    mac: row.name,
    token_prefix: row.token_sha256.slice(0, PREFIX_CHARS),
    asked_at: toInstant(row.asked_at_ms),
    address: row.address,
    has_token: known !== undefined && known.token_sha256 !== null,
    claimed_twice: known !== undefined && known.claimed_twice_at_ms !== null,
  };
}
