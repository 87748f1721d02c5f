// The assignments of a rehearsal, as the database keeps those of a server: every attempt of every device, the counts of each
// stage, and which deadline comes first. It decides nothing.

import { SILENT_POLLS } from '#protocol/limits.ts';
import { isOpenState } from '#engine/assignment/assignment.ts';
import { isOverdue } from '#engine/assignment/deadline.ts';
import type { AssignmentState, Load } from '#engine/facts/model.ts';
import type { Attempt } from '#engine/decision/plan-check-in.ts';
import type { StageCount } from './stage-count.ts';

interface Place {
  readonly device: number;
  readonly stage: number;
}

export class Ledger {
  readonly #counts: readonly StageCount[];
  readonly #attempts: (readonly Attempt[])[];
  /** By the number of the assignment: whose it is, and in which stage it was offered. */
  readonly #places: Place[] = [];
  /** In the order of their latest change, for deadlines. */
  readonly #changes: { readonly id: number; readonly atMs: number }[] = [];
  #oldestChange = 0;
  /** When each was offered, in the order of their making. */
  readonly #offeredAtMs: number[] = [];

  constructor(counts: readonly StageCount[], devices: number) {
    this.#counts = counts;
    this.#attempts = Array.from({ length: devices }, () => []);
  }

  /** Of one device, in the order of their making. */
  attemptsOf(device: number): readonly Attempt[] {
    return this.#attempts[device] ?? [];
  }

  /** Throws a RangeError for an assignment that was never made. */
  get(id: number): Place & { readonly attempt: Attempt } {
    const place = this.#places[id];
    const attempt = this.attemptsOf(place?.device ?? -1).find((one) => one.id === id);
    if (place === undefined || attempt === undefined) throw new RangeError(`there is no assignment ${id}`);
    return { ...place, attempt };
  }

  /** Answers the number of the new assignment. */
  add(place: Place, attempt: Omit<Attempt, 'id'>): number {
    const id = this.#places.length;
    this.#places.push(place);
    this.#offeredAtMs.push(attempt.updatedAtMs);
    this.save({ ...attempt, id });
    return id;
  }

  save(attempt: Attempt): void {
    const { device, stage } = this.#places[attempt.id] ?? { device: -1, stage: -1 };
    const attempts = this.attemptsOf(device);
    const before = attempts.find(({ id }) => id === attempt.id);
    this.#attempts[device] =
      before === undefined ? [...attempts, attempt] : attempts.map((one) => (one === before ? attempt : one));
    this.#counts[stage]?.note(device, attempt, before);
    if (isOpenState(attempt.progress.state) && attempt.updatedAtMs !== before?.updatedAtMs)
      this.#changes.push({ id: attempt.id, atMs: attempt.updatedAtMs });
  }

  /** All images have one size, so the assignment that has not changed for longest is the first past its deadline. */
  timeOutOverdue(pollIntervalS: number, nowMs: number): void {
    for (;;) {
      const change = this.#changes[this.#oldestChange];
      if (change === undefined) return;
      const { attempt } = this.get(change.id);
      const deadline = {
        state: attempt.progress.state,
        sinceMs: change.atMs,
        // A simulated board does not ask again before it is done with what it was offered.
        seenAtMs: change.atMs,
        silenceMs: SILENT_POLLS * pollIntervalS * 1000,
        sizeBytes: attempt.image.sizeBytes,
        isDeviceLocal: false,
      };
      if (!isOverdue(deadline, [], nowMs)) return;
      this.#oldestChange += 1;
      if (attempt.updatedAtMs === change.atMs && isOpenState(attempt.progress.state))
        this.#end(attempt, 'timed_out', nowMs);
    }
  }

  /** How much of the pace of the rollout is used now. */
  loadAt(nowMs: number): Load {
    const before = this.#offeredAtMs.findLastIndex((atMs) => atMs <= nowMs - 60_000);
    return {
      inFlight: this.#counts.reduce((sum, { open }) => sum + open, 0),
      offersInLastMinute: this.#offeredAtMs.length - 1 - before,
    };
  }

  /** Nobody goes on with the rollout. */
  supersedeOpen(nowMs: number): void {
    for (const attempts of this.#attempts)
      for (const attempt of attempts) if (isOpenState(attempt.progress.state)) this.#end(attempt, 'superseded', nowMs);
  }

  #end(attempt: Attempt, state: AssignmentState, nowMs: number): void {
    this.save({ ...attempt, progress: { ...attempt.progress, state }, updatedAtMs: nowMs });
  }
}
