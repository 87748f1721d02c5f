// How far a stage is: every assignment in exactly one column.

import { expect, test } from 'vitest';
import { ASSIGNMENT_STATES } from '#protocol/admin-api.ts';
import { adoptionOf } from '#engine/stage/adoption.ts';
import type { AssignmentState } from '#engine/facts/model.ts';

const COLUMNS: Readonly<Record<AssignmentState, { readonly heard: string; readonly silent: string }>> = {
  offered: { heard: 'offered', silent: 'silent' },
  downloading: { heard: 'downloading', silent: 'silent' },
  downloaded: { heard: 'downloading', silent: 'silent' },
  installing: { heard: 'downloading', silent: 'silent' },
  trial: { heard: 'trial', silent: 'silent' },
  timed_out: { heard: 'silent', silent: 'silent' },
  superseded: { heard: 'none', silent: 'none' },
  rejected: { heard: 'failed', silent: 'failed' },
  failed: { heard: 'failed', silent: 'failed' },
  confirmed: { heard: 'confirmed', silent: 'confirmed' },
  rolled_back: { heard: 'rolled_back', silent: 'rolled_back' },
};

const CASES = ASSIGNMENT_STATES.flatMap((state) => [
  { state, isSilent: false, column: COLUMNS[state].heard },
  { state, isSilent: true, column: COLUMNS[state].silent },
]);

test.each(CASES)('a board at $state, silent: $isSilent, is counted as $column', ({ state, isSilent, column }) => {
  const { targeted, ...columns } = adoptionOf(10, [{ state, isSilent, devices: 3 }]);
  expect(targeted).toBe(10);
  const filled = Object.entries(columns).filter(([, devices]) => devices > 0);
  expect(filled).toEqual(column === 'none' ? [] : [[column, 3]]);
});

test('counts of one column add up', () => {
  const counts = [
    { state: 'downloading', isSilent: false, devices: 2 },
    { state: 'installing', isSilent: false, devices: 5 },
    { state: 'trial', isSilent: true, devices: 1 },
    { state: 'timed_out', isSilent: false, devices: 4 },
  ] as const;
  expect(adoptionOf(12, counts)).toMatchObject({ downloading: 7, silent: 5, trial: 0 });
});
