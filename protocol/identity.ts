// Who a device is: an id of its own, and the names by which it is found. Its MAC is one of its names; another device protocol may
// bring others. What a wire says is turned into these values where it is read, and nowhere else
// (docs/decisions/0026-a-device-has-names.md).

import { Type } from 'typebox';
import { MAC_PATTERN } from './words.ts';

declare const isOfDevice: unique symbol;

/** Never given twice, and never changed. Another number is none: it comes from the database, or from a text that was read here. */
export type DeviceId = number & { readonly [isOfDevice]: true };

/** One name of one device: no two devices have the same text of one kind. */
export interface DeviceName {
  readonly kind: 'mac';
  /** Canonical. */
  readonly text: string;
}

/** A device that is meant, and that may not be there. */
export type DeviceRef = DeviceId | DeviceName;

/** No MAC can be spelled like it, since `v` is no hex digit. */
export const DEVICE_ID_PATTERN = '^dev-[1-9][0-9]{0,14}$';

/** On the wire: opaque, to be sent back as it came. */
export const DeviceIdText = Type.String({
  pattern: DEVICE_ID_PATTERN,
  description: 'opaque; stays the same whatever names the device has, and is never given to another',
  examples: ['dev-17'],
});

/** In an address: the id, or a MAC. */
export const DeviceRefText = Type.String({
  pattern: `${DEVICE_ID_PATTERN}|${MAC_PATTERN}`,
  description: 'id of the device, or its MAC address, lower case with colons',
  examples: ['24:6f:28:aa:bb:cc', 'dev-17'],
});

/** `mac` is canonical. */
export function macName(mac: string): DeviceName {
  return { kind: 'mac', text: mac };
}

/** Of a text that `DeviceRefText` allows. */
export function readDeviceRef(text: string): DeviceRef {
  const id = text.startsWith(PREFIX) ? Number(text.slice(PREFIX.length)) : Number.NaN;
  return isDeviceId(id) ? id : macName(text);
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
