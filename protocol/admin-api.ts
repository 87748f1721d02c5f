// The words of the admin API: what operators see and send. `admin-routes.ts` says where. Instants are ISO 8601 UTC.

import { type Static, type TSchema, Type } from 'typebox';
import { Event } from '#protocol/events.ts';
import {
  MAX_CRON_CHARS,
  MAX_DESCRIPTION_CHARS,
  MAX_NOTES_CHARS,
  MAX_TIMEZONE_CHARS,
  MAX_WINDOW_S,
} from '#protocol/limits.ts';
import { Gate, Plan, PlanWindow, PROMOTIONS } from '#protocol/plan.ts';
import { Chip, Instant, Mac, Name, RolloutName, Sha256, Version } from '#protocol/words.ts';

const Nullable = <T extends TSchema>(schema: T, options = {}) => Type.Union([schema, Type.Null()], options);
const Count = Type.Integer({ minimum: 0 });
const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });

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
  },
  { $id: 'Explanation' },
);
export type Explanation = Static<typeof Explanation>;

export const Label = Type.Object(
  {
    name: Name,
    description: Type.String(),
    timezone: Nullable(Type.String(), { description: 'of the devices that wear it, for device-local windows' }),
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

export const BlockAnswer = Type.Object(
  {
    firmware: Type.Unsafe<Firmware>(Type.Ref('Firmware')),
    aborted_rollouts: Type.Array(Type.String()),
    devices_running: Count,
    prior_stable: Nullable(
      Type.String({ description: 'version that devices running the blocked build are offered; null: there is none' }),
    ),
  },
  { $id: 'BlockAnswer' },
);
export type BlockAnswer = Static<typeof BlockAnswer>;

export const Adoption = Type.Object({
  targeted: Count,
  offered: Count,
  downloading: Count,
  trial: Count,
  confirmed: Count,
  failed: Count,
  rolled_back: Count,
  silent: Count,
});
export type Adoption = Static<typeof Adoption>;

export const Rollout = Type.Object(
  {
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
    reverted_at: Nullable(Instant, { description: 'since then devices that run its build are sent home' }),
    reverts_to: Nullable(Type.String(), { description: 'version that they are offered; null: there is none' }),
    stages: Type.Array(
      Type.Object({
        stage: Name,
        label: Name,
        percentage: Type.Integer({ minimum: 1, maximum: 100 }),
        promotion: oneOf(PROMOTIONS),
        gate: Nullable(Gate),
        window: Nullable(PlanWindow),
        max_in_flight: Nullable(Count),
        max_offers_per_minute: Nullable(Count),
        verdict: Nullable(
          Type.Object({
            state: oneOf(GATE_STATES),
            text: Type.String({ description: 'what the gate waits for, or why it failed, with the numbers' }),
          }),
          { description: 'of the gate of the stage that is open; null for every other' },
        ),
        opened_at: Nullable(Instant),
        closed_at: Nullable(Instant),
        adoption: Adoption,
      }),
    ),
  },
  { $id: 'Rollout' },
);
export type Rollout = Static<typeof Rollout>;

const Examples = Type.Array(Mac, { description: 'up to 10 of them' });

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
    left_out: Type.Array(
      Type.Object({
        reason: Type.String({ description: 'the rule that holds' }),
        text: Type.String({ description: 'the same as a sentence' }),
        devices: Count,
        examples: Examples,
      }),
      { description: 'devices that belong to a stage and would not be offered the build all the same' },
    ),
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
  { description: Type.Optional(Line), stages: closed(Plan.properties.stages) },
  { additionalProperties: false },
);
export type NewPlan = Static<typeof NewPlan>;

export const Schedule = Type.Object(
  {
    name: Name,
    cron: Type.String({ examples: ['0 3 * * 2'] }),
    timezone: Type.String({ examples: ['Europe/Berlin'] }),
    action: oneOf(SCHEDULE_ACTIONS),
    rollout: Nullable(RolloutName),
    label: Nullable(Name),
    enabled: Type.Boolean(),
    missed: oneOf(MISSED_POLICIES),
    grace_s: Type.Integer({ minimum: 0 }),
    duration_s: Nullable(Type.Integer({ minimum: 60 })),
    device_local: Type.Boolean({ description: 'of a window: the hours are those of the day of the device' }),
    source: oneOf(['file', 'api']),
    next_run_at: Nullable(Instant),
    last_run_at: Nullable(Instant),
    last_result: Nullable(Type.String()),
  },
  { $id: 'Schedule' },
);
export type Schedule = Static<typeof Schedule>;

export const NewSchedule = Type.Object(
  {
    name: Name,
    cron: Type.String({ maxLength: MAX_CRON_CHARS }),
    timezone: Type.Optional(Type.String({ maxLength: MAX_TIMEZONE_CHARS })),
    action: oneOf(SCHEDULE_ACTIONS),
    rollout: Type.Optional(RolloutName),
    label: Type.Optional(Name),
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

export const ServerStatus = Type.Object(
  {
    version: Type.String(),
    database: oneOf(['sqlite', 'postgres']),
    started_at: Instant,
    poll_interval_s: Type.Integer(),
    devices: Type.Object({ total: Count, silent: Count, updating: Count, failed: Count }),
    versions: Type.Array(Type.Object({ product: Type.String(), version: Type.String(), devices: Count })),
    rollouts: Type.Array(Type.Unsafe<Rollout>(Type.Ref('Rollout')), {
      description: 'those that are running, paused or halted',
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
  Explanation,
  Label,
  Firmware,
  UploadAnswer,
  BlockAnswer,
  ListedPlan,
  Rollout,
  RolloutPreview,
  Schedule,
  AuditEntry,
  Event,
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
