// Who speaks for a board: its own token, or the fleet token that every board of the fleet has. A board that never enrolled speaks
// with the fleet token. One that did keeps that way open until its own token was used for some days without it: so a build from
// before device tokens, or one that lost its memory, is never locked out, and a stolen fleet token ends to be of use for it.

import type { IdentityMode } from '#protocol/admin/states.ts';

export type Side = 'device_token' | 'fleet_token';

/** What is stored of one board, changes of it alone: while one side goes on speaking, nothing is written. */
export interface Identity {
  /** A device token was accepted, and was not revoked. */
  readonly hasToken: boolean;
  readonly isRevoked: boolean;
  /** An enrolment is pending: it waits for a person. */
  readonly isPending: boolean;
  /** Who spoke last, since the device token was used first; undefined: it never was. */
  readonly side: Side | undefined;
  /** Since when that side speaks, alone. */
  readonly sideSinceMs: number;
  /** Both sides spoke, in turn. */
  readonly claimedTwiceAtMs: number | undefined;
}

/** Whether whoever speaks is taken for the board. Anything but `counts` is the id of the rule that holds. */
export type Standing = 'counts' | 'claimed_twice' | 'enrolment_required' | 'enrolment_pending' | 'token_revoked';

/** For so long the device token has to be used, alone, until the fleet token does not speak for its board any more. */
export const FLEET_TOKEN_ENDS_MS = 7 * 86_400_000;

export const NO_IDENTITY: Identity = {
  hasToken: false,
  isRevoked: false,
  isPending: false,
  side: undefined,
  sideSinceMs: 0,
  claimedTwiceAtMs: undefined,
};

/** A device token speaks here only after it was found to be the one that is stored. */
export function standingOf(identity: Identity, side: Side, mode: IdentityMode, nowMs: number): Standing {
  if (side === 'device_token') return 'counts';
  if (identity.isRevoked) return 'token_revoked';
  if (mode !== 'first-use' && !identity.hasToken)
    return identity.isPending ? 'enrolment_pending' : 'enrolment_required';
  if (identity.claimedTwiceAtMs !== undefined || isClosed(identity, nowMs)) return 'claimed_twice';
  return mode === 'first-use' ? 'counts' : 'enrolment_required';
}

/** Of the board itself: one with a token of its own goes on with that, whoever speaks for it besides. */
export function ownStandingOf(identity: Identity, mode: IdentityMode): Standing {
  return standingOf(identity, identity.hasToken ? 'device_token' : 'fleet_token', mode, Number.POSITIVE_INFINITY);
}

/** What is to be stored after this side has spoken: the same object where that is nothing new. */
export function afterSpeaking(identity: Identity, side: Side, nowMs: number): Identity {
  if (side === 'fleet_token') {
    // A token that was never used claims nothing.
    if (!identity.hasToken || identity.side === undefined) return identity;
    const claimedTwiceAtMs = identity.claimedTwiceAtMs ?? (isClosed(identity, nowMs) ? nowMs : undefined);
    if (identity.side === side && claimedTwiceAtMs === identity.claimedTwiceAtMs) return identity;
    return { ...identity, side, sideSinceMs: nowMs, claimedTwiceAtMs };
  }
  if (identity.side === undefined) return { ...identity, side, sideSinceMs: nowMs };
  // It spoke, then the fleet token did, and now it does again: one board does not go to and fro.
  if (identity.side === 'fleet_token')
    return { ...identity, side, sideSinceMs: nowMs, claimedTwiceAtMs: identity.claimedTwiceAtMs ?? nowMs };
  const isOver = identity.claimedTwiceAtMs !== undefined && nowMs - identity.sideSinceMs >= FLEET_TOKEN_ENDS_MS;
  return isOver ? { ...identity, claimedTwiceAtMs: undefined } : identity;
}

/** It is sent to another build, which may know nothing of device tokens: the fleet token speaks for it again. */
export function reopened(identity: Identity): Identity {
  return identity.side === undefined ? identity : { ...identity, side: undefined, claimedTwiceAtMs: undefined };
}

function isClosed({ side, sideSinceMs }: Identity, nowMs: number): boolean {
  return side === 'device_token' && nowMs - sideSinceMs >= FLEET_TOKEN_ENDS_MS;
}
