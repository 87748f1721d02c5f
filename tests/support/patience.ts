// How long a test waits for what must come: as long as it takes on a machine that has other things to do. What comes at all comes
// in milliseconds; a limit only ends a test that is broken.

import { vi } from 'vitest';

const PATIENCE_MS = 120_000;
/** Files share a process; it is made patient once. */
const PATIENT = Symbol.for('otter.patient');

if (!Reflect.has(vi, PATIENT)) {
  const { waitFor, waitUntil } = vi;
  vi.waitFor = async (callback, options) => waitFor(callback, patient(options));
  vi.waitUntil = async (callback, options) => waitUntil(callback, patient(options));
  Reflect.set(vi, PATIENT, true);
}

interface Waiting {
  readonly timeout?: number;
  readonly interval?: number;
}

function patient(options: number | Waiting = {}): Waiting {
  const { timeout = 0, ...rest } = typeof options === 'number' ? { timeout: options } : options;
  return { ...rest, timeout: Math.max(timeout, PATIENCE_MS) };
}
