// How far each webhook has been told. A row is changed only by whoever finds it as it was read, so that of several server
// processes one delivers at a time.

import type { Selectable } from 'kysely';
import type { Position } from './events.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { WebhooksTable } from './tables.ts';

export type WebhookRow = Selectable<WebhooksTable>;

export async function findWebhook(db: Reader, name: string): Promise<WebhookRow | undefined> {
  return db.selectFrom('webhooks').selectAll().where('name', '=', name).executeTakeFirst();
}

/** Keeps the row that is there, where another process was faster. */
export async function addWebhook(trx: Trx, name: string, after: Position): Promise<void> {
  await trx
    .insertInto('webhooks')
    .values({
      name,
      after_tx: after.tx,
      after_id: after.id,
      failures: 0,
      failing_since_ms: null,
      last_error: null,
      next_try_at_ms: 0,
      leased_until_ms: 0,
      lease: null,
    })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

/** Resolves with whether the row was still as it was read. */
export async function changeWebhook(
  trx: Trx,
  read: WebhookRow,
  change: Partial<Omit<WebhookRow, 'name'>>,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('webhooks')
    .set(change)
    .where('name', '=', read.name)
    .where('after_tx', '=', read.after_tx)
    .where('after_id', '=', read.after_id)
    .where('next_try_at_ms', '=', read.next_try_at_ms)
    .where('leased_until_ms', '=', read.leased_until_ms)
    .where('lease', read.lease === null ? 'is' : '=', read.lease)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Those that have failed in a row since before this instant. */
export async function listFailingWebhooks(db: Reader, sinceBeforeMs: number): Promise<readonly WebhookRow[]> {
  return db
    .selectFrom('webhooks')
    .selectAll()
    .where('failing_since_ms', '<=', sinceBeforeMs)
    .orderBy('name')
    .limit(100)
    .execute();
}
