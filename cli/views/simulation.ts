// A simulated rollout as text: what happened when, the numbers of each stage, and the verdict in one line.

import { duration } from './relative-time.ts';
import { formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { FAULT_KINDS } from '#simulator/device/faults.ts';
import type { Surroundings } from '#simulator/simulation/boards/fate.ts';
import type { SimulationResult } from '#simulator/simulation/result.ts';
import type { SimulationOptions } from '#simulator/simulation/simulation.ts';

export function formatSimulation(
  rollout: Rollout,
  options: SimulationOptions,
  result: SimulationResult,
  { colors }: Terminal,
): string {
  const { devices, seed, pollIntervalS, surroundings, silent, networkFail } = options;
  const meets = [
    ...faultsOf(options),
    ...(silent > 0 ? [`${percent(silent)} fall silent`] : []),
    ...(networkFail > 0 ? [`${percent(networkFail)} of the downloads break`] : []),
    ...surroundingsOf(surroundings),
  ];
  const head = `${colors.bold(printable(rollout.name))}, plan ${rollout.plan}: ${devices} devices, ${meets.length === 0 ? 'a good build' : meets.join(', ')}; poll every ${duration(pollIntervalS)}, seed ${seed}`;
  const width = Math.max(...result.timeline.map(({ after_s }) => elapsed(after_s).length));
  const timeline = result.timeline.map(
    ({ after_s, text }) => `${colors.dim(`+${elapsed(after_s).padStart(width)}`)}  ${printable(text)}`,
  );
  // A narrow terminal is spared what is 0 everywhere.
  const shown = OUTCOMES_SHOWN.filter(
    (outcome) => colors.columns >= WIDE_COLUMNS || result.stages.some(({ outcomes }) => outcomes[outcome] > 0),
  );
  const rows = result.stages.map((stage) => [
    stage.stage,
    stage.opened_after_s === null ? 'not opened' : `+${elapsed(stage.opened_after_s)}`,
    String(stage.exposed),
    String(stage.affected),
    ...shown.map((outcome) => String(stage.outcomes[outcome])),
  ]);
  const table = formatTable(['stage', 'opened', 'exposed', 'affected', ...shown], rows, colors);
  const leftOut = rollout.stages.some(({ window }) => window !== null) ? ['windows of stages are left out'] : [];
  const color = { complete: colors.green, halted: colors.red, regressed: colors.red, stuck: colors.yellow }[
    result.outcome
  ];
  return [
    head,
    ...leftOut,
    '',
    ...timeline,
    '',
    table,
    '',
    color(`${printable(result.summary)} after ${elapsed(result.ended_after_s)}`),
    `halted in: ${result.halted_in ?? 'not halted'}; exposed: ${result.exposed}; affected: ${result.affected}`,
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

/** Columns that the whole table takes. */
const WIDE_COLUMNS = 90;
const OUTCOMES_SHOWN = ['healthy', 'failed', 'crashing', 'lost', 'waiting', 'other'] as const;

function faultsOf({ faults, badChipShare }: SimulationOptions): readonly string[] {
  const delay = (delayMs: number | undefined): string =>
    delayMs === undefined ? '' : ` (${duration(delayMs / 1000)})`;
  return [
    ...faults
      .filter(({ share }) => share > 0)
      .map(({ kind, share, delayMs }) => `${percent(share)}: ${FAULT_KINDS[kind].text}${delay(delayMs)}`),
    ...(badChipShare === undefined ? [] : [`only on a second chip, that of ${percent(badChipShare)}`]),
  ];
}

function surroundingsOf({ diesPerDay, sleepers, sleepS, outage }: Surroundings): readonly string[] {
  return [
    ...(diesPerDay > 0 ? [`${percent(diesPerDay)} die by themselves within a day`] : []),
    ...(sleepers > 0 ? [`${percent(sleepers)} sleep ${duration(sleepS)}`] : []),
    ...(outage === undefined
      ? []
      : [`an outage of ${percent(outage.share)} for ${duration(outage.lengthS)} after ${elapsed(outage.startS)}`]),
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(3))} %`;
}
