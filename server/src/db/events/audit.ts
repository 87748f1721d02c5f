// What people and schedules did: append-only, written in the transaction of the change itself.

import { type AuditRow, chainEntry } from './audit-chain.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

export interface NewAudit {
  readonly atMs: number;
  /** `admin` (the token), `schedule:<name>`, `file` (a changed file on the machine of the server). */
  readonly actor: string;
  /** What was done, as `rollout.start`. */
  readonly action: string;
  /** What it was done to. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Resolves with the number of the entry. */
export async function addAudit(trx: Trx, entry: NewAudit): Promise<number> {
  return chainEntry(trx, {
    at_ms: entry.atMs,
    actor: entry.actor,
    action: entry.action,
    subject: entry.subject,
    details: JSON.stringify(entry.details ?? {}),
  });
}

export async function findAudit(db: Reader, number: number): Promise<AuditRow | undefined> {
  return db.selectFrom('audit').selectAll().where('number', '=', number).executeTakeFirst();
}

export async function listAudit(
  db: Reader,
  filter: { readonly action: string | undefined; readonly subject: string | undefined },
  page: Page,
): Promise<Paged<AuditRow>> {
  let query = db.selectFrom('audit').selectAll('audit');
  if (filter.action !== undefined) query = query.where('action', '=', filter.action);
  if (filter.subject !== undefined) query = query.where('subject', '=', filter.subject);
  return runPage(query, page, { id: 'audit.id' });
}
