// The conditions of a gate; those that most people want in front.

import { Checkbox, SimpleGrid, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { LENGTH_HINT } from '#dashboard/parts/text/length.ts';
import type { GateDraft } from './plan-draft.ts';
import css from './new-rollout.module.css';

interface GateFieldsProps {
  readonly gate: GateDraft;
  readonly onChange: (gate: GateDraft) => void;
  /** By the name of the member in the plan. */
  readonly errorOf: (member: string) => string | undefined;
}

type TextField = Exclude<keyof GateDraft, 'isRevert' | 'faultClasses'>;
type Field = readonly [field: TextField, member: string, label: string, hint: string];

const FIRST: readonly Field[] = [
  ['minConfirmed', 'min_confirmed', 'Healthy boards needed', 'all, where there are fewer'],
  ['soak', 'soak_s', 'Healthy for', LENGTH_HINT],
  ['maxFailed', 'max_failed', 'Most that may fail', 'more halt it at once'],
  ['maxFailedPct', 'max_failed_pct', 'Most that may fail, %', 'of those that answered'],
];
const OTHERS: readonly Field[] = [
  ['maxSilentPct', 'max_silent_pct', 'Most silent, %', 'more keep the gate shut'],
  ['maxLostPct', 'max_lost_pct', 'Most lost, %', 'empty: 5'],
  ['maxHeapDropPct', 'max_heap_drop_pct', 'Free heap may drop by, %', 'against before the build'],
  ['maxMoreRestartsPct', 'max_more_restarts_pct', 'Restarts may rise by, %', 'against before the build'],
];

export function GateFields({ gate, onChange, errorOf }: GateFieldsProps): ReactNode {
  const fields = (some: readonly Field[]): ReactNode => (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
      {some.map(([field, member, label, hint]) => (
        <TextInput
          key={field}
          label={label}
          description={hint}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          inputMode={field === 'soak' ? 'text' : 'decimal'}
          value={gate[field]}
          onChange={({ currentTarget }) => onChange({ ...gate, [field]: currentTarget.value })}
          error={errorOf(member)}
        />
      ))}
    </SimpleGrid>
  );
  const isOpen = OTHERS.some(([, member]) => errorOf(member) !== undefined);
  return (
    <div className={css['inner']}>
      {fields(FIRST)}
      <details open={isOpen || undefined}>
        <summary className={css['summary']}>More conditions{setText(gate)}</summary>
        {fields(OTHERS)}
      </details>
      <Checkbox
        label="When it halts, roll back the boards that run the build"
        checked={gate.isRevert}
        onChange={({ currentTarget }) => onChange({ ...gate, isRevert: currentTarget.checked })}
      />
    </div>
  );
}

function setText(gate: GateDraft): string {
  const set = OTHERS.filter(([field]) => gate[field] !== '').map(([field, , label]) =>
    label.replace(/, %$| by, %$/, ` ${gate[field]} %`).toLowerCase(),
  );
  return set.length === 0 ? '' : `: ${set.join(', ')}`;
}
