// The admin routes of one device and of the list of devices, each tied to one service.

import { readDeviceRef } from '#protocol/identity.ts';
import { clearKnownBad } from '#server/service/fleet/clear-known-bad.ts';
import { setCounted } from '#server/service/fleet/counted.ts';
import { replaceDevice } from '#server/service/removal/replacement.ts';
import { removeDevice } from '#server/service/removal/device-removal.ts';
import type { Deps } from '#server/service/deps.ts';
import { explainDevice, getDevice, listDevices } from '#server/service/fleet/devices.ts';
import { getDeviceNumbers } from '#server/service/fleet/device-numbers.ts';
import { getTelemetry } from '#server/service/gates/health.ts';
import { labelDevice, unlabelDevice } from '#server/service/fleet/labels.ts';
import { nameDevice } from '#server/service/names/device-name.ts';
import { noteDevice } from '#server/service/names/notes.ts';
import { holdDevice, releaseDevice } from '#server/service/holds/holds.ts';
import {
  acceptEnrolment,
  acceptEnrolments,
  listEnrolments,
  reopenEnrolment,
  revokeToken,
} from '#server/service/identity/operators.ts';
import { cancelUpdate } from '#server/service/orders/cancel.ts';
import { offerNow } from '#server/service/orders/offer-now.ts';
import { retryDevice } from '#server/service/orders/retry.ts';
import { sendBack } from '#server/service/orders/send-back.ts';
import { getDeviceTable } from '#server/service/table/export.ts';
import { importDevices } from '#server/service/table/import.ts';
import { readUpload } from '#server/http/request/read-body.ts';
import { type Handlers, yes } from './handlers.ts';

type DeviceRoute =
  | 'listDevices'
  | 'getDevice'
  | 'explainDevice'
  | 'getTelemetry'
  | 'labelDevice'
  | 'unlabelDevice'
  | 'removeDevice'
  | 'replaceDevice'
  | 'getDeviceNumbers'
  | 'getDeviceTable'
  | 'importDevices'
  | 'setCounted'
  | 'nameDevice'
  | 'noteDevice'
  | 'holdDevice'
  | 'releaseDevice'
  | 'cancelUpdate'
  | 'sendBack'
  | 'offerNow'
  | 'retryDevice'
  | 'clearKnownBad'
  | 'listEnrolments'
  | 'acceptEnrolments'
  | 'acceptEnrolment'
  | 'revokeToken'
  | 'reopenEnrolment';

export function deviceHandlers(deps: Deps): Pick<Handlers, DeviceRoute> {
  const device = (params: { readonly device: string }) => ({ device: readDeviceRef(params.device) });
  return {
    listDevices: async ({ query, nowMs }) => listDevices(deps, query, nowMs),
    getDevice: async ({ params, nowMs }) => getDevice(deps, readDeviceRef(params.device), nowMs),
    explainDevice: async ({ params, nowMs }) => explainDevice(deps, readDeviceRef(params.device), nowMs),
    getTelemetry: async ({ params, nowMs }) => getTelemetry(deps, readDeviceRef(params.device), nowMs),
    labelDevice: async ({ params, query, nowMs, by }) =>
      labelDevice(deps, { name: params.name, ...device(params), ...yes(query) }, by, nowMs),
    unlabelDevice: async ({ params, query, nowMs, by }) =>
      unlabelDevice(deps, { name: params.name, ...device(params), ...yes(query) }, by, nowMs),
    removeDevice: async ({ params, query, nowMs, by }) =>
      removeDevice(deps, { ...device(params), ...yes(query) }, by, nowMs),
    replaceDevice: async ({ params, query, body, nowMs, by }) =>
      replaceDevice(deps, { ...device(params), heir: readDeviceRef(body.by), ...yes(query) }, by, nowMs),
    getDeviceNumbers: async ({ query, nowMs }) => getDeviceNumbers(deps, query, nowMs),
    getDeviceTable: async ({ query, nowMs }) => getDeviceTable(deps, query, nowMs),
    importDevices: async ({ query, raw, nowMs, by }) =>
      importDevices(
        deps,
        { source: readUpload(raw), ...yes(query), skipsUnknown: query.skip_unknown === 'true' },
        by,
        nowMs,
      ),
    setCounted: async ({ params, body, nowMs, by }) => setCounted(deps, readDeviceRef(params.device), body, by, nowMs),
    nameDevice: async ({ params, body, nowMs, by }) =>
      nameDevice(deps, readDeviceRef(params.device), body.name, by, nowMs),
    noteDevice: async ({ params, body, nowMs, by }) =>
      noteDevice(deps, readDeviceRef(params.device), body.note, by, nowMs),
    holdDevice: async ({ params, body, nowMs, by }) => holdDevice(deps, readDeviceRef(params.device), body, by, nowMs),
    releaseDevice: async ({ params, nowMs, by }) => releaseDevice(deps, readDeviceRef(params.device), by, nowMs),
    cancelUpdate: async ({ params, body, nowMs, by }) =>
      cancelUpdate(deps, readDeviceRef(params.device), body, by, nowMs),
    sendBack: async ({ params, body, query, nowMs, by }) =>
      sendBack(deps, readDeviceRef(params.device), { ...body, ...yes(query) }, by, nowMs),
    offerNow: async ({ params, nowMs, by }) => offerNow(deps, readDeviceRef(params.device), by, nowMs),
    retryDevice: async ({ params, nowMs, by }) => retryDevice(deps, readDeviceRef(params.device), by, nowMs),
    listEnrolments: async ({ query }) => listEnrolments(deps, query),
    acceptEnrolments: async ({ query, nowMs, by }) => acceptEnrolments(deps, yes(query), by, nowMs),
    acceptEnrolment: async ({ params, query, nowMs, by }) =>
      acceptEnrolment(deps, readDeviceRef(params.device), query.prefix, by, nowMs),
    revokeToken: async ({ params, nowMs, by }) => revokeToken(deps, readDeviceRef(params.device), by, nowMs),
    reopenEnrolment: async ({ params, nowMs, by }) => reopenEnrolment(deps, readDeviceRef(params.device), by, nowMs),
    clearKnownBad: async ({ params, query, nowMs, by }) =>
      clearKnownBad(deps, readDeviceRef(params.device), query, by, nowMs),
  };
}
