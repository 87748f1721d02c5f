// Makes a schedule, or changes one: by a form that says at once when it would run, and what is wrong with it.

import { Button, Checkbox, Group, Modal, NativeSelect, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { call, Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Command } from '#dashboard/parts/command.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { LENGTH_HINT } from '#dashboard/parts/text/length.ts';
import { exactText } from '#dashboard/parts/time.tsx';
import type { NewSchedule, Schedule } from '#protocol/admin/schedules.ts';
import { type Action, DAYS, draftOf, type ScheduleDraft, scheduleOf } from './schedule-draft.ts';
import { commandText } from './schedule-text.ts';

interface ScheduleDialogProps {
  /** Left out: a new one. */
  readonly schedule?: Schedule;
  readonly onClose: () => void;
}

const ACTIONS: readonly (readonly [Action, string])[] = [
  ['start', 'start a rollout'],
  ['promote', 'open the next stage'],
  ['pause', 'pause a rollout'],
  ['resume', 'resume a rollout'],
  ['window', 'allow installs: a window'],
];
const SHOWN_RUNS = 4;

export default function ScheduleDialog({ schedule, onClose }: ScheduleDialogProps): ReactNode {
  const [draft, setDraft] = useState(() => draftOf(schedule));
  const isNew = schedule === undefined;
  const create = useAction('createSchedule', ({ name }) => `${name} is made`, { isShown: true });
  const change = useAction('changeSchedule', ({ name }) => `${name} is changed`, { isShown: true });
  const body = scheduleOf(draft);
  const preview = usePreview(body);
  const refused = isNew ? create.error : change.error;
  const error = refused instanceof Refusal ? refused : preview.error instanceof Refusal ? preview.error : undefined;
  const set = (part: Partial<ScheduleDraft>): void => {
    create.reset();
    change.reset();
    setDraft({ ...draft, ...part });
  };
  const errorOf = (field: string): string | undefined =>
    error?.message.startsWith(`${field}: `) === true ? sentence(error.message.slice(field.length + 2)) : undefined;
  const save = (): void => {
    const { name, ...others } = body;
    if (isNew) create.mutate({ body }, { onSuccess: onClose });
    else change.mutate({ params: { name }, body: others }, { onSuccess: onClose });
  };
  const isNamed = FIELDS.some((field) => errorOf(field) !== undefined);
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={isNew ? 'Add a schedule' : `Change ${schedule.name}`}
      styles={{ title: { fontWeight: 620 } }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Stack gap="md">
          <What draft={draft} isNew={isNew} onChange={set} errorOf={errorOf} />
          <When draft={draft} onChange={set} errorOf={errorOf} />
          {draft.action === 'window' ? null : <Missed draft={draft} onChange={set} errorOf={errorOf} />}
          <Runs preview={preview.data} />
          {error === undefined || isNamed ? null : (
            <Note tone="bad">
              {sentence(error.message)} {sentence(error.hint)}
            </Note>
          )}
          <Command text={commandText(isNew ? 'add' : 'change', body)} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending || change.isPending}>
              {isNew ? 'Add it' : 'Change it'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

const FIELDS = ['name', 'rollout', 'from', 'label', 'cron', 'at', 'timezone', 'duration_s', 'grace_s'] as const;

/** Asked of the server: it knows clock changes, and what it would refuse. */
function usePreview({ cron, at, timezone = '', duration_s: durationS }: NewSchedule) {
  const duration = durationS === undefined ? {} : { duration_s: String(durationS) };
  const time = { ...(cron === undefined ? {} : { cron }), ...(at === undefined ? {} : { at }), timezone, ...duration };
  const [asked] = useDebouncedValue(JSON.stringify(time), 250);
  return useQuery({
    queryKey: ['previewSchedule', asked],
    queryFn: async ({ signal }) => {
      const query: typeof time = JSON.parse(asked);
      const { items } = await call('previewSchedule', { query }, signal);
      // What is typed meanwhile may be no zone.
      return { items, zone: query.timezone };
    },
  });
}

interface PartProps {
  readonly draft: ScheduleDraft;
  readonly onChange: (part: Partial<ScheduleDraft>) => void;
  readonly errorOf: (field: string) => string | undefined;
}

function What({ draft, isNew, onChange, errorOf }: PartProps & { readonly isNew: boolean }): ReactNode {
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

function When({ draft, onChange, errorOf }: PartProps): ReactNode {
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

function Missed({ draft, onChange, errorOf }: PartProps): ReactNode {
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

interface RunsProps {
  readonly preview: { readonly items: readonly { readonly at: string }[]; readonly zone: string } | undefined;
}

function Runs({ preview }: RunsProps): ReactNode {
  if (preview === undefined) return null;
  const { items, zone } = preview;
  const more = items.length - SHOWN_RUNS;
  return (
    <div role="status">
      <Text size="sm" fw={570}>
        {items.length === 0 ? 'It does not run in the next 14 days.' : 'When it runs'}
      </Text>
      <Text size="sm" c="dimmed" component="div">
        {items.slice(0, SHOWN_RUNS).map(({ at }) => (
          <div key={at}>{bothText(at, zone)}</div>
        ))}
        {more > 0 ? `and ${more}${items.length >= 100 ? ' or more' : ''} in the next 14 days` : null}
      </Text>
    </div>
  );
}

/** There, and here where that is another time. */
function bothText(at: string, zone: string): string {
  const there = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: zone }).format(
    new Date(at),
  );
  const here = exactText(at);
  return here.startsWith(there) ? here : `${there} ${zone}; here ${here}`;
}
