// Shows how many devices of a product ran which version, hour by hour, and what its rollouts did meanwhile.

import type { ProductHistory } from '#protocol/admin/fleet/history.ts';
import { hourOf, startOfHourMs } from '#engine/outcome/health.ts';
import { OtterError } from '#protocol/errors.ts';
import { DEFAULT_HISTORY_HOURS, HISTORY_HOURS, MAX_HISTORY_TURNS, MAX_HISTORY_VERSIONS } from '#protocol/limits.ts';
import { listTurns, listVersionHours } from '#server/db/history/version-hours.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant } from '#server/time/instant.ts';

/** A product that nobody knows has no hours. Throws `field_invalid`. */
export async function getProductHistory(
  deps: Deps,
  product: string,
  hoursText: string | undefined,
  nowMs: number,
): Promise<ProductHistory> {
  const hours = readHours(hoursText);
  const toHour = hourOf(nowMs);
  const fromHour = toHour - hours + 1;
  const { read } = deps.database;
  const rows = await listVersionHours(read, product, { fromHour, toHour });
  const versions = mostRun(rows);
  const counted = [...Map.groupBy(rows, ({ hour }) => hour)].map(([hour, ofHour]) => {
    const devices = versions.map((version) => ofHour.find((row) => row.version === version)?.devices ?? 0);
    return {
      at: toInstant(startOfHourMs(hour)),
      devices,
      others: sumOf(ofHour.map((row) => row.devices)) - sumOf(devices),
    };
  });
  return {
    product,
    from: toInstant(startOfHourMs(fromHour)),
    next_at: toInstant(startOfHourMs(toHour + 1)),
    versions: [...versions],
    hours: counted,
    turns: await turnsOf(deps, product, { sinceMs: startOfHourMs(fromHour), nowMs }),
  };
}

function readHours(text: string | undefined): number {
  if (text === undefined) return DEFAULT_HISTORY_HOURS;
  const hours = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(hours >= 1 && hours <= HISTORY_HOURS))
    throw new OtterError('field_invalid', `hours: ${text} is not 1 to ${HISTORY_HOURS}`, 'leave it out for a day');
  return hours;
}

/** Those that most devices ran over all these hours; each hour has named its own. */
function mostRun(rows: Awaited<ReturnType<typeof listVersionHours>>): readonly string[] {
  return [...Map.groupBy(rows, ({ version }) => version)]
    .filter(([version]) => version !== '')
    .map(([version, ofVersion]) => ({ version, total: sumOf(ofVersion.map(({ devices }) => devices)) }))
    .toSorted((left, right) => right.total - left.total)
    .slice(0, MAX_HISTORY_VERSIONS)
    .map(({ version }) => version);
}

async function turnsOf(
  { database }: Deps,
  product: string,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): Promise<ProductHistory['turns']> {
  const rows = await listTurns(database.read, product, sinceMs, MAX_HISTORY_TURNS);
  const turns = rows.flatMap(({ name, version, started_at_ms, halted_at_ms, regressed_at_ms, reverted_at_ms }) => {
    const times = [
      ['started', started_at_ms],
      ['halted', halted_at_ms],
      ['regressed', regressed_at_ms],
      ['reverted', reverted_at_ms],
    ] as const;
    return times.flatMap(([turn, atMs]) =>
      atMs === null || atMs < sinceMs || atMs > nowMs ? [] : [{ atMs, turn, rollout: name, version }],
    );
  });
  return turns
    .toSorted((left, right) => left.atMs - right.atMs)
    .map(({ atMs, turn, rollout, version }) => ({ at: toInstant(atMs), turn, rollout, version }));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
