// The boards of a simulation: what each is bound to meet, and what it does next when it was answered or when a wait is over. A
// board knows nothing of stages and gates; it asks the server as a board does, one step at a time.

import type { Sighting } from '#engine/assignment/assignment.ts';
import type { Reason } from '#engine/decision/rules.ts';
import { type HealthHour, hourOfCheck } from '#engine/outcome/health.ts';
import type { Presence } from '#engine/outcome/presence.ts';
import { isOverdue } from '#engine/stage/silence.ts';
import { MAX_CHECK_GAPS, MIN_POLL_INTERVAL_S, POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import { type BuildFault, heapLeft } from '#simulator/faults.ts';
import { HANG, TRIAL_TIMEOUT, type TrialFailure } from '#simulator/mishaps.ts';
import type { Random } from '#simulator/random.ts';
import { drawFate, type Fate, type Surroundings } from './fate.ts';
import type { Asleep } from './presences.ts';
import type { CheckInAnswer, RolloutServer } from './rollout-server.ts';

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

interface Board extends Fate {
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

/** Erasing, writing, restarting; and the first seconds of a build until it has checked in and is marked valid. */
const INSTALL_S = { low: 15, high: 45 } as const;
const TRIAL_S = { low: 5, high: 30 } as const;
/** Until the bootloader has gone back and the old build reports. */
const FALL_BACK_S = { low: 10, high: 60 } as const;
/** A board whose download broke asks again after this time. */
const RETRY_S = { low: 30, high: 90 } as const;
/** Between two crashes of a board that crashes again and again; and until it has checked in. */
const CRASH_S = { low: 120, high: 900 } as const;
const BOOT_S = 10;
/** Of boards with Wi-Fi up; and from check to check it differs by so much. */
const HEAP_BYTES = { low: 150_000, high: 230_000 } as const;
const HEAP_JITTER = 0.01;
/** Default of the library: a build that does not reach the server for so long gives up. */
const TRIAL_TIMEOUT_MS = 300_000;

/** Holds that last until the rollout changes, or the board does: asking again before would be told the same. */
export const LASTING: ReadonlySet<Reason> = new Set([
  'percentage_not_reached',
  'label_after_stage_opened',
  'not_in_stage',
  'nothing_to_offer',
  'up_to_date',
  'newer_than_target',
  'known_bad',
  'no_image_for_chip',
  'rollout_halted',
  'rollout_paused',
  'firmware_withdrawn',
  'blocked_without_prior_stable',
]);

export class Boards {
  readonly #options: BoardsOptions;
  readonly #boards: readonly Board[];
  readonly #outage: { readonly fromMs: number; readonly toMs: number } | undefined;
  #busy = 0;

  constructor(options: BoardsOptions) {
    this.#options = options;
    const { outage } = options.surroundings;
    if (outage !== undefined)
      this.#outage = { fromMs: outage.startS * 1000, toMs: (outage.startS + outage.lengthS) * 1000 };
    this.#boards = options.macs.map((mac) => newBoard(options, options.random.fork(mac)));
  }

  get size(): number {
    return this.#boards.length;
  }

  /** Boards in the middle of an update. */
  get busy(): number {
    return this.#busy;
  }

  /** Boards that run the build. */
  get updated(): number {
    return this.#boards.filter(({ runs }) => runs === 'build').length;
  }

  /** Boards that got the build, and among them those that it harmed: they went back, crash, or are dead. */
  countHarm(nowMs: number): { readonly exposed: readonly number[]; readonly affected: readonly number[] } {
    const all = [...this.#boards.entries()];
    return {
      exposed: all.flatMap(([device, { isExposed }]) => (isExposed ? [device] : [])),
      affected: all.flatMap(([device, board]) => (isAffectedBy(board, nowMs) ? [device] : [])),
    };
  }

  hasSecondChip(device: number): boolean {
    return this.#get(device).hasSecondChip;
  }

  /** What a server knows of the board from the time before. */
  presenceBefore(device: number): Presence {
    const { seenAtMs, sleepS, bootReason } = this.#get(device);
    const gapS = sleepS ?? this.#options.pollIntervalS;
    const gaps = Array.from({ length: MAX_CHECK_GAPS }, () => gapS);
    const limitS = SILENT_POLLS * Math.max(POLL_REST * this.#options.pollIntervalS, gapS);
    return { seenAtMs, uptimeS: undefined, bootCause: bootReason, intervalS: gapS, gaps, limitS, backAtMs: undefined };
  }

  /** How the board fared in the hours before the start, one check in each. */
  healthBefore(device: number, hours: number): readonly HealthHour[] {
    const { heapBytes: freeHeapBytes } = this.#get(device);
    const rest = {
      largestBlockBytes: undefined,
      rssiDbm: undefined,
      uptimeS: 86_400,
      restarted: false,
      crashed: false,
    };
    return Array.from({ length: hours }, (_, hour) =>
      hourOfCheck({ ...rest, freeHeapBytes, atMs: -(hour + 1) * 3_600_000 }),
    );
  }

  /** When each board asks first after the start, spread over its interval; undefined for one that is silent already. */
  firstPollAtMs(device: number): number | undefined {
    const board = this.#get(device);
    if (board.doing === 'gone') return undefined;
    return this.#due(board, board.seenAtMs + this.#gapS(board) * 1000);
  }

  /** What a board that sleeps would have been heard of; undefined: it does not sleep. */
  asleep(device: number, nowMs: number): Asleep | undefined {
    const board = this.#get(device);
    if (board.doing !== 'asleep') return undefined;
    const seenAtMs = this.#lastPollMs(board, nowMs);
    return { seenAtMs, backAtMs: this.#backAtMs(board, seenAtMs), gapS: this.#gapS(board) };
  }

  /** The first poll after `nowMs` of every board that sleeps; they are awake then. */
  wakeAll(server: RolloutServer, nowMs: number): readonly { readonly device: number; readonly atMs: number }[] {
    return [...this.#boards.keys()].flatMap((device) => {
      const atMs = this.wake(device, server, nowMs);
      return atMs === undefined ? [] : [{ device, atMs }];
    });
  }

  /** The same of one board; undefined: it does not sleep, or never wakes again. */
  wake(device: number, server: RolloutServer, nowMs: number): number | undefined {
    const board = this.#get(device);
    if (board.doing !== 'asleep') return undefined;
    server.wake(device, nowMs);
    board.seenAtMs = this.#lastPollMs(board, nowMs);
    board.doing = 'poll';
    return this.#due(board, this.#nextPollMs(board, nowMs));
  }

  /** Does what the board waited for, and answers when it does the next thing; undefined: it sleeps or is gone. */
  act(device: number, server: RolloutServer, nowMs: number): number | undefined {
    const board = this.#get(device);
    if (board.dueAtMs !== nowMs) return undefined;
    if (nowMs >= diesAtMs(board)) {
      if (board.doing === 'asleep') server.wake(device, nowMs);
      else if (board.doing !== 'poll') this.#busy -= 1;
      board.doing = 'gone';
      return undefined;
    }
    if (nowMs >= board.faultAtMs && (board.doing === 'poll' || board.doing === 'asleep'))
      return this.#due(board, this.#fail(device, board, server, nowMs));
    return this.#due(board, this.#do(device, board, server, nowMs));
  }

  #do(device: number, board: Board, server: RolloutServer, nowMs: number): number | undefined {
    const { doing } = board;
    switch (doing) {
      case 'asleep':
      case 'gone':
        return undefined;
      case 'poll':
        return this.#poll(device, board, server, nowMs);
      case 'downloaded':
        return this.#install(board, server, nowMs);
      case 'booted':
        return this.#tryOut(device, board, server, nowMs);
      case 'confirmed':
        return this.#confirm(board, server, nowMs);
      case 'came_back':
        return this.#comeBack(device, board, server, nowMs);
      default:
        return doing satisfies never;
    }
  }

  #poll(device: number, board: Board, server: RolloutServer, nowMs: number): number | undefined {
    if (!this.#isOnline(board, nowMs)) return nowMs + this.#gapS(board) * 1000;
    if (board.sleepS !== undefined && !board.isCrashing && board.bootReason === 'deep_sleep')
      board.bootAtMs = nowMs - BOOT_S * 1000;
    const answer = this.#checkIn(device, board, server, false, nowMs);
    const { decision } = answer;
    if (decision.outcome !== 'hold') return this.#take(board, answer, server, nowMs);
    // Once nobody judges the rollout any more, one crash more or less changes nothing.
    const isJudged = server.status === 'running' || server.status === 'complete';
    if (board.isCrashing && (isJudged || !this.#options.skipsPolls)) return this.#crashAgain(board, nowMs);
    if (board.sleepS !== undefined) board.bootReason = 'deep_sleep';
    if (this.#options.skipsPolls && LASTING.has(decision.reason) && !answer.isAwaited) {
      board.doing = 'asleep';
      return Number.isFinite(board.faultAtMs) ? board.faultAtMs : undefined;
    }
    // The polls of a rest are told the same; the last one is made when it is over.
    if (decision.reason === 'backing_off' && decision.nextOfferAtMs !== undefined && this.#options.skipsPolls)
      return Math.max(decision.nextOfferAtMs, nowMs + MIN_POLL_INTERVAL_S * 1000);
    return Math.min(nowMs + this.#gapS(board) * 1000, board.faultAtMs);
  }

  #take(board: Board, answer: CheckInAnswer, server: RolloutServer, nowMs: number): number | undefined {
    if (board.silent === 'when_offered') {
      board.doing = 'gone';
      return undefined;
    }
    board.isWayBack = answer.decision.outcome === 'rollback';
    board.assignmentId = answer.assignmentId ?? Number.NaN;
    server.report({ assignmentId: board.assignmentId, status: 'downloading' }, nowMs);
    board.doing = 'downloaded';
    this.#busy += 1;
    return nowMs + board.downloadMs;
  }

  #install(board: Board, server: RolloutServer, nowMs: number): number | undefined {
    const { assignmentId } = board;
    if (!this.#isOnline(board, nowMs)) return this.#onlineAgainMs(nowMs);
    if (board.links.chance(this.#options.networkFail)) {
      server.report({ assignmentId, status: 'failed', errorCode: 'connection_lost' }, nowMs);
      return this.#rest(board, nowMs, board.waits.between(RETRY_S.low, RETRY_S.high));
    }
    server.report({ assignmentId, status: 'installing' }, nowMs);
    if (!board.isWayBack) board.isExposed = true;
    if (!board.isWayBack && board.fault?.kind === 'bricks') {
      board.isAffected = true;
      this.#busy -= 1;
      board.doing = 'gone';
      return undefined;
    }
    board.doing = 'booted';
    board.bootAtMs = nowMs + board.waits.between(INSTALL_S.low, INSTALL_S.high) * 1000;
    board.bootReason = 'software';
    return board.bootAtMs;
  }

  #tryOut(device: number, board: Board, server: RolloutServer, nowMs: number): number {
    if (!board.isWayBack && board.fault !== undefined && board.faultAfterMs === undefined)
      return this.#failTrial(device, board, server, nowMs);
    if (!this.#isOnline(board, nowMs)) {
      const againMs = this.#onlineAgainMs(nowMs);
      if (againMs - board.bootAtMs <= TRIAL_TIMEOUT_MS) return againMs;
      return this.#giveUp(board, TRIAL_TIMEOUT, board.bootAtMs + TRIAL_TIMEOUT_MS);
    }
    this.#checkIn(device, board, server, true, nowMs);
    board.doing = 'confirmed';
    return nowMs + board.waits.between(TRIAL_S.low, TRIAL_S.high) * 1000;
  }

  #failTrial(device: number, board: Board, server: RolloutServer, nowMs: number): number {
    const { fault } = board;
    board.isAffected = true;
    const failure = failureOf(fault);
    if (failure?.checksIn === true && this.#isOnline(board, nowMs)) this.#checkIn(device, board, server, true, nowMs);
    const diesMs = nowMs + (fault?.kind === 'hangs_on_trial' ? fault.delayMs : 0);
    const backMs = this.#giveUp(board, failure, diesMs);
    board.bootReason = failure?.resetReason ?? (fault?.kind === 'goes_back' ? 'panic' : 'software');
    if (fault?.kind === 'goes_back_silently') board.rolledBackFrom = undefined;
    return backMs;
  }

  #giveUp(board: Board, cause: TrialFailure | undefined, nowMs: number): number {
    const backMs = nowMs + board.waits.between(FALL_BACK_S.low, FALL_BACK_S.high) * 1000;
    board.doing = 'came_back';
    board.cause = cause;
    board.bootAtMs = backMs;
    board.bootReason = 'software';
    board.rolledBackFrom = board.isWayBack ? undefined : this.#options.version;
    return backMs;
  }

  #confirm(board: Board, server: RolloutServer, nowMs: number): number {
    if (this.#isOnline(board, nowMs)) server.report({ assignmentId: board.assignmentId, status: 'confirmed' }, nowMs);
    board.runs = board.isWayBack ? 'old' : 'build';
    board.isCrashing = false;
    board.confirmedAtMs = nowMs;
    const delayMs = board.isWayBack ? undefined : board.faultAfterMs;
    board.faultAtMs = delayMs === undefined ? Number.POSITIVE_INFINITY : nowMs + delayMs;
    return Math.min(this.#rest(board, nowMs, this.#gapS(board)), Math.max(board.faultAtMs, nowMs + 1));
  }

  #comeBack(device: number, board: Board, server: RolloutServer, nowMs: number): number | undefined {
    if (!this.#isOnline(board, nowMs)) return this.#onlineAgainMs(nowMs);
    const { assignmentId, cause } = board;
    if (cause !== undefined) server.report({ assignmentId, status: 'rolled_back', errorCode: cause.code }, nowMs);
    this.#busy -= 1;
    board.doing = 'poll';
    return this.#poll(device, board, server, nowMs);
  }

  /** The build that it had confirmed fails. */
  #fail(device: number, board: Board, server: RolloutServer, nowMs: number): number | undefined {
    const { fault } = board;
    if (board.doing === 'asleep') this.wake(device, server, nowMs);
    board.faultAtMs = Number.POSITIVE_INFINITY;
    board.isAffected = true;
    if (fault?.kind === 'leaks_heap') return nowMs + this.#gapS(board) * 1000;
    if (fault?.kind === 'crash_loops') {
      board.isCrashing = true;
      return this.#crashAgain(board, nowMs);
    }
    board.runs = 'old';
    board.rolledBackFrom = fault?.kind === 'goes_back' ? this.#options.version : undefined;
    board.bootReason = fault?.kind === 'goes_back' ? 'panic' : 'software';
    board.bootAtMs = nowMs + board.waits.between(FALL_BACK_S.low, FALL_BACK_S.high) * 1000;
    board.doing = 'poll';
    return board.bootAtMs + BOOT_S * 1000;
  }

  #crashAgain(board: Board, nowMs: number): number {
    board.doing = 'poll';
    board.bootReason = 'panic';
    board.bootAtMs = nowMs + board.waits.between(CRASH_S.low, CRASH_S.high) * 1000;
    return board.bootAtMs + BOOT_S * 1000;
  }

  /** The update has ended; the board asks again after a while. */
  #rest(board: Board, nowMs: number, seconds: number): number {
    this.#busy -= 1;
    board.doing = 'poll';
    if (board.sleepS !== undefined) board.bootReason = 'deep_sleep';
    return nowMs + seconds * 1000;
  }

  #checkIn(device: number, board: Board, server: RolloutServer, onTrial: boolean, nowMs: number): CheckInAnswer {
    const { version, oldVersion, pollIntervalS, pollJitter } = this.#options;
    const sighting: Omit<Sighting, 'bootReason'> = {
      version: onTrial || board.runs === 'build' ? version : oldVersion,
      imageSha256: undefined,
      onTrial,
      rolledBackFrom: board.rolledBackFrom,
    };
    const uptimeS = Math.max(0, Math.round((nowMs - board.bootAtMs) / 1000));
    const jitterS = pollIntervalS * board.waits.between(-pollJitter, pollJitter);
    const { bootReason } = board;
    const freeHeapBytes = this.#heapBytes(board, nowMs);
    const answer = server.checkIn(device, { sighting, bootReason, uptimeS, freeHeapBytes, jitterS }, nowMs);
    board.seenAtMs = nowMs;
    board.intervalS = answer.intervalS;
    return answer;
  }

  #heapBytes(board: Board, nowMs: number): number {
    const { fault, runs, heapBytes, confirmedAtMs, waits } = board;
    const isLeaking = runs === 'build' && fault?.kind === 'leaks_heap';
    const left = isLeaking ? heapLeft(nowMs - confirmedAtMs, fault.delayMs) : 1;
    return Math.round(heapBytes * left * waits.between(1 - HEAP_JITTER, 1 + HEAP_JITTER));
  }

  #due(board: Board, atMs: number | undefined): number | undefined {
    board.dueAtMs = atMs ?? Number.NaN;
    return atMs;
  }

  #gapS(board: Board): number {
    return board.isCrashing ? board.intervalS : Math.max(board.sleepS ?? 0, board.intervalS);
  }

  #isOnline({ isOnSite }: Board, nowMs: number): boolean {
    return !isOnSite || this.#outage === undefined || nowMs < this.#outage.fromMs || nowMs >= this.#outage.toMs;
  }

  #onlineAgainMs(nowMs: number): number {
    return Math.max(nowMs, this.#outage?.toMs ?? nowMs);
  }

  /** Of a board that sleeps: it asks on and on, but not while its site is without network, and not when it is dead. */
  #lastPollMs(board: Board, nowMs: number): number {
    const { seenAtMs } = board;
    const gapMs = this.#gapS(board) * 1000;
    const untilMs = Math.min(nowMs, diesAtMs(board));
    const pollBefore = (atMs: number): number => seenAtMs + Math.max(0, Math.floor((atMs - seenAtMs) / gapMs)) * gapMs;
    const lastMs = pollBefore(untilMs);
    if (this.#isOnline(board, lastMs)) return lastMs;
    return pollBefore((this.#outage?.fromMs ?? lastMs) - 1);
  }

  /** After an outage in which it slept, where a check did not come. */
  #backAtMs(board: Board, lastMs: number): number | undefined {
    const { seenAtMs, isOnSite } = board;
    if (this.#outage === undefined || !isOnSite) return undefined;
    const { fromMs, toMs } = this.#outage;
    if (seenAtMs >= fromMs || lastMs < toMs) return undefined;
    const gapMs = this.#gapS(board) * 1000;
    const beforeMs = this.#lastPollMs(board, fromMs);
    const backMs = seenAtMs + Math.ceil((toMs - seenAtMs) / gapMs) * gapMs;
    const heard = { seenAtMs: beforeMs, limitMs: SILENT_POLLS * gapMs, absentMs: 0 };
    return isOverdue(heard, backMs) ? backMs : undefined;
  }

  #nextPollMs(board: Board, nowMs: number): number | undefined {
    const gapMs = this.#gapS(board) * 1000;
    const nextMs = board.seenAtMs + (Math.floor((nowMs - board.seenAtMs) / gapMs) + 1) * gapMs;
    const atMs = Math.min(nextMs, Math.max(nowMs, board.faultAtMs));
    return atMs >= diesAtMs(board) ? undefined : atMs;
  }

  #get(device: number): Board {
    const board = this.#boards[device];
    if (board === undefined) throw new RangeError(`there is no board ${device}`);
    return board;
  }
}

/** What a board reports that goes back from its trial; undefined: nothing. */
function failureOf(fault: Board['fault']): TrialFailure | undefined {
  if (fault?.kind === 'fails_trial') return fault.failure;
  return fault?.kind === 'hangs_on_trial' ? HANG : undefined;
}

/** By itself, or of its build. */
function diesAtMs({ diesAtMs: byItselfMs, fault, faultAtMs }: Board): number {
  return fault?.kind === 'dies' ? Math.min(byItselfMs, faultAtMs) : byItselfMs;
}

function isAffectedBy(board: Board, nowMs: number): boolean {
  return board.isAffected || (board.fault?.kind === 'dies' && board.faultAtMs <= Math.min(nowMs, board.diesAtMs));
}

/** Every chance is drawn from a stream of its own, so that one does not shift the others. */
function newBoard(options: BoardsOptions, random: Random): Board {
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
