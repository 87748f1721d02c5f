// What one check-in shows of a board beside what it runs: whether it restarted since the last one, whether both can be of
// one board, and its rhythm, by which its silence is measured later. Reads nothing and writes nothing.

import type { DeviceId } from '#protocol/identity.ts';
import type { CheckUpdateAnswer } from '#protocol/device/api.ts';
import { POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import type { PresenceRow } from '#server/db/device/check-in-facts.ts';
import type { Sighting } from '#server/db/fleet/devices.ts';
import type { SilenceRule } from '#server/db/device/presence-sql.ts';
import { type HealthHour, hourOfCheck } from '#engine/outcome/health.ts';
import {
  type CheckInShows,
  observe as observePresence,
  type Presence,
  presenceAfter,
} from '#engine/outcome/presence.ts';
import { overdueLimitS } from '#engine/outcome/rhythm.ts';
import { elapsedMs } from '#engine/facts/absence.ts';
import type { Settings } from '#server/service/settings.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';

/** What a board measures, and what differs with every check; undefined: it did not say, or not so that it makes sense. */
export interface Measures {
  readonly freeHeapBytes: number | undefined;
  readonly largestBlockBytes: number | undefined;
  readonly rssiDbm: number | undefined;
  readonly uptimeS: number | undefined;
  readonly nextCheckS: number | undefined;
}

export interface Observation extends CheckInShows {
  /** Seconds without a check after which it was silent until now. */
  readonly silenceLimitS: number;
}

/**
 * `presence` is what is kept of the check before, undefined for the first one; `absentMs` the time since then in which no
 * server answered.
 */
export function observe(
  presence: PresenceRow | undefined,
  checkIn: { readonly telemetry: Measures; readonly bootReason: string | undefined },
  settings: Settings,
  nowMs: number,
  absentMs = 0,
): Observation {
  const { bootReason, telemetry } = checkIn;
  const before = presence === undefined ? undefined : presenceOf(presence);
  const shows = observePresence(before, { bootReason, uptimeS: telemetry.uptimeS }, nowMs, absentMs);
  return { ...shows, silenceLimitS: presence?.limit_s ?? defaultLimitS(settings) };
}

/** What is kept of a check, softly. */
export interface Note {
  readonly sighting: Sighting;
  /** What it adds to the telemetry of the board. */
  readonly health: HealthHour;
}

/** What is kept of this check once it is answered. */
export function noteOf(
  deviceId: DeviceId,
  checkIn: { readonly telemetry: Measures },
  observation: Observation,
  answer: CheckUpdateAnswer,
  settings: Settings,
  nowMs: number,
): Note {
  const { restarted, crashed } = observation.restart;
  return {
    sighting: sightingOf(deviceId, checkIn, observation, answer, settings, nowMs),
    health: hourOfCheck({ ...checkIn.telemetry, atMs: nowMs, restarted, crashed }),
  };
}

function sightingOf(
  deviceId: DeviceId,
  { telemetry }: { readonly telemetry: Measures },
  observation: Observation,
  answer: CheckUpdateAnswer,
  settings: Settings,
  nowMs: number,
): Sighting {
  const told = { intervalS: answer.poll_interval_s, isOffer: answer.update_available };
  const kept = presenceAfter(observation, telemetry, told, defaultIntervalS(settings), nowMs);
  return {
    device_id: deviceId,
    last_seen_at_ms: nowMs,
    free_heap_bytes: telemetry.freeHeapBytes ?? null,
    largest_block_bytes: telemetry.largestBlockBytes ?? null,
    rssi_dbm: telemetry.rssiDbm ?? null,
    uptime_s: kept.uptimeS ?? null,
    boot_cause: kept.bootCause ?? null,
    interval_s: kept.intervalS,
    gaps: kept.gaps.join(','),
    limit_s: kept.limitS,
    back_at_ms: kept.backAtMs ?? null,
    is_flapping: kept.isFlapping ? 1 : 0,
  };
}

/** By what silence is measured now; of devices of which no limit is kept, by the longest interval that they are told. */
export function silenceAt(
  { settings, absences }: Pick<WatchDeps, 'settings' | 'absences'>,
  nowMs: number,
): SilenceRule {
  return { nowMs, defaultLimitS: defaultLimitS(settings), absences: absences.recent() };
}

/** The same as `isSilentAt` in SQL, for a row that was read. */
export function isSilent(
  row: { readonly last_seen_at_ms: number; readonly limit_s: number | null },
  { nowMs, defaultLimitS: otherwiseS, absences }: SilenceRule,
): boolean {
  return elapsedMs(absences, row.last_seen_at_ms, nowMs) > (row.limit_s ?? otherwiseS) * 1000;
}

/** The same as `isOverdueAt` in SQL. */
export function isOverdue(
  row: { readonly last_seen_at_ms: number; readonly limit_s: number | null },
  { nowMs, defaultLimitS: otherwiseS, absences }: SilenceRule,
): boolean {
  return elapsedMs(absences, row.last_seen_at_ms, nowMs) > overdueLimitS(row.limit_s ?? otherwiseS) * 1000;
}

function defaultLimitS(settings: Settings): number {
  return SILENT_POLLS * defaultIntervalS(settings);
}

function defaultIntervalS({ pollIntervalS }: Settings): number {
  return POLL_REST * pollIntervalS;
}

function presenceOf(row: PresenceRow): Presence {
  return {
    seenAtMs: row.last_seen_at_ms,
    uptimeS: row.uptime_s ?? undefined,
    bootCause: row.boot_cause ?? undefined,
    intervalS: row.interval_s ?? undefined,
    gaps: readGaps(row.gaps),
    limitS: row.limit_s ?? undefined,
    backAtMs: row.back_at_ms ?? undefined,
  };
}

export function readGaps(text: string): readonly number[] {
  return text === '' ? [] : text.split(',').map(Number);
}
