// How the boards of a simulation fare, hour by hour, and against how each fared before it was offered the build: what a server
// keeps as telemetry, and compares in `service/gates/health.ts`. Kept only where a gate asks for it.

import { MAX_COMPARED_DEVICES } from '#protocol/limits.ts';
import type { Gate } from '#protocol/admin/plan.ts';
import {
  addUpHealth,
  type Baseline,
  baselineBefore,
  compareHealth,
  heapDropPct,
  moreRestartsPct,
} from '#engine/outcome/baseline.ts';
import { addCheck, type HealthHour, hourOf, hourOfCheck } from '#engine/outcome/health.ts';
import type { GateCounts } from '#engine/stage/gate.ts';
import type { StageBoards } from '#simulator/simulation/server/stage-boards.ts';

export function isHealthAsked(gate: Gate | undefined): boolean {
  return gate?.max_heap_drop_pct !== undefined || gate?.max_more_restarts_pct !== undefined;
}

interface Check {
  readonly atMs: number;
  readonly uptimeS: number | undefined;
  readonly freeHeapBytes?: number | undefined;
  readonly restarted: boolean;
  readonly crashed: boolean;
}

export class BoardHealth {
  readonly #hours: (readonly HealthHour[])[];
  /** By the number of the assignment. */
  readonly #baselines = new Map<number, Baseline>();

  /** `before`: of each board, the hours before the start. */
  constructor(before: readonly (readonly HealthHour[])[]) {
    this.#hours = [...before];
  }

  note(device: number, { freeHeapBytes, ...check }: Check): void {
    const measured = { ...check, freeHeapBytes, largestBlockBytes: undefined, rssiDbm: undefined };
    this.#hours[device] = addCheck(this.#hours[device] ?? [], hourOfCheck(measured));
  }

  /** The board is offered the build. */
  keepBaseline(assignmentId: number, device: number, nowMs: number): void {
    const baseline = baselineBefore(this.#hours[device] ?? [], hourOf(nowMs));
    if (baseline !== undefined) this.#baselines.set(assignmentId, baseline);
  }

  of(boards: StageBoards, nowMs: number): Pick<GateCounts, 'heapDropPct' | 'moreRestartsPct'> {
    const nowHour = hourOf(nowMs);
    const compared = [...boards.latest]
      .filter(
        ([, { assignment }]) => assignment.progress.state === 'confirmed' && assignment.watch.movedOnAtMs === undefined,
      )
      .slice(0, MAX_COMPARED_DEVICES)
      .map(([device, { assignment }]) => {
        const baseline = this.#baselines.get(assignment.id);
        // The hour in which it confirmed was in part that of the build before.
        const sinceHour = hourOf(assignment.watch.confirmedAtMs ?? assignment.updatedAtMs) + 1;
        return baseline === undefined
          ? undefined
          : compareHealth(baseline, this.#hours[device] ?? [], { sinceHour, nowHour });
      });
    const health = addUpHealth(compared.filter((comparison) => comparison !== undefined));
    return { heapDropPct: heapDropPct(health), moreRestartsPct: moreRestartsPct(health) };
  }
}
