// What is done with a rollout, over all the stages that have opened.

import { describe, expect, test } from 'vitest';
import type { Gate } from '#protocol/admin/plan.ts';
import type { RolloutStatus } from '#engine/facts/model.ts';
import type { Counts } from '#engine/stage/counts.ts';
import { judgeRollout, type OpenedStageFacts } from '#engine/stage/judge.ts';
import { NO_ANSWERS, gateCountsOf } from '#engine/stage/questions.ts';
import type { Silence } from '#engine/stage/silence.ts';
import { NOBODY } from './sample-counts.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 10);
const GATE: Gate = { min_confirmed: 3, max_failed: 0, on_halt: 'revert' };
const OUTAGE: Silence = {
  lastHeardAtMs: NOW_MS - 1_800_000,
  without: { alive: 6, overdue: 4, notDue: 0 },
  all: { alive: 6, overdue: 4, notDue: 0 },
  everyone: { alive: 6, overdue: 4, notDue: 0 },
  usualShare: 0,
};

function stage(name: string, counts: Partial<Counts>, more: { silence?: Silence; gate?: Gate } = {}): OpenedStageFacts {
  const { silence, gate = GATE } = more;
  const gateCounts = gateCountsOf({ counts: { ...NOBODY, ...counts }, anyLeft: false }, { ...NO_ANSWERS, silence });
  return { name, promotion: 'auto', gate, gateCounts };
}

const passed = { healthy: 5, hopeful: 5 };

function stepOf(status: RolloutStatus, ...stages: readonly OpenedStageFacts[]) {
  return judgeRollout(status, stages, NOW_MS).step;
}

describe('of a rollout that runs', () => {
  test('the open stage is promoted when its gate has passed', () => {
    expect(stepOf('running', stage('pilot', passed), stage('few', passed))).toMatchObject({
      do: 'promote',
      from: 'few',
    });
    expect(stepOf('running', stage('pilot', passed), stage('few', { soaking: 5, hopeful: 5 }))).toEqual({ do: 'stay' });
  });

  test('a failure in a stage that has passed halts the one that is open, and takes the build back', () => {
    const bad = stage('pilot', { ...passed, failed: 1 });
    expect(stepOf('running', bad, stage('few', passed))).toMatchObject({ do: 'halt', stage: 'pilot', revert: true });
  });

  test('lost boards halt it, and nothing is taken back', () => {
    const bad = stage(
      'pilot',
      { ...passed, lost: 5 },
      { silence: { ...OUTAGE, without: { alive: 9, overdue: 0, notDue: 0 } } },
    );
    expect(stepOf('running', bad, stage('few', passed))).toMatchObject({ do: 'halt', stage: 'pilot', revert: false });
  });

  test('no stage opens while it is not clear what the silence of an earlier one says', () => {
    const silent = stage('pilot', { ...passed, lost: 5 }, { silence: OUTAGE });
    expect(stepOf('running', silent, stage('few', passed))).toEqual({ do: 'stay' });
  });
});

test('a complete one regresses, and is left to people', () => {
  const bad = stage('everyone', { ...passed, failed: 1 });
  expect(stepOf('complete', stage('pilot', passed), bad)).toMatchObject({ do: 'regress', revert: false });
  expect(stepOf('complete', stage('pilot', passed))).toEqual({ do: 'stay' });
});

test.each(['halted', 'paused', 'aborted', 'regressed'] as const)('nothing is done with one that is %s', (status) => {
  expect(stepOf(status, stage('pilot', { ...passed, failed: 1 }))).toEqual({ do: 'stay' });
});
