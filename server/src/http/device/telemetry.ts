// What a board says of its health. A value that makes no sense is dropped and named in the log: telemetry never stands in
// the way of an update.

import type { CheckUpdateRequest } from '#protocol/device/api.ts';
import { findDeviceError } from '#protocol/device/errors.ts';
import { MAX_NEXT_CHECK_S, MAX_SIGNATURES, MAX_SKETCH_PINS } from '#protocol/limits.ts';
import { KEY_ID_PATTERN } from '#protocol/words.ts';
import type { Measures } from '#server/service/device/observation.ts';

export interface Telemetry {
  /** These differ with every poll and are stored apart. */
  readonly measures: Measures;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

/** Major * 100 + minor in 16 bits, as the image header has it. */
const MAX_CHIP_REVISION = 0xfffe;
const UINT32 = 0xffff_ffff;
const keyId = new RegExp(KEY_ID_PATTERN);
const PIN_ID = /^[0-9a-f]{16}$/;
const SHORT_TEXT = /^[\x20-\x7e]{1,64}$/;

export function readTelemetry(body: CheckUpdateRequest): Telemetry {
  const attributes: Record<string, unknown> = {};
  const dropped: string[] = [];
  const keep = (name: string, value: unknown, makesSense: boolean): void => {
    if (value === undefined) return;
    if (makesSense) attributes[name] = value;
    else dropped.push(name);
  };
  const measure = (name: string, value: unknown, min: number, max: number): number | undefined => {
    if (isIntegerWithin(value, min, max)) return value;
    if (value !== undefined) dropped.push(name);
    return undefined;
  };
  keep('chip_revision', body.chip_revision, isIntegerWithin(body.chip_revision, 0, MAX_CHIP_REVISION));
  keep('flash_bytes', body.flash_bytes, isIntegerWithin(body.flash_bytes, 1, UINT32));
  const measures = {
    freeHeapBytes: measure('free_heap_bytes', body.free_heap_bytes, 0, UINT32),
    largestBlockBytes: measure('largest_block_bytes', body.largest_block_bytes, 0, UINT32),
    rssiDbm: measure('rssi_dbm', body.rssi_dbm, -127, 0),
    uptimeS: measure('boot.uptime_s', body.boot?.uptime_s, 0, UINT32),
    nextCheckS: measure('next_check_s', body.next_check_s, 1, MAX_NEXT_CHECK_S),
  };
  keep('library', body.library, typeof body.library === 'string' && SHORT_TEXT.test(body.library));
  keep('release_keys', body.release_keys, isKeyList(body.release_keys));
  keep('release_keys_needed', body.release_keys_needed, isIntegerWithin(body.release_keys_needed, 1, MAX_SIGNATURES));
  keep('pins', body.pins, isPinList(body.pins));
  keep('configuration_sequence', body.configuration_sequence, isIntegerWithin(body.configuration_sequence, 0, UINT32));
  keep('configuration_refused', body.configuration_refused, isErrorName(body.configuration_refused));
  keep('boot_reason', body.boot?.reason, SHORT_TEXT.test(body.boot?.reason ?? ''));
  keep('rolled_back_from', body.boot?.rolled_back_from, SHORT_TEXT.test(body.boot?.rolled_back_from ?? ''));
  keep('rollback_capable', body.boot?.rollback_capable, true);
  return { measures, attributes, dropped };
}

/** Each once: two of one key would count as two signatures. */
function isKeyList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length <= MAX_SIGNATURES &&
    value.every((key) => typeof key === 'string' && keyId.test(key)) &&
    new Set(value).size === value.length
  );
}

function isPinList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length <= MAX_SKETCH_PINS &&
    value.every((pin) => typeof pin === 'string' && PIN_ID.test(pin))
  );
}

function isErrorName(value: unknown): boolean {
  return typeof value === 'string' && findDeviceError(value) !== undefined;
}

function isIntegerWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
