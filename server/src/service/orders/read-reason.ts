// Orders that take something from a device say why: whoever looks later reads it with the device.

import { OtterError } from '#protocol/errors.ts';

/** Throws `reason_missing`. */
export function readReason(reason: string, hint: string): string {
  const trimmed = reason.trim();
  if (trimmed === '') throw new OtterError('reason_missing', 'reason: it is empty', hint);
  return trimmed;
}
