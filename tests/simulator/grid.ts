// The grid of simulated rollouts: kinds of bad build, shares of boards and delays under the built-in plans, in surroundings as they
// are; one run, what must hold in it, and what it came to in one letter. docs/simulation.md shows the tables.

import { expect } from 'vitest';
import { BUILT_IN_PLANS } from '#engine/stage/built-in-plans.ts';
import type { Gate, Plan } from '#protocol/admin/plan.ts';
import { Random } from '#simulator/random.ts';
import { type BuildFault, FAULT_NAMES, type FaultKind } from '#simulator/device/faults.ts';
import { LATE_KINDS } from '#simulator/simulation/boards/fate.ts';
import type { SimulationResult } from '#simulator/simulation/result.ts';
import { simulate } from '#simulator/simulation/simulation.ts';

const careful = planOf('careful');
/** `careful` that asks for health: whole hours of the new build are compared, so that it soaks for three. */
const watchful: Plan = {
  ...careful,
  stages: careful.stages.map((stage) => ({
    ...stage,
    ...(stage.gate === undefined ? {} : { gate: { ...stage.gate, soak_s: 3 * 3_600, max_heap_drop_pct: 10 } }),
  })),
};

export const PLANS = { careful, urgent: planOf('urgent'), watchful } as const;
export type PlanName = keyof typeof PLANS;

/** `one_chip_...`: the build is bad on one chip alone; the share is that of the boards with this chip. */
export const GRID_KINDS = [
  ...FAULT_NAMES.filter((kind) => kind !== 'leaks_heap'),
  'one_chip_bricks',
  'one_chip_dies',
] as const;
export type GridKind = (typeof GRID_KINDS)[number] | 'leaks_heap';

export const SHARES_PCT = [2, 5, 20, 50, 100] as const;
const DELAYS_MIN = [0, 5, 30, 90, 360] as const;

export interface Fleet {
  readonly devices: number;
  readonly pilots: number;
}
export const GRID_FLEET: Fleet = { devices: 1_000, pilots: 40 };

export interface Cell {
  readonly plan: PlanName;
  /** Undefined: a good build. */
  readonly kind: GridKind | undefined;
  readonly sharePct: number;
  readonly delayMin: number;
}

/** Delays that a kind can have. */
export function delaysOf(kind: GridKind): readonly number[] {
  return LATE_KINDS.has(faultOf(kind)) ? DELAYS_MIN : [0];
}

export function runCell({ plan, kind, sharePct, delayMin }: Cell, seed: number, fleet = GRID_FLEET): SimulationResult {
  const isOneChip = kind?.startsWith('one_chip_') === true;
  const share = sharePct / 100;
  return simulate({
    plan: PLANS[plan],
    version: '1.5.0',
    devices: fleet.devices,
    seed,
    silent: 0,
    networkFail: 0.01,
    faults: kind === undefined ? [] : [faultIn(kind, isOneChip ? 1 : share, delayMin)],
    badChipShare: isOneChip ? share : undefined,
    surroundings: {
      diesPerDay: 0.01,
      sleepers: 0.1,
      sleepS: 6 * 3_600,
      outage: { share: 0.3, startS: outageStartS(seed), lengthS: 3_600 },
    },
    pollIntervalS: 600,
    imageBytes: 1_000_000,
    bytesPerS: 50_000,
    labelled: new Map([['pilot', fleet.pilots]]),
  });
}

/** Whether the first stage ends before the fault can come. */
export function isWithinSoak({ plan, delayMin }: Cell): boolean {
  return delayMin * 60 < (PLANS[plan].stages[0]?.gate?.soak_s ?? 0);
}

/**
 * What holds in every run, whatever the chances are. `mostLost` is a share of the boards of a stage: of a small stage that is open for
 * a day, a few more die by themselves.
 */
export function expectHolds(cell: Cell, result: SimulationResult, mostLost = 0.1): void {
  const { plan, kind } = cell;
  const { stages, timeline, exposed, affected } = result;
  // A stage opens only while what is known of every stage before it is within its gate, counted anew.
  for (const { what, actor, stages: known } of timeline) {
    if (what !== 'promote' || actor !== 'gate') continue;
    for (const columns of known)
      expect(brokenLimits(gateOf(plan, columns.stage), columns, mostLost), JSON.stringify({ cell, columns })).toEqual(
        [],
      );
  }
  expect(affected).toBeLessThanOrEqual(exposed);
  expect(stages.reduce((sum, stage) => sum + stage.exposed, 0)).toBe(exposed);
  for (const { outcomes } of stages) {
    const { targeted, uncounted, ...columns } = outcomes;
    expect(Object.values(columns).reduce((sum, boards) => sum + boards, 0)).toBe(targeted);
    expect(uncounted).toBe(0);
  }
  if (kind === undefined) expect(affected).toBe(0);
}

function brokenLimits(
  gate: Gate,
  columns: SimulationResult['timeline'][number]['stages'][number],
  mostLost: number,
): readonly string[] {
  const { healthy, lost } = columns;
  const failed = columns.failed + columns.crashing;
  const answered = healthy + failed;
  const isSample = answered >= gate.min_confirmed;
  return [
    ...(failed > (gate.max_failed ?? Infinity) ? [`${failed} failed`] : []),
    ...(isSample && failed * 100 > (gate.max_failed_pct ?? 100) * answered ? [`${failed} of ${answered} failed`] : []),
    // As many as a gate lets pass, and those that die by themselves meanwhile.
    ...(lost > Math.max(2, mostLost * (answered + lost)) ? [`${lost} of ${answered + lost} lost`] : []),
  ];
}

/** Where it was halted: the letter of the stage that was open then, `R` in the watch; `C` complete, `W` waits. */
export function letterOf({ outcome, stage }: SimulationResult): string {
  if (outcome === 'halted') return stage.slice(0, 1).toUpperCase();
  return { complete: 'C', stuck: 'W', regressed: 'R' }[outcome];
}

export function opensSecondStage({ stages }: SimulationResult): boolean {
  return stages.slice(1).some(({ opened_after_s }) => opened_after_s !== null);
}

function outageStartS(seed: number): number {
  return Math.round(new Random(seed).fork('outage').between(0, 8 * 3_600));
}

/** On trial, or at once, where there is no delay. */
function faultIn(kind: GridKind, share: number, delayMin: number): BuildFault {
  const fault = { kind: faultOf(kind), share };
  return delayMin === 0 ? fault : { ...fault, delayMs: delayMin * 60_000 };
}

function faultOf(kind: GridKind): FaultKind {
  if (kind === 'one_chip_bricks') return 'bricks';
  return kind === 'one_chip_dies' ? 'dies' : kind;
}

function gateOf(plan: PlanName, stage: string): Gate {
  const gate = PLANS[plan].stages.find(({ name }) => name === stage)?.gate;
  if (gate === undefined) throw new Error(`stage ${stage} of ${plan} has no gate`);
  return gate;
}

function planOf(name: string): Plan {
  const plan = BUILT_IN_PLANS.find((one) => one.name === name);
  if (plan === undefined) throw new Error(`there is no plan ${name}`);
  return plan;
}
