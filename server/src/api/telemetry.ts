// What a board says of its health. A value that makes no sense is dropped and named in the log: telemetry never stands in
// the way of an update.

import type { CheckUpdateRequest } from '#protocol/device-api.ts';

export interface Telemetry {
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
  keep('free_heap_bytes', body.free_heap_bytes, isIntegerWithin(body.free_heap_bytes, 0, UINT32));
  keep('rssi_dbm', body.rssi_dbm, isIntegerWithin(body.rssi_dbm, -127, 0));
  keep('library', body.library, typeof body.library === 'string' && SHORT_TEXT.test(body.library));
  keep('boot_reason', body.boot?.reason, SHORT_TEXT.test(body.boot?.reason ?? ''));
  keep('rolled_back_from', body.boot?.rolled_back_from, SHORT_TEXT.test(body.boot?.rolled_back_from ?? ''));
  keep('rollback_capable', body.boot?.rollback_capable, true);
  return { attributes, dropped };
}

function isIntegerWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
