// One device, and the list of devices.

import { Type } from 'typebox';
import {
  ClearedBuild,
  Device,
  DeviceDetail,
  DeviceRetried,
  Explanation,
  NewHold,
  RemovedDevice,
  ReplacedDevice,
} from '#protocol/admin/devices.ts';
import { DeviceNumbers, NUMBERED_BY } from '#protocol/admin/fleet/device-numbers.ts';
import { DeviceImport, DeviceTable, tableForm } from '#protocol/admin/fleet/device-table.ts';
import { Where } from '#protocol/admin/fleet/bulk.ts';
import { Line, NewNote, oneOf } from '#protocol/admin/shapes.ts';
import { COUNTED, DEVICE_STATUSES } from '#protocol/admin/states.ts';
import { Telemetry } from '#protocol/admin/health.ts';
import { MAX_GIVEN_NAME_CHARS, TELEMETRY_HOURS } from '#protocol/limits.ts';
import { DeviceRefText } from '#protocol/identity.ts';
import { LabelName, Name, Version } from '#protocol/words.ts';
import { confirm, confirmRemoval, device, page, paging, product, ref, route, strict } from './route.ts';

export const deviceRoutes = {
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
} as const;
