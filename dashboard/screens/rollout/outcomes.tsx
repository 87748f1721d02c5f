// What became of the boards, stage by stage: a column for each outcome that there is.

import { Table, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Card } from '#dashboard/parts/page.tsx';
import { OUTCOME_STATES, StateText } from '#dashboard/parts/tone.tsx';
import { boards, count } from '#dashboard/parts/words.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { affectedOf, exposedOf } from './sums.ts';

const COLUMNS = [
  'healthy',
  'soaking',
  'on_trial',
  'updating',
  'waiting',
  'failed',
  'crashing',
  'lost',
  'not_now',
  'other',
] as const;
const ALWAYS: ReadonlySet<string> = new Set(['healthy', 'waiting', 'failed']);

export function Outcomes({ rollout }: { readonly rollout: Rollout }): ReactNode {
  const { stages } = rollout;
  const shown = COLUMNS.filter(
    (column) => ALWAYS.has(column) || stages.some(({ outcomes }) => (outcomes[column] ?? 0) > 0),
  );
  const hasUncounted = stages.some(({ outcomes }) => outcomes.uncounted > 0);
  return (
    <Card
      title="Outcomes"
      flush
      aside={
        <Text size="sm" c="dimmed">
          {boards(exposedOf(rollout))} exposed, {count(affectedOf(rollout))} affected
        </Text>
      }
    >
      <Table.ScrollContainer
        minWidth={560}
        scrollAreaProps={{ viewportProps: { 'aria-label': 'Outcomes', tabIndex: 0 } }}
      >
        <Table horizontalSpacing="var(--otter-side)" fz={13.5}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Stage</Table.Th>
              <Table.Th ta="right">Boards</Table.Th>
              {shown.map((column) => (
                <Table.Th key={column} ta="right">
                  <StateText tone={OUTCOME_STATES[column][1]}>{OUTCOME_STATES[column][0]}</StateText>
                </Table.Th>
              ))}
              {hasUncounted ? <Table.Th ta="right">Not counted</Table.Th> : null}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {stages.map(({ stage, outcomes, opened_at }) => (
              <Table.Tr key={stage}>
                <Table.Td fw={550}>{stage}</Table.Td>
                <Table.Td ta="right">{opened_at === null ? '–' : count(outcomes.targeted ?? 0)}</Table.Td>
                {shown.map((column) => (
                  <Table.Td
                    key={column}
                    ta="right"
                    {...((outcomes[column] ?? 0) === 0 ? { c: 'dimmed' } : { fw: 550 })}
                  >
                    {opened_at === null ? '–' : count(outcomes[column] ?? 0)}
                  </Table.Td>
                ))}
                {hasUncounted ? (
                  <Table.Td ta="right" c="dimmed">
                    {count(outcomes.uncounted)}
                  </Table.Td>
                ) : null}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}
