// Fault injection: in which ways a build can be bad, and on which boards of a fleet it is. Pure: the same seed, board and
// build give the same answer however often it is asked, so a board that is offered the build again meets the same fault. It
// never acts: `device.ts` does what is drawn here. What goes wrong by chance with each offer is in `chances.ts`.

import { assertNever } from '#protocol/errors.ts';
import { TRIAL_FAILURES, type TrialFailure } from './chances.ts';
import type { Random } from '#simulator/random.ts';

const MINUTE_MS = 60_000;

export const FAULT_NAMES = [
  'fails_trial',
  'hangs_on_trial',
  'bricks',
  'goes_back',
  'goes_back_silently',
  'dies',
  'crash_loops',
  'leaks_heap',
] as const;
export type FaultKind = (typeof FAULT_NAMES)[number];

/** What each kind does, and what its delay is; undefined: it has none. */
export const FAULT_KINDS: Readonly<Record<FaultKind, { readonly text: string; readonly delay: string | undefined }>> = {
  fails_trial: { text: 'fails its trial and reports why', delay: undefined },
  hangs_on_trial: { text: 'hangs on trial until its watchdog comes', delay: 'until then (5m)' },
  bricks: { text: 'is never heard of again after it reported installing', delay: undefined },
  goes_back: { text: 'goes back, and only its check-ins say so', delay: 'after it confirmed (on trial)' },
  goes_back_silently: { text: 'goes back, and nothing says so', delay: 'after it confirmed (on trial)' },
  dies: { text: 'is never heard of again after it confirmed', delay: 'after that (0s)' },
  crash_loops: { text: 'crashes again and again, checking in between', delay: 'after it confirmed (0s)' },
  leaks_heap: { text: 'loses three quarters of its free heap', delay: 'until they are lost (1h)' },
};

/** A build that is bad on some boards. */
export interface BuildFault {
  readonly kind: FaultKind;
  /** Share of the boards on which it is bad, in [0, 1]. The shares of several faults lie side by side. */
  readonly share: number;
  /** Milliseconds, see `FAULT_KINDS`; undefined: 0, but for `hangs_on_trial` 5 minutes and for `leaks_heap` an hour. */
  readonly delayMs?: number;
  /** The build that is bad; undefined: every one that a board gets, but for a rollback. */
  readonly version?: string;
}

/** What a build is bound to do on one board. */
export type DrawnFault =
  | { readonly kind: 'fails_trial'; readonly failure: TrialFailure }
  | { readonly kind: 'bricks' }
  | { readonly kind: 'hangs_on_trial' | 'dies' | 'crash_loops' | 'leaks_heap'; readonly delayMs: number }
  /** `delayMs` undefined: on trial. */
  | { readonly kind: 'goes_back' | 'goes_back_silently'; readonly delayMs: number | undefined };

/** What the build of this offer is bound to do on the board of `random`; undefined: it is good there. */
export function drawFault(
  faults: readonly BuildFault[],
  offer: { readonly version: string; readonly rollback: boolean },
  random: Random,
): DrawnFault | undefined {
  const ofBuild = random.fork(`fault of ${offer.version}`);
  let rest = ofBuild.next();
  for (const fault of faults.filter(({ version }) => (version ?? offer.version) === offer.version)) {
    if (fault.version === undefined && offer.rollback) continue;
    if (rest < fault.share) return drawn(fault, ofBuild);
    rest -= fault.share;
  }
  return undefined;
}

/** How much of its heap a leaking build has left: from 1 down to a quarter. */
export function heapLeft(sinceConfirmedMs: number, delayMs: number): number {
  return 1 - 0.75 * (sinceConfirmedMs < delayMs ? Math.max(0, sinceConfirmedMs / delayMs) : 1);
}

function drawn({ kind, delayMs }: BuildFault, random: Random): DrawnFault {
  switch (kind) {
    case 'fails_trial':
      return { kind, failure: random.pick(TRIAL_FAILURES) };
    case 'bricks':
      return { kind };
    case 'hangs_on_trial':
      return { kind, delayMs: delayMs ?? 5 * MINUTE_MS };
    case 'leaks_heap':
      return { kind, delayMs: delayMs ?? 60 * MINUTE_MS };
    case 'dies':
    case 'crash_loops':
      return { kind, delayMs: delayMs ?? 0 };
    case 'goes_back':
    case 'goes_back_silently':
      return { kind, delayMs };
    default:
      return assertNever(kind);
  }
}
