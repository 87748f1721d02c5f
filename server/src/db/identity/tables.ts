// The tables of device tokens. A board enrols by its name, before or after its first check-in, so they hang on names. They go with the
// removal of a device, but for what was revoked.

import type { Generated } from 'kysely';

export interface IdentitiesTable {
  readonly kind: 'mac';
  readonly name: string;
  /** SHA-256 of the device token, hex; null: none was accepted. */
  readonly token_sha256: string | null;
  /** When it was accepted. */
  readonly enrolled_at_ms: number | null;
  readonly revoked_at_ms: number | null;
  /** See `Identity` of engine/facts/identity.ts for these three. */
  readonly side: 'device_token' | 'fleet_token' | null;
  readonly side_since_ms: number;
  readonly claimed_twice_at_ms: number | null;
  /** An operator lets the next enrolment in until here. */
  readonly open_until_ms: number | null;
}

/** Enrolments that wait for a person. */
export interface PendingEnrolmentsTable {
  readonly id: Generated<number>;
  /** SHA-256 of the token that it brings, hex. */
  readonly token_sha256: string;
  readonly kind: 'mac';
  readonly name: string;
  readonly asked_at_ms: number;
  readonly address: string;
}
