// A seeded sample of the grid of simulated rollouts, with the same assertions; the whole grid is `grid.slow.ts`.

import { describe, expect, test } from 'vitest';
import { type Cell, expectHolds, GRID_KINDS, letterOf, opensSecondStage, type PlanName, runCell } from './grid.ts';

const PLAN_NAMES = ['careful', 'urgent'] as const satisfies readonly PlanName[];

/** Runs in which the outage came at the worst time: trials were cut short, or one board more died after those of the site. */
const WORST_SEEDS = { careful: [27, 54], urgent: [60] } as const;

test.each(PLAN_NAMES)('a good build completes under %s, whatever happens around it', (plan) => {
  const cell: Cell = { plan, kind: undefined, sharePct: 0, delayMin: 0 };
  for (const seed of [1, 2, ...WORST_SEEDS[plan]]) {
    const result = runCell(cell, seed);
    expectHolds(cell, result);
    expect(letterOf(result), `seed ${seed}: ${result.summary}`).toBe('C');
  }
});

describe.each(GRID_KINDS)('a build that %s', (kind) => {
  test.each([
    { sharePct: 20, delayMin: 0 },
    { sharePct: 20, delayMin: 30 },
    { sharePct: 100, delayMin: 5 },
  ])('on $sharePct % of the boards after $delayMin min opens no second stage of careful', (at) => {
    const cell: Cell = { plan: 'careful', kind, ...at };
    for (const seed of [2, 3]) {
      const result = runCell(cell, seed);
      expectHolds(cell, result);
      expect(letterOf(result), `seed ${seed}: ${result.summary}`).toBe('P');
      expect(opensSecondStage(result)).toBe(false);
    }
  });
});

test.each(['dies', 'crash_loops', 'goes_back', 'goes_back_silently'] as const)(
  'a build that %s after the soak of the pilot is halted before it has everybody',
  (kind) => {
    const cell: Cell = { plan: 'careful', kind, sharePct: 50, delayMin: 90 };
    for (const seed of [1, 2]) {
      const result = runCell(cell, seed);
      expectHolds(cell, result);
      expect(['P', 'F', 'S']).toContain(letterOf(result));
    }
  },
);

test.each(GRID_KINDS)('urgent does not complete with a build that %s on half of the boards', (kind) => {
  const cell: Cell = { plan: 'urgent', kind, sharePct: 50, delayMin: 0 };
  const result = runCell(cell, 1);
  expectHolds(cell, result);
  expect(letterOf(result), result.summary).toBe('E');
});

test('a build that leaks heap is halted under a plan that asks for it', () => {
  const cell: Cell = { plan: 'watchful', kind: 'leaks_heap', sharePct: 50, delayMin: 90 };
  const result = runCell(cell, 1);
  expectHolds(cell, result);
  expect({ letter: letterOf(result), condition: result.condition }).toEqual({
    letter: 'P',
    condition: 'max_heap_drop_pct',
  });
});
