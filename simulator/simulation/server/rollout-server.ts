// What a server holds of one rollout, in memory and in virtual time. Every decision is that of the server's own pure rules:
// `planCheckIn` for a board that asks, `afterReport` and `watchProgress` for one that tells, `isOverdue` and `canBeLost` for one
// that does neither; what the gates say is asked in gate-judge.ts. It only keeps what they return, as the services keep it in the
// database; it has no rule of its own.

import { factsOfBoard } from './board-facts.ts';
import { MAX_POLL_INTERVAL_S, MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import { isOpen, type RolloutCommand } from '#engine/stage/advance.ts';
import { afterReport, hasLeft, type Sighting, startOf } from '#engine/assignment/assignment.ts';
import type { Decision } from '#engine/decision/decide.ts';
import { type Assignment, planCheckIn } from '#engine/decision/plan-check-in.ts';
import { pollIntervalS } from '#engine/decision/poll.ts';
import type { DeviceFacts, LabelOnDevice, RolloutStatus } from '#engine/facts/model.ts';
import type { HealthHour } from '#engine/outcome/health.ts';
import type { Presence } from '#engine/outcome/presence.ts';
import { isBad, startWatch, watchProgress } from '#engine/outcome/watch.ts';
import { type Columns, columnsOf } from '#engine/stage/counts.ts';
import type { Verdict } from '#engine/stage/gate.ts';
import type { Judgement } from '#engine/stage/judge.ts';
import { acknowledged, Assignments, needsAcknowledging } from './assignments.ts';
import { BoardHealth, isHealthAsked } from '#simulator/simulation/boards/health.ts';
import { judgeFailure, judgeNow, type Judged } from './gate-judge.ts';
import type { CheckIn, CheckInAnswer, Report, TimelineEntry } from '#simulator/simulation/messages.ts';
import { type AskAsleep, Presences } from './presences.ts';
import { type LifeOptions, ROLLOUT_ID, RolloutLife, soakMsOf, type StageState } from './rollout-life.ts';
import { endOf, SilentBoards } from '#simulator/simulation/boards/silent-boards.ts';
import type { Known } from './stage-answers.ts';
import { StageMembers } from './stage-members.ts';

export interface ServerOptions extends LifeOptions {
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

/** The lowest version that SemVer knows: every build is newer. */
export const LOWEST_VERSION = '0.0.0-0';

export class RolloutServer {
  readonly #options: ServerOptions;
  readonly #life: RolloutLife;
  readonly #devices: DeviceFacts[];
  readonly #assignments: Assignments;
  readonly #presences: Presences;
  readonly #silent: SilentBoards;
  readonly #members: StageMembers;
  /** Undefined: no gate asks for it. */
  readonly #health: BoardHealth | undefined;
  readonly #timeline: TimelineEntry[] = [];
  #judgement: Judgement | undefined;
  #revision = 0;
  #changes = 0;
  #judgedChanges = -1;
  #changedAtMs = 0;

  constructor(options: ServerOptions) {
    const { devices, plan, stable, firmware } = options;
    this.#options = options;
    this.#life = new RolloutLife(options);
    this.#assignments = new Assignments(
      this.#life.stages.map(({ boards }) => boards),
      devices.length,
    );
    this.#presences = new Presences(
      options.pollIntervalS,
      devices.map(({ presence }) => presence),
      options.asleep,
    );
    this.#silent = new SilentBoards(this.#assignments, this.#presences);
    if (plan.stages.some(({ gate }) => isHealthAsked(gate)))
      this.#health = new BoardHealth(devices.map(({ hours }) => hours ?? []));
    this.#devices = devices.map((device) => factsOfBoard(device, firmware.product, stable?.version ?? LOWEST_VERSION));
    this.#members = new StageMembers(this.#life, this.#assignments, this.#devices);
  }

  get status(): RolloutStatus {
    return this.#life.status;
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

  /** What the gates say now, by the name of the stage; undefined where nobody judges them any more. */
  judgedAt(nowMs: number): ReadonlyMap<string, Verdict> | undefined {
    if (!this.#life.isJudged(nowMs)) return undefined;
    return judgeNow(this.#life, this.#known(), this.#health, nowMs).judgement.verdicts;
  }

  get timeline(): readonly TimelineEntry[] {
    return this.#timeline;
  }

  /** The stage that opened last. */
  get openStage(): Readonly<StageState> | undefined {
    return this.#life.openStage;
  }

  get stages(): readonly Readonly<StageState>[] {
    return this.#life.stages;
  }

  /** A complete rollout is watched until then. */
  get watchUntilMs(): number {
    return this.#life.watchUntilMs;
  }

  get openAssignments(): number {
    return this.#assignments.openCount;
  }

  stageOf(assignmentId: number): string | undefined {
    const { stage } = this.#assignments.get(assignmentId);
    return stage === undefined ? undefined : this.stages[stage]?.plan.name;
  }

  assignmentsOf(device: number): readonly Assignment[] {
    return this.#assignments.of(device);
  }

  /** The columns of a stage, as `rollout show` has them. */
  columnsOf(stage: string): Columns {
    const at = this.stages.findIndex(({ plan }) => plan.name === stage);
    return columnsOf(this.stages[at]?.boards.groups ?? [], this.#members.countWaiting(at));
  }

  /** A board asks. */
  checkIn(device: number, checkIn: CheckIn, nowMs: number): CheckInAnswer {
    const sighting = { ...checkIn.sighting, bootReason: checkIn.bootReason };
    const facts = { ...this.#get(device), currentVersion: sighting.version, onTrial: sighting.onTrial };
    this.#devices[device] = facts;
    const shows = this.#presences.observe(device, checkIn, nowMs);
    const { crashed, suspect: isSuspect } = shows.restart;
    const { pace } = this.#life.facts ?? {};
    const isPaced = pace?.maxInFlight !== undefined || pace?.maxOffersPerMinute !== undefined;
    const plan = planCheckIn(
      { ...this.#life.catalogFor(facts), load: isPaced ? this.#assignments.loadAt(nowMs) : undefined, budgets: [] },
      this.#assignments.countedOf(device),
      { sighting, observation: { crashed, isSuspect, sinceMs: shows.seenBeforeMs } },
      nowMs,
    );
    for (const assignment of plan.changed) this.#save(assignment, nowMs);
    const assignmentId = plan.offered?.id ?? this.#offer(device, plan.decision, sighting, nowMs);
    if (plan.changed.some(({ watch }) => isBad(watch))) this.#haltIfFailed(nowMs);
    const intervalS = this.#intervalS(plan, checkIn.jitterS, nowMs);
    const told = { intervalS, isOffer: plan.decision.outcome !== 'hold' };
    this.#presences.note(device, checkIn, shows, told, nowMs);
    this.#health?.note(device, { ...checkIn, ...shows.restart, atMs: nowMs });
    this.#silent.expect(device, nowMs);
    return { decision: plan.decision, assignmentId, intervalS, isAwaited: plan.soakMs !== undefined };
  }

  /** A board tells how far it is. */
  report(report: Report, nowMs: number): void {
    const { assignment, device } = this.#assignments.get(report.assignmentId);
    const { status, errorCode } = report;
    const { progress: before, watch: known, downloads } = assignment;
    const progress = afterReport(before, { status, errorCode, detail: undefined });
    const watch = watchProgress(known, { before, after: progress, downloads, said: status }, nowMs);
    const isMoved = progress.state !== before.state;
    this.#save({ ...assignment, progress, watch, updatedAtMs: isMoved ? nowMs : assignment.updatedAtMs }, nowMs);
    this.#silent.expect(device, nowMs);
    if (watch.fault !== undefined && (isMoved || watch.fault !== known.fault)) this.#haltIfFailed(nowMs);
  }

  /** A board that slept in the simulation is about to check in, or to die; to be called while it still sleeps. */
  wake(device: number, nowMs: number): void {
    this.#presences.wake(device, nowMs);
  }

  /** Ends what is past its deadline, marks lost boards, then lets the gates act. Answers the boards that are lost from now on. */
  tick(nowMs: number): readonly number[] {
    if (!this.#life.isJudged(nowMs)) return [];
    this.#saveAll(this.#silent.listOverdue(this.#options.pollIntervalS, this.#life.resumedAtMs, nowMs), nowMs);
    const lost = this.#silent.listNewlyLost(nowMs);
    for (const { assignment } of lost) this.#save(assignment, nowMs);
    const devices = lost.map(({ device }) => device);
    if (this.#changes === this.#judgedChanges) return devices;
    const judged = judgeNow(this.#life, this.#known(), this.#health, nowMs);
    this.#keep(judged);
    this.#judgedChanges = judged.isTimeless ? this.#changes : -1;
    this.#act(judged.judgement, nowMs);
    return devices;
  }

  /** Moves the rollout; answers whether it could be moved. */
  command(command: RolloutCommand, actor: TimelineEntry['actor'], reason: string, nowMs: number): boolean {
    return this.#move(command, { actor, reason, judged: undefined }, nowMs);
  }

  /** Takes the build back, as `otter firmware block` does. */
  block(nowMs: number): void {
    this.#life.block();
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
    this.#members.refresh();
  }

  #intervalS({ decision, soakMs }: ReturnType<typeof planCheckIn>, jitterS: number, nowMs: number): number {
    const intervalS = pollIntervalS(decision, {
      intervalS: this.#options.pollIntervalS + jitterS,
      spreadS: Math.abs(jitterS),
      hasOpenRollout: isOpen(this.status),
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
        offeredAtMs: nowMs,
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

  #save(assignment: Assignment, nowMs: number): void {
    this.#assignments.save(assignment);
    this.#noteChange(nowMs);
  }

  #noteChange(nowMs: number): void {
    this.#changes += 1;
    this.#changedAtMs = nowMs;
  }

  #saveAll(assignments: readonly Assignment[], nowMs: number): void {
    for (const assignment of assignments) this.#save(assignment, nowMs);
  }

  #haltIfFailed(nowMs: number): void {
    if (!this.#life.isJudged(nowMs)) return;
    const judged = judgeFailure(this.#life, this.#known(), nowMs);
    if (judged?.judgement.step.do !== 'halt' && judged?.judgement.step.do !== 'regress') return;
    this.#keep(judged);
    this.#act(judged.judgement, nowMs);
  }

  #keep({ judgement, countsOfStages }: Judged): void {
    this.#judgement = judgement;
    for (const [at, stage] of this.#life.opened.entries()) stage.gateCounts = countsOfStages[at];
  }

  #act({ step, verdicts }: Judgement, nowMs: number): void {
    if (step.do === 'stay') return;
    const stage = step.do === 'promote' ? step.from : step.stage;
    const verdict = verdicts.get(stage);
    const gateCounts = this.stages.find(({ plan }) => plan.name === stage)?.gateCounts;
    const judged = verdict === undefined || gateCounts === undefined ? undefined : { stage, verdict, gateCounts };
    const revert = step.do !== 'promote' && step.revert;
    this.#move(step.do, { actor: 'gate', reason: step.reason, judged }, nowMs, revert);
  }

  #known(): Known {
    return {
      devices: this.#devices.length,
      assignments: this.#assignments,
      presences: this.#presences,
      startedAtMs: this.#life.startedAtMs,
      waiting: () => this.#members.listToGet(),
    };
  }

  #move(
    command: RolloutCommand,
    by: Pick<TimelineEntry, 'actor' | 'reason' | 'judged'>,
    nowMs: number,
    revert = false,
  ): boolean {
    const from = this.status;
    const { opened } = this.#life;
    if (!this.#life.move(command, revert, nowMs)) return false;
    const columns = new Map(opened.map(({ plan, boards }) => [plan.name, columnsOf(boards.groups, 0)] as const));
    if ((from === 'halted' && this.status === 'running') || command === 'keep') this.#acknowledge(nowMs);
    if (this.status === 'aborted')
      this.#saveAll(
        this.#assignments.open.map((assignment) => endOf(assignment, 'superseded', nowMs)),
        nowMs,
      );
    this.#refresh();
    const after = { status: this.status, stage: this.openStage?.plan.name, members: this.#members.count };
    this.#timeline.push({ atMs: nowMs, what: command, ...by, ...after, columns });
    return true;
  }

  /** The failures and the silence so far do not count any more. */
  #acknowledge(nowMs: number): void {
    const all = this.stages.flatMap(({ boards }) => Array.from(boards.latest.values(), ({ assignment }) => assignment));
    this.#saveAll(all.filter(needsAcknowledging).map(acknowledged), nowMs);
  }

  #get(device: number): DeviceFacts {
    const facts = this.#devices[device];
    if (facts === undefined) throw new RangeError(`there is no board ${device}`);
    return facts;
  }
}
