// Tells recipients: each message once, by one of the server processes, and again later where it was not taken. What is told at once goes with
// the next round; news of single boards waits until the first of it is ten minutes old, and goes as one message with a count.

import type { EventType } from '#protocol/admin/events.ts';
import { EVENT_BATCH, MAIL_TIMEOUT_MS, MAX_FOLDED_EVENTS, NOTICE_FOLD_MS } from '#protocol/limits.ts';
import { type EventRow, findHead, listEventsAfter, type Position } from '#server/db/events/events.ts';
import { addWebhook, findWebhook, type WebhookRow } from '#server/db/events/webhooks.ts';
import type { Deps } from '#server/service/deps.ts';
import {
  change,
  claim,
  delivered,
  failed,
  isFree,
  LEASE_MS,
  positionAt,
  RELEASED,
} from '#server/service/events/delivery.ts';
import { selectEvents } from '#server/service/events/events.ts';
import { type Lane, rowName } from '#server/service/events/lanes.ts';
import type { Recipient } from '#server/service/settings.ts';
import { Fold, isGathered, typesOf } from './notices.ts';
import { send } from './send.ts';

/** A mail takes several steps, each with its time. */
const NOTICE_LEASE_MS = LEASE_MS + 4 * MAIL_TIMEOUT_MS;

export interface To {
  readonly recipient: Recipient;
  readonly lane: Lane;
}

/**
 * One message where something is due; a recipient that is new begins with now. Resolves with whether there may be more at once. `signal`
 * cuts what is under way, which then counts neither as told nor as failed.
 */
export async function tellNext(
  deps: Deps,
  { recipient, lane }: To,
  signal: AbortSignal,
  nowMs: number,
): Promise<boolean> {
  const { read, dialect } = deps.database;
  const name = rowName(recipient.name, lane);
  const row = await findWebhook(read, name);
  if (row === undefined) {
    const head = await findHead(read, dialect);
    await deps.database.write(async (trx) => addWebhook(trx, name, head));
    return false;
  }
  if (!isFree(row, NOTICE_LEASE_MS, nowMs)) return false;
  const types = typesOf(recipient).filter((type) => isGathered(type) === (lane === 'gathered'));
  const found = await (lane === 'now' ? nextNews(deps, row, types) : gatheredNews(deps, row, types, nowMs));
  const { fold, upTo, hasMore } = found;
  if (upTo === undefined) return false;
  if (fold.isEmpty) return (await change(deps, row, positionAt(upTo))) && hasMore;
  const lease = claim(NOTICE_LEASE_MS, nowMs);
  if (!(await change(deps, row, lease))) return false;
  const claimed = { ...row, ...lease };
  const message = fold.message(deps.settings.publicUrl());
  const id = `${recipient.name}.${lane}.${upTo.tx}-${upTo.id}`;
  const outcome = await send(recipient, message, { id, signal });
  if (outcome.ok) return (await change(deps, claimed, delivered(upTo))) && hasMore;
  await change(deps, claimed, signal.aborted ? RELEASED : failed(row, outcome.why, nowMs));
  if (!signal.aborted)
    deps.log.warn(
      { recipient: recipient.name, failures: row.failures + 1, why: outcome.why },
      'a recipient was not told',
    );
  return false;
}

interface Found {
  readonly fold: Fold;
  /** The last event that was looked at; undefined: none was. */
  readonly upTo: Position | undefined;
  readonly hasMore: boolean;
}

/** Of the next events. */
async function nextNews({ database }: Deps, row: WebhookRow, types: readonly EventType[]): Promise<Found> {
  const rows = await listEventsAfter(database.read, database.dialect, placeOf(row), EVENT_BATCH);
  const fold = new Fold();
  for (const event of selectEvents(rows, { types })) fold.add(event);
  return { fold, upTo: rows.at(-1), hasMore: rows.length === EVENT_BATCH };
}

/** Everything up to now, once the first of it is old enough; until then only the way there. */
async function gatheredNews(deps: Deps, row: WebhookRow, types: readonly EventType[], nowMs: number): Promise<Found> {
  const { read, dialect } = deps.database;
  const fold = new Fold();
  let upTo: EventRow | undefined;
  for (let seen = 0; seen < MAX_FOLDED_EVENTS; seen += EVENT_BATCH) {
    const rows = await listEventsAfter(read, dialect, upTo ?? placeOf(row), EVENT_BATCH);
    const first = rows.findIndex(({ type }) => types.includes(type));
    const news = rows[first];
    if (fold.isEmpty && news !== undefined && isYoung(news, nowMs))
      return { fold, upTo: rows[first - 1] ?? upTo, hasMore: false };
    for (const event of selectEvents(rows, { types })) fold.add(event);
    upTo = rows.at(-1) ?? upTo;
    if (rows.length < EVENT_BATCH) return { fold, upTo, hasMore: false };
  }
  return { fold, upTo, hasMore: true };
}

/** One from the future was written under a wrong clock. */
function isYoung({ at_ms }: EventRow, nowMs: number): boolean {
  return at_ms <= nowMs && nowMs - at_ms < NOTICE_FOLD_MS;
}

function placeOf({ after_tx, after_id }: WebhookRow): Position {
  return { tx: after_tx, id: after_id };
}
