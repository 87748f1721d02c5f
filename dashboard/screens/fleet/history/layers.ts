// What is drawn of a history: a layer for each version that matters, the newest at the bottom, the rest together on top, and at the end of
// the time axis how it is now.

import { byName } from '#dashboard/parts/words.ts';
import type { ProductHistory } from '#protocol/admin/fleet/history.ts';

/** As the bar of the versions has them: from the newest on, the rest in grey. */
const SHADES = [8, 4, 2, 1] as const;
const HOUR_S = 3_600;

interface Layer {
  readonly name: string;
  readonly color: string;
  /** Null where nothing was counted. */
  readonly devices: readonly (number | null)[];
}

export interface Layers {
  /** Seconds. */
  readonly times: readonly number[];
  readonly layers: readonly Layer[];
}

export interface Present {
  readonly atMs: number;
  readonly versions: readonly { readonly version: string; readonly devices: number }[];
}

export function layersOf({ versions, hours }: ProductHistory, present: Present): Layers {
  const now = new Map(present.versions.map(({ version, devices }) => [version, devices]));
  const counted = hours.map(({ at, devices, others }) => ({
    atS: Date.parse(at) / 1000,
    devices: new Map(versions.map((version, index) => [version, devices[index] ?? 0])),
    total: sumOf(devices) + others,
  }));
  const points = [
    ...withGaps(counted),
    {
      atS: Math.max(present.atMs / 1000, (counted.at(-1)?.atS ?? 0) + 1),
      devices: now,
      total: sumOf([...now.values()]),
    },
  ];
  const weightOf = (version: string): number =>
    sumOf(counted.map(({ devices }) => devices.get(version) ?? 0)) / Math.max(counted.length, 1) +
    (now.get(version) ?? 0);
  const named = [...new Set([...versions, ...now.keys()])]
    .toSorted((left, right) => weightOf(right) - weightOf(left))
    .slice(0, SHADES.length)
    .toSorted((left, right) => byName(right, left));
  const layers = named.map((name, index) => ({
    name,
    color: `--mantine-color-otter-${SHADES[index]}`,
    devices: points.map((point) => (point === undefined ? null : (point.devices.get(name) ?? 0))),
  }));
  const others = points.map((point) =>
    point === undefined ? null : point.total - sumOf(named.map((name) => point.devices.get(name) ?? 0)),
  );
  const hasOthers = others.some((devices) => (devices ?? 0) > 0);
  return {
    times: points.map((point, index) => point?.atS ?? (points[index - 1]?.atS ?? 0) + HOUR_S),
    layers: hasOthers ? [...layers, { name: 'others', color: '--mantine-color-gray-5', devices: others }] : layers,
  };
}

/** An hour that nobody counted is a gap, not a line. */
function withGaps<Point extends { readonly atS: number }>(points: readonly Point[]): readonly (Point | undefined)[] {
  return points.flatMap((point, index) => {
    const before = points[index - 1];
    return before !== undefined && point.atS - before.atS > HOUR_S ? [undefined, point] : [point];
  });
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
