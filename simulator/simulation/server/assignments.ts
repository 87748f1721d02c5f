// The assignments of a simulation, as the database keeps those of a server: every one of every board, the boards of each stage
// by their latest one, and what each board confirmed last. It decides nothing.

import { causeOfEnd, isOpenState } from '#engine/assignment/assignment.ts';
import type { Attempt } from '#engine/decision/plan-check-in.ts';
import { outcomeOf } from '#engine/outcome/outcome.ts';
import type { Load } from '#engine/facts/model.ts';
import type { StageBoards } from './stage-boards.ts';

/** `stage`: the position of the stage that the board got its place from; undefined: the assignment is not of the rollout. */
interface Place {
  readonly device: number;
  readonly stage: number | undefined;
}

export class Assignments {
  readonly #stages: readonly StageBoards[];
  readonly #attempts: (readonly Attempt[])[];
  /** By the number of the assignment. */
  readonly #places: Place[] = [];
  readonly #open = new Set<number>();
  /** Boards that an assignment of the rollout gave the build. */
  readonly #exposed = new Set<number>();
  /** By the number of the board. */
  readonly #latest: (number | undefined)[] = [];
  readonly #taken: (number | undefined)[] = [];
  /** When each was offered, in the order of their making. */
  readonly #offeredAtMs: number[] = [];

  constructor(stages: readonly StageBoards[], devices: number) {
    this.#stages = stages;
    this.#attempts = Array.from({ length: devices }, () => []);
  }

  /** How many boards there are. */
  get devices(): number {
    return this.#attempts.length;
  }

  /** Of one board, in the order of their making. */
  of(device: number): readonly Attempt[] {
    return this.#attempts[device] ?? [];
  }

  /** Those that a check-in is judged with: open ones, those that ended badly, and the one that brought what the board confirmed last. */
  countedOf(device: number): readonly Attempt[] {
    const taken = this.#taken[device];
    return this.of(device).filter(
      ({ id, progress: { state } }) =>
        (state === 'confirmed' && id === taken) || !(state === 'confirmed' || state === 'superseded'),
    );
  }

  /** Whether any assignment of the rollout gave the board the build. */
  isExposed(device: number): boolean {
    return this.#exposed.has(device);
  }

  /** The assignment of the rollout that speaks for the board. */
  latestOf(device: number): Attempt | undefined {
    const id = this.#latest[device];
    return id === undefined ? undefined : this.#attempts[device]?.findLast((one) => one.id === id);
  }

  /** Throws a RangeError for an assignment that was never made. */
  get(id: number): Place & { readonly attempt: Attempt } {
    const place = this.#places[id];
    const attempt = this.of(place?.device ?? -1).find((one) => one.id === id);
    if (place === undefined || attempt === undefined) throw new RangeError(`there is no assignment ${id}`);
    return { ...place, attempt };
  }

  get open(): readonly Attempt[] {
    return [...this.#open].map((id) => this.get(id).attempt);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Answers the number of the new assignment. */
  add(place: Place, attempt: Omit<Attempt, 'id'>): number {
    const id = this.#places.length;
    this.#places.push(place);
    this.#offeredAtMs.push(attempt.updatedAtMs);
    const before = place.stage === undefined ? undefined : this.#latest[place.device];
    if (before !== undefined) this.#stageOf(before)?.remove(place.device);
    if (place.stage !== undefined) this.#latest[place.device] = id;
    this.#attempts[place.device] = [...this.of(place.device), { ...attempt, id }];
    this.save({ ...attempt, id });
    return id;
  }

  save(attempt: Attempt): void {
    const { id, progress, watch, updatedAtMs } = attempt;
    const { device } = this.#places[id] ?? { device: -1 };
    this.#attempts[device] = this.of(device).map((one) => (one.id === id ? attempt : one));
    if (watch.exposedAtMs !== undefined && this.#places[id]?.stage !== undefined) this.#exposed.add(device);
    if (isOpenState(progress.state)) this.#open.add(id);
    else this.#open.delete(id);
    if (progress.state === 'confirmed' && watch.confirmedAtMs === updatedAtMs) this.#taken[device] = id;
    if (this.#latest[device] === id) this.#stageOf(id)?.note(device, attempt);
  }

  /** How much of the pace of the rollout is used now. */
  loadAt(nowMs: number): Load {
    const before = this.#offeredAtMs.findLastIndex((atMs) => atMs <= nowMs - 60_000);
    return { inFlight: this.openCount, offersInLastMinute: this.#offeredAtMs.length - 1 - before };
  }

  #stageOf(id: number): StageBoards | undefined {
    const stage = this.#places[id]?.stage;
    return stage === undefined ? undefined : this.#stages[stage];
  }
}

/** Its failure or silence does not count any more. */
export function acknowledged(attempt: Attempt): Attempt {
  return { ...attempt, watch: { ...attempt.watch, isAcknowledged: true } };
}

export function needsAcknowledging({ progress, watch }: Attempt): boolean {
  const outcome = outcomeOf({ ...watch, state: progress.state, cause: causeOfEnd(progress) });
  return watch.fault !== undefined || outcome === 'crashing' || outcome === 'lost';
}
