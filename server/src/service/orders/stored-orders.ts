// How the orders of a device are shown.

import type { Cancelled, OfferNow } from '#protocol/admin/devices.ts';
import { OFFER_NOW_MS } from '#protocol/limits.ts';
import type { CancelColumns, OfferNowColumns } from '#server/db/fleet/orders.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { toInstant } from '#server/time/instant.ts';

/** Null: none, or the firmware was removed since. */
export function viewCancelled(row: CancelColumns, view: CatalogView): Cancelled | null {
  const { cancelled_firmware_id: id, goes_back_to_id } = row;
  const version = id === null ? undefined : view.findById(id)?.version;
  if (version === undefined) return null;
  return {
    version,
    reason: row.cancelled_reason ?? '',
    since: toInstant(row.cancelled_at_ms ?? 0),
    by: row.cancelled_by ?? '',
    goes_back: row.goes_back === 1,
    ran_before: goes_back_to_id === null ? null : (view.findById(goes_back_to_id)?.version ?? null),
  };
}

/** Null: nobody said so, or too long ago. An update that ended since has ended it too; the rules know that. */
export function viewOfferNow(
  { offer_now_at_ms: atMs, offer_now_by: by }: OfferNowColumns,
  nowMs: number,
): OfferNow | null {
  if (atMs === null || nowMs >= atMs + OFFER_NOW_MS) return null;
  return { since: toInstant(atMs), until: toInstant(atMs + OFFER_NOW_MS), by: by ?? '' };
}
