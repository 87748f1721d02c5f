// Which due runs of a schedule are still done.

import { expect, test } from 'vitest';
import { judgeDueRun, ON_TIME_MS } from '#engine/schedule/due-run.ts';

const GRACE_MS = 3_600_000;
const DUE_MS = 1_000_000_000;

test.each([
  { lateMs: 0, missed: 'skip', verdict: 'run' },
  { lateMs: ON_TIME_MS, missed: 'skip', verdict: 'run' },
  { lateMs: ON_TIME_MS + 1, missed: 'skip', verdict: 'skip' },
  { lateMs: ON_TIME_MS, missed: 'run_once', verdict: 'run' },
  { lateMs: ON_TIME_MS + 1, missed: 'run_once', verdict: 'run_late' },
  { lateMs: GRACE_MS, missed: 'run_once', verdict: 'run_late' },
  { lateMs: GRACE_MS + 1, missed: 'run_once', verdict: 'skip' },
  { lateMs: Number.NaN, missed: 'run_once', verdict: 'skip' },
] as const)('a run found $lateMs ms late with policy $missed: $verdict', ({ lateMs, missed, verdict }) => {
  expect(judgeDueRun({ dueMs: DUE_MS, missed, graceMs: GRACE_MS }, DUE_MS + lateMs)).toBe(verdict);
});

test('a run with no grace is on time or skipped', () => {
  expect(judgeDueRun({ dueMs: DUE_MS, missed: 'run_once', graceMs: 0 }, DUE_MS + 1)).toBe('run');
  expect(judgeDueRun({ dueMs: DUE_MS, missed: 'run_once', graceMs: 0 }, DUE_MS + ON_TIME_MS + 1)).toBe('skip');
});
