// A plan: the stages that a rollout goes through, by name. It is copied into a rollout when that is created, so a later edit
// of the plan never reaches a rollout that exists. It says who belongs to a stage, never which firmware goes out.

import { type Static, Type } from 'typebox';
import { FAULTS } from '#protocol/device/errors.ts';
import {
  MAX_CRON_CHARS,
  MAX_DESCRIPTION_CHARS,
  MAX_MORE_RESTARTS_PCT,
  MAX_PLAN_STAGES,
  MAX_SOAK_S,
  MAX_TIMEZONE_CHARS,
  MAX_FORCE_AFTER_S,
  MAX_WATCH_S,
  MAX_WINDOW_S,
} from '#protocol/limits.ts';
import { LabelName, Name } from '#protocol/words.ts';

export const DEFAULT_PLAN = 'default';

const Percent = Type.Number({ minimum: 0, maximum: 100 });

export const PROMOTIONS = ['manual', 'auto'] as const;

/** `revert`: devices that run the build of a halted rollout are offered the prior stable one. */
export const ON_HALT = ['keep', 'revert'] as const;

/** What a stage must show before the next one opens; docs/rollout.md says how each member is counted. */
export const Gate = Type.Object({
  min_confirmed: Type.Integer({ minimum: 1, description: 'the sample' }),
  max_failed: Type.Optional(Type.Integer({ minimum: 0 })),
  max_failed_pct: Type.Optional(Percent),
  max_silent_pct: Type.Optional(Percent),
  max_lost_pct: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 100,
      description: 'of the boards given the build, that may vanish; 5 where nothing is said',
    }),
  ),
  soak_s: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_SOAK_S })),
  max_heap_drop_pct: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 100,
      description: 'how much less free heap boards may have on average than before the build',
    }),
  ),
  max_more_restarts_pct: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: MAX_MORE_RESTARTS_PCT,
      description: 'how many more restarts there may be than before the build, in percent of those, of 5 at least',
    }),
  ),
  fault_classes: Type.Optional(
    Type.Array(Type.Unsafe<(typeof FAULTS)[number]>({ type: 'string', enum: [...FAULTS] }), {
      minItems: 1,
      uniqueItems: true,
      description: 'whose faults count as failed; those of the firmware where nothing is said',
    }),
  ),
  on_halt: Type.Optional(
    Type.Unsafe<(typeof ON_HALT)[number]>({
      type: 'string',
      enum: [...ON_HALT],
      description: 'what becomes of the devices that run the build when the gate fails; default keep',
    }),
  ),
});
export type Gate = Static<typeof Gate>;

/** When installs are allowed. With `device_local` the hours are those of the device's own day, and the cron line names one time of every day. */
export const PlanWindow = Type.Object({
  cron: Type.String({ maxLength: MAX_CRON_CHARS, examples: ['0 2 * * *'] }),
  timezone: Type.String({ maxLength: MAX_TIMEZONE_CHARS, examples: ['Europe/Berlin'] }),
  duration_s: Type.Integer({ minimum: 60, maximum: MAX_WINDOW_S }),
  device_local: Type.Optional(Type.Boolean()),
});
export type PlanWindow = Static<typeof PlanWindow>;

const PlanStage = Type.Object({
  name: Name,
  label: LabelName,
  percentage: Type.Integer({
    minimum: 1,
    maximum: 100,
    description: 'share of the devices with the label; of one label it only grows from stage to stage',
  }),
  promotion: Type.Unsafe<(typeof PROMOTIONS)[number]>({
    type: 'string',
    enum: [...PROMOTIONS],
    description: 'who opens the next stage: a person, or the gate when it has passed',
  }),
  gate: Type.Optional(Gate),
  window: Type.Optional(PlanWindow),
  max_in_flight: Type.Optional(
    Type.Integer({ minimum: 1, description: 'most devices in the middle of the update at once' }),
  ),
  max_offers_per_minute: Type.Optional(
    Type.Integer({ minimum: 1, description: 'most devices that begin the update in one minute' }),
  ),
});

/** Who has to agree to an update. */
export const CONSENTS = ['board'] as const;

export const Plan = Type.Object(
  {
    name: Name,
    description: Type.String({ maxLength: MAX_DESCRIPTION_CHARS }),
    stages: Type.Array(PlanStage, { minItems: 1, maxItems: MAX_PLAN_STAGES }),
    consent: Type.Optional(
      Type.Unsafe<(typeof CONSENTS)[number]>({
        type: 'string',
        enum: [...CONSENTS],
        description: 'board: its offers are optional, the application of the board may put them off',
      }),
    ),
    force_after_s: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_FORCE_AFTER_S,
        description: 'with consent: so long after its first offer a board is not asked any more; left out: never',
      }),
    ),
    watch_s: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_WATCH_S,
        description: 'how long the rollout is watched after it completed; a day where nothing is said',
      }),
    ),
  },
  { $id: 'Plan' },
);
export type Plan = Static<typeof Plan>;

/** The position of the first stage that asks for a smaller share of a label than a stage before it; -1: none does. */
export function findShrinking(stages: readonly { readonly label: string; readonly percentage: number }[]): number {
  return stages.findIndex(({ label, percentage }, index) =>
    stages.slice(0, index).some((earlier) => earlier.label === label && !(earlier.percentage <= percentage)),
  );
}
