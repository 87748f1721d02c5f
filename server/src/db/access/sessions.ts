// Sessions and one-time links, found by the digest of their secret.

import type { Selectable } from 'kysely';
import type { LoginLinksTable, SessionsTable } from './tables.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

export type SessionRow = Selectable<SessionsTable>;

export async function findSession(
  db: Reader,
  by: { readonly hash: string } | { readonly id: string },
): Promise<SessionRow | undefined> {
  const query = db.selectFrom('sessions').selectAll();
  return ('hash' in by ? query.where('hash', '=', by.hash) : query.where('id', '=', by.id)).executeTakeFirst();
}

/** The one used last first. */
export async function getSessions(db: Reader): Promise<readonly SessionRow[]> {
  return db.selectFrom('sessions').selectAll().orderBy('used_at_ms', 'desc').orderBy('id').execute();
}

export async function addSession(trx: Trx, row: SessionRow): Promise<void> {
  await trx.insertInto('sessions').values(row).execute();
}

export async function saveUse(trx: Trx, id: string, atMs: number): Promise<void> {
  await trx.updateTable('sessions').set({ used_at_ms: atMs }).where('id', '=', id).execute();
}

/** Resolves with false where there is none. */
export async function removeSession(trx: Trx, id: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('sessions').where('id', '=', id).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

export async function addLink(trx: Trx, row: LoginLinksTable): Promise<void> {
  await trx.insertInto('login_links').values(row).execute();
}

/** Removes it: who is first has it. Resolves with when it ends, undefined where there is none of this admin token. */
export async function takeLink(
  trx: Trx,
  { hash, token_digest }: Pick<LoginLinksTable, 'hash' | 'token_digest'>,
): Promise<number | undefined> {
  const row = await trx
    .deleteFrom('login_links')
    .where('hash', '=', hash)
    .where('token_digest', '=', token_digest)
    .returning('ends_at_ms')
    .executeTakeFirst();
  return row?.ends_at_ms;
}

/** Removes what ended before `nowMs`, and the oldest beyond `most`. */
export async function forgetLinks(trx: Trx, nowMs: number, most: number): Promise<void> {
  await trx.deleteFrom('login_links').where('ends_at_ms', '<=', nowMs).execute();
  const rows = await trx.selectFrom('login_links').selectAll().orderBy('ends_at_ms', 'desc').execute();
  for (const { hash } of rows.slice(most)) await trx.deleteFrom('login_links').where('hash', '=', hash).execute();
}
