// What an operator ordered for one device, as it is stored with the device. What has no effect any more stays until the next order;
// the rules say what still counts.

import type { DeviceId } from '#protocol/identity.ts';
import type { DeviceRow } from './devices.ts';
import type { Trx } from '#server/db/schema.ts';

export type CancelColumns = Pick<
  DeviceRow,
  'cancelled_firmware_id' | 'cancelled_at_ms' | 'cancelled_reason' | 'cancelled_by' | 'goes_back' | 'goes_back_to_id'
>;
export type OfferNowColumns = Pick<DeviceRow, 'offer_now_at_ms' | 'offer_now_by'>;
export type OrderColumns = CancelColumns & OfferNowColumns;

export const NOT_CANCELLED: CancelColumns = {
  cancelled_firmware_id: null,
  cancelled_at_ms: null,
  cancelled_reason: null,
  cancelled_by: null,
  goes_back: 0,
  goes_back_to_id: null,
};

export const NO_ORDERS: OrderColumns = { ...NOT_CANCELLED, offer_now_at_ms: null, offer_now_by: null };

export async function saveOrder(trx: Trx, ids: readonly DeviceId[], order: Partial<OrderColumns>): Promise<void> {
  await trx
    .updateTable('devices')
    .set(order)
    .where('id', 'in', [...ids])
    .execute();
}
