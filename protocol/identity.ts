// Who a device is: an id of its own, and the names by which it is found. Its MAC is one of its names; another device protocol may
// bring others. An operator may give it one more name to call it by, which is no part of who it is: it changes, and passes on to
// another board. What a wire says is turned into these values where it is read, and nowhere else
// (docs/decisions/0026-a-device-has-names.md).

import { Type } from 'typebox';
import { MAX_GIVEN_NAME_CHARS } from './limits.ts';

declare const isOfDevice: unique symbol;

/** Never given twice, and never changed. Another number is none: it comes from the database, or from a text that was read here. */
export type DeviceId = number & { readonly [isOfDevice]: true };

/** One name of one device: no two devices have the same text of one kind. */
export interface DeviceName {
  readonly kind: 'mac';
  /** Canonical. */
  readonly text: string;
}

/** What an operator calls a device: no two devices have the same, in whichever letter case. */
export interface GivenName {
  readonly kind: 'given';
  /** As it is compared. */
  readonly text: string;
}

/** A device that is meant, and that may not be there. */
export type DeviceRef = DeviceId | DeviceName | GivenName;

/** No MAC can be spelled like it, since `v` is no hex digit. */
export const DEVICE_ID_PATTERN = '^dev-[1-9][0-9]{0,14}$';

/** Letters and digits of any language, blanks and `. _ - # ( ) +` inside: safe in a path, a table and the quotes of a shell. */
const GIVEN_NAME_PATTERN = `^[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N} ._#()+-]{0,${MAX_GIVEN_NAME_CHARS - 1}}$`;

/** On the wire: opaque, to be sent back as it came. */
export const DeviceIdText = Type.String({
  pattern: DEVICE_ID_PATTERN,
  description: 'opaque; stays the same whatever names the device has, and is never given to another',
  examples: ['dev-17'],
});

/** In an address: the id, a MAC in any spelling, or a given name. `\\p` needs the flag `u`, as every JSON Schema validator sets it. */
export const DeviceRefText = Type.String({
  maxLength: MAX_GIVEN_NAME_CHARS,
  pattern: `^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$|${GIVEN_NAME_PATTERN}`,
  description: 'id of the device, its MAC address, or the name that it was given',
  examples: ['24:6f:28:aa:bb:cc', 'dev-17', 'sensor-2'],
});

/** `mac` is canonical. */
export function macName(mac: string): DeviceName {
  return { kind: 'mac', text: mac };
}

/** Of a text that `DeviceRefText` allows. */
export function readDeviceRef(text: string): DeviceRef {
  const id = new RegExp(DEVICE_ID_PATTERN, 'i').test(text) ? Number(text.slice(PREFIX.length)) : Number.NaN;
  if (isDeviceId(id)) return id;
  const mac = readMac(text);
  return mac === undefined ? { kind: 'given', text: givenNameKey(text) } : macName(mac);
}

/** The canonical MAC of one in any spelling (upper case, dashes, dots, nothing between); undefined: it is none. */
export function readMac(text: string): string | undefined {
  const digits = text.replaceAll(/[:.-]/g, '').toLowerCase();
  return /^[0-9a-f]{12}$/.test(digits) ? digits.replaceAll(/(..)(?=.)/g, '$1:') : undefined;
}

/** What a name is found by: `Sensor-2` and `sensor-2` are one. */
export function givenNameKey(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

/**
 * By which devices are sorted by name, compared byte for byte: numbers in a name by their value, so that `sensor-2` comes before
 * `sensor-10`; those without a name come last.
 */
export function sortNameOf(name: string | null): string {
  if (name === null) return UNNAMED_SORT;
  const sorted = givenNameKey(name).replaceAll(
    /0*(\d+)/g,
    (_, digits: string) => `${String(digits.length).padStart(2, '0')}${digits}`,
  );
  return `0${sorted}`;
}

/** The default of its column. */
export const UNNAMED_SORT = '1';

/** What is wrong with a name for a device; undefined: nothing. */
export function givenNameFault(name: string): string | undefined {
  if (Array.from(name).length > MAX_GIVEN_NAME_CHARS) return `it has more than ${MAX_GIVEN_NAME_CHARS} characters`;
  if (readMac(name) !== undefined) return 'it reads like a MAC address';
  if (/^dev-?\d/i.test(name)) return 'it reads like the id of a device';
  if (!new RegExp(GIVEN_NAME_PATTERN, 'u').test(name) || name.endsWith(' '))
    return 'it begins with a letter or a digit, and goes on with those, blanks and . _ - # ( ) +';
  return undefined;
}

/** As people wrote it. */
export function textOfRef(device: DeviceRef): string {
  return typeof device === 'number' ? textOfDeviceId(device) : device.text;
}

export function textOfDeviceId(id: DeviceId): string {
  return PREFIX + String(id);
}

const PREFIX = 'dev-';

function isDeviceId(id: number): id is DeviceId {
  return Number.isSafeInteger(id) && id > 0;
}
