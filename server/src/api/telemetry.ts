// What a board says of its health. A value that makes no sense is dropped and named in the log: telemetry never stands in
// the way of an update.

import type { CheckUpdateRequest } from '#protocol/device-api.ts';

export interface Telemetry {
  /** These two differ with every poll and are stored apart. */
  readonly freeHeapBytes: number | undefined;
  readonly rssiDbm: number | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

const UINT32 = 0xffff_ffff;
const SHORT_TEXT = /^[\x20-\x7e]{1,64}$/;

export function readTelemetry(body: CheckUpdateRequest): Telemetry {
  const attributes: Record<string, unknown> = {};
  const dropped: string[] = [];
  const keep = (name: string, value: unknown, makesSense: boolean): void => {
    if (value === undefined) return;
    if (makesSense) attributes[name] = value;
    else dropped.push(name);
  };
  keep('flash_bytes', body.flash_bytes, isIntegerWithin(body.flash_bytes, 1, UINT32));
  const freeHeapBytes = isIntegerWithin(body.free_heap_bytes, 0, UINT32) ? body.free_heap_bytes : undefined;
  if (freeHeapBytes !== body.free_heap_bytes) dropped.push('free_heap_bytes');
  const rssiDbm = isIntegerWithin(body.rssi_dbm, -127, 0) ? body.rssi_dbm : undefined;
  if (rssiDbm !== body.rssi_dbm) dropped.push('rssi_dbm');
  keep('library', body.library, typeof body.library === 'string' && SHORT_TEXT.test(body.library));
  keep('boot_reason', body.boot?.reason, SHORT_TEXT.test(body.boot?.reason ?? ''));
  keep('rolled_back_from', body.boot?.rolled_back_from, SHORT_TEXT.test(body.boot?.rolled_back_from ?? ''));
  keep('rollback_capable', body.boot?.rollback_capable, true);
  return { freeHeapBytes, rssiDbm, attributes, dropped };
}

function isIntegerWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
