// Whoever speaks for a board at a check-in, a report or a download: is it taken for the board?

import { type DeviceId, type DeviceName, macName } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import {
  afterSpeaking,
  type Identity,
  reopened,
  type Side,
  type Standing,
  standingOf,
} from '#engine/facts/identity.ts';
import {
  findIdentity,
  findTokenOwner,
  lockIdentity,
  saveIdentity,
  type SpeakerRow,
  wasGivenImage,
} from '#server/db/identity/identities.ts';
import { findAssignment } from '#server/db/device/assignments.ts';
import { findDevice } from '#server/db/fleet/devices.ts';
import { findPending } from '#server/db/identity/pending-enrolments.ts';
import { wasReleased } from '#server/db/rollouts/images.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import type { Principal } from '#server/service/principal.ts';
import { identityOf } from './standing.ts';

/** What came in the Authorization header of a board. */
export type Speaker = Extract<Principal, { readonly kind: 'fleet_token' | 'device_token' }>;

/** `row`: as the facts of this check-in have it. Notes a change of sides. Throws `token_invalid`, `token_revoked`, `other_board`. */
export async function hear(
  deps: Deps,
  { name, speaker }: { readonly name: DeviceName; readonly speaker: Speaker },
  row: SpeakerRow | undefined,
  nowMs: number,
): Promise<Standing> {
  const side = await sideOf(deps.database.read, name, speaker, row);
  // Nobody has to look up who waits, unless it is the answer.
  const before = identityOf(row, false);
  const standing = standingOf(before, side, deps.settings.devices.identity, nowMs);
  if (afterSpeaking(before, side, nowMs) !== before) {
    deps.boardRates.takeChange({ name, speaker });
    await deps.database.write(async (trx) => {
      const now = await lockIdentity(trx, deps.database.dialect, name);
      if (now !== undefined)
        await saveIdentity(trx, name, columnsOf(afterSpeaking(identityOf(now, false), side, nowMs)));
    });
  }
  if (standing !== 'enrolment_required') return standing;
  const pending = await findPending(deps.database.read, name);
  return standingOf(identityOf(row, pending.length > 0), side, deps.settings.devices.identity, nowMs);
}

/** The same once more on locked facts, where a person may have turned the board away meanwhile. Notes nothing. Throws as `hear`. */
export async function hearAgain(
  { settings }: Deps,
  trx: Trx,
  { name, speaker }: { readonly name: DeviceName; readonly speaker: Speaker },
  row: SpeakerRow | undefined,
  nowMs: number,
): Promise<Standing> {
  const side = await sideOf(trx, name, speaker, row);
  return standingOf(identityOf(row, false), side, settings.devices.identity, nowMs);
}

/** Of whoever spoke for the board last, for people who ask why. */
export async function standingOfBoard(
  { database, settings }: Deps,
  mac: string,
  row: SpeakerRow | undefined,
  nowMs: number,
): Promise<Standing> {
  const pending = await findPending(database.read, macName(mac));
  const identity = identityOf(row, pending.length > 0);
  const side = identity.hasToken ? (identity.side ?? 'device_token') : 'fleet_token';
  return standingOf(identity, side, settings.devices.identity, nowMs);
}

/** For a report, which changes what is stored. Throws as `hear`, and `not_this_board`. */
export async function requireStanding(
  deps: Deps,
  trx: Trx,
  { name, speaker }: { readonly name: DeviceName; readonly speaker: Speaker },
  nowMs: number,
): Promise<void> {
  const standing = await hearAgain(deps, trx, { name, speaker }, await findIdentity(trx, name), nowMs);
  if (standing === 'counts') return;
  throw new OtterError(
    'not_this_board',
    `${name.text}: ${standing}: the fleet token does not speak for this board`,
    'drop this report; the board reports with its own token',
  );
}

/**
 * For whoever fetches an image; `assignmentId`: what the address names. The fleet token says no board, so it opens what was released to
 * some: an image that a rollout covers, or one that was given to a board by that assignment. Throws `token_invalid`, `not_released`.
 */
export async function requireGiven(
  deps: Deps,
  speaker: Speaker,
  { imageId, assignmentId }: { readonly imageId: number; readonly assignmentId?: number | undefined },
): Promise<void> {
  const { read } = deps.database;
  if (speaker.kind === 'fleet_token') {
    if (deps.settings.devices.identity === 'first-use') {
      if (await wasReleased(read, imageId)) return;
      if (assignmentId !== undefined && (await findAssignment(read, assignmentId))?.image_id === imageId) return;
      throw new OtterError(
        'not_released',
        'this image was not released to any board',
        'take the address from the answer of check-update; an image is released by a rollout: otter rollout create',
      );
    }
    throw new OtterError(
      'not_released',
      'the fleet token fetches no images here',
      'enrol the board: with devices.identity other than first-use only device tokens do',
    );
  }
  if (await wasGivenImage(read, speaker.sha256, imageId)) return;
  throw new OtterError(
    'not_released',
    'this image was not offered to this board',
    'take the address from the answer of check-update',
  );
}

/** Whether whoever fetches something of this device is taken for it. Writes nothing. */
export async function speaksFor(
  deps: Deps,
  db: Reader,
  speaker: Speaker,
  deviceId: DeviceId,
  nowMs: number,
): Promise<boolean> {
  const device = await findDevice(db, deviceId);
  if (device === undefined) return false;
  const row = await findIdentity(db, macName(device.first_name));
  if (speaker.kind === 'device_token') return row?.token_sha256 === speaker.sha256;
  return standingOf(identityOf(row, false), 'fleet_token', deps.settings.devices.identity, nowMs) === 'counts';
}

/** The board is sent to another build, which may know nothing of device tokens. */
export async function reopenFleetToken(trx: Trx, name: DeviceName, row: SpeakerRow | undefined): Promise<void> {
  const before = identityOf(row, false);
  const after = reopened(before);
  if (after !== before) await saveIdentity(trx, name, columnsOf(after));
}

function columnsOf({ side, sideSinceMs, claimedTwiceAtMs }: Identity) {
  return {
    side: side ?? null,
    side_since_ms: sideSinceMs,
    claimed_twice_at_ms: claimedTwiceAtMs ?? null,
  };
}

async function sideOf(db: Reader, name: DeviceName, speaker: Speaker, row: SpeakerRow | undefined): Promise<Side> {
  if (speaker.kind === 'fleet_token') return 'fleet_token';
  if (row?.token_sha256 === speaker.sha256) return 'device_token';
  if (row?.revoked_at_ms !== null && row !== undefined)
    throw new OtterError(
      'token_revoked',
      `the token of ${name.text} was revoked`,
      `let the board enrol again: otter device reenrol ${name.text}`,
    );
  const owner = await findTokenOwner(db, speaker.sha256);
  if (owner?.isAccepted === true)
    throw new OtterError(
      'other_board',
      `this token belongs to another board than ${name.text}`,
      'make a new token and enrol again: two boards were flashed with the same memory',
    );
  throw owner === undefined
    ? new OtterError('token_invalid', 'the device token is not known', 'enrol again with the fleet token')
    : new OtterError(
        'token_invalid',
        `the device token of ${name.text} waits for a person`,
        `go on with the fleet token until: otter device accept ${name.text}`,
      );
}
