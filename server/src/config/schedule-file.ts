// Reads `config/schedules.yaml`: cron lines, and single times, that start, promote, pause or resume a rollout, and windows in which installs
// are allowed. It reads and judges; the scheduler runs them. The same reader serves the start and a later reload.

import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { MAX_AT_CHARS, MAX_NAME_CHARS, MAX_WINDOW_S } from '#protocol/limits.ts';
import { LABEL_PATTERN, NAME_PATTERN, ROLLOUT_NAME_PATTERN } from '#protocol/words.ts';
import { findLocalWindowFault } from '#server/time/cron.ts';
import { AT_HINT, isAt } from '#server/time/schedule-time.ts';
import { DEFAULT_GRACE_S, type ScheduleSpec } from '#server/values/schedule-spec.ts';
import { CronLine, Timezone } from '#server/config/yaml/cron-shape.ts';
import { errorAt, type Problem } from '#server/config/yaml/problem.ts';
import { checkShape } from '#server/config/yaml/shape.ts';
import { parseDurationS, suggestDuration } from '#server/config/yaml/units.ts';
import { readYamlDocument, type Source } from '#server/config/yaml/yaml-document.ts';

const MAX_SCHEDULES = 1_000;

type ScheduleFileResult =
  | { readonly ok: true; readonly schedules: readonly ScheduleSpec[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const Duration = Type.Refine(
  Type.Unknown({ description: 'a duration from 1m to 7d', examples: ['1h'] }),
  (value) => {
    const seconds = parseDurationS(value);
    return seconds !== undefined && seconds >= 60 && seconds <= MAX_WINDOW_S;
  },
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'write a duration from 1m to 7d'),
);

const At = Type.Refine(
  Type.String({
    maxLength: MAX_AT_CHARS,
    description: 'a time such as 2026-12-24T03:00',
    examples: ['2026-12-24T03:00'],
  }),
  isAt,
  () => AT_HINT,
);

function labelOf(example: string) {
  const description = 'the name of a label, or its key and value: pilot, or site=berlin';
  return Type.String({ pattern: LABEL_PATTERN, description, examples: [example] });
}

function nameOf(thing: string, example: string) {
  const description = `the name of a ${thing}: lower-case letters, digits, dot, dash, underscore; at most ${MAX_NAME_CHARS}`;
  return Type.String({ pattern: NAME_PATTERN, description, examples: [example] });
}

const ScheduleRow = Type.Object(
  {
    name: nameOf('schedule', 'nightly'),
    cron: Type.Optional(CronLine),
    at: Type.Optional(At),
    timezone: Type.Optional(Timezone),
    action: Type.Enum(['start', 'promote', 'pause', 'resume', 'window'], {
      description: 'one of start, promote, pause, resume, window',
      examples: ['start'],
    }),
    rollout: Type.Optional(
      Type.String({
        pattern: ROLLOUT_NAME_PATTERN,
        description: 'the name of a rollout',
        examples: ['thermostat-1.4.0'],
      }),
    ),
    label: Type.Optional(labelOf('pilot')),
    from: Type.Optional(nameOf('stage', 'pilot')),
    enabled: Type.Optional(Type.Boolean({ description: 'true or false', examples: ['true'] })),
    missed: Type.Optional(Type.Enum(['run_once', 'skip'], { description: 'run_once or skip', examples: ['run_once'] })),
    grace: Type.Optional(Duration),
    duration: Type.Optional(Duration),
    device_local: Type.Optional(Type.Boolean({ description: 'true or false', examples: ['true'] })),
  },
  { additionalProperties: false, description: 'a section with name, cron (or at) and action' },
);
type ScheduleRow = Static<typeof ScheduleRow>;

const ScheduleFile = Type.Object(
  {
    schedules: Type.Optional(
      Type.Array(ScheduleRow, { maxItems: MAX_SCHEDULES, description: `a list of at most ${MAX_SCHEDULES} schedules` }),
    ),
  },
  { additionalProperties: false, description: 'the key schedules with a list' },
);

/** The rows as far as they can be read one by one, for the rules between keys and between rows. */
const LooseFile = Type.Object({ schedules: Type.Array(Type.Unknown()) });

/** The schedules of `file`, or everything that is wrong with it. A missing file means that there are none. */
export function loadScheduleFile(file: string): ScheduleFileResult {
  const document = readYamlDocument(file);
  if (document.missing) return { ok: true, schedules: [] };
  if (document.value === undefined) return { ok: false, problems: document.problems };
  const rows = Value.Check(LooseFile, document.value) ? document.value.schedules : [];
  const problems = [
    ...document.problems,
    ...checkShape(ScheduleFile, document),
    ...rows.flatMap((row, index) => (Value.Check(ScheduleRow, row) ? checkRow(row, index, document) : [])),
    ...checkNames(rows, document),
  ];
  if (problems.length > 0 || !Value.Check(ScheduleFile, document.value)) return { ok: false, problems };
  return { ok: true, schedules: (document.value.schedules ?? []).map(toSpec) };
}

/** What an action needs, and what it has no use for. */
function checkRow(row: ScheduleRow, index: number, source: Source): readonly Problem[] {
  const problemAt = (key: string, message: string, hint: string): Problem =>
    errorAt({ ...source.place(['schedules', `${index}`, key]), key: `schedules[${index}].${key}` }, message, hint);
  const { cron } = row;
  if (cron === undefined && row.at === undefined)
    return [
      problemAt('cron', 'is required and missing', 'add "cron: 0 2 * * *", or "at: 2026-12-24T03:00" for one time'),
    ];
  if (cron !== undefined && row.at !== undefined)
    return [problemAt('at', 'does not go with cron', 'keep cron for one that repeats, at for one time')];
  if (row.action === 'window') {
    if (cron === undefined) return [problemAt('at', 'does not go with action window', 'write cron instead')];
    if (row.duration === undefined)
      return [problemAt('duration', 'is required for action window and missing', 'add "duration: 3h"')];
    const window = { cron, durationS: parseDurationS(row.duration) ?? 0 };
    const fault = row.device_local === true ? findLocalWindowFault(window) : undefined;
    return fault === undefined ? [] : [problemAt('cron', `${JSON.stringify(cron)} ${fault.message}`, fault.hint)];
  }
  const problems: Problem[] = [];
  if (row.rollout === undefined) {
    const message = `is required for action ${row.action} and missing`;
    problems.push(problemAt('rollout', message, 'add the name of the rollout, see `otter rollout list`'));
  }
  if (row.from !== undefined && row.action !== 'promote') {
    problems.push(problemAt('from', 'belongs to action promote only', 'take it out'));
  }
  if (row.duration !== undefined) {
    problems.push(problemAt('duration', 'belongs to action window only', 'take it out'));
  }
  if (row.device_local === true) {
    problems.push(problemAt('device_local', 'belongs to action window only', 'take it out'));
  }
  return problems;
}

function checkNames(rows: readonly unknown[], source: Source): readonly Problem[] {
  const Named = Type.Object({ name: Type.String() });
  const names = rows.map((row) => (Value.Check(Named, row) ? row.name : undefined));
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (name === undefined || first === index) return [];
    const { line } = source.place(['schedules', `${first}`, 'name']);
    const place = source.place(['schedules', `${index}`, 'name']);
    return [
      errorAt(place, `the name ${JSON.stringify(name)} is taken in line ${line}`, 'give each schedule its own name'),
    ];
  });
}

/** `checkRow` has made sure of the members that an action needs. */
function toSpec(row: ScheduleRow): ScheduleSpec {
  const durationS = parseDurationS(row.duration);
  return {
    name: row.name,
    cron: row.cron?.trim() ?? '',
    at: row.at?.trim() ?? null,
    timezone: row.timezone ?? 'UTC',
    action: row.action,
    rollout: row.rollout ?? null,
    label: row.label ?? null,
    from: row.action === 'promote' ? (row.from ?? null) : null,
    enabled: row.enabled ?? true,
    missed: row.missed ?? 'run_once',
    graceMs: (parseDurationS(row.grace) ?? DEFAULT_GRACE_S) * 1000,
    durationMs: durationS === undefined ? null : durationS * 1000,
    deviceLocal: row.device_local ?? false,
  };
}
