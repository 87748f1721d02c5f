// The boards of one stage, counted while their assignments change, so that a gate is judged without reading every board again.
// What a board counts as is said by `engine/outcome/outcome.ts`, as on the server.

import { causeOfEnd } from '#engine/assignment/assignment.ts';
import type { Assignment } from '#engine/decision/plan-check-in.ts';
import { markOf, type Outcome, outcomeOf } from '#engine/outcome/outcome.ts';
import type { BoardGroup } from '#engine/stage/counts.ts';

interface Counted {
  readonly assignment: Assignment;
  readonly outcome: Outcome;
}

export class StageBoards {
  readonly #groups = new Map<string, BoardGroup>();
  /** The latest assignment of each board that got its place in this stage, and the key of its group. */
  readonly #latest = new Map<number, Counted & { readonly key: string }>();

  get groups(): readonly BoardGroup[] {
    return [...this.#groups.values()].filter(({ boards }) => boards > 0);
  }

  /** By the number of the board. */
  get latest(): ReadonlyMap<number, Counted> {
    return this.#latest;
  }

  /** The latest assignment of a board as it is now. */
  note(device: number, assignment: Assignment): void {
    this.remove(device);
    const group = groupOf(assignment);
    const key = `${group.outcome} ${group.mark} ${group.isCounted} ${group.fault} ${group.isAcknowledged}`;
    this.#latest.set(device, { assignment, outcome: group.outcome, key });
    const boards = (this.#groups.get(key)?.boards ?? 0) + 1;
    this.#groups.set(key, { ...group, boards });
  }

  /** The board got another assignment, in another stage. */
  remove(device: number): void {
    const key = this.#latest.get(device)?.key;
    const group = key === undefined ? undefined : this.#groups.get(key);
    if (key === undefined || group === undefined) return;
    this.#groups.set(key, { ...group, boards: group.boards - 1 });
    this.#latest.delete(device);
  }
}

function groupOf({ progress, watch }: Assignment): Omit<BoardGroup, 'boards'> {
  const facts = { ...watch, state: progress.state, cause: causeOfEnd(progress) };
  return {
    outcome: outcomeOf(facts),
    mark: markOf(facts),
    isCounted: watch.notCounted === undefined,
    fault: watch.fault,
    isAcknowledged: watch.isAcknowledged,
  };
}
