// A rollout under way, on the first page: where it stands and what its gate waits for, without a click.

import { Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { sentence } from '#dashboard/data/queries.ts';
import { GateView } from '#dashboard/parts/gate.tsx';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { StageStrip } from '#dashboard/parts/stages.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { ROLLOUT_STATES, StateBadge } from '#dashboard/parts/tone.tsx';
import { RolloutActions } from '#dashboard/screens/rollout/rollout-actions.tsx';
import parts from '#dashboard/parts/parts.module.css';
import type { Rollout } from '#protocol/admin/rollouts.ts';

export function RolloutCard({ rollout }: { readonly rollout: Rollout }): ReactNode {
  const { name, product, version, status, watched_until } = rollout;
  const [text, tone] = ROLLOUT_STATES[status];
  const open = rollout.stages.find(({ stage }) => stage === rollout.stage);
  const stopped = rollout.halted_reason ?? rollout.regressed_reason;
  const isStopped = status === 'halted' || status === 'regressed';
  return (
    <Card
      title={
        <Group gap="sm" component="span">
          <Link href={rolloutHref(name)} className={parts['link'] ?? ''}>
            {name}
          </Link>
          <StateBadge tone={tone} pulse={status === 'running'}>
            {status === 'complete' ? 'Complete, watched' : text}
          </StateBadge>
        </Group>
      }
      aside={<RolloutActions rollout={rollout} small />}
    >
      <Stack gap="md">
        <Text size="sm" c="dimmed" mt={-8} component="div">
          {product} {version}
          {status === 'complete' && watched_until !== null ? (
            <>
              , its boards are watched until <Ago at={watched_until} />
            </>
          ) : null}
        </Text>
        <StageStrip rollout={rollout} short={status === 'complete'} />
        {isStopped && stopped !== null ? (
          <Note tone="bad">
            <b>{text}:</b> {sentence(stopped)}
          </Note>
        ) : open !== undefined && status === 'running' ? (
          <GateView stage={open} />
        ) : null}
      </Stack>
    </Card>
  );
}
