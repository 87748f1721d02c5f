// A query of an operator, made ready for the database: read, and with what only the engine knows looked up, which versions come
// before another and on which devices a build is known bad.

import { OtterError } from '#protocol/errors.ts';
import { MAX_EXPANDED_CONDITIONS } from '#protocol/limits.ts';
import { findNearest } from '#protocol/nearest.ts';
import { listSavedQueries } from '#server/db/queries/saved-queries.ts';
import type { DeviceId } from '#protocol/identity.ts';
import { bareVersion, compareVersions, versionKey } from '#protocol/device/version.ts';
import { parseQuery } from '#protocol/query/parse.ts';
import { conditionsOf, type Order, type Query, withSaved } from '#protocol/query/query.ts';
import { historyOf } from '#engine/assignment/assignment.ts';
import { listFailedOfVersion } from '#server/db/device/failed-assignments.ts';
import { listVersions } from '#server/db/fleet/devices.ts';
import { type Where, whereOf } from '#server/db/fleet/where.ts';
import type { Reader } from '#server/db/schema.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import { assignmentEndOf } from '#server/service/device/assignment.ts';
import { silenceAt } from '#server/service/device/observation.ts';

/** Throws `query_invalid`, which says where and what is expected there. */
export function readQuery(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.ok) return parsed.query;
  throw fault(parsed.fault.position, parsed.fault.message);
}

/** For the state that `db` sees; where `ids` are named, only for these devices. Throws as `readQuery`. */
export async function readyQuery(
  deps: WatchDeps,
  db: Reader,
  text: string,
  nowMs: number,
  ids?: readonly DeviceId[],
): Promise<Where> {
  const query = await expand(db, readQuery(text));
  const conditions = conditionsOf(query);
  const said = conditions.some(({ kind }) => kind === 'version') ? await listVersions(db, ids) : [];
  const knownBad = new Map<string, readonly DeviceId[]>();
  for (const condition of conditions)
    if (condition.kind === 'known_bad')
      knownBad.set(condition.version, await findKnownBad(db, condition.version, nowMs));
  return whereOf(query, {
    dialect: deps.database.dialect,
    silence: silenceAt(deps, nowMs),
    versions: (order, version) => said.filter((one) => isInOrder(one, order, version)),
    knownBad: (version) => knownBad.get(version) ?? [],
  });
}

/** Of a query that must not change with another one. Throws as `readQuery`, and where it goes by a saved query. */
export function readStandalone(text: string, what: string): Query {
  const query = readQuery(text);
  const saved = conditionsOf(query).find((one) => one.kind === 'saved');
  if (saved?.kind === 'saved')
    throw fault(saved.position, `${what} cannot go by another one (@${saved.name}); write what that one asks for`);
  return query;
}

/** With what they mean in the place of saved queries. */
async function expand(db: Reader, query: Query): Promise<Query> {
  if (!conditionsOf(query).some(({ kind }) => kind === 'saved')) return query;
  const saved = new Map((await listSavedQueries(db)).map((row) => [row.name, row.query]));
  const expanded = withSaved(query, ({ name, position }) => {
    const meant = saved.get(name);
    if (meant !== undefined) return readQuery(meant);
    const near = findNearest(name, [...saved.keys()]);
    throw fault(position, `there is no saved query ${name}${near === undefined ? '' : `; did you mean @${near}?`}`);
  });
  const { length } = conditionsOf(expanded);
  if (length > MAX_EXPANDED_CONDITIONS)
    throw fault(1, `with its saved queries it has ${length} conditions, and ${MAX_EXPANDED_CONDITIONS} are the most`);
  return expanded;
}

function fault(position: number, message: string): OtterError {
  return new OtterError(
    'query_invalid',
    `where: at character ${position}: ${message}`,
    'a query reads like: chip = esp32c3 and version < 1.4 and not seen for 7d; see `otter help query`',
    { position },
  );
}

/** A version without a place in the order is the same as itself, and neither before nor after any other. */
function isInOrder(said: string, order: Order, version: string): boolean {
  if (order === '=') return versionKey(said) === versionKey(version);
  const compared = compareVersions(said, version);
  if (compared === undefined) return false;
  if (compared === 0) return order === '<=' || order === '>=';
  return compared < 0 === (order === '<' || order === '<=');
}

/** As `otter device show` has it: by every failed assignment of the build on the device that no operator has forgiven. */
async function findKnownBad(db: Reader, version: string, nowMs: number): Promise<readonly DeviceId[]> {
  const failed = await listFailedOfVersion(db, bareVersion(version));
  const ofBuilds = Map.groupBy(failed, ({ device_id, firmware_id }) => `${device_id} ${firmware_id}`).values();
  return [...ofBuilds].flatMap((ofBuild) => {
    const [first] = ofBuild;
    return first !== undefined && historyOf(ofBuild.map(assignmentEndOf), nowMs).knownBad ? [first.device_id] : [];
  });
}
