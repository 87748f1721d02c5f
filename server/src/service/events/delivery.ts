// Where a delivery to a receiver stands: its place in the table of events, which process is at it, and when it is tried again. The same
// for webhooks and for recipients of notices.

import { randomUUID } from 'node:crypto';
import { FIRST_WEBHOOK_BACK_OFF_MS, LAST_WEBHOOK_BACK_OFF_MS, WEBHOOK_TIMEOUT_MS } from '#protocol/limits.ts';
import type { Position } from '#server/db/events/events.ts';
import { changeWebhook, type WebhookRow } from '#server/db/events/webhooks.ts';
import type { Deps } from '#server/service/deps.ts';

/** How long a process may take over one delivery before another one does it: longer than the receiver may. */
export const LEASE_MS = 3 * WEBHOOK_TIMEOUT_MS;

/** For this process alone, until it is changed again. */
export function claim(leaseMs: number, nowMs: number) {
  return { leased_until_ms: nowMs + leaseMs, lease: randomUUID() };
}

/** Nobody is at it and its back-off is over. What lies further ahead than either can was written under a wrong clock. `leaseMs`: as claimed. */
export function isFree(row: WebhookRow, leaseMs: number, nowMs: number): boolean {
  const isOver = (atMs: number, mostMs: number): boolean => !(atMs > nowMs && atMs <= nowMs + mostMs);
  return isOver(row.leased_until_ms, 2 * leaseMs) && isOver(row.next_try_at_ms, 2 * LAST_WEBHOOK_BACK_OFF_MS);
}

export const RELEASED = { leased_until_ms: 0, lease: null };

export function positionAt(last: Position) {
  return { after_tx: last.tx, after_id: last.id };
}

export function delivered(last: Position) {
  const healthy = { failures: 0, failing_since_ms: null, last_error: null, next_try_at_ms: 0 };
  return { ...positionAt(last), ...healthy, ...RELEASED };
}

export function failed(row: WebhookRow, why: string, nowMs: number) {
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

export async function change(deps: Deps, row: WebhookRow, to: Parameters<typeof changeWebhook>[2]): Promise<boolean> {
  return deps.database.write(async (trx) => changeWebhook(trx, row, to));
}
