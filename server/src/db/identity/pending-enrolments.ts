// Enrolments that wait for a person, a few for each board at most.

import type { Insertable, Selectable } from 'kysely';
import type { DeviceName } from '#protocol/identity.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { PendingEnrolmentsTable } from './tables.ts';

export type PendingEnrolment = Selectable<PendingEnrolmentsTable>;

/** The newest first. */
export async function findPending(db: Reader, { kind, text }: DeviceName): Promise<readonly PendingEnrolment[]> {
  return db
    .selectFrom('pending_enrolments')
    .selectAll()
    .where('kind', '=', kind)
    .where('name', '=', text)
    .orderBy('asked_at_ms', 'desc')
    .orderBy('token_sha256')
    .execute();
}

/** Those of these names that asked. */
export async function findPendingAmong(db: Reader, names: readonly string[]): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  const rows = await db
    .selectFrom('pending_enrolments')
    .select('name')
    .where('kind', '=', 'mac')
    .where('name', 'in', [...names])
    .execute();
  return new Set(rows.map(({ name }) => name));
}

/** One that is there already is asked for anew. */
export async function addPending(trx: Trx, row: Insertable<PendingEnrolmentsTable>): Promise<void> {
  await trx
    .insertInto('pending_enrolments')
    .values(row)
    .onConflict((conflict) => conflict.column('token_sha256').doUpdateSet({ asked_at_ms: row.asked_at_ms }))
    .execute();
}

export async function removePending(trx: Trx, tokens: readonly string[]): Promise<void> {
  if (tokens.length === 0) return;
  await trx
    .deleteFrom('pending_enrolments')
    .where('token_sha256', 'in', [...tokens])
    .execute();
}

export async function removePendingOf(trx: Trx, { kind, text }: DeviceName): Promise<void> {
  await trx.deleteFrom('pending_enrolments').where('kind', '=', kind).where('name', '=', text).execute();
}

export async function listPending(db: Reader, page: Page): Promise<Paged<PendingEnrolment>> {
  return runPage(db.selectFrom('pending_enrolments').selectAll(), page, { id: 'pending_enrolments.id' });
}

/** A board that asked, with how many tokens, and what it has. */
export interface PendingName {
  readonly kind: 'mac';
  readonly name: string;
  readonly asked: number;
  readonly hasToken: boolean;
  readonly isRevoked: boolean;
}

/** Names with pending enrolments, after this one in their order. */
export async function listPendingNames(db: Reader, afterName: string, limit: number): Promise<readonly PendingName[]> {
  const rows = await db
    .selectFrom('pending_enrolments as asking')
    .leftJoin('identities as known', (join) =>
      join.onRef('known.kind', '=', 'asking.kind').onRef('known.name', '=', 'asking.name'),
    )
    .select((eb) => [
      'asking.kind',
      'asking.name',
      eb.fn.countAll<number | string>().as('asked'),
      eb.fn.max('known.token_sha256').as('token'),
      eb.fn.max('known.revoked_at_ms').as('revoked_at_ms'),
    ])
    .where('asking.name', '>', afterName)
    .groupBy(['asking.kind', 'asking.name'])
    .orderBy('asking.name')
    .limit(limit)
    .execute();
  return rows.map(({ kind, name, asked, token, revoked_at_ms }) => ({
    kind,
    name,
    asked: Number(asked),
    hasToken: token !== null,
    isRevoked: revoked_at_ms !== null,
  }));
}

/** At most `most` that were asked for last before this; resolves with how many went. */
export async function forgetPending(trx: Trx, beforeMs: number, most: number): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('pending_enrolments')
    .where('id', 'in', (eb) =>
      eb.selectFrom('pending_enrolments').select('id').where('asked_at_ms', '<', beforeMs).orderBy('id').limit(most),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

/** Boards of which an enrolment is pending. */
export async function countPendingBoards(db: Reader): Promise<number> {
  const { boards } = await db
    .selectFrom('pending_enrolments')
    .select((eb) => eb.fn.count<number | string>('name').distinct().as('boards'))
    .executeTakeFirstOrThrow();
  return Number(boards);
}
