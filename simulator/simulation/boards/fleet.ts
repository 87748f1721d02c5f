// The boards of a simulation, and what each does next when it was answered or when a wait is over. A board knows nothing of stages
// and gates; it asks the server as a board does, one step at a time.

import type { Sighting } from '#engine/assignment/assignment.ts';
import type { Reason } from '#engine/decision/rules.ts';
import type { HealthHour } from '#engine/outcome/health.ts';
import type { Presence } from '#engine/outcome/presence.ts';
import { MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import { TRIAL_TIMEOUT, type TrialFailure } from '#simulator/device/chances.ts';
import {
  type Board,
  type BoardsOptions,
  diesAtMs,
  failureOf,
  healthBefore,
  isAffectedBy,
  measureHeap,
  newBoard,
  presenceBefore,
} from './board.ts';
import type { CheckInAnswer } from '#simulator/simulation/messages.ts';
import { gapOf, Network } from './network.ts';
import type { Asleep } from '#simulator/simulation/server/presences.ts';
import type { RolloutServer } from '#simulator/simulation/server/rollout-server.ts';

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

export class Fleet {
  readonly #options: BoardsOptions;
  readonly #boards: readonly Board[];
  readonly #network: Network;
  #busy = 0;

  constructor(options: BoardsOptions) {
    this.#options = options;
    this.#network = new Network(options.surroundings);
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
    return presenceBefore(this.#get(device), this.#options.pollIntervalS);
  }

  healthBefore(device: number, hours: number): readonly HealthHour[] {
    return healthBefore(this.#get(device), hours);
  }

  /** When each board asks first after the start, spread over its interval; undefined for one that is silent already. */
  firstPollAtMs(device: number): number | undefined {
    const board = this.#get(device);
    if (board.doing === 'gone') return undefined;
    return this.#due(board, board.seenAtMs + gapOf(board) * 1000);
  }

  /** What a board that sleeps would have been heard of; undefined: it does not sleep. */
  asleep(device: number, nowMs: number): Asleep | undefined {
    const board = this.#get(device);
    return board.doing === 'asleep' ? this.#network.asleep(board, nowMs) : undefined;
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
    board.seenAtMs = this.#network.asleep(board, nowMs).seenAtMs;
    board.doing = 'poll';
    return this.#due(board, this.#network.nextPollMs(board, nowMs));
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
    if (!this.#network.isOnline(board, nowMs)) return nowMs + gapOf(board) * 1000;
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
    return Math.min(nowMs + gapOf(board) * 1000, board.faultAtMs);
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
    if (!this.#network.isOnline(board, nowMs)) return this.#network.onlineAgainMs(nowMs);
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
    if (!this.#network.isOnline(board, nowMs)) {
      const againMs = this.#network.onlineAgainMs(nowMs);
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
    if (failure?.checksIn === true && this.#network.isOnline(board, nowMs))
      this.#checkIn(device, board, server, true, nowMs);
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
    if (this.#network.isOnline(board, nowMs))
      server.report({ assignmentId: board.assignmentId, status: 'confirmed' }, nowMs);
    board.runs = board.isWayBack ? 'old' : 'build';
    board.isCrashing = false;
    board.confirmedAtMs = nowMs;
    const delayMs = board.isWayBack ? undefined : board.faultAfterMs;
    board.faultAtMs = delayMs === undefined ? Number.POSITIVE_INFINITY : nowMs + delayMs;
    return Math.min(this.#rest(board, nowMs, gapOf(board)), Math.max(board.faultAtMs, nowMs + 1));
  }

  #comeBack(device: number, board: Board, server: RolloutServer, nowMs: number): number | undefined {
    if (!this.#network.isOnline(board, nowMs)) return this.#network.onlineAgainMs(nowMs);
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
    if (fault?.kind === 'leaks_heap') return nowMs + gapOf(board) * 1000;
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
    const freeHeapBytes = measureHeap(board, nowMs);
    const answer = server.checkIn(device, { sighting, bootReason, uptimeS, freeHeapBytes, jitterS }, nowMs);
    board.seenAtMs = nowMs;
    board.intervalS = answer.intervalS;
    return answer;
  }

  #due(board: Board, atMs: number | undefined): number | undefined {
    board.dueAtMs = atMs ?? Number.NaN;
    return atMs;
  }

  #get(device: number): Board {
    const board = this.#boards[device];
    if (board === undefined) throw new RangeError(`there is no board ${device}`);
    return board;
  }
}
