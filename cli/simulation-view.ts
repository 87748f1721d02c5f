// A rehearsed rollout as text: what happened when, the numbers of each stage, and the verdict in one line.

import { duration } from '#cli/relative-time.ts';
import { formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { Rollout } from '#protocol/admin-api.ts';
import type { RehearsalOptions } from '#simulator/rehearsal/rehearsal.ts';
import type { RehearsalResult } from '#simulator/rehearsal/result.ts';

export function formatRehearsal(
  rollout: Rollout,
  options: RehearsalOptions,
  result: RehearsalResult,
  { colors }: Terminal,
): string {
  const { devices, seed, pollIntervalS, failTrial, silent, networkFail } = options;
  const meets = [
    `${percent(failTrial)} fail the trial`,
    `${percent(silent)} fall silent`,
    `${percent(networkFail)} of the downloads break`,
  ];
  const head = `${colors.bold(printable(rollout.name))}, plan ${rollout.plan}: ${devices} devices, ${meets.join(', ')}; poll every ${duration(pollIntervalS)}, seed ${seed}`;
  const width = Math.max(...result.timeline.map(({ after_s }) => elapsed(after_s).length));
  const timeline = result.timeline.map(
    ({ after_s, text }) => `${colors.dim(`+${elapsed(after_s).padStart(width)}`)}  ${printable(text)}`,
  );
  const rows = result.stages.map((stage) => [
    stage.stage,
    stage.opened_after_s === null ? 'not opened' : `+${elapsed(stage.opened_after_s)}`,
    ...COUNTS.map((count) => String(stage[count])),
  ]);
  const table = formatTable(['stage', 'opened', ...COUNTS.map((count) => count.replaceAll('_', ' '))], rows, colors);
  const leftOut = rollout.stages.some(({ window }) => window !== null) ? ['windows of stages are left out'] : [];
  const color = { complete: colors.green, halted: colors.red, stuck: colors.yellow }[result.outcome];
  return [
    head,
    ...leftOut,
    '',
    ...timeline,
    '',
    table,
    '',
    color(`${printable(result.summary)} after ${elapsed(result.ended_after_s)}`),
  ].join('\n');
}

/** Seconds of virtual time: `0 min`, `42 min`, `3 h 05 min`, `12 d 3 h 05 min`. */
export function elapsed(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  const rest = minutes % 60;
  if (minutes < 60) return `${rest} min`;
  return `${days > 0 ? `${days} d ` : ''}${hours} h ${String(rest).padStart(2, '0')} min`;
}

const COUNTS = ['taken', 'confirmed', 'failed', 'hurt', 'other_failures', 'silent'] as const;

function percent(share: number): string {
  return `${Number((share * 100).toFixed(3))} %`;
}
