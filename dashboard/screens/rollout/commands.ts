// Which commands the state of a rollout allows. The server decides in the end; this is what is worth showing.

import { assertNever } from '#protocol/errors.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';

type CommandKind = 'start' | 'promote' | 'pause' | 'resume' | 'keep' | 'abort' | 'revert' | 'undo' | 'retry';

export interface Command {
  readonly kind: CommandKind;
  readonly text: string;
  /** What most people want now. */
  readonly isMain?: true;
  readonly isDanger?: true;
}

const ABORT: Command = { kind: 'abort', text: 'Abort, keep the build', isDanger: true };
const REVERT: Command = { kind: 'revert', text: 'Abort and roll back', isDanger: true };
const RETRY: Command = { kind: 'retry', text: 'Retry failed boards' };

export function commandsOf(rollout: Rollout): readonly Command[] {
  switch (rollout.status) {
    case 'draft':
      return [{ kind: 'start', text: 'Start', isMain: true }, ABORT];
    case 'running':
      return [promoteOf(rollout), { kind: 'pause', text: 'Pause' }, REVERT, ABORT, RETRY];
    case 'paused':
      return [{ kind: 'resume', text: 'Resume', isMain: true }, REVERT, ABORT, RETRY];
    case 'halted':
      return [{ ...REVERT, isMain: true }, { kind: 'resume', text: 'Resume' }, ABORT, RETRY];
    case 'regressed':
      return [
        { ...REVERT, isMain: true },
        { kind: 'keep', text: 'Keep the build' },
      ];
    case 'complete':
    case 'aborted':
      return rollout.started_at === null || rollout.reverted_at !== null ? [] : [{ kind: 'undo', text: 'Undo' }];
    default:
      return assertNever(rollout.status);
  }
}

function promoteOf({ stages, stage }: Rollout): Command {
  const open = stages.find((one) => one.stage === stage);
  const isReady = open?.gate === null || open?.verdict?.state === 'passed';
  const text = stages.at(-1)?.stage === stage ? 'Complete' : 'Promote';
  return isReady ? { kind: 'promote', text, isMain: true } : { kind: 'promote', text };
}
