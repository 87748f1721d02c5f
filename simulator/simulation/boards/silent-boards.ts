// Boards of a simulated rollout that do not speak: offers that are past their deadline, and boards that were given the build and
// are silent beyond their limit, as `service/gates/deadlines.ts` and `service/gates/lost-boards.ts` find them.

import { deadlineSilenceMs, isOverdue } from '#engine/assignment/deadline.ts';
import type { Assignment } from '#engine/decision/plan-check-in.ts';
import { canBeLost, lastSignMs, watchLost } from '#engine/outcome/watch.ts';
import { isSilent } from '#engine/stage/silence.ts';
import type { Assignments } from '#simulator/simulation/server/assignments.ts';
import type { Presences } from '#simulator/simulation/server/presences.ts';

export class SilentBoards {
  readonly #assignments: Assignments;
  readonly #presences: Presences;
  /** No board can be lost before. */
  #nextLostMs = Number.NEGATIVE_INFINITY;

  constructor(assignments: Assignments, presences: Presences) {
    this.#assignments = assignments;
    this.#presences = presences;
  }

  /** Open assignments whose time is up, as they are then. */
  listOverdue(pollIntervalS: number, resumedAtMs: number, nowMs: number): readonly Assignment[] {
    return this.#assignments.open.flatMap((assignment) => {
      const { device } = this.#assignments.get(assignment.id);
      const deadline = {
        state: assignment.progress.state,
        sinceMs: Math.max(assignment.updatedAtMs, resumedAtMs),
        seenAtMs: this.#presences.heardOf(device, nowMs)?.seenAtMs ?? assignment.updatedAtMs,
        silenceMs: deadlineSilenceMs(pollIntervalS, this.#presences.intervalOf(device)),
        sizeBytes: assignment.image.sizeBytes,
        isPostponed: false,
        isDeviceLocal: false,
      };
      return isOverdue(deadline, [], nowMs) ? [endOf(assignment, 'timed_out', nowMs)] : [];
    });
  }

  /** Boards that are lost from now on, with their assignment as it is then. Nobody is looked for before one can be. */
  listNewlyLost(nowMs: number): readonly { readonly device: number; readonly assignment: Assignment }[] {
    if (nowMs < this.#nextLostMs) return [];
    this.#nextLostMs = Number.POSITIVE_INFINITY;
    const lost: { readonly device: number; readonly assignment: Assignment }[] = [];
    for (let device = 0; device < this.#assignments.devices; device += 1) {
      const latest = this.#assignments.latestOf(device);
      const heard = this.#presences.heardOf(device, nowMs);
      if (latest === undefined || heard === undefined || !canBeLost(latest.watch, latest.progress.state)) continue;
      if (isSilent({ ...heard, seenAtMs: lastSignMs(latest.watch, heard.seenAtMs) }, nowMs))
        lost.push({ device, assignment: { ...latest, watch: watchLost(latest.watch, nowMs) } });
      else this.expect(device, nowMs);
    }
    return lost;
  }

  /** The board spoke: it can be lost when its limit has passed from now on. */
  expect(device: number, nowMs: number): void {
    const heard = this.#presences.heardOf(device, nowMs);
    if (heard !== undefined) this.#nextLostMs = Math.min(this.#nextLostMs, heard.seenAtMs + heard.limitMs);
  }
}

export function endOf(assignment: Assignment, state: 'timed_out' | 'superseded', nowMs: number): Assignment {
  return { ...assignment, progress: { ...assignment.progress, state }, updatedAtMs: nowMs };
}
