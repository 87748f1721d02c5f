// The health of boards: what an offer keeps of how a board fared before, and how the boards of a stage fare against that.

import type { DeviceId, DeviceRef } from '#protocol/identity.ts';
import type { StageHealth as StageHealthView, Telemetry } from '#protocol/admin/health.ts';
import { MAX_COMPARED_DEVICES, TELEMETRY_HOURS } from '#protocol/limits.ts';
import { listCompared } from '#server/db/device/compared-boards.ts';
import type { Reader } from '#server/db/schema.ts';
import { listHours } from '#server/db/device/telemetry.ts';
import {
  addUpHealth,
  type Baseline,
  baselineBefore,
  compareHealth,
  type Delta,
  healthLines,
  LONGEST_SPAN_H,
  perDay,
  type StageHealth,
} from '#engine/outcome/baseline.ts';
import { type HealthHour, healthOver, hourOf, startOfHourMs } from '#engine/outcome/health.ts';
import type { Deps } from '#server/service/deps.ts';
import { getRow } from '#server/service/fleet/devices.ts';
import { toInstant } from '#server/time/instant.ts';

/** How the board fared before this instant, as JSON for its assignment; null: it is known for less than a whole hour. */
export async function baselineOf(db: Reader, deviceId: DeviceId, nowMs: number): Promise<string | null> {
  const nowHour = hourOf(nowMs);
  const hours = await listHours(db, [deviceId], { fromHour: nowHour - TELEMETRY_HOURS, toHour: nowHour });
  const baseline = baselineBefore(hours.get(deviceId) ?? [], nowHour);
  return baseline === undefined ? null : JSON.stringify(baseline);
}

/**
 * How the boards fare that confirmed the build in this stage, against how each fared before, over equal times; of so many
 * boards at most as an average needs.
 */
export async function stageHealth(
  db: Reader,
  { rolloutId, stageId }: { readonly rolloutId: number; readonly stageId: number },
  nowMs: number,
): Promise<StageHealth> {
  const nowHour = hourOf(nowMs);
  const boards = await listCompared(db, { rolloutId, stageId }, MAX_COMPARED_DEVICES);
  const ids = boards.map(({ device_id }) => device_id);
  const hours = await listHours(db, ids, { fromHour: nowHour - LONGEST_SPAN_H, toHour: nowHour });
  const compared = boards.map(({ device_id, baseline, confirmed_at_ms }) => {
    // The hour in which it confirmed was in part that of the build before.
    const time = { sinceHour: hourOf(confirmed_at_ms) + 1, nowHour };
    return compareHealth(readBaseline(baseline), hours.get(device_id) ?? [], time);
  });
  return addUpHealth(compared.filter((comparison) => comparison !== undefined));
}

/** The kept hours of one board. Throws `device_unknown`. */
export async function getTelemetry(deps: Deps, device: DeviceRef, nowMs: number): Promise<Telemetry> {
  await deps.presence.flush();
  const { read } = deps.database;
  const { id, first_name: mac } = await getRow(read, device);
  const toHour = hourOf(nowMs);
  const hours = await listHours(read, [id], { fromHour: toHour - TELEMETRY_HOURS, toHour });
  return { mac, hours: (hours.get(id) ?? []).map(viewHour) };
}

function viewHour(hour: HealthHour): Telemetry['hours'][number] {
  const health = healthOver([hour], { fromHour: hour.hour, toHour: hour.hour + 1 });
  return {
    hour: toInstant(startOfHourMs(hour.hour)),
    checks: hour.checks,
    heap_bytes: health.heapBytes,
    heap_min_bytes: hour.heapMinBytes,
    block_bytes: health.blockBytes,
    block_min_bytes: hour.blockMinBytes,
    rssi_dbm: health.rssiDbm,
    restarts: health.restarts,
    crashes: hour.crashes,
    boot_s: health.bootS,
  };
}

export function viewHealth(health: StageHealth): StageHealthView {
  const { heapBytes, blockBytes, rssiDbm, bootS, restarts, crashes } = health;
  const given = Object.entries({
    heap_bytes: viewDelta(heapBytes),
    block_bytes: viewDelta(blockBytes),
    rssi_dbm: viewDelta(rssiDbm),
    boot_s: viewDelta(bootS),
    restarts_per_day: viewDelta(perDay(restarts)),
    crashes_per_day: viewDelta(perDay(crashes)),
  }).filter(([, delta]) => delta !== undefined);
  return { text: [...healthLines(health)], ...Object.fromEntries(given) };
}

function viewDelta(delta: Delta | undefined) {
  return delta === undefined ? undefined : { before: delta.before, now: delta.now, boards: delta.boards };
}

/** It was written by `baselineOf`. */
function readBaseline(json: string): Baseline {
  const baseline: Baseline = JSON.parse(json);
  return baseline;
}
