// What can be done to many devices: which of them it would change, and how a batch of them is changed in a transaction.

import type { BulkChange } from '#protocol/admin/fleet/bulk.ts';
import { assertNever, OtterError } from '#protocol/errors.ts';
import { bareVersion } from '#protocol/device/version.ts';
import { supersedeUngiven } from '#server/db/device/assignments.ts';
import { leaveOutUngiven } from '#server/db/device/left-out.ts';
import { forgive, listFailed } from '#server/db/device/failed-assignments.ts';
import { addHoldEvents } from '#server/db/events/events.ts';
import { idsOf, type MeantDevice, NEEDS } from '#server/db/fleet/bulk.ts';
import { NOT_HELD, saveHold } from '#server/db/fleet/holds.ts';
import { NOT_CANCELLED, saveOrder } from '#server/db/fleet/orders.ts';
import { addLabel, findLabel, putLabel, takeLabelOff, waitForLabelling } from '#server/db/fleet/labels.ts';
import type { Where } from '#server/db/fleet/where.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { countAnew } from '#server/service/gates/count-anew.ts';
import { getLabel, refuseGeneral } from '#server/service/fleet/labels.ts';
import { refuseDynamic, refuseDynamicName, sortDevices } from '#server/service/groups/dynamic-labels.ts';
import { detailsOf, readHold } from '#server/service/holds/stored-hold.ts';
import { revokeDevices } from '#server/service/identity/revocation.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { forget } from '#server/service/removal/device-removal.ts';

export interface Verb {
  /** As one device has it in the audit. */
  readonly action: string;
  /** Of the audit: left out, the query. */
  readonly subject?: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** That the devices would have, or undefined. */
  readonly label?: string;
  /** `limit` counts those that have it already: to say the same once more changes nothing. */
  readonly isState: boolean;
  readonly need: Where;
  /** What other transactions wait for, before the first read. */
  readonly lock?: (trx: Trx) => Promise<void>;
  /** Of devices that this transaction holds. */
  readonly change: (trx: Trx, devices: readonly MeantDevice[]) => Promise<void>;
}

/** Throws `field_invalid` where something is missing for the verb, `name_reserved`, `label_unknown`, and what a hold throws. */
export async function readVerb(deps: Deps, asked: BulkChange, by: Principal, nowMs: number): Promise<Verb> {
  switch (asked.verb) {
    case 'label':
      return toLabel(deps, labelOf(asked), nowMs);
    case 'unlabel':
      return toUnlabel(deps, labelOf(asked), nowMs);
    case 'hold':
      return toHold(asked, by, nowMs);
    case 'release':
      return toRelease(by, nowMs);
    case 'clear_known_bad':
      return toClear(deps, asked.version);
    case 'retry':
      return toRetry(by, nowMs);
    case 'revoke':
      return {
        action: 'device.revoke',
        details: {},
        isState: false,
        need: NEEDS.revoke(),
        change: async (trx, devices) => revokeDevices(trx, idsOf(devices), nowMs),
      };
    case 'remove':
      return {
        action: 'device.remove',
        details: {},
        isState: false,
        need: NEEDS.remove(),
        change: async (trx, devices) => forget(trx, devices, undefined, by, nowMs),
      };
    default:
      return assertNever(asked.verb);
  }
}

function labelOf({ verb, label }: BulkChange): string {
  if (label === undefined)
    throw new OtterError('field_invalid', `label: it is missing, and ${verb} needs one`, 'say which label');
  refuseGeneral(label);
  return label;
}

async function toLabel(deps: Deps, name: string, nowMs: number): Promise<Verb> {
  refuseDynamic(await findLabel(deps.database.read, name));
  return {
    action: 'device.label',
    subject: name,
    details: {},
    label: name,
    isState: true,
    need: NEEDS.label(name),
    lock: async (trx) => waitForLabelling(trx, deps.database.dialect),
    change: async (trx, devices) => {
      await refuseDynamicName(trx, name);
      const { id } = await addLabel(trx, { name, description: '', nowMs });
      await putLabel(trx, id, idsOf(devices), nowMs);
      await sortDevices(deps, trx, idsOf(devices), nowMs);
    },
  };
}

async function toUnlabel(deps: Deps, name: string, nowMs: number): Promise<Verb> {
  const { database } = deps;
  refuseDynamic(await getLabel(database.read, name));
  return {
    action: 'device.unlabel',
    subject: name,
    details: {},
    isState: false,
    need: NEEDS.unlabel(name),
    lock: async (trx) => waitForLabelling(trx, database.dialect),
    change: async (trx, devices) => {
      const { id } = await getLabel(trx, name);
      await takeLabelOff(trx, id, idsOf(devices));
      await sortDevices(deps, trx, idsOf(devices), nowMs);
    },
  };
}

function toHold({ reason = '', until, way_back }: BulkChange, by: Principal, nowMs: number): Verb {
  const hold = readHold({ reason, ...(until === undefined ? {} : { until }), way_back }, by, nowMs);
  return {
    action: 'device.hold',
    details: detailsOf(hold),
    isState: true,
    need: NEEDS.hold(nowMs),
    change: async (trx, devices) => {
      const ids = idsOf(devices);
      await saveHold(trx, ids, hold);
      await supersedeUngiven(trx, ids, { includesWayBack: hold.holds_way_back === 1, data: { held: true } }, nowMs);
      await leaveOutUngiven(trx, ids, { counted: 'held' });
      const data = { actor: actorOf(by), ...detailsOf(hold) };
      await addHoldEvents(
        trx,
        devices.map((device) => ({ at_ms: nowMs, product: device.product, type: 'device.held', device, data })),
      );
    },
  };
}

function toRelease(by: Principal, nowMs: number): Verb {
  return {
    action: 'device.release',
    details: {},
    isState: false,
    need: NEEDS.release(nowMs),
    change: async (trx, devices) => {
      await saveHold(trx, idsOf(devices), NOT_HELD);
      await countAnew(
        trx,
        devices.map((device) => Object.assign({}, device, NOT_HELD)),
      );
      const data = { actor: actorOf(by) };
      await addHoldEvents(
        trx,
        devices.map((device) => ({ at_ms: nowMs, product: device.product, type: 'device.released', device, data })),
      );
    },
  };
}

function toClear(deps: Deps, asked: string | undefined): Verb {
  const version = asked === undefined ? undefined : bareVersion(asked);
  return {
    action: 'device.clear_known_bad',
    details: version === undefined ? {} : { version },
    isState: false,
    need: NEEDS.clearKnownBad(version),
    change: async (trx, devices) => {
      const view = await deps.catalog.within(trx);
      const failed = (await listFailed(trx, idsOf(devices))).filter(
        ({ firmware_id, image_id }) =>
          version === undefined || view.findBuild(firmware_id, image_id)?.firmware.version === version,
      );
      await forgive(
        trx,
        failed.map(({ id }) => id),
      );
    },
  };
}

function toRetry(by: Principal, nowMs: number): Verb {
  return {
    action: 'device.retry',
    details: {},
    isState: false,
    need: NEEDS.retry(),
    change: async (trx, devices) => {
      const failed = await listFailed(trx, idsOf(devices));
      await forgive(
        trx,
        failed.map(({ id }) => id),
      );
      await saveOrder(trx, idsOf(devices), NOT_CANCELLED);
      await countAnew(
        trx,
        devices.map((device) => Object.assign({}, device, NOT_CANCELLED)),
      );
      const data = { actor: actorOf(by) };
      await addHoldEvents(
        trx,
        devices.map((device) => ({ at_ms: nowMs, product: device.product, type: 'device.retried', device, data })),
      );
    },
  };
}
