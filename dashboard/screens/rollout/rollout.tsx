// One rollout: where it stands, what its gates say, who waits and why, and its history.

import { Grid, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { sentence, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { firmwareHref } from '#dashboard/parts/text/links.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Written } from '#dashboard/parts/written.tsx';
import { Card, Facts, Page } from '#dashboard/parts/page.tsx';
import { StageStrip } from '#dashboard/parts/stages.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { ROLLOUT_STATES, StateBadge } from '#dashboard/parts/tone.tsx';
import { boards } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Rollout as RolloutAnswer } from '#protocol/admin/rollouts.ts';
import { Boards } from './boards.tsx';
import { Outcomes } from './outcomes.tsx';
import { RolloutActions } from './rollout-actions.tsx';
import { RolloutLog } from './rollout-log.tsx';
import { StageGates } from './stage-gates.tsx';

export default function Rollout({ name }: { readonly name: string }): ReactNode {
  const rollout = useCall('getRollout', { params: { name } });
  const { data } = rollout;
  if (data === undefined)
    return (
      <Page title={name}>
        <Answered query={rollout}>{() => null}</Answered>
      </Page>
    );
  const [text, tone] = ROLLOUT_STATES[data.status];
  return (
    <Page
      title={name}
      about={<About rollout={data} />}
      badge={
        <StateBadge tone={tone} pulse={data.status === 'running'}>
          {text}
        </StateBadge>
      }
      actions={<RolloutActions rollout={data} />}
    >
      <Stack gap="lg">
        <Reasons rollout={data} />
        <Card title="Stages">
          <StageStrip rollout={data} />
        </Card>
        <StageGates rollout={data} />
        <Outcomes rollout={data} />
        <Boards rollout={data} />
        <Grid gap="lg">
          <Grid.Col span={{ base: 12, md: 6 }}>
            <Details rollout={data} />
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 6 }}>
            <RolloutLog name={name} />
          </Grid.Col>
        </Grid>
      </Stack>
    </Page>
  );
}

function About({ rollout: { product, version, plan } }: { readonly rollout: RolloutAnswer }): ReactNode {
  return (
    <>
      <Link href={firmwareHref({ product, version })} className={parts['link'] ?? ''}>
        {product} {version}
      </Link>{' '}
      by plan {plan}
    </>
  );
}

/** Why it stopped, and what an operator should know. */
function Reasons({ rollout }: { readonly rollout: RolloutAnswer }): ReactNode {
  const { halted_reason, regressed_reason, ended_reason, reverted_at, reverts_to, status, left_out, warnings } =
    rollout;
  return (
    <>
      {status === 'halted' && halted_reason !== null ? (
        <Note tone="bad">
          <b>It halted by itself.</b> {sentence(halted_reason)} No board is offered the build until somebody decides.
        </Note>
      ) : null}
      {status === 'regressed' && regressed_reason !== null ? (
        <Note tone="bad">
          <b>It went bad after it was complete.</b> {sentence(regressed_reason)}
        </Note>
      ) : null}
      {reverted_at === null ? null : (
        <Note tone="warn">
          <b>Boards that run this build are rolled back.</b>{' '}
          {reverts_to === null
            ? 'There is no build before it, so they stay.'
            : `They are offered ${reverts_to} with their next check-in.`}
        </Note>
      )}
      {ended_reason === null ? null : <Note>It ended: {sentence(ended_reason)}</Note>}
      {warnings.map((warning) => (
        <Note key={warning} tone="warn">
          {sentence(warning)}
        </Note>
      ))}
      {status === 'complete'
        ? null
        : left_out.map(({ reason, text, devices, examples }) => (
            <Note key={reason}>
              Nobody waits for {boards(devices)}: {sentence(text)}
              {examples[0] === undefined ? null : ` For example ${examples[0]}.`}
            </Note>
          ))}
    </>
  );
}

function Details({ rollout }: { readonly rollout: RolloutAnswer }): ReactNode {
  const { created_at, started_at, ended_at, watched_until, target_label, pilot_label, plan, note } = rollout;
  const ago = (at: string | null): ReactNode => (at === null ? undefined : <Ago at={at} />);
  return (
    <Card title="Details">
      <Facts
        rows={[
          ['Plan', plan],
          ['For', target_label],
          ['Pilot label', pilot_label],
          ['Created', ago(created_at)],
          ['Started', ago(started_at)],
          ['Ended', ago(ended_at)],
          ['Watched until', ago(watched_until)],
          ['Note', note === null ? undefined : <Written key="note" note={note} />],
        ]}
      />
    </Card>
  );
}
