// What happens by the clock, in the order in which it comes, each in its own zone and in mine.

import { Button, Group, Stack, Switch, Text } from '@mantine/core';
import { IconCalendarClock, IconPlus } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Link } from 'wouter';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { More } from '#dashboard/parts/ask/more.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { Ago, exactText, lengthText } from '#dashboard/parts/time.tsx';
import { StateBadge } from '#dashboard/parts/tone.tsx';
import parts from '#dashboard/parts/parts.module.css';
import type { Schedule } from '#protocol/admin/schedules.ts';
import { Troubles } from './troubles.tsx';
import { Upcoming } from './upcoming.tsx';
import css from './schedules.module.css';

const ScheduleDialog = lazy(async () => import('./schedule-dialog.tsx'));

export default function Schedules(): ReactNode {
  const schedules = useCall('listSchedules', { query: { limit: '500' } });
  const [isAdding, setAdding] = useState(false);
  return (
    <Page
      title="Schedules"
      about="What happens to rollouts by the clock, and when installs are allowed."
      actions={
        <Button leftSection={<IconPlus size={17} />} onClick={() => setAdding(true)}>
          Add a schedule
        </Button>
      }
    >
      <Answered query={schedules}>
        {({ items }) => (
          <Stack gap="lg">
            <Card flush {...(items.length === 0 ? {} : { title: 'All schedules' })}>
              {items.length === 0 ? (
                <Empty title="Nothing is scheduled" icon={<IconCalendarClock size={22} />}>
                  A schedule starts, promotes, pauses or resumes a rollout, or opens a window for installs. It survives
                  a change of summer time.
                </Empty>
              ) : (
                items.toSorted(byNextRun).map((schedule) => <Row key={schedule.name} schedule={schedule} />)
              )}
            </Card>
            {items.length === 0 ? null : <Upcoming schedules={items} />}
            {items.length === 0 ? null : <Troubles />}
          </Stack>
        )}
      </Answered>
      {isAdding ? (
        <Suspense>
          <ScheduleDialog onClose={() => setAdding(false)} />
        </Suspense>
      ) : null}
    </Page>
  );
}

function byNextRun(left: Schedule, right: Schedule): number {
  return (left.next_run_at ?? '9').localeCompare(right.next_run_at ?? '9');
}

function Row({ schedule }: { readonly schedule: Schedule }): ReactNode {
  const { name, action, rollout, label, duration_s: length, enabled, source, last_result: result } = schedule;
  const enable = useAction('setScheduleEnabled');
  return (
    <div className={css['row']}>
      <div style={{ minWidth: 0 }}>
        <Group gap="xs">
          <b>{name}</b>
          {schedule.done_at === null ? null : <StateBadge tone="idle">Done</StateBadge>}
          {schedule.pending_since === null ? null : <StateBadge tone="warn">Waits for its gate</StateBadge>}
          {source === 'file' ? <StateBadge tone="idle">From the file</StateBadge> : null}
        </Group>
        <Text size="sm" component="div">
          {action}
          {length === null ? '' : ` of ${lengthText(length)}`}
          {rollout === null ? null : (
            <>
              {' '}
              <Link href={rolloutHref(rollout)} className={parts['link'] ?? ''}>
                {rollout}
              </Link>
            </>
          )}
          {label === null ? '' : ` for label ${label}`}
          {schedule.device_local ? ', by the day of each board' : ''}
        </Text>
        {result === null ? null : (
          <Text size="xs" c="dimmed">
            Last: {sentence(result)}
          </Text>
        )}
      </div>
      <div>
        <Next schedule={schedule} />
      </div>
      <Group gap="xs" justify="flex-end">
        <Switch
          aria-label={`${name} is on`}
          checked={enabled}
          disabled={source === 'file' || schedule.done_at !== null}
          onChange={({ currentTarget }) =>
            enable.mutate({ params: { name }, body: { enabled: currentTarget.checked } })
          }
        />
        <MoreOf schedule={schedule} />
      </Group>
    </div>
  );
}

function Next({ schedule }: { readonly schedule: Schedule }): ReactNode {
  const { next_run_at: next, timezone, cron, at } = schedule;
  return (
    <>
      <div>{next === null ? schedule.action === 'window' ? 'A window' : 'No run is due' : <Ago at={next} />}</div>
      {next === null ? null : (
        <Text size="xs" c="dimmed">
          {exactText(next)}
        </Text>
      )}
      <Text size="xs" c="dimmed" component="div">
        <code>{cron ?? at}</code> {timezone}
      </Text>
    </>
  );
}

function MoreOf({ schedule }: { readonly schedule: Schedule }): ReactNode {
  const { name, source, action } = schedule;
  const isFile = source === 'file';
  const [asked, setAsked] = useState<'run' | 'change' | 'delete' | 'file'>();
  const run = useAction('runSchedule', () => `${name} has run`);
  const remove = useAction('deleteSchedule', () => `${name} is gone`);
  const onClose = (): void => setAsked(undefined);
  return (
    <>
      <More
        name={`More of ${name}`}
        size="xs"
        items={[
          ...(action === 'window' ? [] : [{ text: 'Run it now', onPick: () => setAsked('run') }]),
          { text: 'Change', onPick: () => setAsked(isFile ? 'file' : 'change') },
          ...(isFile ? [] : [{ text: 'Delete', isDanger: true, onPick: () => setAsked('delete') }]),
        ]}
      />
      {asked === 'change' ? (
        <Suspense>
          <ScheduleDialog schedule={schedule} onClose={onClose} />
        </Suspense>
      ) : null}
      {asked === 'file' ? (
        <ActionDialog title={`${name} stands in the file`} confirm="I see" onClose={onClose} onConfirm={onClose}>
          It is changed and removed in config/schedules.yaml on the server, which takes the file in within seconds.
        </ActionDialog>
      ) : null}
      {asked !== 'run' && asked !== 'delete' ? null : (
        <ActionDialog
          title={asked === 'run' ? `Run ${name} now?` : `Delete ${name}?`}
          confirm={asked === 'run' ? 'Run it' : 'Delete'}
          danger={asked === 'delete'}
          busy={run.isPending || remove.isPending}
          onClose={onClose}
          onConfirm={() => (asked === 'run' ? run : remove).mutate({ params: { name } }, { onSettled: onClose })}
        >
          {asked === 'run'
            ? 'Its action is carried out at once; its next run by the clock stays.'
            : 'It never runs again. What it did stays in the audit.'}
        </ActionDialog>
      )}
    </>
  );
}
