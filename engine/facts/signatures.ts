// What a board takes an image from: the release keys that it says it knows. One that says nothing is unknown, and takes any.

import type { DeviceFacts, ImageFacts } from './model.ts';

export type KeysOfDevice = Pick<DeviceFacts, 'releaseKeys' | 'signaturesNeeded'>;

/** The board names release keys, and takes nothing that they did not sign. */
export function knowsKeys({ releaseKeys }: KeysOfDevice): boolean {
  return releaseKeys !== undefined && releaseKeys.length > 0;
}

/** Whether enough of the keys that the board knows signed the image. */
export function isSignedFor({ signedBy }: Pick<ImageFacts, 'signedBy'>, device: KeysOfDevice): boolean {
  if (device.releaseKeys === undefined || device.releaseKeys.length === 0) return true;
  return device.releaseKeys.filter((key) => signedBy.includes(key)).length >= device.signaturesNeeded;
}
