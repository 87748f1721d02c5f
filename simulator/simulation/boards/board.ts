// One board of a simulation: what it is bound to meet, what it runs and measures, and what a server knows of it from the time
// before. What it does, and when, stands in boards.ts.

import { type HealthHour, hourOfCheck } from '#engine/outcome/health.ts';
import type { Presence } from '#engine/outcome/presence.ts';
import { MAX_CHECK_GAPS, POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import { type BuildFault, heapLeft } from '#simulator/device/faults.ts';
import { HANG, type TrialFailure } from '#simulator/device/chances.ts';
import type { Random } from '#simulator/random.ts';
import { drawFate, type Fate, type Surroundings } from './fate.ts';

export interface BoardChances {
  /** In which ways the build is bad. */
  readonly faults: readonly BuildFault[];
  /** Share of the boards with a second chip; where it is given, the build is bad on those alone. */
  readonly badChipShare: number | undefined;
  readonly surroundings: Surroundings;
  /** Share of the boards that fall silent: half of them before the rollout starts, half when they take the offer. */
  readonly silent: number;
  /** Of each download: the network breaks it off. */
  readonly networkFail: number;
}

export interface BoardsOptions extends BoardChances {
  readonly macs: readonly string[];
  readonly version: string;
  readonly oldVersion: string;
  readonly imageBytes: number;
  readonly bytesPerS: number;
  readonly pollIntervalS: number;
  /** Share of the interval by which answers are early or late. */
  readonly pollJitter: number;
  /** Whether a board that would be told the same again and again is left to sleep. */
  readonly skipsPolls: boolean;
  readonly random: Random;
}

/** What the board does when its wait is over. `asleep`: its polls go on, and all are answered as the last one was. */
type Doing = 'poll' | 'downloaded' | 'booted' | 'confirmed' | 'came_back' | 'asleep' | 'gone';

export interface Board extends Fate {
  readonly silent: 'never' | 'from_start' | 'when_offered';
  /** Free, with a build that loses none. */
  readonly heapBytes: number;
  readonly downloadMs: number;
  readonly waits: Random;
  readonly links: Random;
  doing: Doing;
  /** The one event that counts; others are of the past. */
  dueAtMs: number;
  seenAtMs: number;
  runs: 'old' | 'build';
  bootAtMs: number;
  bootReason: string;
  rolledBackFrom: string | undefined;
  /** When its build, which it has confirmed, fails. */
  faultAtMs: number;
  isCrashing: boolean;
  confirmedAtMs: number;
  isExposed: boolean;
  isAffected: boolean;
  /** How the trial ended; undefined: it tells nobody. */
  cause: TrialFailure | undefined;
  isWayBack: boolean;
  assignmentId: number;
  /** What the server said last. */
  intervalS: number;
}

/** Of boards with Wi-Fi up; and from check to check it differs by so much. */
const HEAP_BYTES = { low: 150_000, high: 230_000 } as const;
const HEAP_JITTER = 0.01;

/** Every chance is drawn from a stream of its own, so that one does not shift the others. */
export function newBoard(options: BoardsOptions, random: Random): Board {
  const { silent, imageBytes, bytesPerS, faults, version, badChipShare, surroundings, pollIntervalS } = options;
  const fate = drawFate({ faults, version, badChipShare }, surroundings, random);
  const silence = random.fork('silence').chance(0.5) ? 'from_start' : 'when_offered';
  const isSilent = random.fork('silent').chance(silent);
  const gapS = Math.max(fate.sleepS ?? 0, pollIntervalS);
  const seenAtMs = Math.round(-random.fork('phase').next() * gapS * 1000);
  return {
    ...fate,
    silent: isSilent ? silence : 'never',
    heapBytes: random.fork('heap').between(HEAP_BYTES.low, HEAP_BYTES.high),
    downloadMs: (imageBytes / (bytesPerS * random.fork('speed').between(0.5, 1.5))) * 1000,
    waits: random.fork('waits'),
    links: random.fork('links'),
    doing: isSilent && silence === 'from_start' ? 'gone' : 'poll',
    dueAtMs: Number.NaN,
    seenAtMs,
    runs: 'old',
    bootAtMs: seenAtMs - random.fork('uptime').between(0, 30 * 86_400_000),
    bootReason: fate.sleepS === undefined ? 'power_on' : 'deep_sleep',
    rolledBackFrom: undefined,
    faultAtMs: Number.POSITIVE_INFINITY,
    isCrashing: false,
    confirmedAtMs: Number.NaN,
    isExposed: false,
    isAffected: false,
    cause: undefined,
    isWayBack: false,
    assignmentId: Number.NaN,
    intervalS: pollIntervalS,
  };
}

/** What a server knows of the board from the time before. */
export function presenceBefore({ seenAtMs, sleepS, bootReason }: Board, pollIntervalS: number): Presence {
  const gapS = sleepS ?? pollIntervalS;
  const gaps = Array.from({ length: MAX_CHECK_GAPS }, () => gapS);
  const limitS = SILENT_POLLS * Math.max(POLL_REST * pollIntervalS, gapS);
  return { seenAtMs, uptimeS: undefined, bootCause: bootReason, intervalS: gapS, gaps, limitS, backAtMs: undefined };
}

/** How the board fared in the hours before the start, one check in each. */
export function healthBefore({ heapBytes: freeHeapBytes }: Board, hours: number): readonly HealthHour[] {
  const measured = { freeHeapBytes, largestBlockBytes: undefined, rssiDbm: undefined, uptimeS: 86_400 };
  return Array.from({ length: hours }, (_, hour) =>
    hourOfCheck({ ...measured, restarted: false, crashed: false, atMs: -(hour + 1) * 3_600_000 }),
  );
}

/** Free heap that it measures now. */
export function measureHeap(board: Board, nowMs: number): number {
  const { fault, runs, heapBytes, confirmedAtMs, waits } = board;
  const isLeaking = runs === 'build' && fault?.kind === 'leaks_heap';
  const left = isLeaking ? heapLeft(nowMs - confirmedAtMs, fault.delayMs) : 1;
  return Math.round(heapBytes * left * waits.between(1 - HEAP_JITTER, 1 + HEAP_JITTER));
}

/** What a board reports that goes back from its trial; undefined: nothing. */
export function failureOf(fault: Board['fault']): TrialFailure | undefined {
  if (fault?.kind === 'fails_trial') return fault.failure;
  return fault?.kind === 'hangs_on_trial' ? HANG : undefined;
}

/** By itself, or of its build. */
export function diesAtMs({ diesAtMs: byItselfMs, fault, faultAtMs }: Board): number {
  return fault?.kind === 'dies' ? Math.min(byItselfMs, faultAtMs) : byItselfMs;
}

export function isAffectedBy(board: Board, nowMs: number): boolean {
  return board.isAffected || (board.fault?.kind === 'dies' && board.faultAtMs <= Math.min(nowMs, board.diesAtMs));
}
