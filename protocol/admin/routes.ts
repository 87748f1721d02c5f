// Every admin route: method, path, what goes in, what comes out, in words for the OpenAPI page. The server serves exactly
// this table and the command line calls exactly this table, so neither can drift from the other.

import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { AuditEntry, AuditVerification } from './audit.ts';
import {
  Assignment,
  RemovedDevice,
  ReplacedDevice,
  ClearedBuild,
  Device,
  DeviceDetail,
  Explanation,
  Label,
} from './devices.ts';
import { RemovedFirmware, BlockAnswer, Firmware, UploadAnswer, WayBack } from './firmware.ts';
import { ListedPlan, NewPlan, Rollout, RolloutSummary, RolloutPreview, WaitingBoard } from './rollouts.ts';
import { NewRetirement, NewTrust, ReleaseKey, TrustedReleaseKey, UnsignedBuild } from './fleet/release-keys.ts';
import { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { NoticeTest, Recipient, Webhook } from './fleet/recipients.ts';
import { DeviceNumbers, NUMBERED_BY } from './fleet/device-numbers.ts';
import { DeviceImport, DeviceTable, tableForm } from './fleet/device-table.ts';
import { SavedQuery } from './fleet/saved-queries.ts';
import { ProductHistory } from './fleet/history.ts';
import { BulkAnswer, BulkChange, BulkPreview, BulkQuery, Where } from './fleet/bulk.ts';
import { BoardProblem, BoardSettings } from './boards.ts';
import { AcceptedEnrolments, DeviceIdentity, PendingEnrolment, TokenChoice } from './fleet/enrolments.ts';
import { Budget, NewBudget } from './fleet/budgets.ts';
import { DeviceRetried, NewHold, Product } from './devices.ts';
import { ChangedSchedule, NewSchedule, Schedule, ScheduleRun } from './schedules.ts';
import { Line, NewNote, Notes, oneOf } from './shapes.ts';
import { ASSIGNMENT_STATES, DEVICE_STATUSES, ROLLOUT_STATUSES, COUNTED } from './states.ts';
import { ServerStatus } from './status.ts';
import { Event, EVENT_FILTER_TYPES, type EventFilterType } from './events.ts';
import { Telemetry } from './health.ts';
import { LoginLink, Session } from '#protocol/sessions.ts';
import {
  DEFAULT_HISTORY_HOURS,
  HISTORY_HOURS,
  MAX_AT_CHARS,
  MAX_CRON_CHARS,
  MAX_GIVEN_NAME_CHARS,
  MAX_SCHEDULE_RUNS,
  MAX_SIGNED_CHARS,
  MAX_TIMEZONE_CHARS,
  SCHEDULE_DAYS,
  TELEMETRY_HOURS,
} from '#protocol/limits.ts';
import { DeviceRefText } from '#protocol/identity.ts';
import { Chip, KeyId, LabelName, Mac, Name, RolloutName, Sha256, Version } from '#protocol/words.ts';

const ADMIN_PREFIX = '/api/v1/admin';

/** Today there is one: whoever holds the admin token. */
export type Role = 'admin';

export interface AdminRoute<
  P extends TObject = TObject,
  Q extends TObject = TObject,
  B extends TSchema = TSchema,
  A extends TSchema = TSchema,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** What who calls it must be. */
  readonly role: Role;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly params: P;
  readonly query: Q;
  /** JSON body; undefined where there is none. An upload has a raw body, see `rawBody`. */
  readonly body: B | undefined;
  readonly rawBody: boolean;
  readonly status: 200 | 201;
  readonly answer: A;
}

export type ParamsOf<R> = R extends AdminRoute<infer P> ? Static<P> : never;
export type QueryOf<R> = R extends AdminRoute<TObject, infer Q> ? Static<Q> : never;
export type BodyOf<R> = R extends AdminRoute<TObject, TObject, infer B> ? Static<B> : never;
export type AnswerOf<R> = R extends AdminRoute<TObject, TObject, TSchema, infer A> ? Static<A> : never;

const Nothing = Type.Object({}, { additionalProperties: false });
const strict = { additionalProperties: false } as const;
const ref = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Static<T>>(Type.Ref((schema as unknown as { readonly $id: string }).$id));

/** Query of every list. Numbers travel as text in a query; `limit` is 1 to 500. */
const paging = {
  limit: Type.Optional(Type.String({ description: '1 to 500, default 50', maxLength: 20 })),
  cursor: Type.Optional(Type.String({ description: '`next_cursor` of the page before', maxLength: 500 })),
  sort: Type.Optional(
    Type.String({ description: 'a field of the allow-list; a leading `-` sorts in the other order', maxLength: 40 }),
  ),
  total: Type.Optional(
    Type.Unsafe<'true' | 'false'>({
      ...oneOf(['true', 'false']),
      description: 'whether to count all that the filter finds',
    }),
  ),
};
const page = <T extends TSchema>(item: T) =>
  Type.Object({
    items: Type.Array(item),
    next_cursor: Type.Union([Type.String(), Type.Null()], { description: 'null: this was the last page' }),
    total: Type.Optional(Type.Integer({ description: 'of all pages; only where the query asked for it' })),
  });
const device = Type.Object({ device: DeviceRefText });
const named = Type.Object({ name: Name });
const labelled = Type.Object({ name: LabelName });
const rolloutName = Type.Object({ name: RolloutName });
const firmwareVersion = Type.Object({ version: Version });
const product = {
  product: Type.Optional(
    Type.Unsafe<string>({ ...Name, description: 'needed where several products have this version' }),
  ),
};
const eventFilter = {
  rollout: Type.Optional(RolloutName),
  product: Type.Optional(Name),
  type: Type.Optional(
    Type.Unsafe<EventFilterType>({
      type: 'string',
      enum: [...EVENT_FILTER_TYPES],
      description: 'a type, or what comes before its dot for all of those',
    }),
  ),
  after: Type.Optional(
    Type.String({ description: 'only events after this id; `0` is before the first one', maxLength: 40 }),
  ),
};
const timezone = Type.String({ maxLength: MAX_TIMEZONE_CHARS, examples: ['Europe/Berlin'] });
const reason = Type.Object({ reason: Type.Optional(Line) }, strict);

const CONFIRM = 'do it although a rollout under way has a stage for this label';
const confirm = Type.Object(
  { confirm: Type.Optional(Type.Unsafe<'true' | 'false'>({ ...oneOf(['true', 'false']), description: CONFIRM })) },
  strict,
);

const confirmRemoval = Type.Object(
  {
    confirm: Type.Optional(
      Type.Unsafe<'true' | 'false'>({
        ...oneOf(['true', 'false']),
        description: 'do it; without it the answer says what would go',
      }),
    ),
  },
  strict,
);

interface RouteExtras<P extends TObject, Q extends TObject, B extends TSchema> {
  /** Left out: `admin`. */
  readonly role?: Role;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly rawBody?: boolean;
  readonly status?: 200 | 201;
}

function route<
  A extends TSchema,
  P extends TObject = typeof Nothing,
  Q extends TObject = typeof Nothing,
  B extends TSchema = typeof Nothing,
>(
  method: AdminRoute['method'],
  path: string,
  summary: string,
  answer: A,
  extras: RouteExtras<P, Q, B> = {},
): AdminRoute<P, Q, B, A> {
  return {
    method,
    role: extras.role ?? 'admin',
    path: ADMIN_PREFIX + path,
    tag: path.split('/')[1] ?? '',
    summary,
    params: extras.params ?? (Nothing as unknown as P),
    query: extras.query ?? (Nothing as unknown as Q),
    body: extras.body,
    rawBody: extras.rawBody ?? false,
    status: extras.status ?? 200,
    answer,
  };
}

export const adminRoutes = {
  getStatus: route('GET', '/status', 'The fleet at a glance', ref(ServerStatus)),

  getBoardSettings: route(
    'GET',
    '/boards/settings',
    'What a board needs to get in: addresses of this server, its pin, the fleet token',
    ref(BoardSettings),
  ),
  getBoardProblems: route(
    'GET',
    '/boards/problems',
    'Boards that fail to get in, the latest first: of this server process, since it started',
    Type.Object({ items: Type.Array(ref(BoardProblem)) }),
  ),

  listDevices: route(
    'GET',
    '/devices',
    'Devices; sort by mac, name, last_seen_at, first_seen_at, current_version',
    page(ref(Device)),
    {
      query: Type.Object(
        {
          ...paging,
          product: Type.Optional(Name),
          label: Type.Optional(LabelName),
          version: Type.Optional(Type.String({ maxLength: 64 })),
          status: Type.Optional(oneOf(DEVICE_STATUSES)),
          mac: Type.Optional(
            Type.String({ maxLength: 17, pattern: '^[0-9A-Fa-f:]*$', description: 'beginning of the MAC' }),
          ),
          where: Type.Optional(Where),
        },
        strict,
      ),
    },
  ),
  getDevice: route(
    'GET',
    '/devices/:device',
    'One device with its failed builds and its assignments',
    ref(DeviceDetail),
    {
      params: device,
    },
  ),
  explainDevice: route(
    'GET',
    '/devices/:device/explain',
    'Why this device gets an update or not: every rule with the facts it saw',
    ref(Explanation),
    { params: device },
  ),
  getTelemetry: route(
    'GET',
    '/devices/:device/telemetry',
    `How this device fared in each of the last ${TELEMETRY_HOURS} hours in which it checked in`,
    ref(Telemetry),
    { params: device },
  ),
  labelDevice: route('PUT', '/devices/:device/labels/:name', 'Put a label on a device', ref(Device), {
    params: Type.Object({ device: DeviceRefText, name: LabelName }),
    query: confirm,
  }),
  unlabelDevice: route('DELETE', '/devices/:device/labels/:name', 'Take a label off a device', ref(Device), {
    params: Type.Object({ device: DeviceRefText, name: LabelName }),
    query: confirm,
  }),
  removeDevice: route(
    'DELETE',
    '/devices/:device',
    'Forget a device with everything that is known of it; it is a new one with its next check',
    ref(RemovedDevice),
    { params: device, query: confirmRemoval },
  ),
  replaceDevice: route(
    'POST',
    '/devices/:device/replace',
    'Put another board in the place of a device: labels, name, note and hold go over to it, and the device is removed',
    ref(ReplacedDevice),
    { params: device, query: confirmRemoval, body: Type.Object({ by: DeviceRefText }, strict) },
  ),
  getDeviceNumbers: route(
    'GET',
    '/device-numbers',
    'How many devices there are of each product, chip, version, status, label and mark (held, test, overdue, flapping)',
    ref(DeviceNumbers),
    {
      query: Type.Object(
        {
          where: Type.Optional(Where),
          by: Type.Optional(oneOf(NUMBERED_BY, { description: 'by this alone; left out: by each' })),
        },
        strict,
      ),
    },
  ),
  getDeviceTable: route(
    'GET',
    '/device-table',
    'Devices as lines of CSV: mac, name, labels (with blanks between them), note',
    ref(DeviceTable),
    {
      query: Type.Object(
        { cursor: paging.cursor, where: Type.Optional(Where), form: Type.Optional(tableForm) },
        strict,
      ),
    },
  ),
  importDevices: route(
    'POST',
    '/device-table',
    'Give devices the names, labels and notes of a CSV file, the raw body (`application/octet-stream`); columns that it does not have stay',
    ref(DeviceImport),
    {
      query: Type.Object(
        {
          confirm: Type.Optional(
            Type.Unsafe<'true' | 'false'>({
              ...oneOf(['true', 'false']),
              description: 'do it; without it the answer says what would change and what is wrong',
            }),
          ),
          skip_unknown: Type.Optional(
            Type.Unsafe<'true' | 'false'>({
              ...oneOf(['true', 'false']),
              description: 'leave lines out whose device has not checked in; without it each is a fault',
            }),
          ),
        },
        strict,
      ),
      rawBody: true,
    },
  ),
  setCounted: route('PUT', '/devices/:device/counted', 'Say whether a device counts in gates', ref(Device), {
    params: device,
    body: Type.Object({ counted: oneOf(COUNTED), reason: Type.Optional(Line) }, strict),
  }),
  nameDevice: route(
    'PUT',
    '/devices/:device/name',
    'Call a device by a name; an empty one takes it away',
    ref(Device),
    {
      params: device,
      body: Type.Object(
        {
          name: Type.String({
            // Two code units may be one character.
            maxLength: 2 * MAX_GIVEN_NAME_CHARS,
            description:
              'letters and digits of any language, blanks and . _ - # ( ) +; no other device has it, in whichever letter case',
          }),
        },
        strict,
      ),
    },
  ),
  noteDevice: route('PUT', '/devices/:device/note', 'Write a note on a device', ref(Device), {
    params: device,
    body: NewNote,
  }),
  holdDevice: route(
    'PUT',
    '/devices/:device/hold',
    'Hold a device: it is offered nothing new until it is released, or until the end that is said',
    ref(Device),
    { params: device, body: NewHold },
  ),
  releaseDevice: route('DELETE', '/devices/:device/hold', 'End the hold of a device', ref(Device), { params: device }),
  cancelUpdate: route(
    'PUT',
    '/devices/:device/cancel',
    'Cancel the update of a device: what it was offered is taken back, and it is not offered that build again',
    ref(Device),
    {
      params: device,
      body: Type.Object(
        {
          reason: Line,
          version: Type.Optional(
            Type.Unsafe<string>({ ...Version, description: 'left out: what it was offered, or would be offered next' }),
          ),
        },
        strict,
      ),
    },
  ),
  sendBack: route(
    'PUT',
    '/devices/:device/send-back',
    'Send a device back from the build that it runs; it is not offered that build again',
    ref(Device),
    { params: device, query: confirm, body: Type.Object({ reason: Line }, strict) },
  ),
  offerNow: route(
    'PUT',
    '/devices/:device/offer-now',
    'Offer a device what there is for it with its next check, past windows, pace and rest; never past a gate, a block or a hold',
    ref(Device),
    { params: device },
  ),
  listEnrolments: route(
    'GET',
    '/enrolments',
    'Boards that ask to be let in, and wait for a person; sort by asked_at',
    page(ref(PendingEnrolment)),
    { query: Type.Object(paging, strict) },
  ),
  acceptEnrolments: route(
    'POST',
    '/enrolments/accept',
    'Let in every board that asked with one token alone',
    ref(AcceptedEnrolments),
    { query: confirm },
  ),
  acceptEnrolment: route(
    'PUT',
    '/devices/:device/token',
    'Let a board in with the token that it asked with; it takes the place of one that it has',
    ref(DeviceIdentity),
    { params: device, query: TokenChoice },
  ),
  revokeToken: route(
    'DELETE',
    '/devices/:device/token',
    'End the token of a board at once; it is not let in again by itself',
    ref(DeviceIdentity),
    { params: device },
  ),
  reopenEnrolment: route(
    'PUT',
    '/devices/:device/reenrol',
    'Let a board in with the next token that it brings within 10 minutes',
    ref(DeviceIdentity),
    { params: device },
  ),
  retryDevice: route(
    'PUT',
    '/devices/:device/retry',
    'Let a device try again: what was cancelled on it is offered again, and what failed on it is forgiven',
    ref(DeviceRetried),
    { params: device },
  ),
  clearKnownBad: route(
    'DELETE',
    '/devices/:device/known-bad',
    'Forget that builds failed on this device: they may be offered again, and the next offer tells the device',
    Type.Object({
      cleared: Type.Array(Type.String(), { description: 'versions' }),
      builds: Type.Array(ref(ClearedBuild), { description: 'what stood against each of them' }),
    }),
    {
      params: device,
      query: Type.Object({ ...product, version: Type.Optional(Version) }, strict),
    },
  ),

  getQueries: route(
    'GET',
    '/queries',
    'Saved queries, each with how many devices it means now',
    Type.Object({ items: Type.Array(ref(SavedQuery)) }),
  ),
  saveQuery: route('PUT', '/queries/:name', 'Keep a query by a name: @name stands for it in others', ref(SavedQuery), {
    params: named,
    body: Type.Object({ where: Where }, strict),
  }),
  removeQuery: route('DELETE', '/queries/:name', 'Forget a saved query', Type.Object({ removed: Name }), {
    params: named,
  }),

  previewBulk: route(
    'GET',
    '/bulk',
    'How many devices a change of all that a query means would change',
    ref(BulkPreview),
    { query: BulkQuery },
  ),
  changeInBulk: route(
    'POST',
    '/bulk',
    'Change every device that a query means, some thousands with each request; repeated, it goes on',
    ref(BulkAnswer),
    { body: BulkChange },
  ),

  getProducts: route(
    'GET',
    '/products',
    'Products that have firmware or devices, and which of them are frozen',
    Type.Object({ items: Type.Array(ref(Product)) }),
  ),
  getProductHistory: route(
    'GET',
    '/products/:name/history',
    'How many devices of a product ran which version in each of the last hours, and what its rollouts did meanwhile',
    ref(ProductHistory),
    {
      params: named,
      query: Type.Object(
        {
          hours: Type.Optional(
            Type.String({ maxLength: 20, description: `1 to ${HISTORY_HOURS}, default ${DEFAULT_HISTORY_HOURS}` }),
          ),
        },
        strict,
      ),
    },
  ),
  freezeProduct: route(
    'PUT',
    '/products/:name/freeze',
    'Freeze a product: none of its devices is offered anything new until somebody ends it, or until the end that is said',
    ref(Product),
    { params: named, body: NewHold },
  ),
  unfreezeProduct: route('DELETE', '/products/:name/freeze', 'End the freeze of a product', ref(Product), {
    params: named,
  }),

  getReleaseKeys: route(
    'GET',
    '/release-keys',
    'Release keys, trusted and retired, and what needs each of them',
    Type.Object({ items: Type.Array(ref(ReleaseKey)) }),
  ),
  getUnsignedBuilds: route(
    'GET',
    '/release-keys/unsigned',
    'Builds that boards may be offered and that no trusted key signed',
    Type.Object({ items: Type.Array(ref(UnsignedBuild)) }),
    { query: Type.Object({ product: Type.Optional(Name) }, strict) },
  ),
  trustReleaseKey: route(
    'POST',
    '/release-keys',
    'From now on take only builds that a trusted key signed; refused while a build that boards may be offered is unsigned',
    ref(TrustedReleaseKey),
    { body: NewTrust },
  ),
  retireReleaseKey: route(
    'POST',
    '/release-keys/:key/retire',
    'Signatures of this key count no more; refused while boards or builds have no other',
    ref(ReleaseKey),
    { params: Type.Object({ key: KeyId }), body: NewRetirement },
  ),
  getBudgets: route(
    'GET',
    '/budgets',
    'Disruption budgets, and of each value of their label keys how many devices are at it',
    Type.Object({ items: Type.Array(ref(Budget)) }),
  ),
  setBudget: route(
    'PUT',
    '/budgets/:key',
    'Of each value of this label key (site=...), at most so many devices are in the middle of an update at a time',
    ref(Budget),
    { params: Type.Object({ key: Name }), body: NewBudget },
  ),
  removeBudget: route('DELETE', '/budgets/:key', 'Take the budget of a label key away', Type.Object({ key: Name }), {
    params: Type.Object({ key: Name }),
  }),
  getRecipients: route(
    'GET',
    '/recipients',
    'Who is told what needs a person, and whether that works; addresses and secrets stay with the server',
    Type.Object({ items: Type.Array(ref(Recipient)) }),
  ),
  getWebhooks: route(
    'GET',
    '/webhooks',
    'Programs that are told of events, and whether that works; addresses and secrets stay with the server',
    Type.Object({ items: Type.Array(ref(Webhook)) }),
  ),
  testRecipients: route(
    'POST',
    '/recipients/test',
    'Send a message for a test, now and by this server, to one recipient or to all of them',
    Type.Object({ items: Type.Array(ref(NoticeTest)) }),
    { body: Type.Object({ name: Type.Optional(Name) }, strict) },
  ),

  listLabels: route('GET', '/labels', 'Labels; sort by name', page(ref(Label)), { query: Type.Object(paging, strict) }),
  createLabel: route('POST', '/labels', 'Create a label', ref(Label), {
    body: Type.Object(
      {
        name: LabelName,
        description: Type.Optional(Line),
        timezone: Type.Optional(timezone),
        where: Type.Optional(Where),
      },
      strict,
    ),
    status: 201,
  }),
  updateLabel: route('PATCH', '/labels/:name', 'Change what a label says of itself and of its devices', ref(Label), {
    params: labelled,
    body: Type.Object(
      {
        description: Type.Optional(Line),
        timezone: Type.Optional(Type.Union([timezone, Type.Null()])),
        where: Type.Optional(Where),
      },
      strict,
    ),
  }),
  deleteLabel: route(
    'DELETE',
    '/labels/:name',
    'Delete a label and take it off every device',
    Type.Object({ devices: Type.Integer() }),
    { params: labelled, query: confirm },
  ),
  labelDevices: route(
    'POST',
    '/labels/:name/devices',
    'Put a label on several devices: all of them or none',
    Type.Object({ changed: Type.Integer() }),
    {
      params: labelled,
      body: Type.Object(
        {
          macs: Type.Array(Mac, { minItems: 1, maxItems: 1000 }),
          confirm: Type.Optional(Type.Boolean({ description: CONFIRM })),
        },
        strict,
      ),
    },
  ),

  listFirmware: route('GET', '/firmware', 'Firmware; sort by created_at', page(ref(Firmware)), {
    query: Type.Object({ ...paging, ...product, channel: Type.Optional(Name) }, strict),
  }),
  getFirmware: route('GET', '/firmware/:version', 'One firmware with its images', ref(Firmware), {
    params: firmwareVersion,
    query: Type.Object(product, strict),
  }),
  uploadFirmware: route(
    'POST',
    '/firmware',
    'Upload one application image as the raw body (`application/octet-stream`)',
    ref(UploadAnswer),
    {
      query: Type.Object(
        {
          product: Type.Optional(
            Type.Unsafe<string>({ ...Name, description: 'default: what the firmware marker says, else `default`' }),
          ),
          version: Type.Optional(
            Type.Unsafe<string>({ ...Version, description: 'default: what the firmware marker says' }),
          ),
          chip: Type.Optional(
            Type.Unsafe<string>({ ...Chip, description: 'refuse the image if it is for another chip' }),
          ),
          channel: Type.Optional(Name),
          notes: Type.Optional(Notes),
          pilot_ready: Type.Optional(oneOf(['true', 'false'])),
          sha256: Type.Optional(
            Type.Unsafe<string>({
              ...Sha256,
              description: 'refuse the image if its digest is another (or header `X-Sha256`)',
            }),
          ),
          signed: Type.Optional(
            Type.String({
              maxLength: MAX_SIGNED_CHARS,
              description: 'the JSON of a SignedManifest: needed where a release key is trusted for the product',
            }),
          ),
          force_version: Type.Optional(oneOf(['true', 'false'])),
          force_product: Type.Optional(oneOf(['true', 'false'])),
          force_project: Type.Optional(
            Type.Unsafe<'true' | 'false'>({
              ...oneOf(['true', 'false']),
              description: 'take the image although those of other chips say that they are another project',
            }),
          ),
        },
        strict,
      ),
      rawBody: true,
      status: 201,
    },
  ),
  signFirmware: route(
    'POST',
    '/firmware/:version/signatures',
    'Add signatures to an image that is stored; of other dates they take the place of those that are there',
    ref(Firmware),
    { params: firmwareVersion, body: SignedManifest },
  ),
  setPilotReady: route(
    'POST',
    '/firmware/:version/ready',
    'Say that a firmware may go to the pilot (or not any more)',
    ref(Firmware),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: Type.Object({ ready: Type.Optional(Type.Boolean()) }, strict),
    },
  ),
  noteFirmware: route('PUT', '/firmware/:version/note', 'Write a note on a firmware', ref(Firmware), {
    params: firmwareVersion,
    query: Type.Object(product, strict),
    body: NewNote,
  }),
  setRequired: route(
    'POST',
    '/firmware/:version/require',
    'Make a firmware a required version: devices that are older do not skip it (or lift that)',
    ref(Firmware),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: Type.Object({ required: Type.Optional(Type.Boolean()) }, strict),
    },
  ),
  /** How `setRequired` was called before 0.2; programs that people wrote call it so. */
  setMustPass: route(
    'POST',
    '/firmware/:version/must-pass',
    'The same by its former name: call /require',
    ref(Firmware),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: Type.Object({ must_pass: Type.Optional(Type.Boolean()) }, strict),
    },
  ),
  blockFirmware: route(
    'POST',
    '/firmware/:version/block',
    'Never offer this firmware again; devices running it go back to the prior stable one',
    ref(BlockAnswer),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: reason,
    },
  ),
  previewBlock: route(
    'GET',
    '/firmware/:version/block-preview',
    'What a block would do: how many devices run it, what they are offered instead, who stays and why',
    ref(WayBack),
    { params: firmwareVersion, query: Type.Object(product, strict) },
  ),
  unblockFirmware: route('POST', '/firmware/:version/unblock', 'Allow a blocked firmware again', ref(Firmware), {
    params: firmwareVersion,
    query: Type.Object(product, strict),
  }),

  removeFirmware: route(
    'DELETE',
    '/firmware/:version',
    'Remove a firmware that nothing needs, with its images and its rollouts',
    ref(RemovedFirmware),
    {
      params: firmwareVersion,
      query: Type.Object({ ...product, ...confirmRemoval.properties }, strict),
    },
  ),

  getPlans: route(
    'GET',
    '/plans',
    'The plans that a rollout can be made from',
    Type.Object({ items: Type.Array(ref(ListedPlan)) }),
  ),
  getPlan: route('GET', '/plans/:name', 'One plan with its stages', ref(ListedPlan), { params: named }),
  setPlan: route(
    'PUT',
    '/plans/:name',
    'Make a plan, or put another in its place; rollouts keep the copy that they were made from',
    ref(ListedPlan),
    { params: named, body: NewPlan },
  ),
  deletePlan: route(
    'DELETE',
    '/plans/:name',
    'Remove a plan that was made by this API; rollouts keep their copy',
    Type.Object({ name: Type.String() }),
    { params: named },
  ),

  listRollouts: route('GET', '/rollouts', 'Rollouts in short; sort by created_at, name', page(ref(RolloutSummary)), {
    query: Type.Object({ ...paging, ...product, status: Type.Optional(oneOf(ROLLOUT_STATUSES)) }, strict),
  }),
  createRollout: route('POST', '/rollouts', 'Create a rollout as a draft', ref(Rollout), {
    body: Type.Object(
      {
        version: Version,
        product: Type.Optional(Name),
        name: Type.Optional(RolloutName),
        plan: Type.Optional(Name),
        pilot_label: Type.Optional(LabelName),
      },
      strict,
    ),
    status: 201,
  }),
  getRollout: route('GET', '/rollouts/:name', 'One rollout with the outcomes of each stage', ref(Rollout), {
    params: rolloutName,
  }),
  previewRollout: route(
    'GET',
    '/rollouts/:name/preview',
    'Which devices each stage would take, and who is left out and why',
    ref(RolloutPreview),
    { params: rolloutName },
  ),
  getPreviewDevices: route(
    'GET',
    '/rollouts/:name/preview/devices',
    'The devices that one stage would take',
    page(Mac),
    {
      params: rolloutName,
      query: Type.Object({ stage: Name, limit: paging.limit, cursor: paging.cursor }, strict),
    },
  ),
  noteRollout: route('PUT', '/rollouts/:name/note', 'Write a note on a rollout', ref(Rollout), {
    params: rolloutName,
    body: NewNote,
  }),
  startRollout: route('POST', '/rollouts/:name/start', 'Open the first stage', ref(Rollout), {
    params: rolloutName,
    body: Type.Object(
      {
        reason: Type.Optional(Line),
        supersede: Type.Optional(
          Type.Boolean({ description: 'open rollouts that want the same devices end for those devices' }),
        ),
      },
      strict,
    ),
  }),
  promoteRollout: route(
    'POST',
    '/rollouts/:name/promote',
    'Open the next stage, once the gate of the open one has passed; after the last one the rollout is complete',
    ref(Rollout),
    {
      params: rolloutName,
      body: Type.Object(
        {
          from: Type.Optional(
            Type.Unsafe<string>({
              ...Name,
              description:
                'the stage that is meant: another one may be open by now. Left out, the open one is taken and the answer warns; the next version refuses that',
            }),
          ),
          override: Type.Optional(
            Type.Boolean({ description: 'pass a gate that has not passed; needs a reason, which the audit keeps' }),
          ),
          reason: Type.Optional(Line),
        },
        strict,
      ),
    },
  ),
  pauseRollout: route('POST', '/rollouts/:name/pause', 'Hold offers from the next check on', ref(Rollout), {
    params: rolloutName,
    body: reason,
  }),
  resumeRollout: route(
    'POST',
    '/rollouts/:name/resume',
    'Go on with a paused rollout, or with a halted one: that needs a reason',
    ref(Rollout),
    {
      params: rolloutName,
      body: reason,
    },
  ),
  abortRollout: route('POST', '/rollouts/:name/abort', 'End a rollout; devices keep what they run', ref(Rollout), {
    params: rolloutName,
    body: Type.Object(
      {
        reason: Type.Optional(Line),
        revert: Type.Optional(
          Type.Boolean({ description: 'devices that run its build are offered the prior stable one' }),
        ),
      },
      strict,
    ),
  }),

  keepRollout: route(
    'POST',
    '/rollouts/:name/keep',
    'Keep the build of a regressed rollout: it is offered again, and what failed so far does not count any more',
    ref(Rollout),
    { params: rolloutName, body: Type.Object({ reason: Line }, strict) },
  ),

  undoRollout: route(
    'POST',
    '/rollouts/:name/undo',
    'Take a rollout back, whatever became of it: devices that run its build go to what is stable without it',
    ref(Rollout),
    { params: rolloutName, body: reason },
  ),

  getWaiting: route(
    'GET',
    '/rollouts/:name/waiting',
    'Boards of its opened stages that are not healthy on the build, with the rule or outcome that holds each',
    page(ref(WaitingBoard)),
    { params: rolloutName, query: Type.Object({ limit: paging.limit, cursor: paging.cursor }, strict) },
  ),

  previewRevert: route(
    'GET',
    '/rollouts/:name/revert-preview',
    'What an undo, or an abort with revert, would do to the devices that run its build, or does after one',
    ref(WayBack),
    { params: rolloutName },
  ),

  retryRollout: route(
    'POST',
    '/rollouts/:name/retry',
    'Forgive the earlier failures of devices that failed by network or device: they are offered the build again',
    Type.Object({
      devices: Type.Integer({ minimum: 0, description: 'devices of which failures were forgiven' }),
      examples: Type.Array(Mac, { description: 'up to 10 of them' }),
      known_bad: Type.Object(
        {
          devices: Type.Integer({ minimum: 0 }),
          examples: Type.Array(Mac, { description: 'up to 10 of them' }),
          causes: Type.Array(
            Type.Object({
              cause: Type.Union([Type.String(), Type.Null()], { description: 'null: it is not known' }),
              devices: Type.Integer({ minimum: 1 }),
            }),
            { description: 'the most frequent first' },
          ),
        },
        { description: 'devices on which a build of the rollout stays known bad' },
      ),
    }),
    { params: rolloutName, body: reason },
  ),

  listAssignments: route('GET', '/assignments', 'Assignments; sort by id', page(ref(Assignment)), {
    query: Type.Object(
      {
        ...paging,
        rollout: Type.Optional(RolloutName),
        mac: Type.Optional(Mac),
        state: Type.Optional(oneOf(ASSIGNMENT_STATES)),
      },
      strict,
    ),
  }),

  listSchedules: route('GET', '/schedules', 'Schedules; sort by name', page(ref(Schedule)), {
    query: Type.Object(paging, strict),
  }),
  createSchedule: route('POST', '/schedules', 'Create a schedule', ref(Schedule), { body: NewSchedule, status: 201 }),
  getScheduleRuns: route(
    'GET',
    '/schedules/runs',
    `What schedules that are switched on do in the next ${SCHEDULE_DAYS} days, the first first; of one schedule at most ${MAX_SCHEDULE_RUNS} runs`,
    Type.Object({ items: Type.Array(ref(ScheduleRun)) }),
  ),
  previewSchedule: route(
    'GET',
    '/schedules/preview',
    `When a schedule with this time would run in the next ${SCHEDULE_DAYS} days; what is wrong with the time is said`,
    Type.Object({ items: Type.Array(ref(ScheduleRun)) }),
    {
      query: Type.Object(
        {
          cron: Type.Optional(Type.String({ maxLength: MAX_CRON_CHARS, description: 'this, or `at`' })),
          at: Type.Optional(Type.String({ maxLength: MAX_AT_CHARS })),
          timezone: Type.Optional(timezone),
          duration_s: Type.Optional(Type.String({ pattern: '^\\d{1,7}$', description: 'of a window' })),
        },
        strict,
      ),
    },
  ),
  changeSchedule: route('PUT', '/schedules/:name', 'Put another schedule in the place of this one', ref(Schedule), {
    params: named,
    body: ChangedSchedule,
  }),
  setScheduleEnabled: route('PATCH', '/schedules/:name', 'Enable or disable a schedule', ref(Schedule), {
    params: named,
    body: Type.Object({ enabled: Type.Boolean() }, strict),
  }),
  deleteSchedule: route('DELETE', '/schedules/:name', 'Remove a schedule', Type.Object({ name: Type.String() }), {
    params: named,
  }),
  runSchedule: route('POST', '/schedules/:name/run', 'Carry out the action of a schedule now', ref(Schedule), {
    params: named,
  }),

  listAudit: route('GET', '/audit', 'What was done, by whom; sort by id', page(ref(AuditEntry)), {
    query: Type.Object(
      {
        ...paging,
        action: Type.Optional(Type.String({ maxLength: 40 })),
        subject: Type.Optional(Type.String({ maxLength: 80 })),
      },
      strict,
    ),
  }),

  verifyAudit: route(
    'GET',
    '/audit/verify',
    'Whether every entry of the audit is there, as it was written; names those that are not',
    ref(AuditVerification),
  ),

  getSessions: route(
    'GET',
    '/sessions',
    'Sessions of browsers that are open, the one used last first',
    Type.Object({ items: Type.Array(ref(Session)) }),
  ),
  revokeSession: route(
    'DELETE',
    '/sessions/:session',
    'End a session: its browser has to log in again. `own` is the one that asks',
    Type.Object({ id: Type.String() }),
    { params: Type.Object({ session: Type.String({ maxLength: 40 }) }) },
  ),
  createLoginLink: route('POST', '/sessions/links', 'Make a link that logs a browser in, once', ref(LoginLink), {
    status: 201,
  }),

  listEvents: route(
    'GET',
    '/events/list',
    'Changes of rollouts, stages and assignments; sort by id',
    page(ref(Event)),
    {
      query: Type.Object({ ...paging, ...eventFilter }, strict),
    },
  ),
} as const;

export type AdminRouteName = keyof typeof adminRoutes;

/**
 * The one route that answers with a stream (`text/event-stream`), so no row of the table. The header `Last-Event-ID` wins
 * over `after`; with neither it begins with now.
 */
export const eventStream = {
  path: `${ADMIN_PREFIX}/events`,
  summary: 'Changes of rollouts, stages and assignments as they happen (server-sent events)',
  query: Type.Object(eventFilter, strict),
  event: ref(Event),
} as const;
