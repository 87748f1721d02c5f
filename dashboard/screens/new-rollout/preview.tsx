// What the rollout would do to the fleet as it is now, stage by stage, and who is left out and why. Then start.

import { Button, Group, Stack, Text } from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { useLocation } from 'wouter';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { Bar } from '#dashboard/parts/bar.tsx';
import { Command } from '#dashboard/parts/command.tsx';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { whoText } from '#dashboard/parts/stages.tsx';
import { boards } from '#dashboard/parts/words.ts';
import type { RolloutPreview } from '#protocol/admin/rollouts.ts';
import css from './new-rollout.module.css';
import { Simulation } from './simulation.tsx';
import { StageBoards } from './stage-boards.tsx';

interface PreviewProps {
  readonly name: string;
  readonly onBack: () => void;
}

export function Preview({ name, onBack }: PreviewProps): ReactNode {
  const [, go] = useLocation();
  const preview = useCall('previewRollout', { params: { name } });
  const start = useAction('startRollout', () => `Rollout ${name} has started`);
  const abort = useAction('abortRollout');
  const [overlap, setOverlap] = useState<string>();
  const begin = (): void =>
    start.mutate(
      { params: { name }, body: overlap === undefined ? {} : { supersede: true } },
      {
        onSuccess: () => go(rolloutHref(name)),
        onError: (error) => {
          if (error instanceof Refusal && error.code === 'rollout_conflict') setOverlap(error.message);
        },
      },
    );
  return (
    <Stack gap="lg">
      <Card title={`What ${name} would do`}>
        <Answered query={preview}>{(answer) => <Content preview={answer} />}</Answered>
      </Card>
      <Simulation name={name} />
      {overlap === undefined ? null : (
        <Note tone="warn">
          <b>Another rollout wants the same boards.</b> {sentence(overlap)} If you start all the same, the other one
          ends for those boards.
        </Note>
      )}
      <Group gap="xs">
        <Button leftSection={<IconPlayerPlay size={17} />} loading={start.isPending} onClick={begin}>
          {overlap === undefined ? 'Start' : 'Start all the same'}
        </Button>
        <Button variant="default" onClick={() => go(rolloutHref(name))}>
          Keep it as a draft
        </Button>
        <Button
          variant="subtle"
          color="gray"
          onClick={() => abort.mutate({ params: { name }, body: { reason: 'not started' } }, { onSuccess: onBack })}
        >
          Back to the plan
        </Button>
      </Group>
      <div>
        <Text size="sm" c="dimmed" mb={6}>
          The same as a command
        </Text>
        <Command text={`otter rollout start ${name}`} />
      </div>
    </Stack>
  );
}

/** Which boards they are: asked for when it is opened. */
function ListOf({ name, stage }: { readonly name: string; readonly stage: string }): ReactNode {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className={css['list']} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary className={css['summary']}>Boards of {stage}</summary>
      {isOpen ? <StageBoards name={name} stage={stage} /> : null}
    </details>
  );
}

function Content({ preview }: { readonly preview: RolloutPreview }): ReactNode {
  const { stages, left_out: leftOut, not_in_any_stage: nowhere, total, warnings, version } = preview;
  return (
    <Stack gap="md">
      {warnings.map((warning) => (
        <Note key={warning} tone="warn">
          {sentence(warning)}
        </Note>
      ))}
      <div>
        {stages.map((stage) => (
          <div key={stage.stage} className={css['stage']}>
            <div style={{ minWidth: 0 }}>
              <b>{stage.stage}</b>
              <Text size="xs" c="dimmed">
                {whoText(stage)}
              </Text>
            </div>
            <Bar
              tall
              shares={[{ tone: 'good', count: stage.devices }]}
              total={total}
              label={`${stage.devices} of ${total} boards`}
            />
            <div>
              <b>{boards(stage.devices)}</b>
              {stage.silent === 0 ? null : (
                <Text size="xs" c="dimmed">
                  {stage.silent} silent now
                </Text>
              )}
            </div>
            {stage.devices === 0 ? null : <ListOf name={preview.rollout} stage={stage.stage} />}
          </div>
        ))}
      </div>
      {leftOut.map(({ reason, text, devices, examples }) => (
        <Note key={reason}>
          <b>{boards(devices)} left out:</b> {sentence(text)}
          {examples[0] === undefined ? null : ` For example ${examples[0]}.`}
        </Note>
      ))}
      {nowhere === 0 ? null : <Note>{boards(nowhere)} of the product are in no stage of this plan.</Note>}
      <Text size="sm" c="dimmed">
        Counted over {boards(total)} as they are now; nobody is offered {version} yet.
      </Text>
    </Stack>
  );
}
