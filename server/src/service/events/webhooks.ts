// Tells webhooks of events: signed, in order, at least once. Each has a position in the table of events that moves on when its
// receiver said 2xx; until then the same events are tried again, for ever, later each time.

import { createHmac, randomUUID } from 'node:crypto';
import type { Event } from '#protocol/admin/events.ts';
import {
  EVENT_BATCH,
  FIRST_WEBHOOK_BACK_OFF_MS,
  LAST_WEBHOOK_BACK_OFF_MS,
  WEBHOOK_TIMEOUT_MS,
  WEBHOOK_WARN_MS,
} from '#protocol/limits.ts';
import { type EventRow, findHead, listEventsAfter } from '#server/db/events/events.ts';
import {
  addWebhook,
  changeWebhook,
  findWebhook,
  listFailingWebhooks,
  type WebhookRow,
} from '#server/db/events/webhooks.ts';
import { SERVER_VERSION } from '#server/version.ts';
import type { Deps } from '#server/service/deps.ts';
import { expandTypes, selectEvents } from './events.ts';
import { toInstant } from '#server/time/instant.ts';
import type { Webhook } from '#server/service/settings.ts';
import { post } from './post.ts';

/** How long a process may take over one delivery before another one does it: longer than the receiver may. */
const LEASE_MS = 3 * WEBHOOK_TIMEOUT_MS;

/**
 * One delivery to one webhook where something is due; a webhook that is new begins with now. Resolves with whether there may
 * be more at once. `signal` cuts a delivery that is under way, which then counts neither as made nor as failed.
 */
export async function deliverNext(deps: Deps, webhook: Webhook, signal: AbortSignal, nowMs: number): Promise<boolean> {
  const { read, dialect } = deps.database;
  const row = await findWebhook(read, webhook.name);
  if (row === undefined) {
    const head = await findHead(read, dialect);
    await deps.database.write(async (trx) => addWebhook(trx, webhook.name, head));
    return false;
  }
  if (!isFree(row, nowMs)) return false;
  const rows = await listEventsAfter(read, dialect, { tx: row.after_tx, id: row.after_id }, EVENT_BATCH);
  const last = rows.at(-1);
  if (last === undefined) return false;
  const types = webhook.types === undefined ? undefined : expandTypes(webhook.types);
  const events = selectEvents(rows, { types });
  const hasMore = rows.length === EVENT_BATCH;
  if (events.length === 0) return (await change(deps, row, positionAt(last))) && hasMore;
  const claim = { leased_until_ms: nowMs + LEASE_MS, lease: randomUUID() };
  if (!(await change(deps, row, claim))) return false;
  const claimed = { ...row, ...claim };
  const outcome = await post(webhook, sign(webhook, events, nowMs), signal);
  if (outcome.ok) return (await change(deps, claimed, delivered(last))) && hasMore;
  await change(deps, claimed, signal.aborted ? RELEASED : failed(row, outcome.why, nowMs));
  if (!signal.aborted)
    deps.log.warn({ webhook: webhook.name, failures: row.failures + 1, why: outcome.why }, 'a webhook was not told');
  return false;
}

/** One line for each webhook of the configuration that has failed for long. */
export async function warnOfWebhooks(deps: Deps, nowMs: number): Promise<readonly string[]> {
  const names = deps.settings.webhooks.map(({ name }) => name);
  if (names.length === 0) return [];
  const rows = await listFailingWebhooks(deps.database.read, nowMs - WEBHOOK_WARN_MS);
  return rows
    .filter(({ name }) => names.includes(name))
    .map(
      ({ name, failures, failing_since_ms, last_error, next_try_at_ms }) =>
        `webhook ${name} has failed since ${toInstant(failing_since_ms ?? nowMs)}, ${failures} times in a row ` +
        `(${last_error ?? 'no answer'}); it is tried again at ${toInstant(next_try_at_ms)}`,
    );
}

/** Nobody is at it and its back-off is over. What lies further ahead than either can was written under a wrong clock. */
function isFree(row: WebhookRow, nowMs: number): boolean {
  const isOver = (atMs: number, mostMs: number): boolean => !(atMs > nowMs && atMs <= nowMs + mostMs);
  return isOver(row.leased_until_ms, 2 * LEASE_MS) && isOver(row.next_try_at_ms, 2 * LAST_WEBHOOK_BACK_OFF_MS);
}

const RELEASED = { leased_until_ms: 0, lease: null };

function positionAt(last: EventRow) {
  return { after_tx: last.tx, after_id: last.id };
}

function delivered(last: EventRow) {
  const healthy = { failures: 0, failing_since_ms: null, last_error: null, next_try_at_ms: 0 };
  return { ...positionAt(last), ...healthy, ...RELEASED };
}

function failed(row: WebhookRow, why: string, nowMs: number) {
  return {
    failures: row.failures + 1,
    failing_since_ms: row.failing_since_ms ?? nowMs,
    last_error: why,
    next_try_at_ms: nowMs + backOffMs(row.failures),
    ...RELEASED,
  };
}

function backOffMs(failuresBefore: number): number {
  return Math.min(FIRST_WEBHOOK_BACK_OFF_MS * 2 ** Math.min(failuresBefore, 30), LAST_WEBHOOK_BACK_OFF_MS);
}

async function change(deps: Deps, row: WebhookRow, to: Parameters<typeof changeWebhook>[2]): Promise<boolean> {
  return deps.database.write(async (trx) => changeWebhook(trx, row, to));
}

/** docs/events.md says to receivers how the signature is checked. */
function sign({ secret }: Webhook, events: readonly Event[], nowMs: number) {
  const body = JSON.stringify({ events });
  const timestamp = String(Math.floor(nowMs / 1000));
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': `Otter/${SERVER_VERSION}`,
      'otter-event-id': events.at(-1)?.id ?? '',
      'otter-timestamp': timestamp,
      'otter-signature': `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`,
    },
  };
}
