// The fields of a schedule, in three groups: what it does, when, and what becomes of a run that was missed.

import { Checkbox, NativeSelect, SimpleGrid, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { LENGTH_HINT } from '#dashboard/parts/text/length.ts';
import { type Action, DAYS, type ScheduleDraft } from './schedule-draft.ts';

const ACTIONS: readonly (readonly [Action, string])[] = [
  ['start', 'start a rollout'],
  ['promote', 'open the next stage'],
  ['pause', 'pause a rollout'],
  ['resume', 'resume a rollout'],
  ['window', 'allow installs: a window'],
];

interface FieldsProps {
  readonly draft: ScheduleDraft;
  readonly onChange: (part: Partial<ScheduleDraft>) => void;
  readonly errorOf: (field: string) => string | undefined;
}

export function What({ draft, isNew, onChange, errorOf }: FieldsProps & { readonly isNew: boolean }): ReactNode {
  const rollouts = useCall('listRollouts', { query: { limit: '100', sort: '-created_at' } });
  const open = (rollouts.data?.items ?? []).filter(
    ({ ended_at: ended, status }) => ended === null && status !== 'complete',
  );
  const isWindow = draft.action === 'window';
  const names = [...new Set([...open.map(({ name }) => name), draft.rollout])].filter((name) => name !== '');
  const stages = open.find(({ name }) => name === draft.rollout)?.stages.map(({ stage }) => stage) ?? [];
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
      <TextInput
        label="Name"
        value={draft.name}
        disabled={!isNew}
        required
        withAsterisk={false}
        maxLength={32}
        onChange={({ currentTarget }) => onChange({ name: currentTarget.value })}
        error={errorOf('name')}
        {...(isNew ? { 'data-autofocus': true } : {})}
      />
      <NativeSelect
        label="What it does"
        data={ACTIONS.map(([value, label]) => ({ value, label }))}
        value={draft.action}
        onChange={({ currentTarget }) =>
          onChange({ action: ACTIONS.find(([value]) => value === currentTarget.value)?.[0] ?? 'promote' })
        }
      />
      <NativeSelect
        label="Rollout"
        data={[
          { value: '', label: isWindow ? 'all of them' : names.length === 0 ? 'none is open' : 'choose one' },
          ...names.map((name) => ({ value: name, label: name })),
        ]}
        value={draft.rollout}
        onChange={({ currentTarget }) => onChange({ rollout: currentTarget.value, from: '' })}
        error={errorOf('rollout')}
      />
      {draft.action === 'promote' ? (
        <NativeSelect
          label="The stage that it means"
          data={[
            { value: '', label: 'the one that is open now' },
            ...[...new Set([...stages, draft.from])]
              .filter((name) => name !== '')
              .map((name) => ({ value: name, label: name })),
          ]}
          value={draft.from}
          onChange={({ currentTarget }) => onChange({ from: currentTarget.value })}
          error={errorOf('from')}
        />
      ) : null}
      {isWindow || draft.action === 'start' ? (
        <TextInput
          label={isWindow ? 'Only boards with the label (optional)' : 'Label of the pilot (optional)'}
          value={draft.label}
          onChange={({ currentTarget }) => onChange({ label: currentTarget.value })}
          error={errorOf('label')}
        />
      ) : null}
    </SimpleGrid>
  );
}

export function When({ draft, onChange, errorOf }: FieldsProps): ReactNode {
  const { days, action } = draft;
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="sm">
        <NativeSelect
          label="When"
          data={DAYS.filter(([value]) => value !== 'once' || action !== 'window').map(([value, label]) => ({
            value,
            label,
          }))}
          value={days}
          onChange={({ currentTarget }) => onChange({ days: currentTarget.value })}
        />
        {days === 'once' ? (
          <TextInput
            label="Day and time"
            type="datetime-local"
            value={draft.at}
            onChange={({ currentTarget }) => onChange({ at: currentTarget.value })}
            error={errorOf('at')}
          />
        ) : days === 'cron' ? (
          <TextInput
            label="Cron line"
            value={draft.cron}
            onChange={({ currentTarget }) => onChange({ cron: currentTarget.value })}
            error={errorOf('cron')}
          />
        ) : (
          <TextInput
            label="At"
            type="time"
            value={draft.time}
            onChange={({ currentTarget }) => onChange({ time: currentTarget.value })}
            error={errorOf('cron')}
          />
        )}
        <TextInput
          label="Time zone"
          value={draft.timezone}
          onChange={({ currentTarget }) => onChange({ timezone: currentTarget.value })}
          error={errorOf('timezone')}
        />
      </SimpleGrid>
      {action === 'window' ? (
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
          <TextInput
            label="Stays open for"
            description={LENGTH_HINT}
            value={draft.duration}
            onChange={({ currentTarget }) => onChange({ duration: currentTarget.value })}
            error={errorOf('duration_s')}
          />
          <Checkbox
            label="By the day of each board"
            description="In the time zone of its label."
            checked={draft.deviceLocal}
            onChange={({ currentTarget }) => onChange({ deviceLocal: currentTarget.checked })}
            mt={{ base: 0, xs: 26 }}
          />
        </SimpleGrid>
      ) : null}
    </>
  );
}

export function Missed({ draft, onChange, errorOf }: FieldsProps): ReactNode {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
      <NativeSelect
        label="Missed while no server was running"
        data={[
          { value: 'run_once', label: 'run it late' },
          { value: 'skip', label: 'leave it out' },
        ]}
        value={draft.missed}
        onChange={({ currentTarget }) => onChange({ missed: currentTarget.value === 'skip' ? 'skip' : 'run_once' })}
      />
      <TextInput
        label="At most so late"
        value={draft.grace}
        disabled={draft.missed === 'skip'}
        onChange={({ currentTarget }) => onChange({ grace: currentTarget.value })}
        error={errorOf('grace_s')}
      />
    </SimpleGrid>
  );
}
