// What is known of backups: the last one, whether one is due, and products that are frozen since a restore.

import type { Call, ServerStatus } from '#protocol/admin/status.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { findLastBackup } from '#server/db/copy/backups.ts';
import { listFreezes } from '#server/db/fleet/holds.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, RESTORE } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';

const HOUR_MS = 3_600_000;

export async function viewLastBackup(db: Reader): Promise<ServerStatus['last_backup']> {
  const row = await findLastBackup(db);
  if (row === undefined) return null;
  const { made_at_ms, made_by, file, size_bytes, encrypted } = row;
  return { made_at: toInstant(made_at_ms), made_by, file, size_bytes, encrypted: encrypted === 1 };
}

export async function callsOfBackups({ database: { read }, settings }: Deps, nowMs: number): Promise<readonly Call[]> {
  return [...(await ofRestores(read)), ...(await ofDue(read, settings.backupRemindMs, nowMs))];
}

/** Whoever ends the freeze has looked. */
async function ofRestores(read: Reader): Promise<readonly Call[]> {
  const rows = (await listFreezes(read)).filter(({ frozen_by }) => frozen_by === actorOf(RESTORE));
  return rows.map(({ product, reason }) => ({
    kind: 'restored',
    rollout: null,
    text: `product ${product} is offered nothing: ${reason}`,
    commands: [
      `otter firmware block VERSION${product === DEFAULT_PRODUCT ? '' : ` --product ${product}`} --reason TEXT`,
      `otter product unfreeze ${product}`,
    ],
  }));
}

/** Only where the configuration says after how long. */
async function ofDue(read: Reader, remindMs: number | undefined, nowMs: number): Promise<readonly Call[]> {
  if (remindMs === undefined) return [];
  const last = await findLastBackup(read);
  if (last !== undefined && nowMs - last.made_at_ms < remindMs) return [];
  const text =
    last === undefined
      ? 'no backup was ever made of this server'
      : `the last backup was made ${agoText(nowMs - last.made_at_ms)} ago, by ${last.made_by}`;
  return [{ kind: 'backup_due', rollout: null, text, commands: ['otter backup FILE'] }];
}

function agoText(ms: number): string {
  const hours = Math.floor(ms / HOUR_MS);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
