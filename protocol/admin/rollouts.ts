// Rollouts, their stages and plans as operators see them. Instants are ISO 8601 UTC.

import { type Static, Type } from 'typebox';
import { Instant, LabelName, Mac, Name, RolloutName, Version } from '#protocol/words.ts';
import { StageHealth } from './health.ts';
import { Gate, PROMOTIONS, Plan, PlanWindow, CONSENTS } from './plan.ts';
import { Count, Examples, GivenName, Line, Nullable, NullableNote, closed, oneOf } from './shapes.ts';
import { GATE_STATES, NOT_COUNTED, OUTCOMES, ROLLOUT_STATUSES } from './states.ts';

/** A board of an opened stage that is not healthy on the build. */
export const WaitingBoard = Type.Object(
  {
    mac: Mac,
    name: GivenName,
    stage: Name,
    outcome: oneOf(OUTCOMES),
    reason: Nullable(Type.String(), {
      description: 'the rule that holds it; null: it is offered the build, or has it',
    }),
    text: Type.String({ description: 'the same as a sentence' }),
    not_counted: Nullable(oneOf(NOT_COUNTED)),
    last_seen_at: Instant,
  },
  { $id: 'WaitingBoard' },
);
export type WaitingBoard = Static<typeof WaitingBoard>;

const LeftOut = Type.Object({
  reason: Type.String({ description: 'the rule that holds' }),
  text: Type.String({ description: 'the same as a sentence' }),
  devices: Count,
  examples: Examples,
});

const COLUMNS = {
  updating: Count,
  on_trial: Count,
  soaking: Count,
  healthy: Count,
  failed: Count,
  crashing: Count,
  lost: Count,
  not_now: Count,
  other: Count,
};

const NOT_COUNTED_YET = 'null: the server has started, and is still counting who waits';

/** The boards of a stage. The columns of outcomes add up to `targeted`; `uncounted` stands beside them. */
const Outcomes = Type.Object({
  targeted: Nullable(Count, {
    description: `boards of the stage that are to get the build, or got it; ${NOT_COUNTED_YET}, in /status alone`,
  }),
  waiting: Nullable(Count, { description: `${NOT_COUNTED_YET}, in /status alone` }),
  ...COLUMNS,
  uncounted: Type.Integer({ minimum: 0, description: 'boards that get the build and do not count in its gates' }),
  asleep: Type.Integer({
    minimum: 0,
    description: 'of those that are undecided: boards that sleep longer than the soak',
  }),
});

const rolloutHead = {
  name: RolloutName,
  product: Name,
  version: Version,
  status: oneOf(ROLLOUT_STATUSES),
  plan: Name,
  consent: Nullable(oneOf(CONSENTS), { description: 'board: its offers are optional; null: nobody is asked' }),
  force_after_s: Nullable(Type.Integer({ minimum: 0 }), {
    description: 'so long after its first offer a board is not asked any more; null: never',
  }),
  stage: Nullable(Name),
  target_label: LabelName,
  pilot_label: LabelName,
  created_at: Instant,
  started_at: Nullable(Instant),
  ended_at: Nullable(Instant),
  ended_reason: Nullable(Type.String()),
  halted_at: Nullable(Instant),
  halted_reason: Nullable(Type.String()),
  watched_until: Nullable(Instant, { description: 'complete, and watched until then' }),
  regressed_at: Nullable(Instant, { description: 'since then the build is offered to nobody' }),
  regressed_reason: Nullable(Type.String()),
  reverted_at: Nullable(Instant, { description: 'since then devices that run its build are rolled back' }),
  reverts_to: Nullable(Type.String(), { description: 'version that they are offered; null: there is none' }),
  note: NullableNote,
};

const stageHead = {
  stage: Name,
  label: LabelName,
  percentage: Type.Integer({ minimum: 1, maximum: 100 }),
  promotion: oneOf(PROMOTIONS),
  opened_at: Nullable(Instant),
  closed_at: Nullable(Instant),
};

/** A rollout in a list. What a member says it says in `Rollout` too; who still waits is counted there alone. */
export const RolloutSummary = Type.Object(
  {
    ...rolloutHead,
    stages: Type.Array(
      Type.Object({
        ...stageHead,
        outcomes: Type.Object({
          offered: Type.Integer({
            minimum: 0,
            description: 'boards that were offered the build in this stage, and count in its gate',
          }),
          ...COLUMNS,
        }),
      }),
    ),
  },
  { $id: 'RolloutSummary' },
);
export type RolloutSummary = Static<typeof RolloutSummary>;

export const Rollout = Type.Object(
  {
    ...rolloutHead,
    left_out: Type.Array(LeftOut, {
      description: 'boards of the opened stages that the rules leave out: nobody waits for them',
    }),
    stages: Type.Array(
      Type.Object({
        ...stageHead,
        gate: Nullable(Gate),
        window: Nullable(PlanWindow),
        max_in_flight: Nullable(Count),
        max_offers_per_minute: Nullable(Count),
        verdict: Nullable(
          Type.Object({
            state: oneOf(GATE_STATES),
            text: Type.String({ description: 'what the gate waits for, or why it failed, with the numbers' }),
          }),
          { description: 'of its gate, while the rollout runs or is watched' },
        ),
        outcomes: Outcomes,
        health: Type.Optional(StageHealth),
      }),
    ),
    warnings: Type.Array(Type.String(), {
      description: 'what an operator should know: nobody is in the first stage; a promotion that named no stage',
    }),
  },
  { $id: 'Rollout' },
);
export type Rollout = Static<typeof Rollout>;

export const RolloutPreview = Type.Object(
  {
    rollout: RolloutName,
    product: Name,
    version: Version,
    status: oneOf(ROLLOUT_STATUSES),
    stages: Type.Array(
      Type.Object({
        stage: Name,
        label: LabelName,
        percentage: Type.Integer({ minimum: 1, maximum: 100 }),
        opened: Type.Boolean(),
        devices: Type.Integer({ minimum: 0, description: 'that no earlier stage takes, and that would be offered it' }),
        silent: Type.Integer({ minimum: 0, description: 'those of them that have missed three polls' }),
        examples: Examples,
      }),
    ),
    left_out: Type.Array(LeftOut, {
      description: 'devices that belong to a stage and would not be offered the build all the same',
    }),
    not_in_any_stage: Count,
    total: Type.Integer({ minimum: 0, description: 'devices of the product' }),
    warnings: Type.Array(Type.String()),
  },
  { $id: 'RolloutPreview' },
);
export type RolloutPreview = Static<typeof RolloutPreview>;

const PLAN_SOURCES = ['built_in', 'file', 'api'] as const;

export const ListedPlan = Type.Object(
  {
    ...Plan.properties,
    source: Type.Unsafe<(typeof PLAN_SOURCES)[number]>({
      type: 'string',
      enum: [...PLAN_SOURCES],
      description: '`file`: it stands in config/plans.yaml and is changed there',
    }),
  },
  { $id: 'ListedPlan' },
);
export type ListedPlan = Static<typeof ListedPlan>;

/** A plan as people write it; its name stands in the address. A member that no plan has is refused, at every depth. */
export const NewPlan = Type.Object(
  {
    description: Type.Optional(Line),
    stages: closed(Plan.properties.stages),
    watch_s: Plan.properties.watch_s,
    consent: Plan.properties.consent,
    force_after_s: Plan.properties.force_after_s,
  },
  { additionalProperties: false },
);
export type NewPlan = Static<typeof NewPlan>;
