// The assignments of a simulation, as the database keeps those of a server: every one of every board, the boards of each stage
// by their latest one, and what each board confirmed last. It decides nothing.

import { causeOfEnd, isOpenState } from '#engine/assignment/assignment.ts';
import type { Assignment } from '#engine/decision/plan-check-in.ts';
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
  readonly #byDevice: (readonly Assignment[])[];
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
    this.#byDevice = Array.from({ length: devices }, () => []);
  }

  /** How many boards there are. */
  get devices(): number {
    return this.#byDevice.length;
  }

  /** Of one board, in the order of their making. */
  of(device: number): readonly Assignment[] {
    return this.#byDevice[device] ?? [];
  }

  /** Those that a check-in is judged with: open ones, those that ended badly, and the one that brought what the board confirmed last. */
  countedOf(device: number): readonly Assignment[] {
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
  latestOf(device: number): Assignment | undefined {
    const id = this.#latest[device];
    return id === undefined ? undefined : this.#byDevice[device]?.findLast((one) => one.id === id);
  }

  /** Throws a RangeError for an assignment that was never made. */
  get(id: number): Place & { readonly assignment: Assignment } {
    const place = this.#places[id];
    const assignment = this.of(place?.device ?? -1).find((one) => one.id === id);
    if (place === undefined || assignment === undefined) throw new RangeError(`there is no assignment ${id}`);
    return { ...place, assignment };
  }

  get open(): readonly Assignment[] {
    return [...this.#open].map((id) => this.get(id).assignment);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Answers the number of the new assignment. */
  add(place: Place, assignment: Omit<Assignment, 'id'>): number {
    const id = this.#places.length;
    this.#places.push(place);
    this.#offeredAtMs.push(assignment.updatedAtMs);
    const before = place.stage === undefined ? undefined : this.#latest[place.device];
    if (before !== undefined) this.#stageOf(before)?.remove(place.device);
    if (place.stage !== undefined) this.#latest[place.device] = id;
    this.#byDevice[place.device] = [...this.of(place.device), { ...assignment, id }];
    this.save({ ...assignment, id });
    return id;
  }

  save(assignment: Assignment): void {
    const { id, progress, watch, updatedAtMs } = assignment;
    const { device } = this.#places[id] ?? { device: -1 };
    this.#byDevice[device] = this.of(device).map((one) => (one.id === id ? assignment : one));
    if (watch.exposedAtMs !== undefined && this.#places[id]?.stage !== undefined) this.#exposed.add(device);
    if (isOpenState(progress.state)) this.#open.add(id);
    else this.#open.delete(id);
    if (progress.state === 'confirmed' && watch.confirmedAtMs === updatedAtMs) this.#taken[device] = id;
    if (this.#latest[device] === id) this.#stageOf(id)?.note(device, assignment);
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
export function acknowledged(assignment: Assignment): Assignment {
  return { ...assignment, watch: { ...assignment.watch, isAcknowledged: true } };
}

export function needsAcknowledging({ progress, watch }: Assignment): boolean {
  const outcome = outcomeOf({ ...watch, state: progress.state, cause: causeOfEnd(progress) });
  return watch.fault !== undefined || outcome === 'crashing' || outcome === 'lost';
}
