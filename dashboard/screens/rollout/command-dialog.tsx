// Asks before a command, with the numbers that it touches, as the server counts them now.

import { Loader, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useAction, useCall } from '#dashboard/data/queries.ts';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { WayBackView } from '#dashboard/parts/way-back.tsx';
import { boards } from '#dashboard/parts/words.ts';
import { assertNever } from '#protocol/errors.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import type { Command } from './commands.ts';
import { sumOf } from './sums.ts';

interface CommandDialogProps {
  readonly rollout: Rollout;
  readonly command: Command;
  readonly onClose: () => void;
}

export default function CommandDialog(props: CommandDialogProps): ReactNode {
  const { rollout, command, onClose } = props;
  const { kind } = command;
  const actions = useActions(rollout);
  const isUnready = kind === 'promote' && !isPassed(rollout);
  const needsReason = kind === 'keep' || isUnready || (kind === 'resume' && rollout.status === 'halted');
  return (
    <ActionDialog
      title={titleOf(props)}
      confirm={isUnready ? 'Promote all the same' : command.text}
      danger={command.isDanger === true || isUnready}
      reason={needsReason ? 'needed' : 'optional'}
      busy={actions.isBusy}
      command={typedOf(rollout, kind)}
      onClose={onClose}
      onConfirm={(reason) => actions.run(kind, reason, onClose)}
    >
      <Effect rollout={rollout} command={command} />
    </ActionDialog>
  );
}

function useActions(rollout: Rollout) {
  const { name } = rollout;
  const start = useAction('startRollout', () => `Rollout ${name} has started`);
  const promote = useAction('promoteRollout', (after) =>
    after.status === 'complete' ? `Rollout ${name} is complete` : `Stage ${after.stage ?? ''} of ${name} is open`,
  );
  const pause = useAction('pauseRollout', () => `Rollout ${name} is paused`);
  const resume = useAction('resumeRollout', () => `Rollout ${name} goes on`);
  const keep = useAction('keepRollout', () => `The build of ${name} is kept`);
  const abort = useAction('abortRollout', () => `Rollout ${name} is aborted`);
  const retry = useAction('retryRollout', ({ devices }) => `${boards(devices)} may try again`);
  const undo = useAction('undoRollout', () => `Rollout ${name} is undone`);
  const all = [start, promote, pause, resume, keep, abort, undo, retry];
  const run = (kind: Command['kind'], reason: string | undefined, onSettled: () => void): void => {
    const params = { name };
    const body = reason === undefined ? {} : { reason };
    switch (kind) {
      case 'start':
        return start.mutate({ params, body }, { onSettled });
      case 'promote': {
        const override = isPassed(rollout) ? {} : { override: true };
        const from = rollout.stage === null ? {} : { from: rollout.stage };
        return promote.mutate({ params, body: { ...body, ...from, ...override } }, { onSettled });
      }
      case 'pause':
        return pause.mutate({ params, body }, { onSettled });
      case 'resume':
        return resume.mutate({ params, body }, { onSettled });
      case 'keep':
        return keep.mutate({ params, body: { reason: reason ?? '' } }, { onSettled });
      case 'abort':
        return abort.mutate({ params, body }, { onSettled });
      case 'revert':
        return abort.mutate({ params, body: { ...body, revert: true } }, { onSettled });
      case 'undo':
        return undo.mutate({ params, body }, { onSettled });
      case 'retry':
        return retry.mutate({ params, body }, { onSettled });
    }
  };
  return { run, isBusy: all.some(({ isPending }) => isPending) };
}

/** The command line's words for it. */
function typedOf(rollout: Rollout, kind: Command['kind']): string {
  const verb = kind === 'revert' ? 'abort' : kind;
  const from = kind === 'promote' && rollout.stage !== null ? ` --from ${rollout.stage}` : '';
  const override = kind === 'promote' && !isPassed(rollout) ? ' --override' : '';
  return `otter rollout ${verb} ${rollout.name}${from}${override}${kind === 'revert' ? ' --revert' : ''}`;
}

function isPassed({ stages, stage }: Rollout): boolean {
  const open = stages.find((one) => one.stage === stage);
  return open === undefined || open.gate === null || open.verdict?.state === 'passed';
}

function titleOf({ rollout: { name, stage, stages }, command: { kind } }: CommandDialogProps): string {
  switch (kind) {
    case 'promote':
      return stages.at(-1)?.stage === stage ? `Complete ${name}?` : `Promote ${name} from ${stage ?? ''}?`;
    case 'revert':
      return `Abort ${name} and roll back?`;
    case 'abort':
      return `Abort ${name}?`;
    case 'undo':
      return `Undo ${name}?`;
    case 'retry':
      return `Let failed boards of ${name} try again?`;
    case 'keep':
      return `Keep the build of ${name}?`;
    case 'start':
    case 'pause':
    case 'resume':
      return `${kind.charAt(0).toUpperCase()}${kind.slice(1)} ${name}?`;
    default:
      return assertNever(kind);
  }
}

function Effect({ rollout, command: { kind } }: Pick<CommandDialogProps, 'rollout' | 'command'>): ReactNode {
  const waiting = sumOf(rollout, 'waiting');
  const bad = sumOf(rollout, 'failed') + sumOf(rollout, 'crashing') + sumOf(rollout, 'lost');
  const moving = sumOf(rollout, 'updating') + sumOf(rollout, 'on_trial');
  switch (kind) {
    case 'start':
    case 'promote':
      return <NextStage rollout={rollout} />;
    case 'pause':
      return (
        <>
          Offers stop with the next check-in. {boards(waiting)} that {waiting === 1 ? 'waits' : 'wait'} get nothing
          until you resume; {boards(moving)} in the middle of the update finish it.
        </>
      );
    case 'resume':
      return (
        <>
          {boards(waiting)} {waiting === 1 ? 'is' : 'are'} offered {rollout.version} again.
          {bad === 0
            ? null
            : ` The ${bad} bad ${bad === 1 ? 'outcome' : 'outcomes'} seen so far are acknowledged: they do not stop it again.`}
        </>
      );
    case 'keep':
      return (
        <>
          {rollout.version} is offered again, and what failed so far ({boards(bad)}) does not count any more.
        </>
      );
    case 'abort':
      return (
        <>
          The rollout ends for good. {boards(waiting)} that {waiting === 1 ? 'waits' : 'wait'} are offered nothing;
          boards keep what they run.
        </>
      );
    case 'revert':
    case 'undo':
      return <Revert name={rollout.name} />;
    case 'retry':
      return (
        <>
          Boards that failed by network or by themselves are offered {rollout.version} once more. Proof against the
          build is never forgiven.
        </>
      );
    default:
      return assertNever(kind);
  }
}

function NextStage({ rollout }: { readonly rollout: Rollout }): ReactNode {
  const preview = useCall('previewRollout', { params: { name: rollout.name } });
  const next = rollout.stages.find(({ opened_at }) => opened_at === null);
  const reached = preview.data?.stages.find(({ stage }) => stage === next?.stage);
  const open = rollout.stages.find(({ stage }) => stage === rollout.stage);
  return (
    <Stack gap="sm">
      {next === undefined ? (
        <div>
          The last stage is done: {rollout.version} becomes the stable build of {rollout.product}, and its boards are
          watched for a while.
        </div>
      ) : reached === undefined ? (
        <Loader size="xs" />
      ) : (
        <div>
          Stage <b>{next.stage}</b> opens. <b>{boards(reached.devices)}</b> would be offered {rollout.version} with
          their next check-in{reached.silent === 0 ? '' : `; ${reached.silent} of them are silent now`}.
        </div>
      )}
      {isPassed(rollout) || open?.verdict === null || open === undefined ? null : (
        <Note tone="warn">
          The gate of {open.stage} has not passed: {open.verdict.text}. Say why you go on all the same.
        </Note>
      )}
    </Stack>
  );
}

function Revert({ name }: { readonly name: string }): ReactNode {
  const preview = useCall('previewRevert', { params: { name } });
  return (
    <Stack gap="sm">
      <div>The rollout ends for good, and boards that run its build go back with their next check-in.</div>
      {preview.data === undefined ? (
        preview.error === null ? (
          <Loader size="xs" />
        ) : (
          <Text size="sm" c="dimmed">
            {preview.error.message}
          </Text>
        )
      ) : (
        <WayBackView wayBack={preview.data} />
      )}
    </Stack>
  );
}
