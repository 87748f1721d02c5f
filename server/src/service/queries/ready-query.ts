// A query of an operator, made ready for the database: read, and with what only the engine knows looked up, which versions come
// before another and on which devices a build is known bad.

import { OtterError } from '#protocol/errors.ts';
import type { DeviceId } from '#protocol/identity.ts';
import { bareVersion, compareVersions, versionKey } from '#protocol/device/version.ts';
import { parseQuery } from '#protocol/query/parse.ts';
import { conditionsOf, type Order, type Query } from '#protocol/query/query.ts';
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
  const { position, message } = parsed.fault;
  throw new OtterError(
    'query_invalid',
    `where: at character ${position}: ${message}`,
    'a query reads like: chip = esp32c3 and version < 1.4 and not seen for 7d; see `otter help query`',
    { position },
  );
}

/** For the state that `db` sees; where `ids` are named, only for these devices. Throws as `readQuery`. */
export async function readyQuery(
  deps: WatchDeps,
  db: Reader,
  text: string,
  nowMs: number,
  ids?: readonly DeviceId[],
): Promise<Where> {
  const query = readQuery(text);
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
