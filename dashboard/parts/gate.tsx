// What a gate wants: its verdict in the words of the server, and a meter for each condition that is a count.

import { SimpleGrid, Stack } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconHourglass } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { sentence } from '#dashboard/data/queries.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { Bar } from './bar.tsx';
import { lengthText } from './time.tsx';
import { Dot, type Tone } from './tone.tsx';
import css from './parts.module.css';

type Stage = Rollout['stages'][number];
type Delta = NonNullable<Stage['health']>['heap_bytes'] | undefined;

/** More restarts are counted in percent of those before, of so many at least. */
const RESTARTS_OF_LEAST = 5;

interface Condition {
  readonly name: string;
  readonly text: string;
  readonly tone: Tone;
  readonly now: number;
  readonly limit: number;
}

export function GateView({ stage }: { readonly stage: Stage }): ReactNode {
  const { verdict, gate } = stage;
  if (gate === null) return null;
  const conditions = conditionsOf(stage, gate);
  return (
    <Stack gap="sm">
      {verdict === null ? null : <Verdict verdict={verdict} manual={stage.promotion === 'manual'} />}
      <SimpleGrid cols={{ base: 1, sm: conditions.length > 1 ? 2 : 1 }} spacing="lg" verticalSpacing="sm">
        {conditions.map((condition) => (
          <Meter key={condition.name} condition={condition} />
        ))}
      </SimpleGrid>
    </Stack>
  );
}

function Verdict({
  verdict,
  manual,
}: {
  readonly verdict: NonNullable<Stage['verdict']>;
  readonly manual: boolean;
}): ReactNode {
  const { state, text } = verdict;
  if (state === 'passed')
    return (
      <div className={css['verdict']} data-tone="good">
        <IconCircleCheck size={18} aria-hidden />
        <span>
          <b>The gate has passed{manual ? ': it waits for you to promote it' : ''}.</b> {sentence(text)}
        </span>
      </div>
    );
  if (state === 'failed')
    return (
      <div className={css['verdict']} data-tone="bad">
        <IconAlertTriangle size={18} aria-hidden />
        <span>
          <b>The gate has failed.</b> {sentence(text)}
        </span>
      </div>
    );
  return (
    <div className={css['verdict']}>
      <IconHourglass size={18} aria-hidden />
      <span>
        <b>The gate waits.</b> {sentence(text)}
      </span>
    </div>
  );
}

function Meter({ condition }: { readonly condition: Condition }): ReactNode {
  const { name, text, tone, now, limit } = condition;
  return (
    <div className={css['meter']}>
      <Dot tone={tone} />
      <span>{name}</span>
      <b>{text}</b>
      <Bar shares={[{ tone, count: Math.min(now, limit) }]} total={Math.max(limit, 1)} label={`${name}: ${text}`} />
    </div>
  );
}

/** Counts that the answer has; what else the gate looks at stands in the sentence of its verdict. */
function conditionsOf({ outcomes, health }: Stage, gate: NonNullable<Stage['gate']>): readonly Condition[] {
  const { healthy, failed, crashing, lost } = outcomes;
  // A stage with fewer boards than the gate asks for needs all of them.
  const needed = Math.max(1, Math.min(gate.min_confirmed, outcomes.targeted ?? gate.min_confirmed));
  const given = healthy + failed + crashing + lost + outcomes.soaking + outcomes.on_trial;
  const soak = gate.soak_s === undefined || gate.soak_s === 0 ? '' : ` for ${lengthText(gate.soak_s)}`;
  const most = (name: string, now: number, limit: number, unit: string): Condition => ({
    name,
    text: `${now}${unit} of at most ${limit}${unit}`,
    tone: now > limit ? 'bad' : now > 0 ? 'warn' : 'good',
    now: now > limit ? 1 : now,
    limit: now > limit ? 1 : Math.max(limit, now, 1),
  });
  const measured = (name: string, limit: number | undefined, delta: Delta, sign: 1 | -1, least = 0): Condition[] => {
    if (limit === undefined) return [];
    if (delta === undefined) return [{ name, text: 'not measured yet', tone: 'idle', now: 0, limit: 1 }];
    const base = Math.max(delta.before, least);
    const change = base === 0 ? 0 : (sign * (delta.now - delta.before) * 100) / base;
    return [most(name, Math.max(0, Math.round(change)), limit, ' %')];
  };
  const share = (part: number): number => (given === 0 ? 0 : Math.round((part / given) * 100));
  return [
    {
      name: `Healthy${soak}`,
      text: `${healthy} of ${needed}${healthy < needed ? `, ${needed - healthy} more` : ''}`,
      tone: healthy >= needed ? 'good' : 'moving',
      now: healthy,
      limit: needed,
    },
    ...(gate.max_failed === undefined ? [] : [most('Failed or crashing', failed + crashing, gate.max_failed, '')]),
    ...(gate.max_failed_pct === undefined
      ? []
      : [most('Failed or crashing, share', share(failed + crashing), gate.max_failed_pct, ' %')]),
    ...(lost === 0 && gate.max_lost_pct === undefined
      ? []
      : [most('Lost, share', share(lost), gate.max_lost_pct ?? 5, ' %')]),
    ...measured('Free heap is less by', gate.max_heap_drop_pct, health?.heap_bytes, -1),
    ...measured('Restarts are more by', gate.max_more_restarts_pct, health?.restarts_per_day, 1, RESTARTS_OF_LEAST),
  ];
}
