// The grid of simulated rollouts under the plan `careful`: one run, what must hold in it, and what it came to in one letter.

import { expect } from 'vitest';
import { BUILT_IN_PLANS } from '#engine/stage/built-in-plans.ts';
import { rehearse } from '#simulator/rehearsal/rehearsal.ts';
import type { RehearsalResult } from '#simulator/rehearsal/result.ts';

export const CAREFUL = BUILT_IN_PLANS.find(({ name }) => name === 'careful')?.stages ?? [];
const GRID_DEVICES = 1_000;

export interface Cell {
  /** Percent. */
  readonly failPct: number;
  readonly silentPct: number;
}

export function runCell({ failPct, silentPct }: Cell, seed: number): RehearsalResult {
  return rehearse({
    stages: CAREFUL,
    version: '1.5.0',
    devices: GRID_DEVICES,
    seed,
    failTrial: failPct / 100,
    silent: silentPct / 100,
    networkFail: 0.01,
    pollIntervalS: 600,
    imageBytes: 1_000_000,
    bytesPerS: 50_000,
    labelled: new Map(),
  });
}

/** What holds in every run, whatever the chances are. */
export function expectProtected({ failPct, silentPct }: Cell, result: RehearsalResult): void {
  const { stages, timeline, hurt } = result;
  const opened = stages.filter(({ opened_after_s }) => opened_after_s !== null);
  const acts = timeline.filter(({ what, actor }) => (what === 'promote' || what === 'halt') && actor === 'gate');
  // A stage opens only after one whose own numbers were within its gate.
  for (const [index, { what, counts }] of acts.entries()) {
    const gate = CAREFUL[index]?.gate;
    if (what !== 'promote' || counts === null || gate === undefined) continue;
    const answered = counts.confirmed + counts.failed + counts.other_failures;
    expect(counts.failed).toBeLessThanOrEqual(gate.max_failed ?? GRID_DEVICES);
    expect((counts.failed / answered) * 100).toBeLessThanOrEqual(gate.max_failed_pct ?? 100);
    expect((counts.silent / (answered + counts.silent)) * 100).toBeLessThanOrEqual(gate.max_silent_pct ?? 100);
  }
  // Nobody is hurt but those that had failed when the gate acted, and those that were under way then.
  for (const [index, { counts }] of acts.entries()) {
    const bound = (counts?.failed ?? 0) + (counts?.on_the_way ?? 0);
    expect(stages[index]?.hurt).toBeLessThanOrEqual(
      result.outcome === 'complete' && index === 3 ? GRID_DEVICES : bound,
    );
  }
  expect(hurt).toBeLessThanOrEqual(opened.reduce((sum, { taken }) => sum + taken, 0));
  if (failPct === 0) expect({ outcome: result.outcome === 'halted', hurt }).toEqual({ outcome: false, hurt: 0 });
  if (failPct === 0 && silentPct === 0) expect(result).toMatchObject({ outcome: 'complete', updated: GRID_DEVICES });
  if (failPct >= 5) expect(result.outcome).not.toBe('complete');
  if (failPct === 100) expect(result.updated).toBe(0);
  if (result.outcome === 'stuck') expect(result.summary).toMatch(/are silent, at most 20 % may be|0 of 1 confirmed/);
}

/** Where it ended: `C` complete, `W` waits; else the letter of the stage that was halted. */
export function letterOf({ outcome, stage }: RehearsalResult): string {
  if (outcome === 'complete') return 'C';
  return outcome === 'stuck' ? 'W' : stage.slice(0, 1).toUpperCase();
}
