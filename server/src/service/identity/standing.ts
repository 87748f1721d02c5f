// What boards themselves may be offered, whoever speaks for them besides: for those who ask about many of them.

import { type Identity, NO_IDENTITY, ownStandingOf, type Standing } from '#engine/facts/identity.ts';
import { findSpeakers, type SpeakerRow } from '#server/db/identity/identities.ts';
import { findPendingAmong } from '#server/db/identity/pending-enrolments.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Settings } from '#server/service/settings.ts';

/** In two statements at most. */
export async function standingsOf(
  { settings }: { readonly settings: Settings },
  db: Reader,
  macs: readonly string[],
): Promise<(mac: string) => Standing> {
  const rows = await findSpeakers(db, macs);
  const mode = settings.devices.identity;
  // Who waits makes a difference only where a token is asked for.
  const pending = mode === 'first-use' ? new Set<string>() : await findPendingAmong(db, macs);
  return (mac) => ownStandingOf(identityOf(rows.get(mac), pending.has(mac)), mode);
}

export function identityOf(row: SpeakerRow | undefined, isPending: boolean): Identity {
  if (row === undefined) return { ...NO_IDENTITY, isPending };
  return {
    hasToken: row.token_sha256 !== null,
    isRevoked: row.revoked_at_ms !== null,
    isPending,
    side: row.side ?? undefined,
    sideSinceMs: row.side_since_ms,
    claimedTwiceAtMs: row.claimed_twice_at_ms ?? undefined,
  };
}
