// Devices as operators see them: what each runs, what was tried on it, why it gets what it gets. Instants are ISO 8601 UTC.

import type { DeviceIdentity } from './fleet/enrolments.ts';
import { type Static, Type } from 'typebox';
import { DeviceIdText } from '#protocol/identity.ts';
import { Instant, LabelName, Mac, Name } from '#protocol/words.ts';
import { Count, GivenName, Line, Nullable, NullableNote, oneOf } from './shapes.ts';
import { ASSIGNMENT_STATES, COUNTED, DEVICE_STATUSES, NOT_COUNTED, OUTCOMES } from './states.ts';

export const WAYS_BACK = ['open', 'hold'] as const;

const WAY_BACK =
  'whether it keeps a board also on a build that was blocked or reverted: open (default): no, it may go back';

export const NewHold = Type.Object(
  {
    reason: Line,
    until: Type.Optional(Type.Unsafe<string>({ ...Instant, description: 'when it ends by itself; left out: never' })),
    way_back: Type.Optional(oneOf(WAYS_BACK, { description: WAY_BACK })),
  },
  { additionalProperties: false },
);
export type NewHold = Static<typeof NewHold>;

export const Hold = Type.Object(
  {
    reason: Type.String(),
    since: Instant,
    until: Nullable(Instant, { description: 'null: until somebody ends it' }),
    by: Type.String({ description: 'who put it there' }),
    way_back: oneOf(WAYS_BACK, { description: WAY_BACK }),
  },
  { $id: 'Hold' },
);
export type Hold = Static<typeof Hold>;

/** A build that an operator wants off one device. */
export const Cancelled = Type.Object(
  {
    version: Type.String({ description: 'is not offered to the device any more' }),
    reason: Type.String(),
    since: Instant,
    by: Type.String({ description: 'who said so' }),
    goes_back: Type.Boolean({ description: 'where the device runs it, it goes back to a build before' }),
    ran_before: Nullable(Type.String(), { description: 'with goes_back: what it ran before, if the server knows it' }),
  },
  { $id: 'Cancelled' },
);
export type Cancelled = Static<typeof Cancelled>;

/** An order to offer a device at once what there is for it. */
export const OfferNow = Type.Object(
  {
    since: Instant,
    until: Type.Unsafe<string>({ ...Instant, description: 'at the latest; the next update that ends ends it too' }),
    by: Type.String({ description: 'who said so' }),
  },
  { $id: 'OfferNow' },
);
export type OfferNow = Static<typeof OfferNow>;

export const Device = Type.Object(
  {
    id: DeviceIdText,
    mac: Mac,
    name: GivenName,
    note: NullableNote,
    product: Type.String(),
    ip: Nullable(Type.String()),
    current_version: Type.String(),
    chip: Nullable(Type.String()),
    status: oneOf(DEVICE_STATUSES),
    labels: Type.Array(Type.String()),
    first_seen_at: Instant,
    last_seen_at: Instant,
    attributes: Type.Record(Type.String(), Type.Unknown(), {
      description: 'what the device says of itself; `unreadable`: members of its last check-in that were dropped',
    }),
    notes: Type.Array(Type.String(), { description: 'what is odd about the device, as sentences' }),
    counted: oneOf(COUNTED, { description: 'whether it counts in gates, as an operator said; auto: the rules decide' }),
    counted_reason: Nullable(Type.String()),
    not_counted: Nullable(oneOf(NOT_COUNTED), {
      description: 'why it counts in no gate (simulated: where real boards are in the product)',
    }),
    rhythm: Type.Object(
      {
        interval_s: Nullable(Count, { description: 'after which it was told to check in again' }),
        usual_gap_s: Nullable(Count, { description: 'from check to check, as it does it; null: not known yet' }),
        overdue: Type.Boolean({ description: 'its check has not come in time' }),
        flapping: Type.Boolean({ description: 'it comes and goes' }),
      },
      { description: 'how long it takes from check to check' },
    ),
    hold: Nullable(Type.Unsafe<Hold>(Type.Ref('Hold')), { description: 'null: nobody holds it' }),
    cancelled: Nullable(Type.Unsafe<Cancelled>(Type.Ref('Cancelled')), { description: 'null: no build is' }),
    offer_now: Nullable(Type.Unsafe<OfferNow>(Type.Ref('OfferNow')), { description: 'null: windows and pace hold it' }),
    rollout: Nullable(Type.String(), { description: 'of what it was offered last; null: it was offered nothing yet' }),
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

/** What a device may have once more. */
export const DeviceRetried = Type.Object(
  {
    device: Type.Unsafe<Device>(Type.Ref('Device')),
    cancelled: Nullable(Type.String(), { description: 'the version that was cancelled on it; null: none' }),
    builds: Type.Array(Type.Unsafe<ClearedBuild>(Type.Ref('ClearedBuild')), {
      description: 'builds that had failed on it',
    }),
  },
  { $id: 'DeviceRetried' },
);
export type DeviceRetried = Static<typeof DeviceRetried>;

export const Assignment = Type.Object(
  {
    id: Type.Integer(),
    device_id: DeviceIdText,
    mac: Mac,
    name: GivenName,
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
    identity: Type.Unsafe<DeviceIdentity>(Type.Ref('DeviceIdentity')),
    names: Type.Array(Type.Object({ kind: oneOf(['mac']), name: Type.String() }), {
      description: 'by which it is found; mac of the device is the first that it had',
    }),
    removed: Nullable(
      Type.Object({
        device_id: DeviceIdText,
        at: Instant,
        by: Type.String({ description: 'who removed it' }),
        replaced_by: Nullable(Type.String(), { description: 'MAC of the board that took its place' }),
        came_back_at: Nullable(Instant),
      }),
      { description: 'a device with its MAC was removed before, and this one came back; null: none was' },
    ),
    builds: Type.Array(KnownBad, { description: 'builds that failed on this device' }),
    assignments: Type.Array(Type.Unsafe<Assignment>(Type.Ref('Assignment')), { description: 'the latest first' }),
  },
  { $id: 'DeviceDetail' },
);
export type DeviceDetail = Static<typeof DeviceDetail>;

export const Explanation = Type.Object(
  {
    device_id: DeviceIdText,
    mac: Mac,
    name: GivenName,
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
    name: LabelName,
    description: Type.String(),
    timezone: Nullable(Type.String(), { description: 'of the devices that have it, for device-local windows' }),
    where: Nullable(Type.String(), { description: 'the query that says which devices have it; null: operators do' }),
    devices: Count,
    created_at: Instant,
  },
  { $id: 'Label' },
);
export type Label = Static<typeof Label>;

/** What was known of a device that was removed. */
export const RemovedDevice = Type.Object(
  {
    device_id: DeviceIdText,
    mac: Type.String(),
    name: GivenName,
    product: Type.String(),
    current_version: Type.String(),
    labels: Type.Array(Type.String()),
    assignments: Type.Integer({ description: 'how many went with it' }),
  },
  { $id: 'RemovedDevice' },
);
export type RemovedDevice = Static<typeof RemovedDevice>;

/** What a replacement did. */
export const ReplacedDevice = Type.Object(
  {
    replaced: Type.Object({ device_id: DeviceIdText, mac: Type.String() }, { description: 'it is removed' }),
    by: Type.Unsafe<Device>(Type.Ref('Device')),
    labels: Type.Array(Type.String(), { description: 'those that went over' }),
    already: Type.Boolean({ description: 'true: it was done before, and nothing changed' }),
  },
  { $id: 'ReplacedDevice' },
);
export type ReplacedDevice = Static<typeof ReplacedDevice>;

/** A product, and whether an operator has frozen it: a hold of all its devices. */
export const Product = Type.Object(
  {
    product: Name,
    devices: Count,
    freeze: Nullable(Type.Unsafe<Hold>(Type.Ref('Hold')), { description: 'null: it is not frozen' }),
  },
  { $id: 'Product' },
);
export type Product = Static<typeof Product>;
