// What a query means, said a second time and without SQL: for one device, by what is known of it. Tests compare it with what the
// databases answer.

import type { Device } from '#protocol/admin/devices.ts';
import { assertNever } from '#protocol/errors.ts';
import { compareVersions, versionKey } from '#protocol/device/version.ts';
import type { Condition, Order, Query, TextField } from '#protocol/query/query.ts';

export interface KnownDevice {
  /** As the API shows it. */
  readonly shown: Device;
  readonly seenAtMs: number;
  readonly firstSeenAtMs: number;
  readonly chipRevision: number | undefined;
  readonly library: string | undefined;
  /** Undefined: it does not say them. */
  readonly releaseKeys: readonly string[] | undefined;
  /** Versions of builds that are known bad on it. */
  readonly knownBad: ReadonlySet<string>;
}

export function isMeant(query: Query, device: KnownDevice, nowMs: number): boolean {
  if (query.kind === 'and') return query.parts.every((part) => isMeant(part, device, nowMs));
  if (query.kind === 'or') return query.parts.some((part) => isMeant(part, device, nowMs));
  return query.kind === 'not' ? !isMeant(query.part, device, nowMs) : holds(query, device, nowMs);
}

function holds(condition: Condition, device: KnownDevice, nowMs: number): boolean {
  const { shown } = device;
  switch (condition.kind) {
    case 'text': {
      const text = textOf(condition.field, device)?.toLowerCase();
      return condition.isBeginning ? text?.startsWith(condition.value) === true : text === condition.value;
    }
    case 'mac':
      return shown.mac.startsWith(condition.beginning);
    case 'id':
      return shown.id === `dev-${condition.id}`;
    case 'version':
      return isVersionInOrder(shown.current_version, condition.order, condition.version);
    case 'chip_revision':
      return device.chipRevision !== undefined && inOrder(device.chipRevision - condition.revision, condition.order);
    case 'release_key':
      return device.releaseKeys?.includes(condition.keyId) === true;
    case 'status':
      return shown.status === condition.status;
    case 'label':
      return shown.labels.includes(condition.name);
    case 'is':
      return isSo(condition.what, shown);
    case 'saved':
      throw new Error(`not known here: @${condition.name}`);
    case 'known_bad':
      return device.knownBad.has(condition.version);
    case 'seen':
      return seenAt(device, condition.which) >= nowMs - condition.withinS * 1000;
    case 'seen_at':
      return inOrder(seenAt(device, condition.which) - Date.parse(condition.instant), condition.order);
    default:
      return assertNever(condition);
  }
}

function isSo(what: 'held' | 'test' | 'flapping' | 'overdue', shown: Device): boolean {
  switch (what) {
    case 'held':
      return shown.hold !== null;
    case 'test':
      return shown.counted === 'no';
    case 'flapping':
      return shown.rhythm.flapping;
    case 'overdue':
      return shown.rhythm.overdue;
    default:
      return assertNever(what);
  }
}

function seenAt({ seenAtMs, firstSeenAtMs }: KnownDevice, which: 'first' | 'last'): number {
  return which === 'first' ? firstSeenAtMs : seenAtMs;
}

function textOf(field: TextField, { shown, library }: KnownDevice): string | undefined {
  switch (field) {
    case 'name':
      return shown.name ?? undefined;
    case 'product':
      return shown.product;
    case 'chip':
      return shown.chip ?? undefined;
    case 'library':
      return library;
    case 'address':
      return shown.ip ?? undefined;
    default:
      return assertNever(field);
  }
}

function isVersionInOrder(said: string, order: Order, version: string): boolean {
  if (order === '=') return versionKey(said) === versionKey(version);
  const compared = compareVersions(said, version);
  return compared !== undefined && inOrder(compared, order);
}

function inOrder(difference: number, order: Order): boolean {
  switch (order) {
    case '=':
      return difference === 0;
    case '<':
      return difference < 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '>=':
      return difference >= 0;
    default:
      return assertNever(order);
  }
}
