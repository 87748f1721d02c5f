// Device tokens and who spoke last for each board, found by the name of the board or by the digest of the token.

import { type Selectable, sql } from 'kysely';
import type { DeviceId, DeviceName } from '#protocol/identity.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { countPendingBoards } from './pending-enrolments.ts';
import type { IdentitiesTable } from './tables.ts';

export type IdentityRow = Selectable<IdentitiesTable>;

/** What may change of one. */
export type IdentityColumns = Omit<IdentityRow, 'kind' | 'name'>;

/** What a check-in needs of it, without a statement of its own (`db/device/check-in-facts.ts`). */
export const IDENTITY_COLUMNS = [
  'token_sha256',
  'revoked_at_ms',
  'side',
  'side_since_ms',
  'claimed_twice_at_ms',
] as const satisfies readonly (keyof IdentitiesTable)[];

export type SpeakerRow = Pick<IdentityRow, (typeof IDENTITY_COLUMNS)[number]>;

/** Of one that has no row. */
const UNENROLLED: IdentityColumns = {
  token_sha256: null,
  enrolled_at_ms: null,
  revoked_at_ms: null,
  side: null,
  side_since_ms: 0,
  claimed_twice_at_ms: null,
  open_until_ms: null,
};

export async function findIdentity(db: Reader, { kind, text }: DeviceName): Promise<IdentityRow | undefined> {
  return db.selectFrom('identities').selectAll().where('kind', '=', kind).where('name', '=', text).executeTakeFirst();
}

/** By name; one that has no row is left out. */
export async function findSpeakers(db: Reader, names: readonly string[]): Promise<ReadonlyMap<string, SpeakerRow>> {
  if (names.length === 0) return new Map();
  const rows = await db
    .selectFrom('identities')
    .select(['name', ...IDENTITY_COLUMNS])
    .where('kind', '=', 'mac')
    .where('name', 'in', [...names])
    .execute();
  return new Map(rows.map((row) => [row.name, row]));
}

/** Held until the end of the transaction, where there is one. */
export async function lockIdentity(trx: Trx, dialect: Dialect, name: DeviceName): Promise<IdentityRow | undefined> {
  if (dialect !== 'postgres') return findIdentity(trx, name);
  return trx
    .selectFrom('identities')
    .selectAll()
    .where('kind', '=', name.kind)
    .where('name', '=', name.text)
    .forUpdate()
    .executeTakeFirst();
}

/** Whose token this is, accepted or pending. */
export async function findTokenOwner(
  db: Reader,
  tokenSha256: string,
): Promise<(DeviceName & { readonly isAccepted: boolean }) | undefined> {
  const accepted = await db
    .selectFrom('identities')
    .select(['kind', 'name as text'])
    .where('token_sha256', '=', tokenSha256)
    .executeTakeFirst();
  if (accepted !== undefined) return { ...accepted, isAccepted: true };
  const pending = await db
    .selectFrom('pending_enrolments')
    .select(['kind', 'name as text'])
    .where('token_sha256', '=', tokenSha256)
    .executeTakeFirst();
  return pending && { ...pending, isAccepted: false };
}

export async function saveIdentity(
  trx: Trx,
  { kind, text: name }: DeviceName,
  columns: Partial<IdentityColumns>,
): Promise<void> {
  await trx
    .insertInto('identities')
    .values({ ...UNENROLLED, ...columns, kind, name })
    .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet(columns))
    .execute();
}

/** Whether the board of this token was ever given this image. */
export async function wasGivenImage(db: Reader, tokenSha256: string, imageId: number): Promise<boolean> {
  const row = await db
    .selectFrom('identities')
    .innerJoin('device_names', (join) =>
      join.onRef('device_names.kind', '=', 'identities.kind').onRef('device_names.name', '=', 'identities.name'),
    )
    .innerJoin('assignments', 'assignments.device_id', 'device_names.device_id')
    .select('assignments.id')
    .where('identities.token_sha256', '=', tokenSha256)
    .where('assignments.image_id', '=', imageId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

const MAX_EXAMPLES = 5;

export interface IdentityCounts {
  readonly claimedTwice: number;
  readonly pending: number;
  /** Some of those that are claimed twice. */
  readonly examples: readonly string[];
}

/** What waits for a person. */
export async function countTroubled(db: Reader): Promise<IdentityCounts> {
  const { claimed } = await db
    .selectFrom('identities')
    .select((eb) => eb.fn.countAll<number | string>().as('claimed'))
    .where('claimed_twice_at_ms', 'is not', null)
    .executeTakeFirstOrThrow();
  const rows = await db
    .selectFrom('identities')
    .select('name')
    .where('claimed_twice_at_ms', 'is not', null)
    .orderBy('claimed_twice_at_ms', 'desc')
    .limit(MAX_EXAMPLES)
    .execute();
  return {
    claimedTwice: Number(claimed),
    pending: await countPendingBoards(db),
    examples: rows.map(({ name }) => name),
  };
}

/** Of a board, as `revokeIdentities` leaves it. */
export function revokedAt(nowMs: number) {
  return {
    token_sha256: null,
    revoked_at_ms: nowMs,
    side: null,
    claimed_twice_at_ms: null,
    open_until_ms: null,
  } as const;
}

/** Turns these devices away, with their tokens or without: the fleet token does not speak for them any more either. */
export async function revokeIdentities(trx: Trx, deviceIds: readonly DeviceId[], nowMs: number): Promise<void> {
  const names = await trx
    .selectFrom('device_names')
    .select(['kind', 'name'])
    .where('device_id', 'in', [...deviceIds])
    .execute();
  await trx
    .insertInto('identities')
    .values(names.map((name) => Object.assign({}, UNENROLLED, revokedAt(nowMs), name)))
    .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet(revokedAt(nowMs)))
    .execute();
}

function namesOf(deviceIds: readonly DeviceId[]) {
  return sql<boolean>`(kind, name) in
    (select kind, name from device_names where device_id in (${sql.join(deviceIds)}))`;
}

/** To be called while the devices are there. A token that was revoked stays so: removing a stolen board does not let it in again. */
export async function forgetIdentities(trx: Trx, deviceIds: readonly DeviceId[]): Promise<void> {
  const ofDevices = namesOf(deviceIds);
  await trx.deleteFrom('pending_enrolments').where(ofDevices).execute();
  await trx.deleteFrom('identities').where(ofDevices).where('revoked_at_ms', 'is', null).execute();
}

/** Reads them all: ask seldom. */
export async function countIdentities(db: Reader): Promise<number> {
  const { identities } = await db
    .selectFrom('identities')
    .select((eb) => eb.fn.countAll<number | string>().as('identities'))
    .executeTakeFirstOrThrow();
  return Number(identities);
}
