// Changes every device that a query means. Load and count, ask for a yes, then a thousand devices in each transaction: nobody else waits
// for long, and a change that is broken off has changed whole devices. To ask for it once more does what is left.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BulkAnswer, BulkChange, BulkPreview, BulkQuery } from '#protocol/admin/fleet/bulk.ts';
import { OtterError } from '#protocol/errors.ts';
import type { DeviceId } from '#protocol/identity.ts';
import { BULK_BATCH, BULK_BATCHES, COUNT_RANGE } from '#protocol/limits.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { addAudit, findAudit } from '#server/db/events/audit.ts';
import { both, type BulkCounts, countMeant, idsOf, listMeant } from '#server/db/fleet/bulk.ts';
import { holdDevices } from '#server/db/fleet/devices.ts';
import { findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import { listUnendedByLabel } from '#server/db/rollouts/rollouts.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { readyQuery } from '#server/service/queries/ready-query.ts';
import { readVerb, type Verb } from './verbs.ts';

/** Throws `query_invalid`, and `field_invalid` where something is missing for the verb. */
export async function previewBulk(deps: Deps, asked: BulkQuery, by: Principal, nowMs: number): Promise<BulkPreview> {
  await deps.presence.flush();
  const { limit, ...meant } = asked;
  // Why and until when boards are held makes no difference to which they are.
  const change = { ...meant, reason: 'preview', ...(limit === undefined ? {} : { limit: Number(limit) }) };
  const verb = await readVerb(deps, change, by, nowMs);
  const { counts, left, where } = await count(deps, change, verb, nowMs);
  const first =
    left === 0
      ? []
      : await listMeant(deps.database.read, where, {
          afterId: 0,
          untilId: await findLastDeviceId(deps.database.read),
          limit: Math.min(left, 10),
        });
  return {
    matched: counts.matched,
    to_change: left,
    full: counts.full,
    examples: first.map(({ first_name }) => first_name),
    warnings: await warningsOf(deps, change, counts),
  };
}

/** Throws as `previewBulk`, `confirmation_needed` with the numbers, and `cursor_invalid`. */
export async function changeInBulk(deps: Deps, asked: BulkChange, by: Principal, nowMs: number): Promise<BulkAnswer> {
  await deps.presence.flush();
  const verb = await readVerb(deps, asked, by, nowMs);
  let at = asked.cursor === undefined ? undefined : await readCursor(deps, asked.cursor, asked, verb, by);
  if (at === undefined) {
    const { counts, left } = await count(deps, asked, verb, nowMs);
    if (left === 0) return { changed: 0, left: 0, next_cursor: null };
    if (asked.confirm !== true) throw unconfirmed(counts, left, await warningsOf(deps, asked, counts));
    at = { entry: undefined, afterId: 0, left };
  }
  let changed = 0;
  const lastId = await findLastDeviceId(deps.database.read);
  const meant = both(await readyQuery(deps, deps.database.read, asked.where, nowMs), verb.need);
  for (let batch = 0; batch < BULK_BATCHES && at.left > 0;) {
    if (at.afterId >= lastId) {
      at = { ...at, left: 0 };
      break;
    }
    const from: Place = at;
    // Looked for outside of the transaction: where few are meant, most of the fleet is passed without holding others up.
    const limit = Math.min(from.left, BULK_BATCH);
    const range = { afterId: from.afterId, untilId: from.afterId + COUNT_RANGE, limit };
    const found = await listMeant(deps.database.read, meant, range);
    // Fewer than were looked for: the range ends without another one.
    const untilId = found.length < limit ? range.untilId : (found.at(-1)?.id ?? range.untilId);
    if (found.length === 0) at = { ...from, afterId: untilId };
    else {
      const within = { from, untilId, limit, ids: idsOf(found) };
      const done = await deps.database.write(async (trx) => changeBatch(deps, trx, asked, verb, within, by, nowMs));
      changed += done.changed;
      at = done;
      batch += 1;
    }
    await nextTurn();
  }
  const isDone = at.left === 0 || at.entry === undefined;
  return { changed, left: at.left, next_cursor: isDone ? null : cursorOf(at) };
}

/** Where a change is: under which entry of the audit, behind which device, and how many are to come at most. */
interface Place {
  readonly entry: number | undefined;
  readonly afterId: number;
  readonly left: number;
}

/** Devices that were found to be meant, in this range of keys. */
interface Batch {
  readonly from: Place;
  readonly untilId: number;
  readonly limit: number;
  readonly ids: readonly DeviceId[];
}

async function changeBatch(
  deps: Deps,
  trx: Trx,
  asked: BulkChange,
  verb: Verb,
  { from, untilId, limit, ids }: Batch,
  by: Principal,
  nowMs: number,
): Promise<Place & { readonly changed: number }> {
  const { entry, afterId, left } = from;
  await verb.lock?.(trx);
  // What a device says may have changed since it was found: what is changed is what is meant now.
  const where = both(await readyQuery(deps, trx, asked.where, nowMs, ids), verb.need);
  const devices = await listMeant(trx, where, { afterId, untilId, limit, ids });
  const last = devices.at(-1);
  if (last === undefined) return { entry, afterId: untilId, left, changed: 0 };
  await holdDevices(trx, idsOf(devices));
  await verb.change(trx, devices);
  const details = { where: asked.where, devices: left, ...(asked.limit === undefined ? {} : { limit: asked.limit }) };
  const noted =
    entry ??
    (await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: verb.action,
      subject: verb.subject ?? asked.where,
      details: { ...details, ...verb.details },
    }));
  const reached = devices.length < limit ? untilId : last.id;
  return { entry: noted, afterId: reached, left: left - devices.length, changed: devices.length };
}

async function count(deps: Deps, { where: text, limit }: BulkChange, verb: Verb, nowMs: number) {
  const { read } = deps.database;
  const meant = await readyQuery(deps, read, text, nowMs);
  const counts = await countAll(read, { where: meant, need: verb.need, label: verb.label });
  const have = verb.isState ? counts.matched - counts.toChange - counts.full : 0;
  const room = limit === undefined ? counts.toChange : Math.max(0, limit - have);
  return { counts, left: Math.min(counts.toChange, room), where: both(meant, verb.need) };
}

/** Range by range, so that boards are answered between two of them. */
async function countAll(db: Reader, what: Parameters<typeof countMeant>[1]): Promise<BulkCounts> {
  const lastId = await findLastDeviceId(db);
  let sum: BulkCounts = { matched: 0, toChange: 0, updating: 0, full: 0 };
  for (let afterId = 0; afterId < lastId; afterId += COUNT_RANGE) {
    const counts = await countMeant(db, what, { afterId, untilId: afterId + COUNT_RANGE });
    sum = {
      matched: sum.matched + counts.matched,
      toChange: sum.toChange + counts.toChange,
      updating: sum.updating + counts.updating,
      full: sum.full + counts.full,
    };
    await nextTurn();
  }
  return sum;
}

async function warningsOf(deps: Deps, { verb, label }: BulkChange, counts: BulkCounts): Promise<string[]> {
  const warnings: string[] = [];
  if (counts.full > 0)
    warnings.push(`${counts.full} of them have as many labels as a device may have: they are left out`);
  if ((verb === 'hold' || verb === 'remove') && counts.updating > 0)
    warnings.push(
      `${counts.updating} of them are in the middle of an update${verb === 'remove' ? ': how that ends is not known then' : ''}`,
    );
  if (label === undefined) return warnings;
  for (const { name, status } of await listUnendedByLabel(deps.database.read, label))
    if (isOpen(status))
      warnings.push(
        `rollout ${name} (${status}) has a stage for label ${label}: ${
          verb === 'label'
            ? 'devices that get it now join when its next stage opens'
            : 'devices that lose it leave it at once, and their open offers end'
        }`,
      );
  return warnings;
}

function unconfirmed({ matched }: BulkCounts, left: number, warnings: readonly string[]): OtterError {
  return new OtterError(
    'confirmation_needed',
    [`${matched} devices are meant, ${left} of them would change`, ...warnings].join('; '),
    'send it again with confirm: true',
  );
}

function cursorOf({ entry, afterId, left }: Place): string {
  return Buffer.from(JSON.stringify([entry, afterId, left])).toString('base64url');
}

/** Throws `cursor_invalid` for one that no answer to this change gave out. */
async function readCursor(
  deps: Deps,
  cursor: string,
  { where }: BulkChange,
  { action }: Verb,
  by: Principal,
): Promise<Place> {
  const [entry, afterId, left] = numbersOf(cursor);
  const noted = entry === undefined ? undefined : await findAudit(deps.database.read, entry);
  if (afterId !== undefined && left !== undefined && noted?.action === action && noted.actor === actorOf(by)) {
    const details: { readonly where?: unknown; readonly devices?: unknown } = JSON.parse(noted.details);
    // No more than what stands in the audit.
    if (details.where === where && left <= Number(details.devices)) return { entry, afterId, left };
  }
  throw new OtterError(
    'cursor_invalid',
    'cursor: this is not the next_cursor of an answer to this change',
    'start again without a cursor: it goes on with what is left',
  );
}

function numbersOf(cursor: string): readonly number[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isPlace =
      Array.isArray(parsed) && parsed.length === 3 && parsed.every((one) => Number.isSafeInteger(one) && one >= 0);
    return isPlace ? parsed.map(Number) : [];
  } catch {
    return [];
  }
}
