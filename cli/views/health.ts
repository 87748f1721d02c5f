// How boards fare, as text: one of them hour by hour, and a stage against how its boards were before.

import { localMinute } from './relative-time.ts';
import { type Colors, formatTable, printable } from '#cli/terminal.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import type { Telemetry } from '#protocol/admin/health.ts';

const KIB = 1024;

export function formatTelemetry({ mac, hours }: Telemetry, colors: Colors): string {
  if (hours.length === 0) return `${mac} has not checked in within the hours that are kept`;
  const rows = hours.map((one) => [
    localMinute(one.hour),
    String(one.checks),
    withLeast(one.heap_bytes, one.heap_min_bytes),
    withLeast(one.block_bytes, one.block_min_bytes),
    rounded(one.rssi_dbm),
    rounded(one.restarts),
    String(one.crashes),
    rounded(one.boot_s),
  ]);
  const head = [
    'hour',
    'checks',
    'free heap, least (KiB)',
    'largest block, least (KiB)',
    'RSSI (dBm)',
    'restarts',
    'crashes',
    'start to check-in (s)',
  ];
  return formatTable(head, rows, colors);
}

/** A line for each stage that has opened; none in a list of rollouts, where nobody asked. */
export function stageHealthLines({ stages }: Pick<Rollout, 'stages'>): readonly string[] {
  return stages.flatMap(({ stage, health }) =>
    health === undefined ? [] : [`health of ${stage}: ${printable(health.text.join(', '))}`],
  );
}

/** The average and the least; nothing where no check said it, so that a column without any is left out. */
function withLeast(bytes: number | null, leastBytes: number | null): string {
  if (bytes === null || leastBytes === null) return '';
  return `${(bytes / KIB).toFixed(0)}, ${(leastBytes / KIB).toFixed(0)}`;
}

function rounded(value: number | null): string {
  return value === null ? '' : value.toFixed(0);
}
