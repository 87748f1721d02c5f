// What a server holds of one rollout, in memory and in virtual time. Every decision is that of the server's own pure rules:
// `planCheckIn` for a device that asks, `afterReport`, `isOverdue`, `judge` and `nextStep` for the gate, `advance` for the
// life of the rollout. It only keeps what they return, as the services keep it in the database; it has no rule of its own.

import { POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import type { Plan } from '#protocol/plan.ts';
import { advance, isOpen, type RolloutCommand } from '#engine/stage/advance.ts';
import { afterReport, hasFailed, type Sighting, startOf } from '#engine/assignment/assignment.ts';
import type { Decision } from '#engine/decision/decide.ts';
import type { Tally, Verdict } from '#engine/stage/gate.ts';
import type {
  DeviceFacts,
  FirmwareFacts,
  LabelOnDevice,
  Load,
  RolloutFacts,
  RolloutStatus,
} from '#engine/facts/model.ts';
import { type Attempt, planCheckIn } from '#engine/decision/plan-check-in.ts';
import { membership } from '#engine/decision/target.ts';
import { matchBuild, runningOf } from '#engine/facts/build.ts';
import { hasAnswers } from '#engine/stage/tally.ts';
import { type GatedStage, judge, mayFail, nextStep, type Step } from '#engine/stage/tend.ts';
import { Ledger } from './ledger.ts';
import { StageCount } from './stage-count.ts';

export interface EngineOptions {
  readonly stages: Plan['stages'];
  /** With exactly one image, which every device takes. */
  readonly firmware: FirmwareFacts;
  /** What the buckets are made with. */
  readonly seed: number;
  readonly pollIntervalS: number;
  readonly devices: readonly { readonly mac: string; readonly labels: readonly LabelOnDevice[] }[];
  /** When the server last heard of a device. */
  readonly lastSeenAtMs: (device: number, nowMs: number) => number;
}

export interface CheckInAnswer {
  readonly decision: Decision;
  /** Of an offer. */
  readonly assignmentId: number | undefined;
}

export interface Report {
  readonly assignmentId: number;
  readonly status: Parameters<typeof afterReport>[1]['status'];
  readonly errorCode?: string | undefined;
}

/** Something that happened to the rollout, for the timeline. */
export interface Happening {
  readonly atMs: number;
  readonly what: RolloutCommand | 'sample';
  readonly actor: 'gate' | 'person';
  readonly status: RolloutStatus;
  /** The stage that is open after it, and how many devices the opened stages have. */
  readonly stage: string | undefined;
  readonly members: number;
  readonly reason: string;
  /** What the gate saw when it acted; undefined for what a person does. */
  readonly tally: Tally | undefined;
}

export interface StageState {
  readonly plan: Plan['stages'][number];
  readonly count: StageCount;
  openedAtMs: number | undefined;
  sampleReachedAtMs: number | undefined;
}

const ROLLOUT_ID = 1;

export class Engine {
  readonly #options: EngineOptions;
  readonly #stages: readonly StageState[];
  readonly #devices: DeviceFacts[];
  readonly #ledger: Ledger;
  readonly #happenings: Happening[] = [];
  #firmware: FirmwareFacts;
  #status: RolloutStatus = 'draft';
  #at = -1;
  #verdict: Verdict | undefined;
  #tally: Tally | undefined;
  #revision = 0;
  #rollout: RolloutFacts | undefined;
  /** The devices of the stages that have opened. */
  #members: readonly number[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#firmware = options.firmware;
    this.#stages = options.stages.map((plan) => ({
      plan,
      count: new StageCount(plan.gate, options.firmware.id),
      openedAtMs: undefined,
      sampleReachedAtMs: undefined,
    }));
    this.#ledger = new Ledger(
      this.#stages.map(({ count }) => count),
      options.devices.length,
    );
    this.#devices = options.devices.map(({ mac, labels }) => ({
      mac,
      product: options.firmware.product,
      currentVersion: '',
      imageSha256: undefined,
      chip: options.firmware.images[0]?.chip,
      rememberedChips: [],
      slotBytes: undefined,
      onTrial: false,
      labels,
    }));
  }

  get status(): RolloutStatus {
    return this.#status;
  }

  /** Raised with everything that can change a decision beside the device itself. */
  get revision(): number {
    return this.#revision;
  }

  /** What the gate of the open stage said last; undefined where it has none or was not judged yet. */
  get verdict(): Verdict | undefined {
    return this.#verdict;
  }

  get happenings(): readonly Happening[] {
    return this.#happenings;
  }

  /** The stage that opened last. */
  get openStage(): StageState | undefined {
    return this.#stages[this.#at];
  }

  get stages(): readonly Readonly<StageState>[] {
    return this.#stages;
  }

  stageOf(assignmentId: number): string | undefined {
    return this.#stages[this.#ledger.get(assignmentId).stage]?.plan.name;
  }

  attemptsOf(device: number): readonly Attempt[] {
    return this.#ledger.attemptsOf(device);
  }

  /** A device asks. `sighting` says what it runs. */
  checkIn(device: number, sighting: Sighting, nowMs: number): CheckInAnswer {
    const { version: currentVersion, imageSha256, onTrial } = sighting;
    const facts = { ...this.#get(device), currentVersion, imageSha256, onTrial };
    this.#devices[device] = facts;
    const counted = this.attemptsOf(device).filter(
      ({ progress: { state } }) => state !== 'confirmed' && state !== 'superseded',
    );
    const isOwn = matchBuild(this.#firmware, sighting) === 'runs_it';
    const plan = planCheckIn(
      {
        device: facts,
        running: isOwn ? this.#firmware : undefined,
        rollout: isOpen(this.#status) ? this.#rollout : undefined,
        stable: this.#status === 'complete' && !this.#firmware.blocked ? this.#rollout : undefined,
        steppingStones: [],
        window: undefined,
        load: this.#loadAt(nowMs),
      },
      counted,
      sighting,
      nowMs,
    );
    for (const attempt of plan.changed) this.#ledger.save(attempt);
    const assignmentId = plan.offered?.id ?? this.#offer(device, plan.decision, sighting, nowMs);
    if (plan.changed.some(({ progress }) => hasFailed(progress.state))) this.#haltIfFailed(nowMs);
    return { decision: plan.decision, assignmentId };
  }

  /** A device tells how far it is. */
  report(report: Report, nowMs: number): void {
    const { attempt } = this.#ledger.get(report.assignmentId);
    const { status, errorCode } = report;
    const progress = afterReport(attempt.progress, { status, errorCode, detail: undefined });
    const isMoved = progress.state !== attempt.progress.state;
    this.#ledger.save({ ...attempt, progress, updatedAtMs: isMoved ? nowMs : attempt.updatedAtMs });
    if (isMoved && hasFailed(progress.state)) this.#haltIfFailed(nowMs);
  }

  /** Ends what is past its deadline, then lets the gate act, as the tick of a server does. */
  tick(nowMs: number): void {
    if (this.#status !== 'running') return;
    this.#ledger.timeOutOverdue(this.#options.pollIntervalS, nowMs);
    const stage = this.openStage;
    const step = this.#judge(nowMs);
    if (stage === undefined || step === undefined) return;
    if (step.do === 'save_sample') {
      stage.sampleReachedAtMs = step.isReached ? nowMs : undefined;
      if (step.isReached) this.#tell('sample', 'gate', this.#verdict?.text ?? '', nowMs);
    }
    const next = step.do === 'save_sample' ? this.#judge(nowMs) : step;
    if (next?.do === 'halt' || next?.do === 'promote') this.command(next.do, 'gate', next.reason, nowMs);
  }

  /** Moves the rollout; answers whether it could be moved. */
  command(command: RolloutCommand, actor: Happening['actor'], reason: string, nowMs: number): boolean {
    const names = this.#stages.map(({ plan }) => plan.name);
    const moved = advance({ status: this.#status, stage: this.openStage?.plan.name }, command, names);
    if (!moved.ok) return false;
    if (this.#status === 'halted' && moved.next.status === 'running')
      for (const { count } of this.#stages) count.acknowledge(nowMs);
    const at = names.findIndex((name) => name === moved.next.stage);
    this.#status = moved.next.status;
    const stage = this.#stages[at];
    if (at !== this.#at && stage !== undefined) {
      stage.openedAtMs = nowMs;
      this.#at = at;
      this.#verdict = undefined;
    }
    if (this.#status === 'aborted') this.#ledger.supersedeOpen(nowMs);
    this.#refresh();
    this.#tell(command, actor, reason, nowMs);
    return true;
  }

  /** Takes the build back, as `otter firmware block` does. */
  block(nowMs: number): void {
    this.#firmware = { ...this.#firmware, blocked: true };
    this.command('abort', 'person', 'the firmware is blocked', nowMs);
    this.#refresh();
  }

  /** Puts labels on a device, or takes them off. */
  label(device: number, labels: readonly LabelOnDevice[]): void {
    this.#devices[device] = { ...this.#get(device), labels };
    this.#refresh();
  }

  #refresh(): void {
    const opened = this.#stages.slice(0, this.#at + 1);
    const last = opened.at(-1);
    this.#revision += 1;
    if (last === undefined) return;
    const rollout: RolloutFacts = {
      id: ROLLOUT_ID,
      name: 'rehearsed',
      status: this.#status,
      stageId: this.#at,
      stage: last.plan.name,
      stageOpenedAtMs: last.openedAtMs ?? Number.NaN,
      opened: opened.map(({ plan }) => ({ label: plan.label, percentage: plan.percentage })),
      planned: this.#options.stages.map(({ label, percentage }) => ({ label, percentage })),
      pace: { maxInFlight: last.plan.max_in_flight, maxOffersPerMinute: last.plan.max_offers_per_minute },
      seed: this.#options.seed,
      firmware: this.#firmware,
      imageIds: this.#firmware.images.map(({ id }) => id),
    };
    this.#rollout = rollout;
    this.#members = this.#devices.flatMap((facts, device) => (membership(rollout, facts) === 'member' ? [device] : []));
  }

  /** Counted only where a limit is to be kept, as on the server. */
  #loadAt(nowMs: number): Load | undefined {
    const { maxInFlight, maxOffersPerMinute } = this.#rollout?.pace ?? {};
    return maxInFlight === undefined && maxOffersPerMinute === undefined ? undefined : this.#ledger.loadAt(nowMs);
  }

  #offer(device: number, decision: Decision, sighting: Sighting, nowMs: number): number | undefined {
    if (decision.outcome === 'hold') return undefined;
    const { firmware } = decision;
    const { stageId } = decision.rollout;
    const place = { device, stage: stageId };
    return this.#ledger.add(place, {
      rolloutId: decision.rollout.id,
      firmwareId: firmware.id,
      version: firmware.version,
      image: decision.image,
      isRollback: decision.outcome === 'rollback',
      progress: startOf({ leftBefore: sighting.rolledBackFrom === firmware.version }),
      updatedAtMs: nowMs,
    });
  }

  #judge(nowMs: number): Step | undefined {
    const stage = this.openStage;
    const gated = gatedOf(stage);
    if (stage === undefined || gated === undefined) return undefined;
    const { answers, open } = stage.count;
    const isEnough = answers.confirmed >= gated.gate.min_confirmed;
    const available = isEnough ? answers.confirmed : this.#countAvailable(stage, nowMs);
    const isQuiet = available + open === 0 && !hasAnswers(answers) && stage !== this.#stages[0];
    const isNobodyLeft = isQuiet && this.#countNeeding(stage, 0, nowMs) === 0;
    const judgement = judge(gated, { ...answers, open, available, isNobodyLeft }, nowMs);
    this.#verdict = judgement.verdict;
    this.#tally = judgement.tally;
    return nextStep(gated, judgement);
  }

  #haltIfFailed(nowMs: number): void {
    const stage = this.openStage;
    const gated = gatedOf(stage);
    if (this.#status !== 'running' || stage === undefined || gated === undefined) return;
    if (!mayFail(gated, stage.count.answers, nowMs)) return;
    const step = this.#judge(nowMs);
    if (step?.do === 'halt') this.command('halt', 'gate', step.reason, nowMs);
  }

  /** The same question as the server's query in `service/stage-tally.ts`. */
  #countAvailable(stage: StageState, nowMs: number): number {
    const silentBeforeMs = nowMs - SILENT_POLLS * POLL_REST * this.#options.pollIntervalS * 1000;
    return this.#countNeeding(stage, Math.min(stage.openedAtMs ?? nowMs, silentBeforeMs), nowMs);
  }

  #countNeeding(stage: StageState, seenSinceMs: number, nowMs: number): number {
    let needing = 0;
    for (const device of this.#members) {
      const attempts = this.attemptsOf(device);
      const isDone = matchBuild(this.#firmware, runningOf(this.#get(device))) === 'runs_it' && !stage.count.has(device);
      const cannot =
        attempts.some(({ progress: { state } }) => state === 'rolled_back' || state === 'rejected') ||
        attempts.at(-1)?.progress.state === 'timed_out';
      if (!isDone && !cannot && this.#options.lastSeenAtMs(device, nowMs) >= seenSinceMs) needing += 1;
    }
    return needing;
  }

  #get(device: number): DeviceFacts {
    const facts = this.#devices[device];
    if (facts === undefined) throw new RangeError(`there is no device ${device}`);
    return facts;
  }

  #tell(what: Happening['what'], actor: Happening['actor'], reason: string, nowMs: number): void {
    const { name: stage } = this.openStage?.plan ?? { name: undefined };
    const tally = actor === 'gate' ? this.#tally : undefined;
    const members = this.#members.length;
    this.#happenings.push({ atMs: nowMs, what, actor, status: this.#status, stage, members, reason, tally });
  }
}

function gatedOf(stage: StageState | undefined): GatedStage | undefined {
  if (stage?.plan.gate === undefined) return undefined;
  const { name, promotion, gate } = stage.plan;
  return { name, promotion, gate, sampleReachedAtMs: stage.sampleReachedAtMs };
}
