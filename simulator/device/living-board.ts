// A board as time passes over it: what it runs, how long it is up, and what the build that it runs is bound to do. It never
// talks to a server and has no clock: the time is told to it. The steps of an update are pure functions in `board.ts`.

import type { CheckUpdateRequest, Offer } from '#protocol/device/api.ts';
import type { Configuration } from '#protocol/device/configuration.ts';
import { assertNever } from '#protocol/errors.ts';
import { type Board, bootTrial, checkInOf, confirm, forgive, goBack, loseMemory, restart, rollBack } from './board.ts';
import { takeConfiguration } from './configuration.ts';
import type { Habits } from './life.ts';
import { type BuildFault, drawFault, type DrawnFault, heapLeft } from './faults.ts';
import { HANG, type TrialFailure } from './chances.ts';
import type { Random } from '#simulator/random.ts';
import { VitalSigns } from './vitals.ts';

export interface LivingBoardOptions {
  readonly board: Board;
  readonly habits: Habits;
  readonly faults: readonly BuildFault[];
  readonly random: Random;
}

/** What a board went through since its last check-in; `awake`: nothing that keeps it from the next one. */
export type Passed =
  | { readonly kind: 'awake' }
  | { readonly kind: 'hanging'; readonly waitMs: number }
  /** The watchdog ended the hang: the build before it runs again. */
  | { readonly kind: 'came_back'; readonly offer: Offer; readonly failure: TrialFailure }
  | { readonly kind: 'dead' };

/** What the build that runs is bound to do, counted from its confirmation, or from its start where it is not confirmed. */
interface Fate {
  readonly fault: DrawnFault;
  readonly offer: Offer;
  readonly sinceMs: number;
}

export class LivingBoard {
  readonly #options: LivingBoardOptions;
  readonly #vitals: VitalSigns;
  #board: Board;
  #fate: Fate | undefined;
  #isDead = false;
  #hasAsked = false;

  constructor(options: LivingBoardOptions, nowMs: number) {
    this.#options = options;
    this.#board = options.board;
    this.#vitals = new VitalSigns(nowMs, options.random.fork('vitals'));
  }

  get board(): Board {
    return this.#board;
  }

  /** The body of a check-in at this moment. */
  checkIn(nowMs: number): CheckUpdateRequest {
    const { sleepMs, hidesUptime = false } = this.#options.habits;
    const { fault, sinceMs = nowMs } = this.#fate ?? {};
    const left = fault?.kind === 'leaks_heap' && !this.#board.trial ? heapLeft(nowMs - sinceMs, fault.delayMs) : 1;
    const { uptimeS, ...heap } = this.#vitals.read(nowMs, left);
    this.#hasAsked = true;
    return checkInOf(this.#board, {
      ...heap,
      ...(hidesUptime ? {} : { uptimeS }),
      ...(sleepMs === undefined ? {} : { nextCheckS: Math.max(1, Math.round(sleepMs / 1000)) }),
    });
  }

  /** Lets the time pass up to this moment, in which the board is about to ask. */
  passTime(nowMs: number): Passed {
    if (this.#isDead) return { kind: 'dead' };
    if (this.#options.habits.sleepMs !== undefined && this.#hasAsked) this.#startAgain('deep_sleep', nowMs);
    const waitMs = this.#untilFateMs(nowMs);
    if (this.#fate?.fault.kind === 'hangs_on_trial' && waitMs > 0) return { kind: 'hanging', waitMs };
    if (this.#fate !== undefined && waitMs <= 0) return this.#meet(this.#fate, nowMs);
    return { kind: 'awake' };
  }

  isCrashLooping(nowMs: number): boolean {
    return this.#fate?.fault.kind === 'crash_loops' && this.#untilFateMs(nowMs) <= 0;
  }

  /** Nothing is heard of it from now on. */
  die(): void {
    this.#isDead = true;
  }

  loseMemory(): void {
    this.#board = loseMemory(this.#board);
  }

  /** Answers the pins that it trusts beside those of its build. */
  configure(configuration: Configuration | undefined, nowMs: number): readonly string[] {
    if (configuration !== undefined) this.#board = takeConfiguration(this.#board, configuration, nowMs);
    return this.#board.configuration?.pins ?? [];
  }

  forgive(offer: Offer): void {
    this.#board = forgive(this.#board, offer);
  }

  /** Restarts into the build of this offer, on trial. What the build is bound to do; undefined: it is good on this board. */
  startTrial(offer: Offer, nowMs: number): DrawnFault | undefined {
    const { faults, random } = this.#options;
    const { manifest, rollback } = offer;
    const fault = drawFault(faults, { version: manifest.version, rollback }, random);
    this.#fate = fault === undefined ? undefined : { fault, offer, sinceMs: nowMs };
    if (fault?.kind === 'bricks') {
      this.die();
      return fault;
    }
    this.#board = bootTrial(this.#board, manifest);
    this.#vitals.restart(nowMs);
    return fault;
  }

  confirm(nowMs: number): void {
    this.#board = confirm(this.#board);
    if (this.#fate !== undefined) this.#fate = { ...this.#fate, sinceMs: nowMs };
  }

  /** The build before this one runs again, and the journal knows why. */
  rollBack(failure: TrialFailure, nowMs: number): void {
    this.#board = rollBack(this.#board, failure);
    this.#fate = undefined;
    this.#vitals.restart(nowMs);
  }

  /** The build before this one runs again, and no journal knows why. */
  leave(how: 'goes_back' | 'goes_back_silently', nowMs: number): void {
    const saysSo = how === 'goes_back';
    this.#board = goBack(this.#board, { saysSo, resetReason: saysSo ? 'panic' : 'power_on' });
    this.#fate = undefined;
    this.#vitals.restartedMeanwhile(nowMs);
  }

  #meet({ fault, offer }: Fate, nowMs: number): Passed {
    switch (fault.kind) {
      case 'hangs_on_trial':
        this.rollBack(HANG, nowMs);
        return { kind: 'came_back', offer, failure: HANG };
      case 'dies':
        this.die();
        return { kind: 'dead' };
      case 'crash_loops':
        this.#startAgain('panic', nowMs);
        return { kind: 'awake' };
      case 'goes_back':
      case 'goes_back_silently':
        this.leave(fault.kind, nowMs);
        return { kind: 'awake' };
      case 'fails_trial':
      case 'bricks':
      case 'leaks_heap':
        return { kind: 'awake' };
      default:
        return assertNever(fault);
    }
  }

  #untilFateMs(nowMs: number): number {
    if (this.#fate === undefined) return Infinity;
    const { fault, sinceMs } = this.#fate;
    return sinceMs + ('delayMs' in fault ? (fault.delayMs ?? 0) : 0) - nowMs;
  }

  #startAgain(resetReason: string, nowMs: number): void {
    this.#board = restart(this.#board, resetReason);
    this.#vitals.restartedMeanwhile(nowMs);
  }
}
