// What an operator is told who clears a build on a device: whether the device will hear of it. Pure.

import { isOtterOtaBefore } from '#engine/facts/library.ts';

/** The first OtterOTA that forgets what it holds against a build when the offer says `forgiven` (client/library.properties). */
const FORGIVING_LIBRARY = '0.2.0';

export interface Pardoned {
  readonly version: string;
  /** The build had become known bad, so that a client that keeps its own list has it there. */
  readonly wasKnownBad: boolean;
  /** The device refused the build after it had been cleared once before. */
  readonly refusedAgain: boolean;
  /** What the device says of its client. */
  readonly library: string | undefined;
}

/** Why clearing alone does not help, and what does; undefined: the next offer reaches the device, as far as anybody knows. */
export function noteOfPardon({ version, wasKnownBad, refusedAgain, library }: Pardoned): string | undefined {
  const instead = `flash ${version} once by cable, or upload the same code as a newer version`;
  if (refusedAgain) return `the board refused ${version} after it had been cleared before: ${instead}`;
  if (!wasKnownBad || !isOtterOtaBefore(library, FORGIVING_LIBRARY)) return undefined;
  return `${library} on this board keeps its own list and refuses ${version} (OtterOTA hears of a clearing from ${FORGIVING_LIBRARY} on): ${instead}`;
}
