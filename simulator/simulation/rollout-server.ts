// What a server holds of one rollout, in memory and in virtual time. Every decision is that of the server's own pure rules:
// `planCheckIn` for a board that asks, `afterReport` and `watchProgress` for one that tells, `isOverdue` and `canBeLost` for one
// that does neither, `judgeRollout` for the gates, `advance` for the life of the rollout. It only keeps what they return, as the
// services keep it in the database; it has no rule of its own.

import { DEFAULT_WATCH_S, MAX_POLL_INTERVAL_S, MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import type { Plan } from '#protocol/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { advance, isOpen, type RolloutCommand } from '#engine/stage/advance.ts';
import { afterReport, causeOfEnd, hasLeft, type Sighting, startOf } from '#engine/assignment/assignment.ts';
import { deadlineSilenceMs, isOverdue } from '#engine/assignment/deadline.ts';
import type { Decision } from '#engine/decision/decide.ts';
import { type Course, firstStageOf } from '#engine/decision/course.ts';
import { type Attempt, attemptFacts, planCheckIn } from '#engine/decision/plan-check-in.ts';
import { pollIntervalS } from '#engine/decision/poll.ts';
import { previewOf } from '#engine/decision/preview.ts';
import { stableFor } from '#engine/decision/target.ts';
import type {
  DeviceFacts,
  FirmwareFacts,
  LabelOnDevice,
  OpenedStage,
  RolloutFacts,
  RolloutStatus,
} from '#engine/facts/model.ts';
import type { HealthHour } from '#engine/outcome/health.ts';
import type { Presence } from '#engine/outcome/presence.ts';
import { outcomeOf } from '#engine/outcome/outcome.ts';
import { canBeLost, isBad, lastSignMs, startWatch, watchLost, watchProgress } from '#engine/outcome/watch.ts';
import { type Columns, columnsOf, countsOf } from '#engine/stage/counts.ts';
import type { Tally, Verdict } from '#engine/stage/gate.ts';
import { judgeRollout, type Judgement, mayFail, type OpenedStageFacts, WATCH_LIMITS } from '#engine/stage/judge.ts';
import { failureTallyOf, missingOf, NO_ANSWERS, questionsOf, tallyOf } from '#engine/stage/questions.ts';
import { isSilent } from '#engine/stage/silence.ts';
import { Assignments } from './assignments.ts';
import { BoardHealth, isHealthAsked } from './board-health.ts';
import { type AskAsleep, type CheckInSays, Presences } from './presences.ts';
import { answersTo, countReachable, type Known } from './stage-answers.ts';
import { StageBoards } from './stage-boards.ts';

export interface ServerOptions {
  readonly plan: Pick<Plan, 'stages' | 'watch_s'>;
  readonly firmware: FirmwareFacts;
  /** What the boards run before, and go back to; undefined: there is nothing to go back to. */
  readonly stable: FirmwareFacts | undefined;
  /** What the buckets are made with. */
  readonly seed: number;
  readonly pollIntervalS: number;
  readonly devices: readonly {
    readonly mac: string;
    readonly chip: string;
    readonly labels: readonly LabelOnDevice[];
    readonly presence: Presence | undefined;
    /** What it measured in the hours before; only where a gate asks for it. */
    readonly hours?: readonly HealthHour[];
  }[];
  readonly asleep: AskAsleep;
}

export interface CheckIn extends CheckInSays {
  readonly sighting: Omit<Sighting, 'bootReason'>;
  readonly freeHeapBytes?: number | undefined;
  /** By how much of the interval the answer is early or late, from -1 to 1 times the configured share. */
  readonly jitterS: number;
}

export interface CheckInAnswer {
  readonly decision: Decision;
  /** Of an offer. */
  readonly assignmentId: number | undefined;
  readonly intervalS: number;
  /** The server waits for further checks of the board: it soaks. */
  readonly isAwaited: boolean;
}

export interface Report {
  readonly assignmentId: number;
  readonly status: Parameters<typeof afterReport>[1]['status'];
  readonly errorCode?: string | undefined;
}

/** Something that happened to the rollout. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly what: RolloutCommand;
  readonly actor: 'gate' | 'person';
  readonly status: RolloutStatus;
  /** The stage that is open after it, and how many boards the opened stages have. */
  readonly stage: string | undefined;
  readonly members: number;
  readonly reason: string;
  /** What the gate that acted is about, and what it saw; undefined for what a person does. */
  readonly judged: { readonly stage: string; readonly verdict: Verdict; readonly tally: Tally } | undefined;
  /** What became of the boards of each opened stage until then, without those that hold no assignment. */
  readonly columns: ReadonlyMap<string, Columns>;
}

export interface StageState {
  readonly plan: Plan['stages'][number];
  readonly boards: StageBoards;
  openedAtMs: number | undefined;
  tally: Tally | undefined;
}

/** The lowest version that SemVer knows: every build is newer. */
export const LOWEST_VERSION = '0.0.0-0';

const ROLLOUT_ID = 1;
const STABLE_ROLLOUT_ID = 2;
const NO_PACE = { maxInFlight: undefined, maxOffersPerMinute: undefined } as const;
/** All boards of a simulation have one vote each. */
const VOTES = { countsBeforeMs: undefined, countsSimulated: true } as const;

export class RolloutServer {
  readonly #options: ServerOptions;
  readonly #stages: readonly StageState[];
  readonly #devices: DeviceFacts[];
  readonly #assignments: Assignments;
  readonly #presences: Presences;
  /** Undefined: no gate asks for it. */
  readonly #health: BoardHealth | undefined;
  readonly #timeline: TimelineEntry[] = [];
  readonly #stable: RolloutFacts | undefined;
  #firmware: FirmwareFacts;
  #status: RolloutStatus = 'draft';
  #at = -1;
  #judgement: Judgement | undefined;
  #watchUntilMs = Number.POSITIVE_INFINITY;
  #startedAtMs = 0;
  #resumedAtMs = Number.NEGATIVE_INFINITY;
  #revision = 0;
  #changes = 0;
  #judgedChanges = -1;
  #changedAtMs = 0;
  #nextLostMs = Number.NEGATIVE_INFINITY;
  #rollout: RolloutFacts | undefined;
  /** The boards of the stages that have opened, each with the first stage that includes it. */
  #members: ReadonlyMap<number, number> = new Map();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#firmware = options.firmware;
    this.#stages = options.plan.stages.map((plan) => ({
      plan,
      boards: new StageBoards(),
      openedAtMs: undefined,
      tally: undefined,
    }));
    this.#assignments = new Assignments(
      this.#stages.map(({ boards }) => boards),
      options.devices.length,
    );
    this.#presences = new Presences(
      options.pollIntervalS,
      options.devices.map(({ presence }) => presence),
      options.asleep,
    );
    if (options.plan.stages.some(({ gate }) => isHealthAsked(gate)))
      this.#health = new BoardHealth(options.devices.map(({ hours }) => hours ?? []));
    this.#devices = options.devices.map(({ mac, chip, labels }) => ({
      mac,
      product: options.firmware.product,
      currentVersion: options.stable?.version ?? LOWEST_VERSION,
      chip,
      imageSha256: undefined,
      rememberedChips: [],
      slotBytes: undefined,
      onTrial: false,
      labels,
    }));
    this.#stable = options.stable === undefined ? undefined : stableRolloutOf(options.stable, options.seed);
  }

  get status(): RolloutStatus {
    return this.#status;
  }

  /** Raised with everything that can change a decision beside the board itself. */
  get revision(): number {
    return this.#revision;
  }

  /** When a board changed something last. */
  get changedAtMs(): number {
    return this.#changedAtMs;
  }

  /** What the gate of the open stage said last; undefined where it has none or was not judged yet. */
  get verdict(): Verdict | undefined {
    return this.#judgement?.verdicts.get(this.openStage?.plan.name ?? '');
  }

  /** What the gates said last, by the name of the stage. */
  get verdicts(): ReadonlyMap<string, Verdict> {
    return this.#judgement?.verdicts ?? new Map();
  }

  /** What the gates say now; undefined where nobody judges them any more. */
  judgedAt(nowMs: number): Judgement | undefined {
    return this.#isJudged(nowMs) ? this.#judge(nowMs) : undefined;
  }

  get timeline(): readonly TimelineEntry[] {
    return this.#timeline;
  }

  /** The stage that opened last. */
  get openStage(): StageState | undefined {
    return this.#stages[this.#at];
  }

  get stages(): readonly Readonly<StageState>[] {
    return this.#stages;
  }

  /** A complete rollout is watched until then. */
  get watchUntilMs(): number {
    return this.#watchUntilMs;
  }

  get openAssignments(): number {
    return this.#assignments.openCount;
  }

  stageOf(assignmentId: number): string | undefined {
    const { stage } = this.#assignments.get(assignmentId);
    return stage === undefined ? undefined : this.#stages[stage]?.plan.name;
  }

  attemptsOf(device: number): readonly Attempt[] {
    return this.#assignments.of(device);
  }

  /** The columns of a stage, as `rollout show` has them. */
  columnsOf(stage: string): Columns {
    const at = this.#stages.findIndex(({ plan }) => plan.name === stage);
    // Of one that has ended nobody is waited for.
    const waiting = isOpen(this.#status)
      ? this.#waiting().filter((device) => this.#members.get(device) === at).length
      : 0;
    return columnsOf(this.#stages[at]?.boards.groups ?? [], waiting);
  }

  /** A board asks. */
  checkIn(device: number, checkIn: CheckIn, nowMs: number): CheckInAnswer {
    const sighting = { ...checkIn.sighting, bootReason: checkIn.bootReason };
    const facts = { ...this.#get(device), currentVersion: sighting.version, onTrial: sighting.onTrial };
    this.#devices[device] = facts;
    const shows = this.#presences.observe(device, checkIn, nowMs);
    const { crashed, suspect: isSuspect } = shows.restart;
    const { pace } = this.#rollout ?? {};
    const isPaced = pace?.maxInFlight !== undefined || pace?.maxOffersPerMinute !== undefined;
    const plan = planCheckIn(
      { ...this.#catalogFor(facts), load: isPaced ? this.#assignments.loadAt(nowMs) : undefined },
      this.#assignments.countedOf(device),
      { sighting, observation: { crashed, isSuspect, sinceMs: shows.seenBeforeMs } },
      nowMs,
    );
    for (const attempt of plan.changed) this.#save(attempt, nowMs);
    const assignmentId = plan.offered?.id ?? this.#offer(device, plan.decision, sighting, nowMs);
    if (plan.changed.some(({ watch }) => isBad(watch))) this.#haltIfFailed(nowMs);
    const intervalS = this.#intervalS(plan, checkIn.jitterS, nowMs);
    const told = { intervalS, isOffer: plan.decision.outcome !== 'hold' };
    this.#presences.note(device, checkIn, shows, told, nowMs);
    this.#health?.note(device, { ...checkIn, ...shows.restart, atMs: nowMs });
    this.#expectLost(device, nowMs);
    return { decision: plan.decision, assignmentId, intervalS, isAwaited: plan.soakMs !== undefined };
  }

  /** A board tells how far it is. */
  report(report: Report, nowMs: number): void {
    const { attempt, device } = this.#assignments.get(report.assignmentId);
    const { status, errorCode } = report;
    const { progress: before, watch: known, downloads } = attempt;
    const progress = afterReport(before, { status, errorCode, detail: undefined });
    const watch = watchProgress(known, { before, after: progress, downloads, said: status }, nowMs);
    const isMoved = progress.state !== before.state;
    this.#save({ ...attempt, progress, watch, updatedAtMs: isMoved ? nowMs : attempt.updatedAtMs }, nowMs);
    this.#expectLost(device, nowMs);
    if (watch.fault !== undefined && (isMoved || watch.fault !== known.fault)) this.#haltIfFailed(nowMs);
  }

  /** A board that slept in the simulation is about to check in, or to die; to be called while it still sleeps. */
  wake(device: number, nowMs: number): void {
    this.#presences.wake(device, nowMs);
  }

  /** Ends what is past its deadline, marks lost boards, then lets the gates act. Answers the boards that are lost from now on. */
  tick(nowMs: number): readonly number[] {
    if (!this.#isJudged(nowMs)) return [];
    this.#timeOutOverdue(nowMs);
    const lost = this.#markLost(nowMs);
    if (this.#changes === this.#judgedChanges) return lost;
    const judgement = this.#judge(nowMs);
    const { step } = judgement;
    if (step.do === 'promote') this.command('promote', 'gate', step.reason, nowMs);
    if (step.do === 'halt' || step.do === 'regress') this.#haltFor(judgement, nowMs);
    return lost;
  }

  /** Moves the rollout; answers whether it could be moved. */
  command(command: RolloutCommand, actor: TimelineEntry['actor'], reason: string, nowMs: number): boolean {
    return this.#move(command, { actor, reason, revert: false, judged: undefined }, nowMs);
  }

  /** Takes the build back, as `otter firmware block` does. */
  block(nowMs: number): void {
    this.#firmware = { ...this.#firmware, blocked: true };
    this.command('abort', 'person', 'the firmware is blocked', nowMs);
    this.#refresh();
  }

  /** Puts labels on a board, or takes them off. */
  label(device: number, labels: readonly LabelOnDevice[]): void {
    this.#devices[device] = { ...this.#get(device), labels };
    this.#refresh();
  }

  #refresh(): void {
    this.#revision += 1;
    this.#changes += 1;
    const opened = this.#stages.slice(0, this.#at + 1);
    const last = opened.at(-1);
    if (last === undefined) return;
    const { seed, plan } = this.#options;
    this.#rollout = {
      id: ROLLOUT_ID,
      name: 'simulated',
      status: this.#status,
      stageId: this.#at,
      stage: last.plan.name,
      stageOpenedAtMs: last.openedAtMs ?? Number.NaN,
      opened: opened.map(({ plan: stage }, id) => stageFacts(stage, id)),
      planned: plan.stages.map(({ label, percentage }) => ({ label, percentage })),
      pace: { maxInFlight: last.plan.max_in_flight, maxOffersPerMinute: last.plan.max_offers_per_minute },
      seed,
      votes: VOTES,
      firmware: this.#firmware,
      imageIds: this.#firmware.images.map(({ id: image }) => image),
    };
    const course = this.#course(this.#rollout);
    const first = this.#devices.map((facts, device) => [device, firstStageOf(course, facts)] as const);
    this.#members = new Map(
      first.flatMap(([device, at]) => (at === undefined || at > this.#at ? [] : [[device, at] as const])),
    );
  }

  #course(rollout: RolloutFacts): Course {
    const stages = this.#options.plan.stages.map((stage, id) => ({ ...stageFacts(stage, id), name: stage.name }));
    // How fast offers are made leaves nobody out.
    return { rollout: { ...rollout, pace: NO_PACE }, stages, openedCount: this.#at + 1 };
  }

  /** What the catalog of a server says to a board. */
  #catalogFor(device: DeviceFacts) {
    const isOwn = device.currentVersion === this.#firmware.version;
    const isOurs = this.#status === 'complete' && !this.#firmware.blocked && !this.#firmware.reverted;
    const completed = [isOurs ? this.#rollout : undefined, this.#stable].filter((one) => one !== undefined);
    const running = isOwn ? this.#firmware : this.#options.stable;
    return {
      device,
      running,
      rollout: isOpen(this.#status) ? this.#rollout : undefined,
      stable: stableFor(completed, device, running),
      steppingStones: [],
      window: undefined,
    };
  }

  #intervalS({ decision, soakMs }: ReturnType<typeof planCheckIn>, jitterS: number, nowMs: number): number {
    const intervalS = pollIntervalS(decision, {
      intervalS: this.#options.pollIntervalS + jitterS,
      spreadS: Math.abs(jitterS),
      hasOpenRollout: isOpen(this.#status),
      nowMs,
      soakMs,
    });
    return Math.max(MIN_POLL_INTERVAL_S, Math.min(MAX_POLL_INTERVAL_S, Math.round(intervalS)));
  }

  #offer(device: number, decision: Decision, sighting: Sighting, nowMs: number): number | undefined {
    if (decision.outcome === 'hold') return undefined;
    const { firmware, rollout, stage } = decision;
    const isOwn = rollout.id === ROLLOUT_ID;
    const isRollback = decision.outcome === 'rollback';
    const before = isRollback ? undefined : this.#assignments.latestOf(device);
    const isOnTheWay = firmware.id !== rollout.firmware.id;
    const at = isOwn && !isRollback ? (stage?.id ?? rollout.stageId) : undefined;
    const id = this.#assignments.add(
      { device, stage: at },
      {
        rolloutId: rollout.id,
        firmwareId: firmware.id,
        version: firmware.version,
        image: decision.image,
        isRollback,
        progress: startOf({ leftBefore: hasLeft(sighting, firmware.version) }),
        updatedAtMs: nowMs,
        watch: startWatch({ fromVersion: sighting.version, notCounted: undefined, isOnTheWay }, before?.watch),
        downloads: 0,
        soakMs: at === undefined ? 0 : soakMsOf(this.#options.plan.stages[at]),
        usualCrashesPerHour: undefined,
      },
    );
    this.#health?.keepBaseline(id, device, nowMs);
    this.#noteChange(nowMs);
    return id;
  }

  #save(attempt: Attempt, nowMs: number): void {
    this.#assignments.save(attempt);
    this.#noteChange(nowMs);
  }

  #noteChange(nowMs: number): void {
    this.#changes += 1;
    this.#changedAtMs = nowMs;
  }

  #timeOutOverdue(nowMs: number): void {
    const { pollIntervalS: defaultS } = this.#options;
    for (const attempt of this.#assignments.open) {
      const { device } = this.#assignments.get(attempt.id);
      const deadline = {
        state: attempt.progress.state,
        sinceMs: Math.max(attempt.updatedAtMs, this.#resumedAtMs),
        seenAtMs: this.#presences.heardOf(device, nowMs)?.seenAtMs ?? attempt.updatedAtMs,
        silenceMs: deadlineSilenceMs(defaultS, this.#presences.intervalOf(device)),
        sizeBytes: attempt.image.sizeBytes,
        isDeviceLocal: false,
      };
      if (isOverdue(deadline, [], nowMs)) this.#end(attempt, 'timed_out', nowMs);
    }
  }

  #end(attempt: Attempt, state: 'timed_out' | 'superseded', nowMs: number): void {
    this.#save({ ...attempt, progress: { ...attempt.progress, state }, updatedAtMs: nowMs }, nowMs);
  }

  /** Nobody is looked for before the first board can be silent for longer than its limit. */
  #markLost(nowMs: number): readonly number[] {
    if (nowMs < this.#nextLostMs) return [];
    this.#nextLostMs = Number.POSITIVE_INFINITY;
    const lost: number[] = [];
    for (const device of this.#devices.keys()) {
      const latest = this.#assignments.latestOf(device);
      const heard = this.#presences.heardOf(device, nowMs);
      if (latest === undefined || heard === undefined || !canBeLost(latest.watch, latest.progress.state)) continue;
      if (isSilent({ ...heard, seenAtMs: lastSignMs(latest.watch, heard.seenAtMs) }, nowMs)) {
        this.#save({ ...latest, watch: watchLost(latest.watch, nowMs) }, nowMs);
        lost.push(device);
      } else this.#expectLost(device, nowMs);
    }
    return lost;
  }

  /** Not before that can the board be lost. */
  #expectLost(device: number, nowMs: number): void {
    const heard = this.#presences.heardOf(device, nowMs);
    if (heard !== undefined) this.#nextLostMs = Math.min(this.#nextLostMs, heard.seenAtMs + heard.limitMs);
  }

  #isJudged(nowMs: number): boolean {
    return this.#status === 'running' || (this.#status === 'complete' && nowMs < this.#watchUntilMs);
  }

  #judge(nowMs: number): Judgement {
    const known = this.#known();
    let isTimeless = true;
    const opened = this.#stages.slice(0, this.#at + 1);
    const facts: OpenedStageFacts[] = opened.map((stage, at) => {
      const { gate, name, promotion } = stage.plan;
      const { groups } = stage.boards;
      const asked = questionsOf(this.#status, { gate, groups, isOpen: at === this.#at, isFirst: at === 0 });
      isTimeless &&=
        !isHealthAsked(gate) && !asked.undecided && !asked.silence && asked.reachable === 0 && !asked.anyLeft;
      const asking = { gate, boards: stage.boards, openedAtMs: stage.openedAtMs ?? nowMs };
      const health = isHealthAsked(gate) ? this.#health?.of(stage.boards, nowMs) : undefined;
      stage.tally = { ...tallyOf(asked, answersTo(asked, asking, known, nowMs)), ...health };
      return { name, promotion, gate, tally: stage.tally };
    });
    this.#judgement = judgeRollout(this.#status, facts, nowMs);
    this.#judgedChanges = isTimeless ? this.#changes : -1;
    return this.#judgement;
  }

  #haltIfFailed(nowMs: number): void {
    if (!this.#isJudged(nowMs)) return;
    const stages = this.#stages.slice(0, this.#at + 1).map(({ plan: { name, promotion, gate }, boards }) => {
      const counts = countsOf(gate ?? WATCH_LIMITS, boards.groups);
      return { name, promotion, gate, counts, tally: tallyOf({ counts, anyLeft: false }, NO_ANSWERS) };
    });
    if (!stages.some(({ gate, tally }) => gate !== undefined && mayFail(gate, tally, nowMs))) return;
    const certain = stages.map(({ counts, ...stage }, at) => {
      const missing = at === this.#at && stage.gate !== undefined ? missingOf(stage.gate, counts) : 0;
      const reachable = missing > 0 ? countReachable(this.#known(), missing, nowMs) : 0;
      return { ...stage, tally: failureTallyOf(counts, reachable) };
    });
    const judgement = judgeRollout(this.#status, certain, nowMs);
    if (judgement.step.do !== 'halt' && judgement.step.do !== 'regress') return;
    this.#judgement = judgement;
    for (const [at, { tally }] of certain.entries()) if (this.#stages[at]) this.#stages[at].tally = tally;
    this.#haltFor(judgement, nowMs);
  }

  #haltFor({ step, verdicts }: Judgement, nowMs: number): void {
    if (step.do !== 'halt' && step.do !== 'regress') return;
    const verdict = verdicts.get(step.stage);
    const tally = this.#stages.find(({ plan }) => plan.name === step.stage)?.tally;
    const judged = verdict === undefined || tally === undefined ? undefined : { stage: step.stage, verdict, tally };
    this.#move(step.do, { actor: 'gate', reason: step.reason, revert: step.revert, judged }, nowMs);
  }

  #known(): Known {
    return {
      devices: this.#devices.length,
      assignments: this.#assignments,
      presences: this.#presences,
      startedAtMs: this.#startedAtMs,
      waiting: () => this.#waiting(),
    };
  }

  /** Boards of the opened stages that hold no assignment of the rollout, and that no rule leaves out. */
  #waiting(): readonly number[] {
    const rollout = this.#rollout;
    if (rollout === undefined) return [];
    const course = this.#course(rollout);
    return [...this.#members.keys()].filter((device) => {
      if (this.#assignments.latestOf(device) !== undefined) return false;
      const facts = this.#get(device);
      const { historyOf } = attemptFacts(this.#assignments.countedOf(device), rollout, Number.POSITIVE_INFINITY);
      const open = isOpen(this.#status) ? [rollout] : [];
      return previewOf(course, { ...this.#catalogFor(facts), open, historyOf }).kind === 'taken';
    });
  }

  #move(
    command: RolloutCommand,
    by: Pick<TimelineEntry, 'actor' | 'reason' | 'judged'> & { readonly revert: boolean },
    nowMs: number,
  ): boolean {
    const names = this.#stages.map(({ plan }) => plan.name);
    const from = this.#status;
    const moved = advance({ status: from, stage: this.openStage?.plan.name }, command, names);
    if (!moved.ok) return false;
    const at = names.findIndex((name) => name === moved.next.stage);
    this.#status = moved.next.status;
    if ((from === 'halted' && this.#status === 'running') || command === 'keep') this.#acknowledge(nowMs);
    if (command === 'start') this.#startedAtMs = nowMs;
    if (command === 'resume') this.#resumedAtMs = nowMs;
    if (command === 'promote' && this.#status === 'complete')
      this.#watchUntilMs = nowMs + (this.#options.plan.watch_s ?? DEFAULT_WATCH_S) * 1000;
    const stage = this.#stages[at];
    const passed = this.openStage;
    const opened = this.#stages.slice(0, this.#at + 1);
    const verdict = passed === undefined ? undefined : this.verdict;
    if (at !== this.#at && stage !== undefined) {
      stage.openedAtMs = nowMs;
      this.#at = at;
    }
    if (by.revert) this.#firmware = { ...this.#firmware, reverted: true };
    if (command === 'resume') this.#firmware = { ...this.#firmware, reverted: false };
    if (this.#status === 'aborted')
      for (const attempt of this.#assignments.open) this.#end(attempt, 'superseded', nowMs);
    this.#refresh();
    const { actor, reason } = by;
    const judged =
      by.judged ??
      (actor === 'gate' && passed?.tally !== undefined && verdict !== undefined
        ? { stage: passed.plan.name, verdict, tally: passed.tally }
        : undefined);
    const columns = new Map(opened.map(({ plan, boards }) => [plan.name, columnsOf(boards.groups, 0)] as const));
    const entry = { stage: this.openStage?.plan.name, members: this.#members.size, reason, judged, columns };
    this.#timeline.push({ atMs: nowMs, what: command, actor, status: this.#status, ...entry });
    return true;
  }

  /** The failures and the silence so far do not count any more. */
  #acknowledge(nowMs: number): void {
    for (const { boards } of this.#stages)
      for (const { attempt } of [...boards.latest.values()])
        if (needsAcknowledging(attempt))
          this.#save({ ...attempt, watch: { ...attempt.watch, isAcknowledged: true } }, nowMs);
  }

  #get(device: number): DeviceFacts {
    const facts = this.#devices[device];
    if (facts === undefined) throw new RangeError(`there is no board ${device}`);
    return facts;
  }
}

function needsAcknowledging({ progress, watch }: Attempt): boolean {
  const outcome = outcomeOf({ ...watch, state: progress.state, cause: causeOfEnd(progress) });
  return watch.fault !== undefined || outcome === 'crashing' || outcome === 'lost';
}

function stageFacts(stage: Plan['stages'][number], id: number): OpenedStage {
  return { id, label: stage.label, percentage: stage.percentage, soakMs: soakMsOf(stage) };
}

function soakMsOf(stage: Plan['stages'][number] | undefined): number {
  return (stage?.gate?.soak_s ?? 0) * 1000;
}

function stableRolloutOf(firmware: FirmwareFacts, seed: number): RolloutFacts {
  const all = { label: GENERAL_LABEL, percentage: 100 };
  return {
    id: STABLE_ROLLOUT_ID,
    name: 'stable',
    status: 'complete',
    stageId: Number.NaN,
    stage: 'all',
    stageOpenedAtMs: Number.NEGATIVE_INFINITY,
    opened: [],
    planned: [all],
    pace: NO_PACE,
    seed,
    votes: VOTES,
    firmware,
    imageIds: firmware.images.map(({ id }) => id),
  };
}
