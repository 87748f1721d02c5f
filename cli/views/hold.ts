// A hold of a device, or a freeze of a product, in one line.

import { relativeTime } from './relative-time.ts';
import type { Hold } from '#protocol/admin/devices.ts';

export function holdText({ reason, since, until, by, way_back }: Hold, nowMs: number): string {
  const end = until === null ? 'until somebody ends it' : `ends ${relativeTime(until, nowMs)}`;
  const wayBack = way_back === 'hold' ? ', the way back too' : '';
  return `${reason} (by ${by} ${relativeTime(since, nowMs)}, ${end}${wayBack})`;
}
