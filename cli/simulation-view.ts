// A simulated rollout as text: what happened when, the numbers of each stage, and the verdict in one line.

import { duration } from '#cli/relative-time.ts';
import { formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { Rollout } from '#protocol/admin-api.ts';
import {
  type BuildFaults,
  FAULT_KINDS,
  type FaultKind,
  LATE_KINDS,
  type Surroundings,
} from '#simulator/simulation/build-faults.ts';
import type { SimulationResult } from '#simulator/simulation/result.ts';
import type { SimulationOptions } from '#simulator/simulation/simulation.ts';

export function formatSimulation(
  rollout: Rollout,
  options: SimulationOptions,
  result: SimulationResult,
  { colors }: Terminal,
): string {
  const { devices, seed, pollIntervalS, faults, surroundings, silent, networkFail } = options;
  const meets = [
    ...faultsOf(faults),
    ...(silent > 0 ? [`${percent(silent)} fall silent`] : []),
    ...(networkFail > 0 ? [`${percent(networkFail)} of the downloads break`] : []),
    ...surroundingsOf(surroundings),
  ];
  const head = `${colors.bold(printable(rollout.name))}, plan ${rollout.plan}: ${devices} devices, ${meets.length === 0 ? 'a good build' : meets.join(', ')}; poll every ${duration(pollIntervalS)}, seed ${seed}`;
  const width = Math.max(...result.timeline.map(({ after_s }) => elapsed(after_s).length));
  const timeline = result.timeline.map(
    ({ after_s, text }) => `${colors.dim(`+${elapsed(after_s).padStart(width)}`)}  ${printable(text)}`,
  );
  const rows = result.stages.map((stage) => [
    stage.stage,
    stage.opened_after_s === null ? 'not opened' : `+${elapsed(stage.opened_after_s)}`,
    String(stage.exposed),
    String(stage.affected),
    ...OUTCOMES_SHOWN.map((outcome) => String(stage.outcomes[outcome])),
  ]);
  const table = formatTable(['stage', 'opened', 'exposed', 'affected', ...OUTCOMES_SHOWN], rows, colors);
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

const OUTCOMES_SHOWN = ['healthy', 'failed', 'crashing', 'lost', 'waiting', 'other'] as const;

const FAULTS_IN_WORDS = {
  fails_trial: 'fail the trial',
  goes_back: 'go back',
  goes_back_silently: 'go back silently',
  dies: 'die',
  crashes: 'crash',
  vanishes: 'vanish',
  hangs: 'hang',
} as const satisfies Record<FaultKind, string>;

function faultsOf({ shares, delayS, badChipShare }: BuildFaults): readonly string[] {
  const kinds = FAULT_KINDS.filter((kind) => (shares[kind] ?? 0) > 0);
  const delay = (kind: FaultKind): string => (delayS > 0 && LATE_KINDS.has(kind) ? ` ${duration(delayS)} later` : '');
  return [
    ...kinds.map((kind) => `${percent(shares[kind] ?? 0)} ${FAULTS_IN_WORDS[kind]}${delay(kind)}`),
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
