// What the client library on a board can do, by what the board says of it. Pure.

import { compareVersions } from '#protocol/device/version.ts';

const OTTER_OTA = /^OtterOTA\b\s*(.*)$/;

/** Whether this is an OtterOTA before `version`, or one that does not say which. A client of another kind is none. */
export function isOtterOtaBefore(library: string | undefined, version: string): boolean {
  const said = library === undefined ? undefined : OTTER_OTA.exec(library)?.[1];
  if (said === undefined) return false;
  const order = compareVersions(said, version);
  return !(order !== undefined && order >= 0);
}
