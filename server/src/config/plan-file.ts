// Reads `config/plans.yaml`: the plans of this server beside those that are built in. It reads and judges; a plan does
// nothing until a rollout is made from it, and what stands in a rollout then is a copy.

import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { FAULTS } from '#protocol/device/errors.ts';
import {
  MAX_DESCRIPTION_CHARS,
  MAX_MORE_RESTARTS_PCT,
  MAX_PLAN_STAGES,
  MAX_PLANS,
  MAX_SOAK_S,
  MAX_FORCE_AFTER_S,
  MAX_WATCH_S,
  MAX_WINDOW_S,
} from '#protocol/limits.ts';
import { CONSENTS, type Gate, ON_HALT, type Plan, type PlanWindow, PROMOTIONS } from '#protocol/admin/plan.ts';
import { LABEL_PATTERN, NAME_PATTERN } from '#protocol/words.ts';
import { ASK_FIRST, findPlanFaults, NO_CONSENT } from '#server/values/plan-faults.ts';
import { BUILT_IN_PLANS } from '#engine/stage/built-in-plans.ts';
import { CronLine, Timezone } from '#server/config/yaml/cron-shape.ts';
import { errorAt, type Problem } from '#server/config/yaml/problem.ts';
import { checkShape } from '#server/config/yaml/shape.ts';
import { parseDurationS, parsePercent, suggestDuration, suggestPercent } from '#server/config/yaml/units.ts';
import { type KeyPath, keyText, readYamlDocument, type Source } from '#server/config/yaml/yaml-document.ts';

type PlanFileResult =
  | { readonly ok: true; readonly plans: readonly Plan[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const closed = { additionalProperties: false };

const Percentage = Type.Refine(
  Type.Unknown({ description: 'a whole percentage from 1% to 100%', examples: ['5%'] }),
  (value) => {
    const percent = parsePercent(value);
    return Number.isInteger(percent) && percent !== undefined && percent >= 1 && percent <= 100;
  },
  (value) => (parsePercent(value) === undefined ? suggestPercent(value) : 'write a whole percentage from 1% to 100%'),
);

const Share = Type.Refine(
  Type.Unknown({ description: 'a percentage from 0% to 100%', examples: ['2%'] }),
  (value) => (parsePercent(value) ?? Number.NaN) <= 100,
  (value) => (parsePercent(value) === undefined ? suggestPercent(value) : 'write a percentage from 0% to 100%'),
);

const More = Type.Refine(
  Type.Unknown({ description: `a percentage from 0% to ${MAX_MORE_RESTARTS_PCT}%`, examples: ['50%'] }),
  (value) => (parsePercent(value) ?? Number.NaN) <= MAX_MORE_RESTARTS_PCT,
  (value) =>
    parsePercent(value) === undefined
      ? suggestPercent(value)
      : `write a percentage from 0% to ${MAX_MORE_RESTARTS_PCT}%`,
);

const Soak = Type.Refine(
  Type.Unknown({ description: 'a duration of at most 30d', examples: ['1h'] }),
  (value) => (parseDurationS(value) ?? Number.NaN) <= MAX_SOAK_S,
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'write a duration of at most 30d'),
);

const Watch = Type.Refine(
  Type.Unknown({ description: 'a duration of at most 30d', examples: ['24h'] }),
  (value) => (parseDurationS(value) ?? Number.NaN) <= MAX_WATCH_S,
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'write a duration of at most 30d'),
);

const ForceAfter = Type.Refine(
  Type.Unknown({ description: 'a duration of at most 90d', examples: ['7d'] }),
  (value) => (parseDurationS(value) ?? Number.NaN) <= MAX_FORCE_AFTER_S,
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'write a duration of at most 90d'),
);

const WindowDuration = Type.Refine(
  Type.Unknown({ description: 'a duration from 1m to 7d', examples: ['3h'] }),
  (value) => {
    const seconds = parseDurationS(value);
    return seconds !== undefined && seconds >= 60 && seconds <= MAX_WINDOW_S;
  },
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'write a duration from 1m to 7d'),
);

const WindowRow = Type.Object(
  {
    cron: CronLine,
    timezone: Type.Optional(Timezone),
    duration: WindowDuration,
    device_local: Type.Optional(Type.Boolean({ description: 'true or false', examples: ['true'] })),
  },
  { ...closed, description: 'a section with cron and duration', examples: ['{cron: "0 2 * * *", duration: 3h}'] },
);
type WindowRow = Static<typeof WindowRow>;

const Limit = Type.Integer({ minimum: 1, description: 'a number of devices, 1 or more', examples: ['50'] });

const GateRow = Type.Object(
  {
    min_confirmed: Type.Integer({ minimum: 1, description: 'a number of devices, 1 or more', examples: ['5'] }),
    max_failed: Type.Optional(Type.Integer({ minimum: 0, description: 'a number of devices', examples: ['0'] })),
    max_failed_pct: Type.Optional(Share),
    max_silent_pct: Type.Optional(Share),
    max_lost_pct: Type.Optional(Share),
    soak: Type.Optional(Soak),
    max_heap_drop_pct: Type.Optional(Share),
    max_more_restarts_pct: Type.Optional(More),
    fault_classes: Type.Optional(
      Type.Array(Type.Enum(FAULTS, { description: `one of ${FAULTS.join(', ')}`, examples: ['[firmware]'] }), {
        minItems: 1,
        uniqueItems: true,
        description: `a list of ${FAULTS.join(', ')}, each once`,
        examples: ['[firmware, device]'],
      }),
    ),
    on_halt: Type.Optional(Type.Enum(ON_HALT, { description: 'keep or revert', examples: ['revert'] })),
  },
  { ...closed, description: 'a section with min_confirmed', examples: ['{min_confirmed: 5, max_failed: 0}'] },
);
type GateRow = Static<typeof GateRow>;

const StageRow = Type.Object(
  {
    name: nameOf('stage', 'a-few'),
    label: labelOf('general'),
    percentage: Type.Optional(Percentage),
    promotion: Type.Optional(Type.Enum(PROMOTIONS, { description: 'manual or auto', examples: ['manual'] })),
    gate: Type.Optional(GateRow),
    window: Type.Optional(WindowRow),
    max_in_flight: Type.Optional(Limit),
    max_offers_per_minute: Type.Optional(Limit),
  },
  { ...closed, description: 'a section with name and label' },
);
type StageRow = Static<typeof StageRow>;

const PlanRow = Type.Object(
  {
    name: nameOf('plan', 'by-region'),
    description: Type.Optional(
      Type.String({
        maxLength: MAX_DESCRIPTION_CHARS,
        pattern: '^[^\\u0000-\\u001f\\u007f]*$',
        description: `a line of at most ${MAX_DESCRIPTION_CHARS} characters`,
        examples: ['one region after the other'],
      }),
    ),
    watch: Type.Optional(Watch),
    consent: Type.Optional(
      Type.Enum(CONSENTS, { description: 'board: the board may put the update off', examples: ['board'] }),
    ),
    force_after: Type.Optional(ForceAfter),
    stages: Type.Array(StageRow, {
      minItems: 1,
      maxItems: MAX_PLAN_STAGES,
      description: `a list of 1 to ${MAX_PLAN_STAGES} stages`,
      examples: ['[{name: everyone, label: general}]'],
    }),
  },
  { ...closed, description: 'a section with name and stages' },
);
type PlanRow = Static<typeof PlanRow>;

const PlanFile = Type.Object(
  {
    plans: Type.Optional(
      Type.Array(PlanRow, { maxItems: MAX_PLANS, description: `a list of at most ${MAX_PLANS} plans` }),
    ),
  },
  { ...closed, description: 'the key plans with a list' },
);

/** The rows as far as they can be read one by one, for the rules between keys and between rows. */
const LooseFile = Type.Object({ plans: Type.Array(Type.Unknown()) });
const Named = Type.Object({ name: Type.String() });

/** The plans of `file`, or everything that is wrong with it. A missing file means that there are none. */
export function loadPlanFile(file: string): PlanFileResult {
  const document = readYamlDocument(file);
  if (document.missing) return { ok: true, plans: [] };
  if (document.value === undefined) return { ok: false, problems: document.problems };
  const rows = Value.Check(LooseFile, document.value) ? document.value.plans : [];
  const problems = [
    ...document.problems,
    ...checkShape(PlanFile, document),
    ...checkNames(rows, ['plans'], 'plan', document),
    ...checkBuiltIn(rows, document),
    ...rows.flatMap((row, index) => (Value.Check(PlanRow, row) ? checkStages(row, index, document) : [])),
  ];
  if (problems.length > 0 || !Value.Check(PlanFile, document.value)) return { ok: false, problems };
  return { ok: true, plans: (document.value.plans ?? []).map(toPlan) };
}

function checkStages(row: PlanRow, index: number, source: Source): readonly Problem[] {
  const path = ['plans', `${index}`, 'stages'];
  // Of a name that is taken, a file can say in which line.
  const faults = findPlanFaults(row.stages.map(toStage)).filter(({ member }) => member !== 'name');
  const isForced = row.force_after !== undefined && row.consent === undefined;
  return [
    ...(isForced ? [problemAt(['plans', `${index}`, 'force_after'], NO_CONSENT, ASK_FIRST, source)] : []),
    ...checkNames(row.stages, path, 'stage', source),
    ...faults.map(({ stage, member, message, hint }) =>
      problemAt([...path, `${stage}`, ...member.split('.')], message, hint, source),
    ),
  ];
}

function checkBuiltIn(rows: readonly unknown[], source: Source): readonly Problem[] {
  const builtIn = new Set(BUILT_IN_PLANS.map(({ name }) => name));
  return rows.flatMap((row, index) =>
    Value.Check(Named, row) && builtIn.has(row.name)
      ? [problemAt(['plans', `${index}`, 'name'], `the plan ${row.name} is built in`, 'choose another name', source)]
      : [],
  );
}

function checkNames(rows: readonly unknown[], path: KeyPath, thing: string, source: Source): readonly Problem[] {
  const names = rows.map((row) => (Value.Check(Named, row) ? row.name : undefined));
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (name === undefined || first === index) return [];
    const { line } = source.place([...path, `${first}`, 'name']);
    const message = `the name ${JSON.stringify(name)} is taken in line ${line}`;
    return [problemAt([...path, `${index}`, 'name'], message, `give each ${thing} its own name`, source)];
  });
}

/** A key that is left out has no place of its own; then the problem stands where its section begins. */
function problemAt(path: KeyPath, message: string, hint: string, source: Source): Problem {
  return errorAt({ ...source.place(path), key: keyText(path) }, message, hint);
}

function toPlan({ name, description, watch, consent, force_after, stages }: PlanRow): Plan {
  return {
    name,
    description: description ?? '',
    stages: stages.map(toStage),
    ...(consent === undefined ? {} : { consent }),
    ...(force_after === undefined ? {} : { force_after_s: parseDurationS(force_after) ?? Number.NaN }),
    ...(watch === undefined ? {} : { watch_s: parseDurationS(watch) ?? Number.NaN }),
  };
}

function toStage(row: StageRow): Plan['stages'][number] {
  const { name, label, percentage, promotion, gate, window, max_in_flight, max_offers_per_minute } = row;
  return {
    name,
    label,
    percentage: parsePercent(percentage) ?? 100,
    promotion: promotion ?? 'manual',
    ...(gate === undefined ? {} : { gate: toGate(gate) }),
    ...(window === undefined ? {} : { window: toWindow(window) }),
    ...(max_in_flight === undefined ? {} : { max_in_flight }),
    ...(max_offers_per_minute === undefined ? {} : { max_offers_per_minute }),
  };
}

function toWindow({ cron, timezone, duration, device_local }: WindowRow): PlanWindow {
  return {
    cron: cron.trim(),
    timezone: timezone ?? 'UTC',
    // The shape has made sure of it.
    duration_s: parseDurationS(duration) ?? Number.NaN,
    ...(device_local === undefined ? {} : { device_local }),
  };
}

function toGate({
  min_confirmed,
  max_failed,
  max_failed_pct,
  max_silent_pct,
  max_lost_pct,
  soak,
  max_heap_drop_pct,
  max_more_restarts_pct,
  fault_classes,
  on_halt,
}: GateRow): Gate {
  const members = {
    max_failed,
    max_failed_pct: parsePercent(max_failed_pct),
    max_silent_pct: parsePercent(max_silent_pct),
    max_lost_pct: parsePercent(max_lost_pct),
    soak_s: parseDurationS(soak),
    max_heap_drop_pct: parsePercent(max_heap_drop_pct),
    max_more_restarts_pct: parsePercent(max_more_restarts_pct),
    fault_classes,
    on_halt,
  };
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return { min_confirmed, ...Object.fromEntries(given) };
}

function labelOf(example: string) {
  const description = 'the name of a label, or its key and value: pilot, or site=berlin';
  return Type.String({ pattern: LABEL_PATTERN, description, examples: [example] });
}

function nameOf(thing: string, example: string) {
  const description = `the name of a ${thing}: lower-case letters, digits, dot, dash, underscore; at most 32`;
  return Type.String({ pattern: NAME_PATTERN, description, examples: [example] });
}
