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
  findPulse,
  keepLatestAbsences,
  listLatestAbsences,
  type Pulse,
  removeAbsencesAfter,
  removeAbsencesBefore,
  renewAliveAt,
  saveAliveAt,
} from '#server/db/device/absences.ts';
import type { Database } from '#server/db/database.ts';
import { outdatedAt } from '#server/db/migrate.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Absence } from '#engine/facts/absence.ts';
import { toInstant } from '#server/time/instant.ts';

export interface AbsencesOptions {
  readonly database: Database;
  readonly log: Logger;
  /** The wall clock, UTC milliseconds: people and programs set it. */
  readonly clock: () => number;
  /** Milliseconds since any instant; nobody sets it. */
  readonly steadyClock: () => number;
}

/** An absence that is noticed and not stored yet; it ends at the next tick that finds the database, if not before. */
interface Gap {
  readonly cause: AbsenceRow['cause'];
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** A heartbeat that is still to come by the clock of this process, and since when (steady) it has stood there. */
interface Ahead {
  readonly aliveAtMs: number;
  readonly sinceSteadyMs: number;
}

type NewAbsence = Omit<AbsenceRow, 'id'>;

interface Stored {
  readonly recent: readonly AbsenceRow[];
  readonly added: readonly NewAbsence[];
  readonly ahead: Ahead | undefined;
  readonly absences: Pulse['absences'];
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
  /** The pulse with which they were read. */
  #absences: Pulse['absences'] | undefined;
  #isSetBack = true;

  constructor(options: AbsencesOptions) {
    this.#options = options;
    const steadyMs = options.steadyClock();
    this.#last = { wallMs: options.clock(), steadyMs };
    this.#pacedSinceMs = steadyMs;
    this.#prunedAtMs = steadyMs;
  }

  /** Before anybody can ask or report: notes for how long no server was there. Throws what the database throws. */
  async start(): Promise<void> {
    this.#gaps = [{ cause: 'stopped', sinceMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY }];
    await this.#beatOnce();
  }

  /**
   * With each tick: says that a server is here, and finds what `look` finds. Where nothing is new, that is one statement beside
   * the one of `look`. Rejects where the database cannot be reached; the next call that succeeds stores for how long that was.
   */
  async beat<Found extends Pulse>(look: () => Promise<Found>): Promise<Found> {
    this.#noteJump();
    const found = await this.#store(look).catch((error: unknown) => {
      this.#noteFailure();
      throw error;
    });
    await this.#prune();
    return found;
  }

  /**
   * The clock has come back behind what was stored while it ran ahead, and stayed there: instants that are still to come are
   * wrong. The caller sets them right and says so to `acceptClock`.
   */
  get isClockBack(): boolean {
    return this.#ahead !== undefined && this.#options.steadyClock() - this.#ahead.sinceSteadyMs >= CLOCK_STEP_MS;
  }

  /** The clock went back by however little since `acceptRuns`, or may have: what is to come by it may be further away than it was. */
  get isSetBack(): boolean {
    return this.#isSetBack || this.#ahead !== undefined;
  }

  /** The runs to come were reckoned anew. */
  acceptRuns(): void {
    this.#isSetBack = false;
  }

  /** What was stored ahead of this instant is set right. */
  async acceptClock(): Promise<void> {
    await this.#options.database.writeSoft(async (trx) => {
      const nowMs = this.#options.clock();
      await removeAbsencesAfter(trx, nowMs + CLOCK_STEP_MS);
      await saveAliveAt(trx, nowMs);
    });
    this.#ahead = undefined;
    this.#isSetBack = true;
  }

  /** The last heartbeat, when this process will not answer any more. What cannot be written is left out. */
  async stop(): Promise<void> {
    await this.#beatOnce().catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'the last heartbeat could not be written'),
    );
  }

  /** The latest absences in their order, at most 20, with those that go on now. Reads no database. */
  recent(): readonly Absence[] {
    const nowMs = this.#options.clock();
    const jumpMs = this.#jumpMs(nowMs);
    const gaps = jumpMs > CLOCK_STEP_MS ? [...this.#gaps, jumpGap(jumpMs, nowMs)] : this.#gaps;
    const noticed = gaps.flatMap((gap) => absenceOf(gap, undefined, nowMs));
    const past = this.#stored.every(({ toMs }) => isPast(toMs, nowMs))
      ? this.#stored
      : this.#stored.filter(({ toMs }) => isPast(toMs, nowMs));
    return noticed.length === 0 ? past : [...past, ...noticed.map(toAbsence)].slice(-RECENT_ABSENCES);
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

  async #beatOnce(): Promise<void> {
    await this.beat(async () => findPulse(this.#options.database.read));
  }

  /** Nothing is to be stored but that a server is here, and nobody else stored anything. */
  #isUsual({ aliveAtMs, absences }: Pulse): boolean {
    const isKnown = absences === this.#absences && this.#gaps.length === 0 && this.#ahead === undefined;
    return isKnown && aliveAtMs !== undefined && isPast(aliveAtMs, this.#options.clock());
  }

  async #renew(): Promise<boolean> {
    const nowMs = this.#options.clock();
    return this.#options.database.writeSoft(async (trx) => renewAliveAt(trx, nowMs, nowMs + CLOCK_STEP_MS));
  }

  async #store<Found extends Pulse>(look: () => Promise<Found>): Promise<Found> {
    const found = await look();
    const outdated = outdatedAt(found.schema);
    if (outdated !== undefined) {
      this.#options.database.retire(outdated);
      throw outdated;
    }
    if (this.#isUsual(found) && (await this.#renew())) return found;
    const stored = await this.#options.database.writeSoft(async (trx) => this.#storeAll(trx));
    this.#gaps = [];
    this.#stored = stored.recent.map(toAbsence);
    this.#ahead = stored.ahead;
    this.#absences = stored.absences;
    for (const absence of stored.added) this.#tell(absence);
    return found;
  }

  #noteJump(): void {
    const nowMs = this.#options.clock();
    const jumpMs = this.#jumpMs(nowMs);
    if (nowMs < this.#last.wallMs) this.#isSetBack = true;
    this.#last = { wallMs: nowMs, steadyMs: this.#options.steadyClock() };
    if (Math.abs(jumpMs) <= CLOCK_STEP_MS) return;
    this.#pacedSinceMs = this.#last.steadyMs;
    if (jumpMs > 0) this.#gaps = [...this.#gaps, jumpGap(jumpMs, nowMs)];
    const s = Math.round(Math.abs(jumpMs) / 1000);
    this.#options.log.warn(
      { by_s: Math.round(jumpMs / 1000) },
      `the clock was set ${jumpMs > 0 ? 'ahead' : 'back'} by ${s} s`,
    );
  }

  /** Since the tick before; the next one may find it again at once. A single tick that fails is no absence. */
  #noteFailure(): void {
    const { wallMs } = this.#last;
    const known = this.#gaps.find(({ cause }) => cause === 'database');
    const gap = { cause: 'database', sinceMs: known?.sinceMs ?? wallMs - TICK_MS, untilMs: wallMs + TICK_MS } as const;
    this.#gaps = [...this.#gaps.filter((other) => other !== known), gap];
  }

  /** May have waited for the database, and may run again after a conflict: it changes nothing else. */
  async #storeAll(trx: Trx): Promise<Stored> {
    const nowMs = this.#options.clock();
    const { aliveAtMs } = await findPulse(trx);
    const ahead = aliveAtMs === undefined ? undefined : this.#aheadOf(aliveAtMs, nowMs);
    const added = ahead === undefined ? this.#gaps.flatMap((gap) => absenceOf(gap, aliveAtMs, nowMs)) : [];
    for (const absence of added) await addAbsence(trx, absence);
    if (added.length > 0) await keepLatestAbsences(trx, MAX_ABSENCES);
    if (ahead === undefined) await saveAliveAt(trx, nowMs);
    const { absences } = await findPulse(trx);
    return { recent: await listLatestAbsences(trx, RECENT_ABSENCES), added, ahead, absences };
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

  #tell({ cause, from_ms, to_ms }: NewAbsence): void {
    const s = Math.round((to_ms - from_ms) / 1000);
    this.#options.log.info(
      { cause, from: toInstant(from_ms), to: toInstant(to_ms) },
      `no server was there for ${s} s: trials, deadlines and silence limits are extended by that`,
    );
  }
}

function jumpGap(jumpMs: number, nowMs: number): Gap {
  return { cause: 'clock', sinceMs: nowMs - jumpMs, untilMs: nowMs };
}

/** As long as no other server was there either; none where that is too short to matter. */
function absenceOf(gap: Gap, aliveAtMs: number | undefined, nowMs: number): readonly NewAbsence[] {
  const from_ms = Math.max(gap.sinceMs, aliveAtMs ?? gap.sinceMs);
  const to_ms = Math.min(gap.untilMs, nowMs);
  return Number.isFinite(from_ms) && to_ms - from_ms >= ABSENCE_MS ? [{ from_ms, to_ms, cause: gap.cause }] : [];
}

/** Clocks of several servers differ by less than a step. */
function isPast(instantMs: number, nowMs: number): boolean {
  return instantMs <= nowMs + CLOCK_STEP_MS;
}

function toAbsence({ from_ms, to_ms }: NewAbsence): Absence {
  return { fromMs: from_ms, toMs: to_ms };
}
