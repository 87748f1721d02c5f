// A rollout gone through in virtual time, in this browser and by the rules of the server, as `otter rollout simulate` does it: no board and
// no server notices. A piece at a time, so that the page stays quick.

import type { Plan } from '#protocol/admin/plan.ts';
import type { FaultKind } from '#simulator/device/faults.ts';
import type { SimulationResult } from '#simulator/simulation/result.ts';
import { Simulation } from '#simulator/simulation/simulation.ts';

export interface SimulationSetup {
  readonly stages: Plan['stages'];
  readonly version: string;
  readonly devices: number;
  readonly pollIntervalS: number;
  readonly imageBytes: number;
  readonly seed: number;
  readonly fault: FaultKind;
  /** Of the boards, in [0, 1]: 0 is a good build. */
  readonly faultShare: number;
}

interface SimulationPoint {
  readonly afterS: number;
  readonly updated: number;
}

export interface SimulationRun {
  readonly result: SimulationResult;
  readonly points: readonly SimulationPoint[];
}

export interface SimulationProgress {
  readonly afterS: number;
  readonly updated: number;
}

/** One about what a board does at once: some milliseconds. */
const WORK_PER_TURN = 600;
/** Bytes per second, as the command has it. */
const USUAL_SPEED = 50_000;

/** Throws what the simulation throws for what cannot be, and an AbortError when it is stopped. */
export async function runSimulation(
  setup: SimulationSetup,
  onProgress: (progress: SimulationProgress) => void,
  signal: AbortSignal,
): Promise<SimulationRun> {
  const { fault, faultShare, ...rest } = setup;
  const simulation = new Simulation({
    ...rest,
    plan: { stages: setup.stages },
    faults: faultShare === 0 ? [] : [{ kind: fault, share: faultShare }],
    badChipShare: undefined,
    surroundings: { diesPerDay: 0, sleepers: 0, sleepS: 0, outage: undefined },
    silent: 0,
    networkFail: 0,
    bytesPerS: USUAL_SPEED,
    labelled: new Map(),
  });
  const points: SimulationPoint[] = [{ afterS: 0, updated: 0 }];
  for (;;) {
    const result = simulation.advance(WORK_PER_TURN);
    const { nowMs, updated } = simulation.progress;
    const point = { afterS: nowMs / 1000, updated };
    if (updated !== points.at(-1)?.updated || result !== undefined) points.push(point);
    if (result !== undefined) return { result, points };
    onProgress(point);
    await turn();
    signal.throwIfAborted();
  }
}

/** Others first: a timer of a page that is shown waits 4 ms at most. */
async function turn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 0);
  });
}
