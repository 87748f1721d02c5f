// The fleet at a glance, and the audit.

import type { AuditEntry } from '#protocol/admin/audit.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';
import { listAudit as listRows } from '#server/db/events/audit.ts';
import { countFleet, countVersions } from '#server/db/fleet/devices.ts';
import { countHeld } from '#server/db/fleet/holds.ts';
import { countOpenRollouts, listAfterwards, listOpenRollouts } from '#server/db/rollouts/open.ts';
import { viewLastBackup } from './backups.ts';
import { listCalls } from './calls.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant } from '#server/time/instant.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';
import { silenceAt } from '#server/service/device/observation.ts';
import { warnOfPending } from '#server/service/rollouts/pending-promotions.ts';
import { listFrozen } from '#server/service/holds/freezes.ts';
import { viewKnown } from '#server/service/rollouts/view.ts';
import { warnOfWebhooks } from '#server/service/events/webhooks.ts';

/** What does not come from the database. */
export interface ServerFacts {
  readonly version: string;
  readonly startedAtMs: number;
  /** The one that is listened on. */
  readonly port: number;
  readonly warnings: readonly string[];
  /** Of where images are kept; undefined where it cannot be asked. */
  readonly disk: () => Promise<{ readonly free_bytes: number; readonly total_bytes: number } | undefined>;
}

export async function getStatus(deps: Deps, server: ServerFacts, nowMs: number): Promise<ServerStatus> {
  await deps.presence.flush();
  const { read, dialect } = deps.database;
  const open = await listOpenRollouts(read);
  const rollouts = await viewKnown(deps, [...open, ...(await listAfterwards(read, nowMs))], nowMs);
  return {
    version: server.version,
    database: dialect,
    started_at: toInstant(server.startedAtMs),
    certificate_ends_at: toInstant(deps.settings.certificateEndsAtMs),
    disk: (await server.disk()) ?? null,
    poll_interval_s: deps.settings.pollIntervalS,
    devices: { ...(await countFleet(read, silenceAt(deps, nowMs))), held: await countHeld(read) },
    frozen: await listFrozen(deps, nowMs),
    versions: [...(await countVersions(read))],
    rollouts,
    calls: await listCalls(deps, rollouts, nowMs),
    last_backup: await viewLastBackup(read),
    warnings: [
      ...server.warnings,
      ...(await deps.sharedFiles.warnings()),
      ...(await deps.readiness.problems()).map(({ message, hint }) => `${message}: ${hint}`),
      ...(await warnOfWebhooks(deps, nowMs)),
      ...warnOfLeftOut(open.length, await countOpenRollouts(read)),
      ...(await warnOfPending(deps, nowMs)),
    ],
  };
}

function warnOfLeftOut(shown: number, open: number): readonly string[] {
  if (open <= shown) return [];
  return [
    `${open} rollouts are open, the oldest ${shown} are shown here: otter rollout list --status running shows more`,
  ];
}

export async function listAudit(
  deps: Deps,
  query: ListQuery & { readonly action?: string | undefined; readonly subject?: string | undefined },
): Promise<Listed<AuditEntry>> {
  const page = await listRows(
    deps.database.read,
    { action: query.action, subject: query.subject },
    readPage(query, { id: 'audit.id' }, '-id'),
  );
  const items = page.rows.map((row) => {
    const details: AuditEntry['details'] = JSON.parse(row.details);
    return {
      id: row.id,
      at: toInstant(row.at_ms),
      actor: row.actor,
      action: row.action,
      subject: row.subject,
      details,
    };
  });
  return toListed(page, items);
}
