// Queries that operators keep by a name: `@NAME` stands for one in every other query. One that is kept goes by no other, so there is no
// circle; nor does the query of a label, which would change behind the back of whoever made it.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SavedQuery } from '#protocol/admin/fleet/saved-queries.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_SAVED_QUERIES } from '#protocol/limits.ts';
import { findNearest } from '#protocol/nearest.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { countDevices } from '#server/db/fleet/device-list.ts';
import { deleteQuery, listSavedQueries, saveQuery, type SavedQueryRow } from '#server/db/queries/saved-queries.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';
import { readyQuery, readStandalone } from './ready-query.ts';

/** By name, each with how many devices it means now. */
export async function listQueries(deps: Deps, nowMs: number): Promise<SavedQuery[]> {
  await deps.presence.flush();
  const queries: SavedQuery[] = [];
  for (const row of await listSavedQueries(deps.database.read)) {
    queries.push(await viewQuery(deps, row, nowMs));
    await nextTurn();
  }
  return queries;
}

/** Takes the place of one of that name. Throws `query_invalid`, and `query_limit` where there are as many as there may be. */
export async function keepQuery(
  deps: Deps,
  name: string,
  where: string,
  by: Principal,
  nowMs: number,
): Promise<SavedQuery> {
  readStandalone(where, 'a query that is kept');
  const row = { name, query: where, saved_by: actorOf(by), saved_at_ms: nowMs };
  await deps.database.write(async (trx) => {
    const others = (await listSavedQueries(trx)).filter((one) => one.name !== name);
    if (others.length >= MAX_SAVED_QUERIES)
      throw new OtterError(
        'query_limit',
        `there are ${MAX_SAVED_QUERIES} saved queries already, the most that there may be`,
        'remove one that nobody needs: otter query remove NAME',
      );
    await saveQuery(trx, row);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'query.save',
      subject: name,
      details: { where },
    });
  });
  await deps.presence.flush();
  return viewQuery(deps, row, nowMs);
}

/** Throws `query_unknown`. */
export async function removeQuery(
  deps: Deps,
  name: string,
  by: Principal,
  nowMs: number,
): Promise<{ removed: string }> {
  await deps.database.write(async (trx) => {
    const names = (await listSavedQueries(trx)).map((one) => one.name);
    if (!(await deleteQuery(trx, name))) throw unknownQuery(name, names);
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'query.remove', subject: name });
  });
  return { removed: name };
}

async function viewQuery(deps: Deps, row: SavedQueryRow, nowMs: number): Promise<SavedQuery> {
  const { read } = deps.database;
  return {
    name: row.name,
    where: row.query,
    devices: await countDevices(read, await readyQuery(deps, read, row.query, nowMs)),
    saved_by: row.saved_by,
    saved_at: toInstant(row.saved_at_ms),
  };
}

function unknownQuery(name: string, names: readonly string[]): OtterError {
  const near = findNearest(name, names);
  const hint = near === undefined ? 'see which there are: otter query list' : `did you mean ${near}?`;
  return new OtterError('query_unknown', `there is no saved query ${name}`, hint);
}
