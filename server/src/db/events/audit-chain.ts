// The chain of the audit: each entry has a number, one more than the entry before, and a hash over that entry's hash and its own
// text, so that nobody takes one out, changes or moves one without a trace. How many there are stands beside the entries:
// on PostgreSQL whoever adds one holds that row until the end of the transaction, so entries of several servers follow one another.

import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { AuditChainTable, AuditTable } from './tables.ts';

export type AuditRow = Selectable<AuditTable>;
export type AuditChain = Omit<Selectable<AuditChainTable>, 'id'>;

/** What an entry says, as it is stored. */
export type AuditText = Pick<AuditRow, 'number' | 'at_ms' | 'actor' | 'action' | 'subject' | 'details'>;

/** What stands for the hash of an entry before the first. */
export const NO_ENTRY_HASH = '0'.repeat(64);

/**
 * SHA-256, in hex, over the JSON list of the hash before and the columns of the entry, in this order. The first member names the
 * form, which never changes.
 */
export function hashOfEntry(previousHash: string, entry: AuditText): string {
  const { number, at_ms, actor, action, subject, details } = entry;
  const text = JSON.stringify(['otter-audit/1', previousHash, number, at_ms, actor, action, subject, details]);
  return createHash('sha256').update(text).digest('hex');
}

/** Adds an entry behind the last one; resolves with its number. */
export async function chainEntry(trx: Trx, entry: Omit<AuditText, 'number'>): Promise<number> {
  const { number, previous_hash } = await trx
    .updateTable('audit_chain')
    .set({ last_number: sql`last_number + 1` })
    .where('id', '=', 1)
    .returning([
      'last_number as number',
      // Where every entry was old, the checkpoint stands for the last one.
      sql<string>`coalesce((select hash from audit where number = audit_chain.last_number - 1), checkpoint_hash)`.as(
        'previous_hash',
      ),
    ])
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('audit')
    .values({ ...entry, number, hash: hashOfEntry(previous_hash, { ...entry, number }) })
    .execute();
  return number;
}

export async function getAuditChain(db: Reader): Promise<AuditChain> {
  return db.selectFrom('audit_chain').selectAll().where('id', '=', 1).executeTakeFirstOrThrow();
}

/** The entries behind this number, in the order of their numbers, at most `limit`. */
export async function listEntriesAfter(db: Reader, number: number, limit: number): Promise<readonly AuditRow[]> {
  return db.selectFrom('audit').selectAll().where('number', '>', number).orderBy('number').limit(limit).execute();
}

/**
 * Removes every entry up to this one, and notes where the chain begins from now on. Does nothing where another server was further
 * already.
 */
export async function pruneEntries(trx: Trx, last: Pick<AuditRow, 'number' | 'hash'>, nowMs: number): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable('audit_chain')
    .set({ checkpoint_number: last.number, checkpoint_hash: last.hash, checkpoint_at_ms: nowMs })
    .where('id', '=', 1)
    .where('checkpoint_number', '<', last.number)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) return;
  await trx.deleteFrom('audit').where('number', '<=', last.number).execute();
}
