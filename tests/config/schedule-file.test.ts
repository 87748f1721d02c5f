import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCronFault, findTimezoneFault } from '#server/time/cron.ts';
import { formatProblem } from '#server/config/yaml/problem.ts';
import { loadScheduleFile } from '#server/config/schedule-file.ts';
import { newFolder, put } from './new-home.ts';

function load(text: string) {
  const folder = newFolder();
  put(folder, 'schedules.yaml', text);
  const result = loadScheduleFile(join(folder, 'schedules.yaml'));
  return result.ok ? result.schedules : result.problems.map(formatProblem).map((line) => line.slice(folder.length + 1));
}

test('a schedule comes with its defaults, a window with its duration', () => {
  const schedules = load(`schedules:
  - {name: go, cron: "0 9 * * 1", action: start, rollout: thermostat-1.4.0}
  - {name: night, cron: "0 2 * * *", timezone: Europe/Berlin, action: window, duration: 3h, label: lab,
     enabled: false, missed: skip, grace: 10m}
`);
  expect(schedules).toEqual([
    {
      name: 'go',
      cron: '0 9 * * 1',
      timezone: 'UTC',
      at: null,
      action: 'start',
      rollout: 'thermostat-1.4.0',
      label: null,
      from: null,
      enabled: true,
      missed: 'run_once',
      graceMs: 3_600_000,
      durationMs: null,
      deviceLocal: false,
    },
    {
      name: 'night',
      cron: '0 2 * * *',
      timezone: 'Europe/Berlin',
      at: null,
      action: 'window',
      rollout: null,
      label: 'lab',
      from: null,
      enabled: false,
      missed: 'skip',
      graceMs: 600_000,
      durationMs: 10_800_000,
      deviceLocal: false,
    },
  ]);
});

test('a schedule for one time has no cron line, whether its time is in quotes or not', () => {
  const schedules = load(`schedules:
  - {name: eve, at: 2026-12-24T03:00, timezone: Europe/Berlin, action: start, rollout: r}
  - {name: seconds, at: 2026-12-24T03:00:30, action: promote, rollout: r, from: pilot}
  - {name: instant, at: "2026-12-24T03:00+01:00", action: promote, rollout: r}
`);
  expect(schedules).toMatchObject([
    { cron: '', at: '2026-12-24T03:00', timezone: 'Europe/Berlin', action: 'start', rollout: 'r' },
    { cron: '', at: '2026-12-24T03:00:30', action: 'promote', rollout: 'r', from: 'pilot' },
    { cron: '', at: '2026-12-24T03:00+01:00', action: 'promote', rollout: 'r', from: null },
  ]);
});

test('a file that is missing, empty or all comments means no schedules', () => {
  expect(loadScheduleFile(join(newFolder(), 'schedules.yaml'))).toEqual({ ok: true, schedules: [] });
  expect(load('')).toEqual([]);
  expect(load('schedules:\n#  - name: night\n')).toEqual([]);
});

describe('a schedule is refused', () => {
  test.each([
    [
      '{name: a, cron: "0 2 * * *", action: pause}',
      /^schedules\.yaml:2:5: schedules\[0\]\.rollout: is required for action pause/,
    ],
    ['{name: a, cron: "0 2 * * *", action: window}', /schedules\[0\]\.duration: is required for action window/],
    [
      '{name: a, cron: "0 2 * * *", action: start, rollout: r, duration: 1h}',
      /:2:61: .*duration: belongs to action window/,
    ],
    ['{name: a, cron: "0 2 * * *", action: stop}', /action: wants one of start, promote, .* found "stop"/],
    ['{name: A b, cron: "0 2 * * *", action: start, rollout: r}', /name: wants the name of a schedule/],
    ['{name: a, cron: "* * * * * *", action: start, rollout: r}', /cron: .*; it has 6 fields, not five: write minute/],
    ['{name: a, cron: "*/5 * * * *", action: start, rollout: r}', /cron: .*; it has runs 5 min apart/],
    [
      '{name: a, corn: "0 2 * * *", cron: "0 2 * * *", action: start, rollout: r}',
      /corn: unknown key; did you mean cron\?/,
    ],
    [
      '{name: a, action: start, rollout: r}',
      /schedules\[0\]\.cron: is required and missing; .* "at: 2026-12-24T03:00"/,
    ],
    ['{name: a, cron: "0 2 * * *", at: 2026-12-24T03:00, action: start, rollout: r}', /at: does not go with cron/],
    ['{name: a, at: 2026-12-24T03:00, action: window, duration: 1h}', /at: does not go with action window/],
    ['{name: a, at: 2026-02-30T03:00, action: start, rollout: r}', /at: wants a time such as 2026-12-24T03:00/],
    ['{name: a, at: 2026-12-24, action: start, rollout: r}', /at: wants a time .* found "2026-12-24"/],
    ['{name: a, cron: "0 2 * * *", action: start, rollout: r, from: pilot}', /from: belongs to action promote only/],
    ['{name: a, cron: "0 2 * * *", action: start, rollout: r, grace: 1 hour}', /grace: .* found "1 hour"; use 1h/],
  ])('%s', (row, expected) => {
    const problems = load(`schedules:\n  - ${row}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(expected);
  });

  test('whose name is taken, with the line that took it', () => {
    const row = 'cron: "0 2 * * *", action: start, rollout: r}';
    expect(load(`schedules:\n  - {name: a, ${row}\n  - {name: b, ${row}\n  - {name: a, ${row}\n`)).toEqual([
      'schedules.yaml:4:6: schedules[2].name: the name "a" is taken in line 2; give each schedule its own name',
    ]);
  });
});

test.each([
  ['*/15 * * * *', undefined],
  ['0 0 29 2 *', undefined],
  ['0 2 * * MON-FRI', undefined],
  [' 0 2 L * * ', undefined],
  ['*/14 * * * *', 'cron_too_often'],
  ['0,10 3 * * *', 'cron_too_often'],
  ['0,59 0,23 * * *', 'cron_too_often'],
  ['0 2 * *', 'cron_invalid'],
  ['0 0 2 * * *', 'cron_invalid'],
  ['@daily', 'cron_invalid'],
  ['0 25 * * *', 'cron_invalid'],
  ['0 0 30 2 *', 'cron_invalid'],
  ['a b c d e', 'cron_invalid'],
  ['', 'cron_invalid'],
])('the cron line "%s" has the fault %s', (cron, code) => {
  expect(findCronFault(cron)?.code).toBe(code);
});

test.each([
  ['UTC', undefined],
  ['Europe/Berlin', undefined],
  ['America/Argentina/Buenos_Aires', undefined],
  ['Europe/Berln', 'did you mean Europe/Berlin?'],
  ['Berlin', 'did you mean Europe/Berlin?'],
  ['+02:00', 'did you mean UTC or Europe/Berlin?'],
  ['', 'did you mean UTC or Europe/Berlin?'],
])('the time zone "%s": %s', (timezone, hint) => {
  expect(findTimezoneFault(timezone)?.hint).toBe(hint);
});
