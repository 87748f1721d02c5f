// Counts to begin with, in tests of what a stage has shown: no board did anything.

import type { Counts } from '#engine/stage/counts.ts';

export const NOBODY: Counts = {
  healthy: 0,
  soaking: 0,
  installing: 0,
  failed: 0,
  ranOut: 0,
  otherFailures: 0,
  lost: 0,
  lostLater: 0,
  suspects: 0,
  silent: 0,
  open: 0,
  hopeful: 0,
};
