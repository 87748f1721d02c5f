// Which boards belong to the opened stages of a simulated rollout, and which of them are still to get the build, as
// `service/gates/waiting-boards.ts` finds them.

import { firstStageOf } from '#engine/decision/forecast.ts';
import { causeOfEnd } from '#engine/assignment/assignment.ts';
import { type Assignment, assignmentFacts } from '#engine/decision/plan-check-in.ts';
import { previewOf } from '#engine/decision/preview.ts';
import type { DeviceFacts } from '#engine/facts/model.ts';
import { AGAIN_MARKS, markOf } from '#engine/outcome/outcome.ts';
import { isOpen } from '#engine/stage/advance.ts';
import type { Assignments } from './assignments.ts';
import type { RolloutLife } from './rollout-life.ts';

/** Its offer was withdrawn, and the rules say whether it gets another one. */
function triesAgain({ progress, watch }: Assignment): boolean {
  const mark = markOf({ ...watch, state: progress.state, cause: causeOfEnd(progress) });
  return watch.notCounted === undefined && AGAIN_MARKS.some((again) => again === mark);
}

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

  /** Boards that hold no assignment of the rollout, or one that was withdrawn, and that no rule leaves out. */
  listToGet(): readonly number[] {
    return this.#listTaken((device) => {
      const latest = this.#assignments.latestOf(device);
      return latest === undefined || triesAgain(latest);
    });
  }

  /** The same without those that hold one that was withdrawn. */
  #listWaiting(): readonly number[] {
    return this.#listTaken((device) => this.#assignments.latestOf(device) === undefined);
  }

  #listTaken(isMeant: (device: number) => boolean): readonly number[] {
    const { forecast, facts: rollout, status } = this.#life;
    if (rollout === undefined || forecast === undefined) return [];
    const open = isOpen(status) ? [rollout] : [];
    return [...this.#stages.keys()].filter((device) => {
      const facts = this.#devices[device];
      if (facts === undefined || !isMeant(device)) return false;
      const { historyOf } = assignmentFacts(this.#assignments.countedOf(device), rollout, Number.POSITIVE_INFINITY);
      return previewOf(forecast, { ...this.#life.catalogFor(facts), open, historyOf }).kind === 'taken';
    });
  }

  /** How many of them wait in this stage. Of a rollout that has ended nobody is waited for. */
  countWaiting(stage: number): number {
    if (!isOpen(this.#life.status)) return 0;
    return this.#listWaiting().filter((device) => this.#stages.get(device) === stage).length;
  }
}
