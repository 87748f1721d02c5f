// A slice of the grid of simulated rollouts; the whole grid is `grid.slow.ts`.

import { describe, expect, test } from 'vitest';
import { expectProtected, letterOf, runCell } from './grid.ts';

const SLICE = [
  { failPct: 0, silentPct: 0, ends: 'C' },
  { failPct: 0, silentPct: 10, ends: 'CW' },
  { failPct: 0, silentPct: 50, ends: 'W' },
  { failPct: 5, silentPct: 0, ends: 'PFSE' },
  { failPct: 30, silentPct: 20, ends: 'PFSE' },
  { failPct: 100, silentPct: 0, ends: 'P' },
] as const;

describe.each(SLICE)('careful with $failPct % failing and $silentPct % silent', ({ ends, ...cell }) => {
  test.each([1, 2])('protects the fleet, seed %i', (seed) => {
    const result = runCell(cell, seed);
    expectProtected(cell, result);
    expect(ends).toContain(letterOf(result));
  });
});
