// The boards of a rehearsal: what each is bound to meet, and what it does next when it was answered or when a wait is over. A
// board knows nothing of stages and gates; it asks the engine as a board asks a server, one step at a time.

import { MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import type { Sighting } from '#engine/assignment/assignment.ts';
import type { Decision } from '#engine/decision/decide.ts';
import { pollIntervalS } from '#engine/decision/poll.ts';
import type { Reason } from '#engine/decision/rules.ts';
import { drawLuck, NO_MISHAPS, type TrialFailure } from '#simulator/mishaps.ts';
import type { Random } from '#simulator/random.ts';
import type { Engine } from './engine.ts';

export interface BoardChances {
  /** The build fails its trial on this share of the boards, every time. */
  readonly failTrial: number;
  /** Share of the boards that fall silent: half of them before the rollout starts, half when they take the offer. */
  readonly silent: number;
  /** Of each download: the network breaks it off. */
  readonly networkFail: number;
}

export interface BoardsOptions extends BoardChances {
  readonly macs: readonly string[];
  readonly version: string;
  readonly imageBytes: number;
  readonly bytesPerS: number;
  readonly pollIntervalS: number;
  readonly random: Random;
}

/** What the board does when its wait is over. `asleep`: its polls go on, and all are answered as the last one was. */
type Doing = 'poll' | 'downloaded' | 'booted' | 'confirmed' | 'came_back' | 'asleep' | 'gone';

interface Board {
  readonly silent: 'never' | 'from_start' | 'when_offered';
  readonly failure: TrialFailure | undefined;
  readonly downloadMs: number;
  readonly waits: Random;
  readonly links: Random;
  doing: Doing;
  lastHeardAtMs: number;
  runsBuild: boolean;
  /** It booted the build, and the build failed there. */
  isHurt: boolean;
  assignmentId: number;
  /** What the server said with its latest offer. */
  intervalS: number;
}

/** The lowest version that SemVer knows: every build is newer. */
const OLD_VERSION = '0.0.0-0';
/** The default of `config/server.yml`. */
const POLL_JITTER = 0.1;
/** Erasing, writing, restarting; and the first seconds of a build until it has checked in and is marked valid. */
const INSTALL_S = { low: 15, high: 45 } as const;
const TRIAL_S = { low: 5, high: 30 } as const;
/** Until the bootloader has gone back and the old build reports. */
const FALL_BACK_S = { low: 10, high: 60 } as const;
/** A board whose download broke asks again after this time. */
const RETRY_S = { low: 30, high: 90 } as const;

/** Holds that last until the rollout changes, or the board does: asking again before would be told the same. */
export const LASTING: ReadonlySet<Reason> = new Set([
  'percentage_not_reached',
  'label_after_stage_opened',
  'not_in_stage',
  'nothing_to_offer',
  'up_to_date',
  'known_bad',
  'rollout_halted',
  'rollout_paused',
]);

export class Boards {
  readonly #options: BoardsOptions;
  readonly #boards: readonly Board[];
  #busy = 0;
  #hurt = 0;
  #updated = 0;
  readonly #hurtIn = new Map<string, number>();

  constructor(options: BoardsOptions) {
    this.#options = options;
    this.#boards = options.macs.map((mac) => newBoard(options, options.random.fork(mac)));
  }

  get size(): number {
    return this.#boards.length;
  }

  /** Boards in the middle of an update. */
  get busy(): number {
    return this.#busy;
  }

  /** Boards that booted a build that failed there. */
  get hurt(): number {
    return this.#hurt;
  }

  /** Boards that run the build. */
  get updated(): number {
    return this.#updated;
  }

  hurtIn(stage: string): number {
    return this.#hurtIn.get(stage) ?? 0;
  }

  /** When each board asks first after the start, spread over the interval; undefined for one that is silent already. */
  firstPollAtMs(device: number): number | undefined {
    const board = this.#get(device);
    if (board.doing === 'gone') return undefined;
    return board.lastHeardAtMs + this.#options.pollIntervalS * 1000;
  }

  /** A board that asks, and is told nothing new, counts as heard of at every moment. */
  lastHeardAtMs(device: number, nowMs: number): number {
    const board = this.#get(device);
    return board.doing === 'gone' ? board.lastHeardAtMs : nowMs;
  }

  /** The first poll after `nowMs` of every board that sleeps; they are awake then. */
  wake(nowMs: number): readonly { readonly device: number; readonly atMs: number }[] {
    const intervalMs = this.#options.pollIntervalS * 1000;
    return this.#boards.flatMap((board, device) => {
      if (board.doing !== 'asleep') return [];
      board.doing = 'poll';
      const missed = Math.floor((nowMs - board.lastHeardAtMs) / intervalMs) + 1;
      return [{ device, atMs: board.lastHeardAtMs + missed * intervalMs }];
    });
  }

  /** Does what the board waited for, and answers when it does the next thing; undefined: it sleeps or is gone. */
  act(device: number, engine: Engine, nowMs: number): number | undefined {
    const board = this.#get(device);
    const { doing } = board;
    if (doing === 'asleep' || doing === 'gone') return undefined;
    board.lastHeardAtMs = nowMs;
    switch (doing) {
      case 'poll':
        return this.#poll(device, board, engine, nowMs);
      case 'downloaded':
        return this.#install(board, engine, nowMs);
      case 'booted':
        return this.#tryOut(device, board, engine, nowMs);
      case 'confirmed':
        engine.report({ assignmentId: board.assignmentId, status: 'confirmed' }, nowMs);
        board.runsBuild = true;
        this.#updated += 1;
        return this.#rest(board, nowMs, board.intervalS);
      case 'came_back':
        engine.report(
          { assignmentId: board.assignmentId, status: 'rolled_back', errorCode: board.failure?.code },
          nowMs,
        );
        this.#busy -= 1;
        return this.#poll(device, board, engine, nowMs);
      default:
        return doing satisfies never;
    }
  }

  #poll(device: number, board: Board, engine: Engine, nowMs: number): number | undefined {
    const { decision, assignmentId } = engine.checkIn(device, this.#sightingOf(board, false), nowMs);
    if (decision.outcome === 'hold') {
      board.doing = LASTING.has(decision.reason) ? 'asleep' : 'poll';
      if (board.doing === 'asleep') return undefined;
      // The polls of a rest are told the same; the last one is made when it is over.
      if (decision.reason === 'backing_off' && decision.nextOfferAtMs !== undefined)
        return Math.max(decision.nextOfferAtMs, nowMs + MIN_POLL_INTERVAL_S * 1000);
      return nowMs + this.#intervalS(board, decision, nowMs) * 1000;
    }
    if (board.silent === 'when_offered') {
      board.doing = 'gone';
      return undefined;
    }
    board.assignmentId = assignmentId ?? Number.NaN;
    board.intervalS = this.#intervalS(board, decision, nowMs);
    engine.report({ assignmentId: board.assignmentId, status: 'downloading' }, nowMs);
    board.doing = 'downloaded';
    this.#busy += 1;
    return nowMs + board.downloadMs;
  }

  #install(board: Board, engine: Engine, nowMs: number): number {
    const { assignmentId } = board;
    if (board.links.chance(this.#options.networkFail)) {
      engine.report({ assignmentId, status: 'failed', errorCode: 'connection_lost' }, nowMs);
      return this.#rest(board, nowMs, board.waits.between(RETRY_S.low, RETRY_S.high));
    }
    engine.report({ assignmentId, status: 'installing' }, nowMs);
    board.doing = 'booted';
    return nowMs + board.waits.between(INSTALL_S.low, INSTALL_S.high) * 1000;
  }

  #tryOut(device: number, board: Board, engine: Engine, nowMs: number): number {
    const { failure } = board;
    if (failure === undefined || failure.checksIn) engine.checkIn(device, this.#sightingOf(board, true), nowMs);
    board.doing = failure === undefined ? 'confirmed' : 'came_back';
    if (failure === undefined) return nowMs + board.waits.between(TRIAL_S.low, TRIAL_S.high) * 1000;
    if (!board.isHurt) {
      const stage = engine.stageOf(board.assignmentId) ?? '';
      this.#hurt += 1;
      this.#hurtIn.set(stage, this.hurtIn(stage) + 1);
    }
    board.isHurt = true;
    return nowMs + board.waits.between(FALL_BACK_S.low, FALL_BACK_S.high) * 1000;
  }

  /** The update has ended; the board asks again after a while. */
  #rest(board: Board, nowMs: number, seconds: number): number {
    this.#busy -= 1;
    board.doing = 'poll';
    return nowMs + seconds * 1000;
  }

  #sightingOf(board: Board, onTrial: boolean): Sighting {
    const { version } = this.#options;
    return {
      version: onTrial || board.runsBuild ? version : OLD_VERSION,
      imageSha256: undefined,
      onTrial,
      rolledBackFrom: board.isHurt ? version : undefined,
      bootReason: board.isHurt ? board.failure?.resetReason : 'software',
    };
  }

  /** What the server would say, with its jitter. */
  #intervalS({ waits }: Board, decision: Decision, nowMs: number): number {
    const { pollIntervalS: intervalS } = this.#options;
    const jitterS = intervalS * waits.between(-POLL_JITTER, POLL_JITTER);
    const at = { intervalS: intervalS + jitterS, spreadS: Math.abs(jitterS), hasOpenRollout: true, nowMs };
    return Math.max(MIN_POLL_INTERVAL_S, pollIntervalS(decision, at));
  }

  #get(device: number): Board {
    const board = this.#boards[device];
    if (board === undefined) throw new RangeError(`there is no board ${device}`);
    return board;
  }
}

/** Every chance is drawn from a stream of its own, so that one does not shift the others. */
function newBoard(options: BoardsOptions, random: Random): Board {
  const { failTrial, silent, imageBytes, bytesPerS } = options;
  const luck = drawLuck({ ...NO_MISHAPS, failTrial, silent }, imageBytes, random.fork('luck'));
  const silence = random.fork('silence').chance(0.5) ? 'from_start' : 'when_offered';
  const isGone = luck.silent && silence === 'from_start';
  return {
    silent: luck.silent ? silence : 'never',
    failure: luck.trialFailure,
    downloadMs: (imageBytes / (bytesPerS * random.fork('speed').between(0.5, 1.5))) * 1000,
    waits: random.fork('waits'),
    links: random.fork('links'),
    doing: isGone ? 'gone' : 'poll',
    lastHeardAtMs: -random.fork('phase').next() * options.pollIntervalS * 1000,
    runsBuild: false,
    isHurt: false,
    assignmentId: Number.NaN,
    intervalS: options.pollIntervalS,
  };
}
