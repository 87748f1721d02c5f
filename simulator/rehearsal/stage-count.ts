// The counts of one stage, kept while its attempts change, so that a gate is judged without reading every device again. What
// an attempt counts as is said by `engine/stage/tally.ts`, as on the server.

import type { Gate } from '#protocol/plan.ts';
import { causeOfEnd, isOpenState } from '#engine/assignment/assignment.ts';
import type { Attempt } from '#engine/decision/plan-check-in.ts';
import { type Answers, columnOf, isAnswer } from '#engine/stage/tally.ts';

interface Counted {
  readonly attempt: Attempt;
  readonly column: keyof Answers | undefined;
}

export class StageCount {
  readonly #gate: Pick<Gate, 'fault_classes'>;
  readonly #firmwareId: number;
  readonly #answerOf = new Map<number, Counted>();
  readonly #taken = new Set<number>();
  readonly #answers = { confirmed: 0, failed: 0, otherFailures: 0, silent: 0 };
  #acknowledgedAtMs = Number.NEGATIVE_INFINITY;
  #open = 0;

  constructor(gate: Gate | undefined, firmwareId: number) {
    this.#gate = gate ?? {};
    this.#firmwareId = firmwareId;
  }

  get answers(): Answers {
    return { ...this.#answers };
  }

  /** Attempts that are under way. */
  get open(): number {
    return this.#open;
  }

  /** Devices that were offered something in this stage. */
  get taken(): number {
    return this.#taken.size;
  }

  has(device: number): boolean {
    return this.#taken.has(device);
  }

  /** An attempt of this stage as it is now; `before` is how it was, undefined for a new one. */
  note(device: number, attempt: Attempt, before: Attempt | undefined): void {
    this.#taken.add(device);
    const wasOpen = before !== undefined && isOpenState(before.progress.state);
    this.#open += Number(isOpenState(attempt.progress.state)) - Number(wasOpen);
    if (isAnswer(attempt.progress.state)) this.#answer(device, attempt);
  }

  /** The failures up to this instant are other failures from now on. */
  acknowledge(atMs: number): void {
    this.#acknowledgedAtMs = atMs;
    for (const [device, { attempt }] of this.#answerOf) this.#answer(device, attempt);
  }

  #answer(device: number, attempt: Attempt): void {
    const last = this.#answerOf.get(device);
    if (last !== undefined && last.attempt.id > attempt.id) return;
    const { progress, updatedAtMs, firmwareId } = attempt;
    const column = columnOf(this.#gate, {
      state: progress.state,
      cause: causeOfEnd(progress),
      isOwnFirmware: firmwareId === this.#firmwareId,
      isAcknowledged: updatedAtMs <= this.#acknowledgedAtMs,
    });
    if (last?.column !== undefined) this.#answers[last.column] -= 1;
    if (column !== undefined) this.#answers[column] += 1;
    this.#answerOf.set(device, { attempt, column });
  }
}
