// What comes in the next two weeks, as a list or as a week, in the zone of each schedule or in mine.

import { Group, SegmentedControl, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import type { Schedule } from '#protocol/admin/schedules.ts';
import { actionText, type Run } from './schedule-text.ts';
import { WeekGrid } from './week-grid.tsx';
import { clockText, dayText, MY_ZONE, zoneTime } from './zone-time.ts';
import css from './schedules.module.css';

const MOST_SHOWN = 150;

export function Upcoming({ schedules }: { readonly schedules: readonly Schedule[] }): ReactNode {
  const runs = useCall('getScheduleRuns', {}, { everyMs: 60_000 });
  const [params, setParams] = useSearchParams();
  const set = (name: string, value: string): void =>
    setParams({ ...Object.fromEntries(params), [name]: value }, { replace: true });
  const isWeek = params.get('view') === 'week';
  const isMine = params.get('zone') === 'mine';
  return (
    <Card
      title="The next 14 days"
      aside={
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label="Time zone"
            data={[
              { value: 'own', label: 'Zone of each' },
              { value: 'mine', label: 'My zone' },
            ]}
            value={isMine ? 'mine' : 'own'}
            onChange={(value) => set('zone', value)}
          />
          <SegmentedControl
            size="xs"
            aria-label="View"
            data={[
              { value: 'list', label: 'List' },
              { value: 'week', label: 'Week' },
            ]}
            value={isWeek ? 'week' : 'list'}
            onChange={(value) => set('view', value)}
          />
        </Group>
      }
    >
      <Answered query={runs}>
        {({ items }) => {
          const shown = items.flatMap((run): readonly Run[] => {
            const of = schedules.find(({ name }) => name === run.schedule);
            return of === undefined ? [] : [{ ...run, of, zone: isMine ? MY_ZONE : of.timezone }];
          });
          if (shown.length === 0)
            return (
              <Text size="sm" c="dimmed">
                Nothing that is switched on comes in the next 14 days.
              </Text>
            );
          return isWeek ? <WeekGrid runs={shown} /> : <Days runs={shown} isMine={isMine} />;
        }}
      </Answered>
    </Card>
  );
}

function Days({ runs, isMine }: { readonly runs: readonly Run[]; readonly isMine: boolean }): ReactNode {
  const shown = runs.slice(0, MOST_SHOWN).map((run) => ({ run, time: zoneTime(run.at, run.zone) }));
  // Where each has a zone of its own, what comes first is not what its clock shows first.
  const byClock = shown.toSorted(
    ({ time: left }, { time: right }) => left.day.localeCompare(right.day) || left.minute - right.minute,
  );
  const days = Map.groupBy(byClock, ({ time }) => time.day);
  return (
    <>
      {[...days].map(([day, ofDay]) => (
        <section key={day} className={css['day']} aria-label={dayText(day)}>
          <h3>{dayText(day)}</h3>
          <ul>
            {ofDay.map(({ run: { schedule, at, until, of, zone } }) => (
              <li key={`${schedule} ${at}`}>
                <b className="mono">{hoursText(at, until, zone)}</b>
                <span>
                  {schedule}{' '}
                  <Text span inherit c="dimmed">
                    {actionText(of)}
                    {isMine ? '' : `, ${zone}`}
                  </Text>
                </span>
                <Text span inherit c="dimmed">
                  <Ago at={at} />
                </Text>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {runs.length > shown.length ? (
        <Text size="sm" c="dimmed" mt="sm">
          And {runs.length - shown.length} more.
        </Text>
      ) : null}
    </>
  );
}

/** `02:00` or `02:00 to 05:00`. */
function hoursText(at: string, until: string | null, zone: string): string {
  const begins = clockText(zoneTime(at, zone).minute);
  return until === null ? begins : `${begins} to ${clockText(zoneTime(until, zone).minute)}`;
}
