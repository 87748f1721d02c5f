// All rollouts, those that need a look first; which are shown stands in the address.

import { Button, Group, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { IconRocket } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link, useSearchParams } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { StageStrip } from '#dashboard/parts/stages.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { ROLLOUT_STATES, StateBadge } from '#dashboard/parts/tone.tsx';
import parts from '#dashboard/parts/parts.module.css';
import css from './rollouts.module.css';
import type { RolloutSummary } from '#protocol/admin/rollouts.ts';

const SHOWN = [
  ['all', 'All'],
  ['open', 'Under way'],
  ['attention', 'Stopped'],
  ['ended', 'Ended'],
] as const;
type Shown = (typeof SHOWN)[number][0];

const MEMBERS: Readonly<Record<Exclude<Shown, 'all'>, ReadonlySet<RolloutSummary['status']>>> = {
  open: new Set(['draft', 'running', 'paused', 'halted', 'regressed']),
  attention: new Set(['halted', 'regressed', 'paused']),
  ended: new Set(['complete', 'aborted']),
};

export default function Rollouts(): ReactNode {
  const [params, setParams] = useSearchParams();
  const shown = SHOWN.find(([name]) => name === params.get('show'))?.[0] ?? 'all';
  const rollouts = useCall('listRollouts', { query: { limit: '500', sort: '-created_at' } });
  return (
    <Page
      title="Rollouts"
      actions={
        <Button component={Link} href="/rollouts/new" leftSection={<IconRocket size={17} />}>
          New rollout
        </Button>
      }
    >
      <SegmentedControl
        data={SHOWN.map(([value, label]) => ({ value, label }))}
        value={shown}
        onChange={(value) => setParams(value === 'all' ? {} : { show: value }, { replace: true })}
        style={{ alignSelf: 'flex-start', maxWidth: '100%' }}
        aria-label="Which rollouts"
        size="sm"
      />
      <Answered query={rollouts}>{({ items }) => <List items={items} shown={shown} />}</Answered>
    </Page>
  );
}

function List({ items, shown }: { readonly items: readonly RolloutSummary[]; readonly shown: Shown }): ReactNode {
  const rows = shown === 'all' ? items : items.filter(({ status }) => MEMBERS[shown].has(status));
  if (rows.length === 0)
    return (
      <Card>
        {items.length === 0 ? (
          <Empty title="No rollout yet" icon={<IconRocket size={22} />}>
            A rollout takes a firmware to your boards in stages, and stops by itself when it is bad. Upload a firmware,
            then make one.
          </Empty>
        ) : (
          <Empty title="No rollout is like that">{items.length} others are in the list of all.</Empty>
        )}
      </Card>
    );
  return (
    <Card flush>
      <Table.ScrollContainer minWidth={0}>
        <div className={css['list']}>
          {rows.map((rollout) => (
            <Row key={rollout.name} rollout={rollout} />
          ))}
        </div>
      </Table.ScrollContainer>
    </Card>
  );
}

function Row({ rollout }: { readonly rollout: RolloutSummary }): ReactNode {
  const { name, product, version, status } = rollout;
  const [text, tone] = ROLLOUT_STATES[status];
  return (
    <div className={css['row']}>
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Link href={rolloutHref(name)} className={parts['link'] ?? ''}>
          {name}
        </Link>
        <Text size="xs" c="dimmed">
          {product} {version}
        </Text>
      </Stack>
      <Group>
        <StateBadge tone={tone} pulse={status === 'running'}>
          {text}
        </StateBadge>
      </Group>
      <StageStrip rollout={rollout} short />
      <Text size="xs" c="dimmed" className={css['when'] ?? ''} component="div">
        <Ago at={rollout.ended_at ?? rollout.started_at ?? rollout.created_at} />
      </Text>
    </div>
  );
}
