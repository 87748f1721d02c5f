// What holds of devices and of products have in common: how one is asked for, stored and shown.

import type { Hold, NewHold } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import type { HoldColumns } from '#server/db/fleet/holds.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';

/** Throws `reason_missing`, and `field_invalid` for an end that has passed. */
export function readHold(asked: NewHold, by: Principal, nowMs: number): HoldColumns & { readonly held_reason: string } {
  const held_reason = asked.reason.trim();
  if (held_reason === '')
    throw new OtterError('reason_missing', 'reason: it is empty', 'say in a few words why nothing may change');
  const held_until_ms = asked.until === undefined ? null : Date.parse(asked.until);
  if (held_until_ms !== null && !(held_until_ms > nowMs))
    throw new OtterError(
      'field_invalid',
      `until: ${asked.until} is not after now (${toInstant(nowMs)})`,
      'send an instant to come, or leave until out: it then ends when somebody says so',
    );
  return {
    held_at_ms: nowMs,
    held_until_ms,
    held_reason,
    held_by: actorOf(by),
    holds_way_back: asked.way_back === 'hold' ? 1 : 0,
  };
}

/** Null: there is none, or its end has passed. */
export function viewHold(row: HoldColumns, nowMs: number): Hold | null {
  if (row.held_at_ms === null || (row.held_until_ms !== null && row.held_until_ms <= nowMs)) return null;
  return {
    reason: row.held_reason ?? '',
    since: toInstant(row.held_at_ms),
    until: toInstantOrNull(row.held_until_ms),
    by: row.held_by ?? '',
    way_back: row.holds_way_back === 1 ? 'hold' : 'open',
  };
}

/** For the audit. */
export function detailsOf(row: HoldColumns) {
  return {
    reason: row.held_reason,
    ...(row.held_until_ms === null ? {} : { until: toInstant(row.held_until_ms) }),
    way_back: row.holds_way_back === 1 ? 'hold' : 'open',
  };
}
