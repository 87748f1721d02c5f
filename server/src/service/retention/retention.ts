// Forgets what is older than the limits of `retention:`: a pass over everything twice a day, in small steps, a few with each tick.
// Each step reads a bounded range and removes a bounded number of rows in a transaction of its own. Only while the clock is
// trusted: one that was set ahead by mistake removes nothing. Every server does it; two that meet remove nothing twice.

import { PENDING_ENROLMENT_MS, PRUNE_PASS_MS, PRUNE_STEPS } from '#protocol/limits.ts';
import type { RetentionLimits } from '#server/service/settings.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import { forgetAssignments } from './assignments.ts';
import { forgetAudit } from './audit.ts';
import { forgetEnrolments } from './enrolments.ts';
import { forgetEvents } from './events.ts';
import type { PruneRange } from './prune-range.ts';
import { forgetHours, forgetMeasurements } from './silent-boards.ts';

interface Step {
  /** How long what it forgets is kept, in milliseconds. */
  readonly keptMs: (limits: RetentionLimits) => number;
  readonly forget: (deps: WatchDeps, range: PruneRange, nowMs: number) => Promise<number | undefined>;
}

const STEPS: readonly Step[] = [
  { keptMs: ({ eventsMs }) => eventsMs, forget: forgetEvents },
  { keptMs: ({ auditMs }) => auditMs, forget: forgetAudit },
  { keptMs: ({ assignmentsMs }) => assignmentsMs, forget: forgetAssignments },
  { keptMs: ({ telemetryMs }) => telemetryMs, forget: forgetHours },
  { keptMs: ({ presenceMs }) => presenceMs, forget: forgetMeasurements },
  { keptMs: () => PENDING_ENROLMENT_MS, forget: forgetEnrolments },
];

/** Where a pass is. */
interface Place {
  readonly step: number;
  readonly afterId: number;
}

export class Retention {
  readonly #deps: WatchDeps;
  /** Where the pass is; undefined: none is under way. */
  #place: Place | undefined;
  #begunAtMs: number | undefined;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** With each tick. Where a step fails, the next tick tries it again. */
  async prune(nowMs: number): Promise<void> {
    if (!this.#deps.absences.isClockTrusted) return;
    if (this.#place === undefined) {
      if (!this.#isDue(nowMs)) return;
      this.#begunAtMs = nowMs;
      this.#place = { step: 0, afterId: 0 };
    }
    for (let count = 0; count < PRUNE_STEPS && this.#place !== undefined; count += 1)
      this.#place = await this.#take(this.#place, nowMs);
  }

  /** Resolves with where to go on; undefined: the pass is done. */
  async #take({ step, afterId }: Place, nowMs: number): Promise<Place | undefined> {
    const what = STEPS[step];
    if (what === undefined) return undefined;
    const keptMs = what.keptMs(this.#deps.settings.retention);
    const next = Number.isFinite(keptMs)
      ? await what.forget(this.#deps, { afterId, beforeMs: nowMs - keptMs }, nowMs)
      : undefined;
    return next === undefined ? { step: step + 1, afterId: 0 } : { step, afterId: next };
  }

  /** Also after a clock that was ahead has come back. */
  #isDue(nowMs: number): boolean {
    return this.#begunAtMs === undefined || Math.abs(nowMs - this.#begunAtMs) >= PRUNE_PASS_MS;
  }
}
