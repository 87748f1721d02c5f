// The life of a rollout: draft, one stage of its plan after the other, complete; with pause, halt, resume and abort on the way,
// and regressed where a complete one is found to be bad. Pure: it says what
// the next state is or why there is none; who asks (a person, a schedule) does not matter here.

import { assertNever } from '#protocol/errors.ts';
import type { RolloutStatus } from '#engine/facts/model.ts';

export interface RolloutState {
  readonly status: RolloutStatus;
  readonly stage: string | undefined;
}

export type RolloutCommand = 'start' | 'promote' | 'pause' | 'halt' | 'resume' | 'abort' | 'regress' | 'keep' | 'undo';

export type Advance = { readonly ok: true; readonly next: RolloutState } | { readonly ok: false; readonly why: string };

/** `stages` are the names of all its stages in their order. */
export function advance(rollout: RolloutState, command: RolloutCommand, stages: readonly string[]): Advance {
  const { status, stage } = rollout;
  switch (command) {
    case 'start':
      return status === 'draft' ? to('running', stages[0]) : refuse(rollout, 'only a draft can be started');
    case 'promote':
      if (status !== 'running') return refuse(rollout, 'only a running rollout can be promoted');
      return promote(stage, stages);
    case 'pause':
      return status === 'running' ? to('paused', stage) : refuse(rollout, 'only a running rollout can be paused');
    case 'halt':
      return status === 'running' ? to('halted', stage) : refuse(rollout, 'only a running rollout can be halted');
    case 'resume':
      if (status === 'paused' || status === 'halted') return to('running', stage);
      return refuse(rollout, 'only a paused or halted rollout can be resumed');
    case 'regress':
      return status === 'complete' ? to('regressed', stage) : refuse(rollout, 'only a complete rollout can regress');
    case 'keep':
      return status === 'regressed' ? to('complete', stage) : refuse(rollout, 'only a regressed rollout is kept');
    case 'abort':
      if (status === 'complete' || status === 'aborted') return refuse(rollout, 'it has ended');
      return to('aborted', stage);
    case 'undo':
      return stage === undefined ? refuse(rollout, 'nothing of it has gone out') : to('aborted', stage);
    default:
      return assertNever(command);
  }
}

/** Running, paused or halted: it holds the product, and its stage decides who is offered what. */
export function isOpen(status: RolloutStatus): boolean {
  return status === 'running' || status === 'paused' || status === 'halted';
}

function promote(stage: string | undefined, stages: readonly string[]): Advance {
  const next = stages[stages.findIndex((name) => name === stage) + 1];
  return next === undefined ? to('complete', stage) : to('running', next);
}

function to(status: RolloutStatus, stage: string | undefined): Advance {
  return { ok: true, next: { status, stage } };
}

function refuse(rollout: RolloutState, rule: string): Advance {
  return {
    ok: false,
    why: `it is ${rollout.status}${rollout.stage === undefined ? '' : ` at stage ${rollout.stage}`}; ${rule}`,
  };
}
