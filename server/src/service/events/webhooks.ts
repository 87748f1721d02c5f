// Tells webhooks of events: signed, in order, at least once. Each has a position in the table of events that moves on when its
// receiver said 2xx; until then the same events are tried again, for ever, later each time.

import { createHmac } from 'node:crypto';
import type { Event } from '#protocol/admin/events.ts';
import type { Webhook as WebhookView } from '#protocol/admin/fleet/recipients.ts';
import { EVENT_BATCH, WEBHOOK_WARN_MS } from '#protocol/limits.ts';
import { findHead, listEventsAfter } from '#server/db/events/events.ts';
import { addWebhook, findWebhook, listFailingWebhooks } from '#server/db/events/webhooks.ts';
import { change, claim, delivered, failed, isFree, LEASE_MS, positionAt, RELEASED } from './delivery.ts';
import { SERVER_VERSION } from '#server/version.ts';
import type { Deps } from '#server/service/deps.ts';
import { LANES, rowName } from './lanes.ts';
import { expandTypes, selectEvents } from './events.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';
import type { Webhook } from '#server/service/settings.ts';
import { post } from './post.ts';

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
  if (!isFree(row, LEASE_MS, nowMs)) return false;
  const rows = await listEventsAfter(read, dialect, { tx: row.after_tx, id: row.after_id }, EVENT_BATCH);
  const last = rows.at(-1);
  if (last === undefined) return false;
  const types = webhook.types === undefined ? undefined : expandTypes(webhook.types);
  const events = selectEvents(rows, { types });
  const hasMore = rows.length === EVENT_BATCH;
  if (events.length === 0) return (await change(deps, row, positionAt(last))) && hasMore;
  const lease = claim(LEASE_MS, nowMs);
  if (!(await change(deps, row, lease))) return false;
  const claimed = { ...row, ...lease };
  const outcome = await post(webhook, sign(webhook, events, nowMs), signal);
  if (outcome.ok) return (await change(deps, claimed, delivered(last))) && hasMore;
  await change(deps, claimed, signal.aborted ? RELEASED : failed(row, outcome.why, nowMs));
  if (!signal.aborted)
    deps.log.warn({ webhook: webhook.name, failures: row.failures + 1, why: outcome.why }, 'a webhook was not told');
  return false;
}

/** Webhooks for operators: who is told of what, and whether that works. */
export async function viewWebhooks({ settings, database }: Deps): Promise<WebhookView[]> {
  return Promise.all(
    settings.webhooks.map(async ({ name, url, types }) => {
      const row = await findWebhook(database.read, name);
      const failures = row?.failures ?? 0;
      return {
        name,
        host: url.host,
        types: types === undefined ? null : [...types],
        failures,
        failing_since: toInstantOrNull(row?.failing_since_ms ?? null),
        last_error: row?.last_error ?? null,
        next_try_at: failures === 0 || row === undefined ? null : toInstant(row.next_try_at_ms),
      };
    }),
  );
}

/** One line for each webhook, and each recipient of notices, of the configuration that has failed for long. */
export async function warnOfWebhooks(deps: Deps, nowMs: number): Promise<readonly string[]> {
  const { webhooks, recipients } = deps.settings;
  const receivers = new Map([
    ...webhooks.map(({ name }) => [name, `webhook ${name}`] as const),
    ...recipients.flatMap(({ name }) => LANES.map((lane) => [rowName(name, lane), `recipient ${name}`] as const)),
  ]);
  if (receivers.size === 0) return [];
  const rows = await listFailingWebhooks(deps.database.read, nowMs - WEBHOOK_WARN_MS);
  return rows
    .filter(({ name }) => receivers.has(name))
    .map(
      ({ name, failures, failing_since_ms, last_error, next_try_at_ms }) =>
        `${receivers.get(name)} has failed since ${toInstant(failing_since_ms ?? nowMs)}, ${failures} times in a row ` +
        `(${last_error ?? 'no answer'}); it is tried again at ${toInstant(next_try_at_ms)}`,
    );
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
