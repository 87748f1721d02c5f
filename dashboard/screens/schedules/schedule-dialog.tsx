// Makes a schedule, or changes one: by a form that says at once when it would run, and what is wrong with it.

import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { call, Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction } from '#dashboard/data/queries.ts';
import { Command } from '#dashboard/parts/command.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { exactText } from '#dashboard/parts/time.tsx';
import type { NewSchedule, Schedule } from '#protocol/admin/schedules.ts';
import { draftOf, type ScheduleDraft, scheduleOf } from './schedule-draft.ts';
import { Missed, What, When } from './schedule-fields.tsx';
import { commandText } from './schedule-text.ts';

interface ScheduleDialogProps {
  /** Left out: a new one. */
  readonly schedule?: Schedule;
  readonly onClose: () => void;
}

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
