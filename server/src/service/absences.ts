// Knows when no server was there (docs/decisions/0016-time-without-a-server.md): while every server was stopped, while the
// database could not be reached, and while the clock moved more than the process did. A heartbeat in the database, written
// with each tick and shared by all servers, says when one of them was last there. A gap between two ticks of a process that
// runs is no absence: it was there.

import type { Logger } from 'pino';
import {
  ABSENCE_MS,
  ABSENCE_RETENTION_MS,
  CLOCK_STEP_MS,
  CLOCK_TRUST_MS,
  MAX_ABSENCES,
  RECENT_ABSENCES,
  TICK_MS,
} from '#protocol/limits.ts';
import {
  type AbsenceRow,
  addAbsence,
  findAliveAtMs,
  keepLatestAbsences,
  listLatestAbsences,
  removeAbsencesAfter,
  removeAbsencesBefore,
  saveAliveAt,
} from '#server/db/absences.ts';
import type { Database } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Absence } from '#engine/facts/absence.ts';
import { toInstant } from './instant.ts';

export interface AbsencesOptions {
  readonly database: Database;
  readonly log: Logger;
  /** The wall clock, UTC milliseconds: people and programs set it. */
  readonly clock: () => number;
  /** Milliseconds since any instant; nobody sets it. */
  readonly steadyClock: () => number;
}

/** An absence that is noticed and not stored yet: it ends when the database takes it. */
interface Gap {
  readonly cause: AbsenceRow['cause'];
  readonly sinceMs: number;
}

/** A heartbeat that is still to come by the clock of this process, and since when (steady) it has stood there. */
interface Ahead {
  readonly aliveAtMs: number;
  readonly sinceSteadyMs: number;
}

interface Stored {
  readonly recent: readonly AbsenceRow[];
  readonly added: readonly Omit<AbsenceRow, 'id'>[];
  readonly ahead: Ahead | undefined;
}

export class Absences {
  readonly #options: AbsencesOptions;
  /** Both clocks at the last tick. */
  #last: { readonly wallMs: number; readonly steadyMs: number };
  /** Since when the two have kept pace, by the steady one. */
  #pacedSinceMs: number;
  #prunedAtMs: number;
  #gaps: readonly Gap[] = [];
  #stored: readonly Absence[] = [];
  #ahead: Ahead | undefined;

  constructor(options: AbsencesOptions) {
    this.#options = options;
    const steadyMs = options.steadyClock();
    this.#last = { wallMs: options.clock(), steadyMs };
    this.#pacedSinceMs = steadyMs;
    this.#prunedAtMs = steadyMs;
  }

  /** Before anybody can ask or report: notes for how long no server was there. Throws what the database throws. */
  async start(): Promise<void> {
    this.#gaps = [{ cause: 'stopped', sinceMs: Number.NEGATIVE_INFINITY }];
    await this.beat();
  }

  /**
   * With each tick. Resolves with whether the clock has come back behind what was stored while it ran ahead, and stayed
   * there: instants that are still to come are then wrong, and the caller sets them right and says so to `acceptClock`.
   * Rejects where the database cannot be reached; the next call that succeeds stores for how long that was.
   */
  async beat(): Promise<boolean> {
    this.#noteJump();
    try {
      const stored = await this.#options.database.writeSoft(async (trx) => this.#store(trx));
      this.#gaps = [];
      this.#stored = stored.recent.map(toAbsence);
      this.#ahead = stored.ahead;
      for (const absence of stored.added) this.#tell(absence);
    } catch (error) {
      if (!this.#gaps.some(({ cause }) => cause === 'database'))
        this.#gaps = [...this.#gaps, { cause: 'database', sinceMs: this.#last.wallMs - TICK_MS }];
      throw error;
    }
    await this.#prune();
    return this.#ahead !== undefined && this.#options.steadyClock() - this.#ahead.sinceSteadyMs >= CLOCK_STEP_MS;
  }

  /** What was stored ahead of this instant is set right. */
  async acceptClock(): Promise<void> {
    await this.#options.database.writeSoft(async (trx) => {
      const nowMs = this.#options.clock();
      await removeAbsencesAfter(trx, nowMs + CLOCK_STEP_MS);
      await saveAliveAt(trx, nowMs);
    });
    this.#ahead = undefined;
  }

  /** The last heartbeat, when this process will not answer any more. What cannot be written is left out. */
  async stop(): Promise<void> {
    await this.beat().catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'the last heartbeat could not be written'),
    );
  }

  /** The latest absences in their order, at most 20, with those that go on now. Reads no database. */
  recent(): readonly Absence[] {
    const nowMs = this.#options.clock();
    const jumpMs = this.#jumpMs(nowMs);
    const gaps = [...this.#gaps.map(({ sinceMs }) => sinceMs), ...(jumpMs > CLOCK_STEP_MS ? [nowMs - jumpMs] : [])];
    const goingOn = gaps.filter((sinceMs) => nowMs - sinceMs >= ABSENCE_MS && Number.isFinite(sinceMs));
    const past = this.#stored.every(({ toMs }) => isPast(toMs, nowMs))
      ? this.#stored
      : this.#stored.filter(({ toMs }) => isPast(toMs, nowMs));
    if (goingOn.length === 0) return past;
    return [...past, ...goingOn.map((fromMs) => ({ fromMs, toMs: nowMs }))].slice(-RECENT_ABSENCES);
  }

  /** Whether the clock has kept pace with the process for an hour: what is old by it may be removed. */
  get isClockTrusted(): boolean {
    const { clock, steadyClock } = this.#options;
    if (this.#ahead !== undefined || Math.abs(this.#jumpMs(clock())) > CLOCK_STEP_MS) return false;
    return steadyClock() - this.#pacedSinceMs >= CLOCK_TRUST_MS;
  }

  /** How much further the clock has moved than the process since the last tick; negative: it was set back. */
  #jumpMs(nowMs: number): number {
    return nowMs - this.#last.wallMs - (this.#options.steadyClock() - this.#last.steadyMs);
  }

  #noteJump(): void {
    const nowMs = this.#options.clock();
    const jumpMs = this.#jumpMs(nowMs);
    this.#last = { wallMs: nowMs, steadyMs: this.#options.steadyClock() };
    if (Math.abs(jumpMs) <= CLOCK_STEP_MS) return;
    this.#pacedSinceMs = this.#last.steadyMs;
    if (jumpMs > 0) this.#gaps = [...this.#gaps, { cause: 'clock', sinceMs: nowMs - jumpMs }];
    const s = Math.round(Math.abs(jumpMs) / 1000);
    this.#options.log.warn(
      { by_s: Math.round(jumpMs / 1000) },
      `the clock was set ${jumpMs > 0 ? 'ahead' : 'back'} by ${s} s`,
    );
  }

  /** May have waited for the database, and may run again after a conflict: it changes nothing else. */
  async #store(trx: Trx): Promise<Stored> {
    const nowMs = this.#options.clock();
    const aliveAtMs = await findAliveAtMs(trx);
    const ahead = aliveAtMs === undefined ? undefined : this.#aheadOf(aliveAtMs, nowMs);
    const added = ahead === undefined ? this.#gaps.flatMap((gap) => absenceOf(gap, aliveAtMs, nowMs)) : [];
    for (const absence of added) await addAbsence(trx, absence);
    if (added.length > 0) await keepLatestAbsences(trx, MAX_ABSENCES);
    if (ahead === undefined) await saveAliveAt(trx, nowMs);
    return { recent: await listLatestAbsences(trx, RECENT_ABSENCES), added, ahead };
  }

  /** A heartbeat to come is one of a clock that ran ahead. While it still moves, another server has that clock, and may be right. */
  #aheadOf(aliveAtMs: number, nowMs: number): Ahead | undefined {
    if (isPast(aliveAtMs, nowMs)) return undefined;
    return this.#ahead?.aliveAtMs === aliveAtMs
      ? this.#ahead
      : { aliveAtMs, sinceSteadyMs: this.#options.steadyClock() };
  }

  async #prune(): Promise<void> {
    const steadyMs = this.#options.steadyClock();
    if (!this.isClockTrusted || steadyMs - this.#prunedAtMs < CLOCK_TRUST_MS) return;
    this.#prunedAtMs = steadyMs;
    await this.#options.database.writeSoft(async (trx) =>
      removeAbsencesBefore(trx, this.#last.wallMs - ABSENCE_RETENTION_MS),
    );
  }

  #tell({ cause, from_ms, to_ms }: Omit<AbsenceRow, 'id'>): void {
    const s = Math.round((to_ms - from_ms) / 1000);
    this.#options.log.info(
      { cause, from: toInstant(from_ms), to: toInstant(to_ms) },
      `no server was there for ${s} s: trials, deadlines and silence limits are extended by that`,
    );
  }
}

/** As long as no other server was there either; none where that is too short to matter. */
function absenceOf({ cause, sinceMs }: Gap, aliveAtMs: number | undefined, nowMs: number): Omit<AbsenceRow, 'id'>[] {
  const from_ms = Math.max(sinceMs, aliveAtMs ?? sinceMs);
  return Number.isFinite(from_ms) && nowMs - from_ms >= ABSENCE_MS ? [{ from_ms, to_ms: nowMs, cause }] : [];
}

/** Clocks of several servers differ by less than a step. */
function isPast(instantMs: number, nowMs: number): boolean {
  return instantMs <= nowMs + CLOCK_STEP_MS;
}

function toAbsence({ from_ms, to_ms }: AbsenceRow): Absence {
  return { fromMs: from_ms, toMs: to_ms };
}
