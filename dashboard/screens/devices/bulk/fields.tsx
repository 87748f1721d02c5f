// What a change of many boards needs to be told.

import { Autocomplete, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { HOLD_WITHOUT_END, HoldEnd, type HoldEndValue } from '#dashboard/parts/ask/hold-end.tsx';
import type { BulkVerb } from './verbs.ts';

export interface Filled {
  readonly label: string;
  readonly version: string;
  readonly reason: string;
  readonly end: HoldEndValue;
}

export const NOTHING_FILLED: Filled = { label: '', version: '', reason: '', end: HOLD_WITHOUT_END };

interface FieldsProps {
  readonly verb: BulkVerb;
  readonly filled: Filled;
  readonly onFill: (filled: Filled) => void;
  readonly isDisabled: boolean;
}

/** What is missing; undefined: nothing. */
export function missingOf(verb: BulkVerb, { label, reason, end }: Filled): 'label' | 'reason' | undefined {
  if (verb === 'label' || verb === 'unlabel') return label === '' ? 'label' : undefined;
  return verb === 'hold' && (reason.trim() === '' || end.isUnfinished) ? 'reason' : undefined;
}

export function Fields({ verb, filled, onFill, isDisabled }: FieldsProps): ReactNode {
  if (verb === 'label' || verb === 'unlabel')
    return (
      <LabelField
        isNew={verb === 'label'}
        value={filled.label}
        isDisabled={isDisabled}
        onChange={(label) => onFill({ ...filled, label })}
      />
    );
  if (verb === 'hold') return <HoldFields {...{ filled, onFill, isDisabled }} />;
  if (verb === 'clear_known_bad')
    return (
      <TextInput
        label="Version (optional)"
        description="Of the build that is forgiven. Empty: of all that failed."
        value={filled.version}
        disabled={isDisabled}
        maxLength={64}
        onChange={({ currentTarget }) => onFill({ ...filled, version: currentTarget.value.trim() })}
      />
    );
  return null;
}

interface LabelFieldProps {
  readonly isNew: boolean;
  readonly value: string;
  readonly isDisabled: boolean;
  readonly onChange: (value: string) => void;
}

function LabelField({ isNew, value, isDisabled, onChange }: LabelFieldProps): ReactNode {
  const labels = useCall('listLabels', { query: { limit: '500' } });
  // The others keep themselves.
  const byHand = (labels.data?.items ?? []).filter(({ where }) => where === null);
  return (
    <Autocomplete
      label="Label"
      description={
        isNew
          ? 'One that there is, or a new one: lower-case letters, digits, dot, dash, underscore; or key=value.'
          : undefined
      }
      data={byHand.map(({ name }) => name)}
      value={value}
      disabled={isDisabled}
      onChange={(text) => onChange(text.trim())}
      maxLength={32}
      data-autofocus
    />
  );
}

function HoldFields({ filled, onFill, isDisabled }: Omit<FieldsProps, 'verb'>): ReactNode {
  return (
    <>
      <HoldEnd value={filled.end} onChange={(end) => onFill({ ...filled, end })} />
      <TextInput
        label="Reason"
        description="It stays in the audit."
        required
        maxLength={200}
        value={filled.reason}
        disabled={isDisabled}
        onChange={({ currentTarget }) => onFill({ ...filled, reason: currentTarget.value })}
        data-autofocus
      />
    </>
  );
}
