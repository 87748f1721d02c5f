// The life of one simulated rollout: its status, the stages that have opened, its build, and what the catalog of a server would
// say of it to a board. It knows the boards of a stage only to count them; what its status becomes is said by `advance`.

import { DEFAULT_WATCH_S } from '#protocol/limits.ts';
import type { Plan } from '#protocol/admin/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import type { Forecast } from '#engine/decision/forecast.ts';
import { stableFor } from '#engine/decision/target.ts';
import type { DeviceFacts, FirmwareFacts, OpenedStage, RolloutFacts, RolloutStatus } from '#engine/facts/model.ts';
import { advance, isOpen, type RolloutCommand } from '#engine/stage/advance.ts';
import type { GateCounts } from '#engine/stage/gate.ts';
import { StageBoards } from './stage-boards.ts';

export interface LifeOptions {
  readonly plan: Pick<Plan, 'stages' | 'watch_s'>;
  readonly firmware: FirmwareFacts;
  /** What the boards run before, and go back to; undefined: there is nothing to go back to. */
  readonly stable: FirmwareFacts | undefined;
  /** What the buckets are made with. */
  readonly seed: number;
}

export interface StageState {
  readonly plan: Plan['stages'][number];
  readonly boards: StageBoards;
  openedAtMs: number | undefined;
  /** What its gate saw when it was judged last. */
  gateCounts: GateCounts | undefined;
}

export const ROLLOUT_ID = 1;
const STABLE_ROLLOUT_ID = 2;
const NO_PACE = { maxInFlight: undefined, maxOffersPerMinute: undefined } as const;
/** All boards of a simulation have one vote each. */
const VOTES = { countsBeforeMs: undefined, countsSimulated: true } as const;

export class RolloutLife {
  readonly #options: LifeOptions;
  readonly #stable: RolloutFacts | undefined;
  readonly stages: readonly StageState[];
  #firmware: FirmwareFacts;
  #status: RolloutStatus = 'draft';
  #at = -1;
  #watchUntilMs = Number.POSITIVE_INFINITY;
  #startedAtMs = 0;
  #resumedAtMs = Number.NEGATIVE_INFINITY;
  #facts: RolloutFacts | undefined;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#firmware = options.firmware;
    this.#stable = options.stable === undefined ? undefined : stableRolloutOf(options.stable, options.seed);
    this.stages = options.plan.stages.map((plan) => ({
      plan,
      boards: new StageBoards(),
      openedAtMs: undefined,
      gateCounts: undefined,
    }));
  }

  get status(): RolloutStatus {
    return this.#status;
  }

  /** Those that have opened, in their order; the last one is open. */
  get opened(): readonly StageState[] {
    return this.stages.slice(0, this.#at + 1);
  }

  get openStage(): StageState | undefined {
    return this.stages[this.#at];
  }

  /** Undefined: it has not started. */
  get facts(): RolloutFacts | undefined {
    return this.#facts;
  }

  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  get resumedAtMs(): number {
    return this.#resumedAtMs;
  }

  /** A complete one is watched until then. */
  get watchUntilMs(): number {
    return this.#watchUntilMs;
  }

  /** It runs, or is complete and watched. */
  isJudged(nowMs: number): boolean {
    return this.#status === 'running' || (this.#status === 'complete' && nowMs < this.#watchUntilMs);
  }

  /** Answers whether the rollout could be moved. */
  move(command: RolloutCommand, revert: boolean, nowMs: number): boolean {
    const names = this.stages.map(({ plan }) => plan.name);
    const moved = advance({ status: this.#status, stage: this.openStage?.plan.name }, command, names);
    if (!moved.ok) return false;
    this.#status = moved.next.status;
    if (command === 'start') this.#startedAtMs = nowMs;
    if (command === 'resume') this.#resumedAtMs = nowMs;
    if (command === 'promote' && this.#status === 'complete')
      this.#watchUntilMs = nowMs + (this.#options.plan.watch_s ?? DEFAULT_WATCH_S) * 1000;
    if (revert || command === 'resume') this.#firmware = { ...this.#firmware, reverted: revert };
    const at = names.findIndex((name) => name === moved.next.stage);
    const stage = this.stages[at];
    if (at !== this.#at && stage !== undefined) {
      stage.openedAtMs = nowMs;
      this.#at = at;
    }
    this.#refresh();
    return true;
  }

  block(): void {
    this.#firmware = { ...this.#firmware, blocked: true };
    this.#refresh();
  }

  /** Undefined: it has not started. How fast offers are made leaves nobody out. */
  get forecast(): Forecast | undefined {
    if (this.#facts === undefined) return undefined;
    const stages = this.stages.map(({ plan }, id) => ({ ...stageFacts(plan, id), name: plan.name }));
    return { rollout: { ...this.#facts, pace: NO_PACE }, stages, openedCount: this.#at + 1 };
  }

  /** What the catalog of a server says to a board. */
  catalogFor(device: DeviceFacts) {
    const isOwn = device.currentVersion === this.#firmware.version;
    const isOurs = this.#status === 'complete' && !this.#firmware.blocked && !this.#firmware.reverted;
    const completed = [isOurs ? this.#facts : undefined, this.#stable].filter((one) => one !== undefined);
    const running = isOwn ? this.#firmware : this.#options.stable;
    return {
      device,
      running,
      rollout: isOpen(this.#status) ? this.#facts : undefined,
      stable: stableFor(completed, device, running),
      requiredVersions: [],
      takesUnsigned: true,
      window: undefined,
      freeze: undefined,
    };
  }

  #refresh(): void {
    const last = this.openStage;
    if (last === undefined) return;
    this.#facts = {
      id: ROLLOUT_ID,
      name: 'simulated',
      status: this.#status,
      stageId: this.#at,
      stage: last.plan.name,
      stageOpenedAtMs: last.openedAtMs ?? Number.NaN,
      opened: this.opened.map(({ plan }, id) => stageFacts(plan, id)),
      planned: this.stages.map(({ plan: { label, percentage } }) => ({ label, percentage })),
      pace: { maxInFlight: last.plan.max_in_flight, maxOffersPerMinute: last.plan.max_offers_per_minute },
      consent: undefined,
      seed: this.#options.seed,
      votes: VOTES,
      firmware: this.#firmware,
      imageIds: this.#firmware.images.map(({ id }) => id),
    };
  }
}

export function soakMsOf(stage: Plan['stages'][number] | undefined): number {
  return (stage?.gate?.soak_s ?? 0) * 1000;
}

function stageFacts(stage: Plan['stages'][number], id: number): OpenedStage {
  return { id, label: stage.label, percentage: stage.percentage, soakMs: soakMsOf(stage) };
}

function stableRolloutOf(firmware: FirmwareFacts, seed: number): RolloutFacts {
  return {
    id: STABLE_ROLLOUT_ID,
    name: 'stable',
    status: 'complete',
    stageId: Number.NaN,
    stage: 'all',
    stageOpenedAtMs: Number.NEGATIVE_INFINITY,
    opened: [],
    planned: [{ label: GENERAL_LABEL, percentage: 100 }],
    pace: NO_PACE,
    consent: undefined,
    seed,
    votes: VOTES,
    firmware,
    imageIds: firmware.images.map(({ id }) => id),
  };
}
