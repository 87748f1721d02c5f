// Which boards belong to the opened stages of a simulated rollout, and which of them are still to get the build, as
// `service/gates/waiting-boards.ts` finds them.

import { firstStageOf } from '#engine/decision/forecast.ts';
import { assignmentFacts } from '#engine/decision/plan-check-in.ts';
import { previewOf } from '#engine/decision/preview.ts';
import type { DeviceFacts } from '#engine/facts/model.ts';
import { isOpen } from '#engine/stage/advance.ts';
import type { Assignments } from './assignments.ts';
import type { RolloutLife } from './rollout-life.ts';

export class StageMembers {
  readonly #life: RolloutLife;
  readonly #assignments: Assignments;
  readonly #devices: readonly DeviceFacts[];
  /** By the number of the board: the first stage that includes it. */
  #stages: ReadonlyMap<number, number> = new Map();

  /** `devices` are the boards as they are at any time. */
  constructor(life: RolloutLife, assignments: Assignments, devices: readonly DeviceFacts[]) {
    this.#life = life;
    this.#assignments = assignments;
    this.#devices = devices;
  }

  /** How many boards the opened stages have. */
  get count(): number {
    return this.#stages.size;
  }

  /** To be called when a stage has opened, or a label was changed. */
  refresh(): void {
    const { forecast } = this.#life;
    if (forecast === undefined) return;
    const members = this.#devices.flatMap((facts, device) => {
      const at = firstStageOf(forecast, facts);
      return at === undefined || at >= forecast.openedCount ? [] : [[device, at] as const];
    });
    this.#stages = new Map(members);
  }

  /** Boards that hold no assignment of the rollout, and that no rule leaves out. */
  listWaiting(): readonly number[] {
    const { forecast, facts: rollout, status } = this.#life;
    if (rollout === undefined || forecast === undefined) return [];
    const open = isOpen(status) ? [rollout] : [];
    return [...this.#stages.keys()].filter((device) => {
      const facts = this.#devices[device];
      if (facts === undefined || this.#assignments.latestOf(device) !== undefined) return false;
      const { historyOf } = assignmentFacts(this.#assignments.countedOf(device), rollout, Number.POSITIVE_INFINITY);
      return previewOf(forecast, { ...this.#life.catalogFor(facts), open, historyOf }).kind === 'taken';
    });
  }

  /** How many of them wait in this stage. Of a rollout that has ended nobody is waited for. */
  countWaiting(stage: number): number {
    if (!isOpen(this.#life.status)) return 0;
    return this.listWaiting().filter((device) => this.#stages.get(device) === stage).length;
  }
}
