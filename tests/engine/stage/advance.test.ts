// The life of a rollout: every state with every command.

import { describe, expect, test } from 'vitest';
import { ROLLOUT_STATUSES } from '#protocol/admin/states.ts';
import { advance, isOpen, type RolloutCommand, type RolloutState } from '#engine/stage/advance.ts';

const DRAFT: RolloutState = { status: 'draft', stage: undefined };
const PILOT: RolloutState = { status: 'running', stage: 'pilot' };
const EXPAND: RolloutState = { status: 'running', stage: 'expand' };
const PILOT_PAUSED: RolloutState = { status: 'paused', stage: 'pilot' };
const EXPAND_PAUSED: RolloutState = { status: 'paused', stage: 'expand' };
const PILOT_HALTED: RolloutState = { status: 'halted', stage: 'pilot' };
const EXPAND_HALTED: RolloutState = { status: 'halted', stage: 'expand' };
const COMPLETE: RolloutState = { status: 'complete', stage: 'expand' };
const REGRESSED: RolloutState = { status: 'regressed', stage: 'expand' };
const ABORTED_DRAFT: RolloutState = { status: 'aborted', stage: undefined };
const ABORTED_PILOT: RolloutState = { status: 'aborted', stage: 'pilot' };
const ABORTED_EXPAND: RolloutState = { status: 'aborted', stage: 'expand' };

type Row = Readonly<Record<RolloutCommand, RolloutState | 'refused'>>;
const nothing: Row = {
  start: 'refused',
  promote: 'refused',
  pause: 'refused',
  halt: 'refused',
  resume: 'refused',
  abort: 'refused',
  regress: 'refused',
  keep: 'refused',
  undo: 'refused',
};

const TABLE: readonly { readonly from: RolloutState; readonly to: Row }[] = [
  { from: DRAFT, to: { ...nothing, start: PILOT, abort: ABORTED_DRAFT } },
  {
    from: PILOT,
    to: {
      ...nothing,
      undo: ABORTED_PILOT,
      promote: EXPAND,
      pause: PILOT_PAUSED,
      halt: PILOT_HALTED,
      abort: ABORTED_PILOT,
    },
  },
  {
    from: EXPAND,
    to: {
      ...nothing,
      undo: ABORTED_EXPAND,
      promote: COMPLETE,
      pause: EXPAND_PAUSED,
      halt: EXPAND_HALTED,
      abort: ABORTED_EXPAND,
    },
  },
  { from: PILOT_PAUSED, to: { ...nothing, undo: ABORTED_PILOT, resume: PILOT, abort: ABORTED_PILOT } },
  { from: EXPAND_PAUSED, to: { ...nothing, undo: ABORTED_EXPAND, resume: EXPAND, abort: ABORTED_EXPAND } },
  { from: PILOT_HALTED, to: { ...nothing, undo: ABORTED_PILOT, resume: PILOT, abort: ABORTED_PILOT } },
  { from: EXPAND_HALTED, to: { ...nothing, undo: ABORTED_EXPAND, resume: EXPAND, abort: ABORTED_EXPAND } },
  { from: COMPLETE, to: { ...nothing, undo: ABORTED_EXPAND, regress: REGRESSED } },
  { from: REGRESSED, to: { ...nothing, undo: ABORTED_EXPAND, keep: COMPLETE, abort: ABORTED_EXPAND } },
  { from: ABORTED_DRAFT, to: nothing },
  { from: ABORTED_PILOT, to: { ...nothing, undo: ABORTED_PILOT } },
  { from: ABORTED_EXPAND, to: { ...nothing, undo: ABORTED_EXPAND } },
];

const COMMANDS = [
  'start',
  'promote',
  'pause',
  'halt',
  'resume',
  'abort',
  'regress',
  'keep',
  'undo',
] as const satisfies readonly RolloutCommand[];
const CASES = TABLE.flatMap(({ from, to }) =>
  COMMANDS.map((command) => ({ from, command, next: to[command], at: `${from.status}/${from.stage ?? '-'}` })),
);

describe('a rollout', () => {
  test('has a row in this table for every status', () => {
    expect(new Set(TABLE.map(({ from }) => from.status))).toEqual(new Set(ROLLOUT_STATUSES));
  });

  test.each(CASES)('at $at answers $command', ({ from, command, next }) => {
    const refused = { ok: false, why: expect.stringContaining(`it is ${from.status}`) };
    expect(advance(from, command, ['pilot', 'expand'])).toEqual(next === 'refused' ? refused : { ok: true, next });
  });

  test('opens the stages of its plan in their order, whatever they are called', () => {
    const stages = ['lab', 'some', 'all'];
    const opened: string[] = [];
    let state = DRAFT;
    for (const command of ['start', 'promote', 'promote', 'promote'] as const) {
      const moved = advance(state, command, stages);
      if (!moved.ok) throw new Error(moved.why);
      state = moved.next;
      opened.push(`${state.status} ${state.stage}`);
    }
    expect(opened).toEqual(['running lab', 'running some', 'running all', 'complete all']);
  });

  test('holds its product while it is running, paused or halted', () => {
    expect(ROLLOUT_STATUSES.filter(isOpen)).toEqual(['running', 'paused', 'halted']);
  });
});
