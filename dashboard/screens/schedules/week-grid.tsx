// A week of days and hours: windows as blocks, runs as lines. Each says in words what it is.

import { Button, Group, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { actionText, type Run } from './schedule-text.ts';
import { clockText, DAY_MIN, dayText, nextDay, zoneTime } from './zone-time.ts';
import css from './schedules.module.css';

const HOUR_PX = 17;
const RUN_PX = 19;
const WEEK_DAYS = 7;
const MARKED_HOURS = [0, 6, 12, 18] as const;

interface Block {
  readonly key: string;
  readonly day: string;
  readonly name: string;
  readonly text: string;
  readonly fromMin: number;
  /** Of a run that is no window: undefined. */
  readonly toMin: number | undefined;
}

export function WeekGrid({ runs }: { readonly runs: readonly Run[] }): ReactNode {
  const [week, setWeek] = useState(0);
  const blocks = runs.flatMap(blocksOf);
  const first = zoneTime(Date.now(), runs[0]?.zone ?? 'UTC').day;
  const days: string[] = [];
  for (let day = first; days.length < 2 * WEEK_DAYS; day = nextDay(day)) days.push(day);
  const shown = days.slice(week * WEEK_DAYS, (week + 1) * WEEK_DAYS);
  return (
    <>
      <Group gap="xs" mb="sm">
        {['These 7 days', 'The 7 after'].map((text, index) => (
          <Button
            key={text}
            size="compact-sm"
            variant={week === index ? 'filled' : 'default'}
            aria-pressed={week === index}
            onClick={() => setWeek(index)}
          >
            {text}
          </Button>
        ))}
      </Group>
      <div className={css['week']}>
        <div aria-hidden className={css['hours']} style={{ height: 24 * HOUR_PX }}>
          {MARKED_HOURS.map((hour) => (
            <span key={hour} style={{ top: hour * HOUR_PX }}>
              {clockText(hour * 60)}
            </span>
          ))}
        </div>
        {shown.map((day) => (
          <Day key={day} day={day} blocks={blocks.filter((block) => block.day === day)} />
        ))}
      </div>
      <Text size="xs" c="dimmed" mt="xs">
        Blocks are windows: installs are allowed. Lines are runs. The list names all of them.
      </Text>
    </>
  );
}

function Day({ day, blocks }: { readonly day: string; readonly blocks: readonly Block[] }): ReactNode {
  const [weekday, date, month] = dayText(day).replace(',', '').split(' ');
  return (
    <section className={css['weekDay']} aria-label={dayText(day)}>
      <h3>
        {weekday} {date} <span>{month}</span>
      </h3>
      <ul style={{ height: 24 * HOUR_PX, backgroundSize: `100% ${6 * HOUR_PX}px` }}>
        {placed(blocks).map(({ block: { key, name, text, fromMin, toMin }, topPx }) =>
          toMin === undefined ? (
            <li key={key} className={css['run']} style={{ top: topPx }} title={text}>
              <b>{clockText(fromMin)}</b> {name}
            </li>
          ) : (
            <li
              key={key}
              className={css['window']}
              style={{ top: topPx, height: Math.max(RUN_PX, ((toMin - fromMin) / 60) * HOUR_PX) }}
              title={text}
            >
              {name}
            </li>
          ),
        )}
      </ul>
    </section>
  );
}

/** Runs at the same time stand below each other. */
function placed(blocks: readonly Block[]): readonly { readonly block: Block; readonly topPx: number }[] {
  let freePx = 0;
  return blocks
    .toSorted((left, right) => left.fromMin - right.fromMin)
    .map((block) => {
      const wantedPx = (block.fromMin / 60) * HOUR_PX;
      if (block.toMin !== undefined) return { block, topPx: wantedPx };
      const topPx = Math.min(Math.max(wantedPx, freePx), 24 * HOUR_PX - RUN_PX);
      freePx = topPx + RUN_PX;
      return { block, topPx };
    });
}

/** A window over midnight is a block of each of its days. */
function blocksOf({ schedule, at, until, zone, of }: Run): readonly Block[] {
  const begin = zoneTime(at, zone);
  const text = `${schedule}: ${actionText(of)}, ${zone}`;
  const one = { name: schedule, text: `${clockText(begin.minute)} ${text}` };
  if (until === null)
    return [{ ...one, key: `${schedule} ${at}`, day: begin.day, fromMin: begin.minute, toMin: undefined }];
  const end = zoneTime(until, zone);
  const blocks: Block[] = [];
  for (let day = begin.day; day <= end.day; day = nextDay(day)) {
    const fromMin = day === begin.day ? begin.minute : 0;
    const toMin = day === end.day ? end.minute : DAY_MIN;
    if (toMin > fromMin) blocks.push({ ...one, key: `${schedule} ${at} ${day}`, day, fromMin, toMin });
  }
  return blocks;
}
