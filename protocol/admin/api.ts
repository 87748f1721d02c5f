// The words of the admin API: what operators see and send. `admin-routes.ts` says where. Instants are ISO 8601 UTC.

import { type Static, type TSchema, Type } from 'typebox';
import { Event } from './events.ts';
import {
  MAX_AT_CHARS,
  MAX_CRON_CHARS,
  MAX_DESCRIPTION_CHARS,
  MAX_NOTES_CHARS,
  MAX_TIMEZONE_CHARS,
  MAX_WINDOW_S,
  MAX_AUDIT_FAULTS,
} from '#protocol/limits.ts';
import { StageHealth, Telemetry } from './health.ts';
import { Gate, Plan, PlanWindow, PROMOTIONS } from './plan.ts';
import { Chip, Instant, Mac, Name, RolloutName, Sha256, Version } from '#protocol/words.ts';

const Nullable = <T extends TSchema>(schema: T, options = {}) => Type.Union([schema, Type.Null()], options);
const Count = Type.Integer({ minimum: 0 });
const oneOf = <const T extends readonly string[]>(values: T, options = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });

export const DEVICE_STATUSES = ['ok', 'updating', 'trial', 'failed', 'silent'] as const;
export const ASSIGNMENT_STATES = [
  'offered',
  'downloading',
  'downloaded',
  'installing',
  'trial',
  'timed_out',
  'superseded',
  'rejected',
  'failed',
  'confirmed',
  'rolled_back',
] as const;
export const ROLLOUT_STATUSES = ['draft', 'running', 'paused', 'halted', 'complete', 'regressed', 'aborted'] as const;
/** What became of one board under one build; docs/rollout.md says how each is found. */
export const OUTCOMES = [
  'waiting',
  'updating',
  'on_trial',
  'soaking',
  'healthy',
  'failed',
  'crashing',
  'lost',
  'not_now',
  'other',
] as const;
/** Why a board does not count in the gates of a rollout; docs/rollout.md says when. */
export const NOT_COUNTED = ['test', 'simulated', 'shared_mac', 'newcomer', 'not_taken'] as const;
export const COUNTED = ['yes', 'no', 'auto'] as const;
const GATE_STATES = ['waiting', 'passed', 'failed'] as const;
export const SCHEDULE_ACTIONS = ['start', 'promote', 'pause', 'resume', 'window'] as const;
export const MISSED_POLICIES = ['run_once', 'skip'] as const;

/** A text that people write: one line, no control characters. */
export const Line = Type.String({ maxLength: MAX_DESCRIPTION_CHARS, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
export const Notes = Type.String({
  maxLength: MAX_NOTES_CHARS,
  pattern: '^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$',
});

export const Device = Type.Object(
  {
    mac: Mac,
    product: Type.String(),
    ip: Nullable(Type.String()),
    current_version: Type.String(),
    chip: Nullable(Type.String()),
    status: oneOf(DEVICE_STATUSES),
    labels: Type.Array(Type.String()),
    first_seen_at: Instant,
    last_seen_at: Instant,
    attributes: Type.Record(Type.String(), Type.Unknown(), { description: 'what the device says of itself' }),
    counted: oneOf(COUNTED, { description: 'whether it counts in gates, as an operator said; auto: the rules decide' }),
    counted_reason: Nullable(Type.String()),
    not_counted: Nullable(oneOf(NOT_COUNTED), {
      description: 'why it counts in no gate (simulated: where real boards are in the product)',
    }),
  },
  { $id: 'Device' },
);
export type Device = Static<typeof Device>;

const KnownBad = Type.Object({
  product: Type.String(),
  version: Type.String(),
  failures: Count,
  known_bad: Type.Boolean({ description: 'true: not offered to this device again until cleared' }),
  last_error: Nullable(Type.String()),
  last_failed_at: Instant,
  next_offer_at: Nullable(Instant),
});

/** What stood against a build on a device before an operator cleared it. */
export const ClearedBuild = Type.Object(
  {
    product: Type.String(),
    version: Type.String(),
    failures: Count,
    known_bad: Type.Boolean({ description: 'true: it was not offered to this device any more' }),
    last_error: Nullable(Type.String()),
    note: Nullable(Type.String(), {
      description: 'what the device needs besides, where it keeps a list of its own that this does not reach',
    }),
  },
  { $id: 'ClearedBuild' },
);
export type ClearedBuild = Static<typeof ClearedBuild>;

export const Assignment = Type.Object(
  {
    id: Type.Integer(),
    mac: Mac,
    rollout: Type.String(),
    stage: Type.String(),
    product: Type.String(),
    version: Type.String(),
    rollback: Type.Boolean(),
    state: oneOf(ASSIGNMENT_STATES),
    attempt: Type.Integer({ minimum: 1 }),
    error_code: Nullable(Type.String()),
    detail: Nullable(Type.String()),
    outcome: Nullable(oneOf(OUTCOMES), { description: 'what became of the board under this build; null: a way back' }),
    not_counted: Nullable(oneOf(NOT_COUNTED), { description: 'why it does not count in the gates of the rollout' }),
    offered_at: Instant,
    updated_at: Instant,
  },
  { $id: 'Assignment' },
);
export type Assignment = Static<typeof Assignment>;

export const DeviceDetail = Type.Object(
  {
    device: Type.Unsafe<Device>(Type.Ref('Device')),
    builds: Type.Array(KnownBad, { description: 'builds that failed on this device' }),
    assignments: Type.Array(Type.Unsafe<Assignment>(Type.Ref('Assignment')), { description: 'the latest first' }),
  },
  { $id: 'DeviceDetail' },
);
export type DeviceDetail = Static<typeof DeviceDetail>;

export const Explanation = Type.Object(
  {
    mac: Mac,
    outcome: oneOf(['install', 'rollback', 'hold']),
    reason: Type.String(),
    text: Type.String({ description: 'the reason as a sentence, with the facts of this device' }),
    to_change: Nullable(Type.String({ description: 'what would have to change for it to be offered something' })),
    version: Nullable(Type.String()),
    rules: Type.Array(
      Type.Object({
        rule: Type.String(),
        matched: Nullable(Type.Boolean({ description: 'null: not reached, an earlier rule decided' })),
        facts: Type.String({ description: 'what the rule saw' }),
      }),
    ),
    board: Nullable(
      Type.Object({
        rollout: Type.String(),
        version: Type.String(),
        outcome: oneOf(OUTCOMES),
        text: Type.String({ description: 'the outcome as a sentence' }),
        not_counted: Nullable(oneOf(NOT_COUNTED)),
      }),
      { description: 'what became of the device under the build that it was offered last; null: it was offered none' },
    ),
  },
  { $id: 'Explanation' },
);
export type Explanation = Static<typeof Explanation>;

export const Label = Type.Object(
  {
    name: Name,
    description: Type.String(),
    timezone: Nullable(Type.String(), { description: 'of the devices that have it, for device-local windows' }),
    devices: Count,
    created_at: Instant,
  },
  { $id: 'Label' },
);
export type Label = Static<typeof Label>;

const Image = Type.Object({
  chip: Chip,
  size_bytes: Type.Integer({ minimum: 1 }),
  sha256: Sha256,
  url: Type.String(),
  created_at: Instant,
});

export const Firmware = Type.Object(
  {
    product: Name,
    version: Version,
    channel: Name,
    release_notes: Type.String(),
    security_version: Type.Integer({ minimum: 0 }),
    pilot_ready: Type.Boolean(),
    must_pass: Type.Boolean({ description: 'a stepping stone: older devices do not skip it' }),
    blocked: Type.Boolean(),
    blocked_reason: Nullable(Type.String()),
    stable: Type.Boolean({ description: 'the newest build of its product whose rollout completed' }),
    created_at: Instant,
    images: Type.Array(Image),
    devices: Count,
  },
  { $id: 'Firmware' },
);
export type Firmware = Static<typeof Firmware>;

export const UploadAnswer = Type.Object(
  {
    firmware: Type.Unsafe<Firmware>(Type.Ref('Firmware')),
    image: Image,
    already_there: Type.Boolean({ description: 'the same bytes were uploaded before' }),
    warnings: Type.Array(Type.String()),
  },
  { $id: 'UploadAnswer' },
);
export type UploadAnswer = Static<typeof UploadAnswer>;

const wayBack = {
  devices_running: Type.Integer({ minimum: 0, description: 'devices that run the build' }),
  other_builds: Type.Integer({
    minimum: 0,
    description: 'devices that say this version with the digest of another build: nothing changes for them',
  }),
  prior_stable: Nullable(
    Type.String({ description: 'version that most devices on the build are offered; null: there is none' }),
  ),
  goes_to: Type.Array(Type.Object({ version: Type.String(), devices: Count }), {
    description: 'what the devices are offered instead',
  }),
  stays: Type.Array(
    Type.Object({
      reason: Type.String({ description: 'the rule that holds' }),
      text: Type.String({ description: 'the same as a sentence' }),
      devices: Count,
      examples: Type.Array(Mac, { description: 'up to 10 of them' }),
    }),
    { description: 'devices that stay on the build, and why' },
  ),
};

export const BlockAnswer = Type.Object(
  {
    firmware: Type.Unsafe<Firmware>(Type.Ref('Firmware')),
    aborted_rollouts: Type.Array(Type.String()),
    ...wayBack,
  },
  { $id: 'BlockAnswer' },
);
export type BlockAnswer = Static<typeof BlockAnswer>;

/** What a block or a revert would do. */
export const WayBack = Type.Object(
  {
    product: Name,
    version: Version,
    aborts: Type.Array(Type.String(), { description: 'rollouts that it ends' }),
    ...wayBack,
  },
  { $id: 'WayBack' },
);
export type WayBack = Static<typeof WayBack>;

/** A board of an opened stage that is not healthy on the build. */
export const WaitingBoard = Type.Object(
  {
    mac: Mac,
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

const Examples = Type.Array(Mac, { description: 'up to 10 of them' });

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
  stage: Nullable(Name),
  target_label: Name,
  pilot_label: Name,
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
};

const stageHead = {
  stage: Name,
  label: Name,
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
        label: Name,
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
  { description: Type.Optional(Line), stages: closed(Plan.properties.stages), watch_s: Plan.properties.watch_s },
  { additionalProperties: false },
);
export type NewPlan = Static<typeof NewPlan>;

export const Schedule = Type.Object(
  {
    name: Name,
    cron: Nullable(Type.String({ examples: ['0 3 * * 2'] }), { description: 'null: it is for one time' }),
    at: Nullable(Type.String({ examples: ['2026-12-24T03:00'] }), {
      description: 'the one time that it is for, in its time zone; null: it goes by its cron line',
    }),
    timezone: Type.String({ examples: ['Europe/Berlin'] }),
    action: oneOf(SCHEDULE_ACTIONS),
    rollout: Nullable(RolloutName),
    label: Nullable(Name),
    from: Nullable(Name, {
      description: 'of a promotion: the stage that it means; null while there is no such rollout',
    }),
    enabled: Type.Boolean({ description: 'false: it does not run, because it was switched off or is done' }),
    missed: oneOf(MISSED_POLICIES),
    grace_s: Type.Integer({ minimum: 0 }),
    duration_s: Nullable(Type.Integer({ minimum: 60 })),
    device_local: Type.Boolean({ description: 'of a window: the hours are those of the day of the device' }),
    source: oneOf(['file', 'api']),
    next_run_at: Nullable(Instant),
    last_run_at: Nullable(Instant),
    last_result: Nullable(Type.String()),
    pending_since: Nullable(Instant, { description: 'of a promotion: since when it waits for the gate of its stage' }),
    done_at: Nullable(Instant, { description: 'its one time, or its stage, is over: it never runs again' }),
  },
  { $id: 'Schedule' },
);
export type Schedule = Static<typeof Schedule>;

export const NewSchedule = Type.Object(
  {
    name: Name,
    cron: Type.Optional(Type.String({ maxLength: MAX_CRON_CHARS, description: 'this, or `at`' })),
    at: Type.Optional(
      Type.String({
        maxLength: MAX_AT_CHARS,
        examples: ['2026-12-24T03:00'],
        description: 'once, at this time of the time zone; with `Z` or an offset, at this instant',
      }),
    ),
    timezone: Type.Optional(Type.String({ maxLength: MAX_TIMEZONE_CHARS })),
    action: oneOf(SCHEDULE_ACTIONS),
    rollout: Type.Optional(RolloutName),
    label: Type.Optional(Name),
    from: Type.Optional(
      Type.Unsafe<string>({
        ...Name,
        description:
          'of a promotion: the stage that it means; left out, the one that is open now, of a draft the first',
      }),
    ),
    enabled: Type.Optional(Type.Boolean()),
    missed: Type.Optional(oneOf(MISSED_POLICIES)),
    grace_s: Type.Optional(Type.Integer({ minimum: 0, maximum: 604_800 })),
    duration_s: Type.Optional(Type.Integer({ minimum: 60, maximum: MAX_WINDOW_S })),
    device_local: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type NewSchedule = Static<typeof NewSchedule>;

export const AuditEntry = Type.Object(
  {
    id: Type.Integer(),
    at: Instant,
    actor: Type.String(),
    action: Type.String(),
    subject: Type.String(),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'AuditEntry' },
);
export type AuditEntry = Static<typeof AuditEntry>;

/** What was known of a device that was removed. */
export const RemovedDevice = Type.Object(
  {
    mac: Type.String(),
    product: Type.String(),
    current_version: Type.String(),
    labels: Type.Array(Type.String()),
    assignments: Type.Integer({ description: 'how many went with it' }),
  },
  { $id: 'RemovedDevice' },
);
export type RemovedDevice = Static<typeof RemovedDevice>;

export const RemovedFirmware = Type.Object(
  {
    product: Type.String(),
    version: Type.String(),
    images: Type.Array(Type.Object({ chip: Type.String(), size_bytes: Type.Integer(), sha256: Type.String() })),
    rollouts: Type.Array(Type.String(), { description: 'those of this firmware, which went with it' }),
    assignments: Type.Integer({ description: 'how many went with it' }),
  },
  { $id: 'RemovedFirmware' },
);
export type RemovedFirmware = Static<typeof RemovedFirmware>;

export const AUDIT_FAULT_KINDS = ['removed', 'changed', 'moved', 'added'] as const;

const AuditFault = Type.Object({
  kind: Type.Unsafe<(typeof AUDIT_FAULT_KINDS)[number]>({ type: 'string', enum: [...AUDIT_FAULT_KINDS] }),
  number: Type.Integer({ description: 'of the entry in the chain; of several that are gone, of the first' }),
  id: Type.Union([Type.Integer(), Type.Null()], { description: 'of the entry in the list; null: it is gone' }),
  text: Type.String(),
});
export type AuditFault = Static<typeof AuditFault>;

export const AuditVerification = Type.Object(
  {
    intact: Type.Boolean({ description: 'every entry since the checkpoint is there, as it was written' }),
    entries: Type.Integer({ description: 'that are there' }),
    last_number: Type.Integer({ description: 'how many entries there ever were' }),
    last_hash: Type.String({ description: 'of the last entry, SHA-256 in hex: note it elsewhere' }),
    checkpoint: Type.Object(
      {
        entries: Type.Integer({ description: 'how many were removed because they were old; 0: none' }),
        hash: Type.String({ description: 'of the last of those' }),
        at: Type.Union([Instant, Type.Null()]),
      },
      { description: 'where the chain begins' },
    ),
    faults: Type.Array(AuditFault, { description: `the first ${MAX_AUDIT_FAULTS}` }),
    fault_count: Type.Integer(),
  },
  { $id: 'AuditVerification' },
);
export type AuditVerification = Static<typeof AuditVerification>;

const CALL_KINDS = [
  'halted',
  'regressed',
  'crashing',
  'failed',
  'lost',
  'damaged_image',
  'gate_waits',
  'empty_stage',
  'nobody_counts',
  'schedule',
  'new_boards',
] as const;

/** Something that needs a person. */
export const Call = Type.Object(
  {
    kind: oneOf(CALL_KINDS),
    rollout: Nullable(Type.String()),
    text: Type.String(),
    commands: Type.Array(Type.String(), {
      description: 'the commands that fit, to be filled in where they say TEXT, MAC or FILE',
    }),
  },
  { $id: 'Call' },
);
export type Call = Static<typeof Call>;

export const ServerStatus = Type.Object(
  {
    version: Type.String(),
    database: oneOf(['sqlite', 'postgres']),
    started_at: Instant,
    poll_interval_s: Type.Integer(),
    devices: Type.Object({ total: Count, silent: Count, updating: Count, failed: Count }),
    versions: Type.Array(Type.Object({ product: Type.String(), version: Type.String(), devices: Count })),
    rollouts: Type.Array(Type.Unsafe<Rollout>(Type.Ref('Rollout')), {
      description: 'those that are running, paused, halted, regressed, or watched after they completed',
    }),
    calls: Type.Array(Type.Unsafe<Call>(Type.Ref('Call')), {
      description: 'what needs a person, the most urgent first',
    }),
    warnings: Type.Array(Type.String()),
  },
  { $id: 'ServerStatus' },
);
export type ServerStatus = Static<typeof ServerStatus>;

/** Schemas that others refer to by name; the server registers each once. */
export const ADMIN_SCHEMAS = [
  Device,
  Assignment,
  DeviceDetail,
  ClearedBuild,
  Explanation,
  Telemetry,
  Label,
  Firmware,
  UploadAnswer,
  BlockAnswer,
  WayBack,
  ListedPlan,
  RolloutSummary,
  Rollout,
  WaitingBoard,
  RolloutPreview,
  Schedule,
  AuditEntry,
  AuditVerification,
  RemovedDevice,
  RemovedFirmware,
  Event,
  Call,
  ServerStatus,
] as const;

/** The same schema, with members that it does not name refused. */
function closed<T extends TSchema>(schema: T) {
  const close = (_: string, part: unknown): unknown =>
    isObjectSchema(part) ? { ...part, additionalProperties: false } : part;
  return Type.Unsafe<Static<T>>(JSON.parse(JSON.stringify(schema), close));
}

function isObjectSchema(part: unknown): part is object {
  return typeof part === 'object' && part !== null && 'type' in part && part.type === 'object';
}
