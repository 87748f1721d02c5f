// What must not come back with an older state. A build that was blocked after the backup would be offered again, so the blocks since
// are put in before anything is in place; where nobody says which they were, every product is frozen until a person ends it. Logins
// that ended since would be good again, so all of them go; so does the key of TLS sessions, which whoever has the backup has too.

import { OtterError } from '#protocol/errors.ts';
import { addRestore } from '#server/db/copy/backups.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { listFreezes, saveFreeze } from '#server/db/fleet/holds.ts';
import type { Trx } from '#server/db/schema.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { blockRow, getRow } from '#server/service/firmware/firmware.ts';
import { actorOf, RESTORE } from '#server/service/principal.ts';

export interface BlockedBuild {
  readonly product: string | undefined;
  readonly version: string;
}

export interface SinceOptions {
  readonly id: string;
  readonly home: string;
  readonly restoredBy: string;
  readonly backupMadeAtMs: number;
  /** What was blocked since the backup; undefined: nobody said. */
  readonly blocked: readonly BlockedBuild[] | undefined;
  /** Numbers of transactions of a PostgreSQL mean nothing in a SQLite file. */
  readonly dropsTransactions: boolean;
  readonly nowMs: number;
}

export interface Since {
  readonly blocked: readonly string[];
  /** Came after the backup, so there is nothing to block. */
  readonly not_in_backup: readonly string[];
  readonly frozen: readonly string[];
}

/** Changes the database file of a backup, and brings it to the present schema. Errors: `version_ambiguous`, those of `openSqlite`. */
export async function bringToNow(file: string, options: SinceOptions): Promise<Since> {
  const database = await openSqlite(file, { home: options.home });
  try {
    return await database.write(async (trx) => {
      await raiseRevision(trx);
      await trx.deleteFrom('sessions').execute();
      await trx.deleteFrom('login_links').execute();
      await trx.deleteFrom('ticket_keys').execute();
      if (options.dropsTransactions) {
        await trx.updateTable('events').set({ tx: 0 }).execute();
        await trx.updateTable('webhooks').set({ after_tx: 0 }).execute();
      }
      const since = await blockOrFreeze(trx, options);
      const { id, nowMs: restored_at_ms, restoredBy: restored_by, backupMadeAtMs: backup_made_at_ms } = options;
      await addRestore(trx, { id, restored_at_ms, restored_by, backup_made_at_ms });
      await addAudit(trx, {
        atMs: options.nowMs,
        actor: actorOf(RESTORE),
        action: 'server.restore',
        subject: options.restoredBy,
        details: { backup_made_at: new Date(backup_made_at_ms).toISOString(), ...since },
      });
      return since;
    });
  } finally {
    await database.close();
  }
}

async function blockOrFreeze(trx: Trx, { blocked, backupMadeAtMs, nowMs }: SinceOptions): Promise<Since> {
  const madeAt = new Date(backupMadeAtMs).toISOString().slice(0, 16).replace('T', ' ');
  if (blocked === undefined) {
    const reason = `restored from the backup of ${madeAt} UTC, and nobody said which builds were blocked since`;
    return { blocked: [], not_in_backup: [], frozen: await freezeAll(trx, reason, nowMs) };
  }
  const done: string[] = [];
  const absent: string[] = [];
  for (const build of blocked) {
    const name = build.product === undefined ? build.version : `${build.product}/${build.version}`;
    try {
      const row = await getRow(trx, build);
      const reason = `blocked after the backup of ${madeAt} UTC`;
      if (row.blocked === 0) await blockRow(trx, row, { reason, by: RESTORE, nowMs, prior_stable: null });
      done.push(name);
    } catch (error) {
      if (!(error instanceof OtterError) || error.code !== 'firmware_unknown') throw error;
      absent.push(name);
    }
  }
  return { blocked: done, not_in_backup: absent, frozen: [] };
}

/** The way back as well: it leads to a build that may be blocked by now. */
async function freezeAll(trx: Trx, reason: string, nowMs: number): Promise<readonly string[]> {
  const rows = await trx.selectFrom('firmware').select('product').distinct().orderBy('product').execute();
  const before = new Map((await listFreezes(trx)).map((row) => [row.product, row]));
  for (const { product } of rows) {
    const earlier = before.get(product);
    const text = earlier === undefined ? reason : `${reason}; frozen before: ${earlier.reason}`;
    await saveFreeze(trx, {
      product,
      frozen_at_ms: nowMs,
      until_ms: null,
      reason: text.slice(0, 200),
      frozen_by: actorOf(RESTORE),
      holds_way_back: 1,
    });
    const data = { actor: actorOf(RESTORE), reason };
    await addHoldEvent(trx, { at_ms: nowMs, product, type: 'product.frozen', data });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(RESTORE),
      action: 'product.freeze',
      subject: product,
      details: { reason },
    });
  }
  return rows.map(({ product }) => product);
}
