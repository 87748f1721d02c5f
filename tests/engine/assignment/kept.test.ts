// Which ended assignments are kept however old they are.

import { describe, expect, test } from 'vitest';
import { isKept } from '#engine/assignment/kept.ts';
import type { AssignmentEnd } from '#engine/assignment/weight.ts';

const board = { latestIds: [9, 8], takenId: 7, failed: [] };
const end = (cause: string | undefined, more: Partial<AssignmentEnd> = {}): AssignmentEnd => ({
  state: 'failed',
  cause,
  saidItLeft: false,
  ...more,
});

describe('an old assignment', () => {
  test.each([
    ['the latest of its board', { id: 9, isPardoned: false }, board, true],
    ['the latest that is no way back', { id: 8, isPardoned: false }, board, true],
    ['the one that brought what the board runs', { id: 7, isPardoned: false }, board, true],
    ['one that left a pardon for the next offer', { id: 1, isPardoned: true }, board, true],
    ['any other', { id: 1, isPardoned: false }, board, false],
    [
      'one of a build with proof against it',
      { id: 1, isPardoned: false },
      { ...board, failed: [end('known_bad', { state: 'rejected' })] },
      true,
    ],
    ['one of a build with a strike', { id: 1, isPardoned: false }, { ...board, failed: [end(undefined)] }, true],
    [
      'one of a build that only ran out of time',
      { id: 1, isPardoned: false },
      { ...board, failed: [end(undefined, { state: 'timed_out' })] },
      false,
    ],
    [
      'one of a build that an outage ended',
      { id: 1, isPardoned: false },
      { ...board, failed: [end('trial_timeout', { excused: true })] },
      false,
    ],
    [
      'one of a board that has neither',
      { id: 1, isPardoned: false },
      { latestIds: [], takenId: undefined, failed: [] },
      false,
    ],
  ])('%s', (_, assignment, ofBoard, kept) => {
    expect(isKept(assignment, ofBoard)).toBe(kept);
  });
});
