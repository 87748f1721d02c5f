// The gate of each stage that is open or was: its verdict, its meters, and how the boards fare against before.

import { SimpleGrid, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { GateView } from '#dashboard/parts/gate.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { lengthText } from '#dashboard/parts/time.tsx';
import { bytes } from '#dashboard/parts/words.ts';
import type { StageHealth } from '#protocol/admin/health.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import css from './rollout.module.css';

export function StageGates({ rollout }: { readonly rollout: Rollout }): ReactNode {
  const opened = rollout.stages.filter(({ opened_at }) => opened_at !== null);
  const shown = opened.filter(
    ({ gate, verdict, stage }) => gate !== null && (verdict !== null || stage === rollout.stage),
  );
  if (shown.length === 0) return null;
  return (
    <>
      {shown.toReversed().map((stage) => (
        <Card key={stage.stage} title={`Gate of ${stage.stage}`} aside={<Aside stage={stage} />}>
          <Stack gap="lg">
            <GateView stage={stage} />
            {stage.health === undefined ? null : <Health health={stage.health} />}
          </Stack>
        </Card>
      ))}
    </>
  );
}

function Aside({ stage }: { readonly stage: Rollout['stages'][number] }): ReactNode {
  const { promotion, gate, max_in_flight, max_offers_per_minute } = stage;
  const facts = [
    promotion === 'auto' ? 'opens the next stage by itself' : 'a person opens the next stage',
    gate?.on_halt === 'revert' ? 'a halt rolls back' : '',
    max_in_flight === null ? '' : `${max_in_flight} at once`,
    max_offers_per_minute === null ? '' : `${max_offers_per_minute} a minute`,
    gate?.soak_s === undefined ? '' : `soak ${lengthText(gate.soak_s)}`,
  ];
  return (
    <Text size="sm" c="dimmed">
      {facts.filter((fact) => fact !== '').join(' · ')}
    </Text>
  );
}

const MEASURES: readonly (readonly [
  keyof Omit<StageHealth, 'text'>,
  string,
  (value: number) => string,
  'more' | 'less',
])[] = [
  ['heap_bytes', 'Free heap', bytes, 'more'],
  ['block_bytes', 'Largest block', bytes, 'more'],
  ['rssi_dbm', 'Signal', (value) => `${Math.round(value)} dBm`, 'more'],
  ['boot_s', 'Restart to check-in', (value) => `${value.toFixed(1)} s`, 'less'],
  ['restarts_per_day', 'Restarts a day', (value) => value.toFixed(1), 'less'],
  ['crashes_per_day', 'Crashes a day', (value) => value.toFixed(1), 'less'],
];

/** A change below this share is noise to the eye. */
const NOTABLE = 0.03;

function Health({ health }: { readonly health: StageHealth }): ReactNode {
  const shown = MEASURES.filter(([name]) => health[name] !== undefined);
  if (shown.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {health.text.join('. ')}
      </Text>
    );
  return (
    <div>
      <Text size="sm" fw={570} mb="xs">
        How these boards fare: before, now
      </Text>
      <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="sm">
        {shown.map(([name, title, format, better]) => {
          const delta = health[name];
          if (delta === undefined) return null;
          const { before, now } = delta;
          const change = now - before;
          const isNotable = Math.abs(change) > Math.abs(before) * NOTABLE;
          const tone = !isNotable ? 'same' : change > 0 === (better === 'more') ? 'better' : 'worse';
          return (
            <div key={name} className={css['measure']} data-tone={tone}>
              <Text size="xs" c="dimmed">
                {title}
              </Text>
              <div className={css['measureValue']}>
                <span className={css['before']}>{format(before)}</span>
                <span aria-hidden>→</span>
                <b>{format(now)}</b>
              </div>
              <Text size="xs" c="dimmed">
                {tone === 'same' ? 'as before' : tone}, {delta.boards} told both
              </Text>
            </div>
          );
        })}
      </SimpleGrid>
    </div>
  );
}
