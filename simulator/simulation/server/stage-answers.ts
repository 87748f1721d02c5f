// Answers the questions of `engine/stage/questions.ts` from memory, as `service/gates/judge.ts` does from the database.

import {
  isWaitedFor,
  isSilent,
  medianOf,
  type Silence,
  silenceOf,
  sleeperLimitMs,
  type Witness,
} from '#engine/stage/silence.ts';
import { isGroupUndecided } from '#engine/stage/counts.ts';
import { type Answers, isReachable, NO_ANSWERS, type Questions } from '#engine/stage/questions.ts';
import { isUndecided, outcomeOf } from '#engine/outcome/outcome.ts';
import { classOf } from '#engine/outcome/restart.ts';
import { causeOfEnd } from '#engine/assignment/assignment.ts';
import type { Assignment } from '#engine/decision/plan-check-in.ts';
import type { Gate } from '#protocol/admin/plan.ts';
import type { Assignments } from './assignments.ts';
import type { Presences } from './presences.ts';
import type { StageBoards } from './stage-boards.ts';

/** What the answers are looked up in. */
export interface Known {
  readonly devices: number;
  readonly assignments: Assignments;
  readonly presences: Presences;
  readonly startedAtMs: number;
  /** Boards of the opened stages that are to get the build and hold no assignment. */
  readonly waiting: () => readonly number[];
}

export interface AskedStage {
  readonly gate: Gate | undefined;
  readonly boards: StageBoards;
  readonly openedAtMs: number;
}

export function answersTo(asked: Questions, stage: AskedStage, known: Known, nowMs: number): Answers {
  return {
    reachable: asked.reachable > 0 ? countReachable(known, asked.reachable, nowMs) : 0,
    isAnyLeft: asked.anyLeft ? known.waiting().length > 0 : NO_ANSWERS.isAnyLeft,
    isUndecided: asked.undecided && isAnyWaitedFor(stage, known, nowMs),
    asleep: asked.asleep ? countSleepers(stage, known, nowMs) : 0,
    silence: asked.silence ? silenceSince(lastHeardOfLost(stage, known, nowMs), stage, known, nowMs) : undefined,
    trialSilence: asked.trialSilence ? trialSilenceIn(stage, known, nowMs) : undefined,
    usualSuspects: asked.usualSuspects ? usualSuspects(stage, known, nowMs) : 0,
  };
}

/** Stops at `enough`. */
export function countReachable({ presences, startedAtMs, waiting }: Known, enough: number, nowMs: number): number {
  let found = 0;
  for (const device of waiting()) {
    const heard = presences.heardOf(device, nowMs);
    if (heard === undefined) continue;
    found += Number(isReachable({ seenAtMs: heard.seenAtMs, isSilent: isSilent(heard, nowMs) }, startedAtMs));
    if (found >= enough) break;
  }
  return found;
}

function isAnyWaitedFor(stage: AskedStage, known: Known, nowMs: number): boolean {
  const soakMs = (stage.gate?.soak_s ?? 0) * 1000;
  for (const board of undecidedOf(stage, known, nowMs)) if (isWaitedFor(board, soakMs, nowMs)) return true;
  return false;
}

function countSleepers(stage: AskedStage, known: Known, nowMs: number): number {
  const longerThanMs = sleeperLimitMs((stage.gate?.soak_s ?? 0) * 1000);
  let sleepers = 0;
  for (const { limitMs } of undecidedOf(stage, known, nowMs)) sleepers += Number(limitMs > longerThanMs);
  return sleepers;
}

/** Boards of the stage that count, were given the build and are undecided. */
function* undecidedOf({ boards }: AskedStage, { presences }: Known, nowMs: number) {
  if (!boards.groups.some(isGroupUndecided)) return;
  for (const [device, { assignment, outcome }] of boards.latest) {
    if (!isUndecided(outcome, true)) continue;
    const { exposedAtMs, confirmedAtMs, notCounted, isOnTheWay } = assignment.watch;
    if (exposedAtMs === undefined || notCounted !== undefined || isOnTheWay) continue;
    yield { exposedAtMs, confirmedAtMs, limitMs: presences.heardOf(device, nowMs)?.limitMs ?? 0 };
  }
}

/** When half of the boards that are lost had been heard of last. */
function lastHeardOfLost(stage: AskedStage, { presences }: Known, nowMs: number): number | undefined {
  const heardAtMs: number[] = [];
  for (const [device, { assignment, outcome }] of stage.boards.latest) {
    const { isAcknowledged, notCounted } = assignment.watch;
    if (isAcknowledged || notCounted !== undefined || outcome !== 'lost') continue;
    const seenAtMs = presences.heardOf(device, nowMs)?.seenAtMs;
    if (seenAtMs !== undefined) heardAtMs.push(seenAtMs);
  }
  return heardAtMs.toSorted((one, other) => one - other)[medianOf(heardAtMs.length)];
}

/** Since when half of the boards whose trial ran out had the build. */
function lastRanOut({ boards }: AskedStage): number | undefined {
  const sinceMs: number[] = [];
  for (const { assignment, outcome } of boards.latest.values()) {
    const { isAcknowledged, notCounted, ranOutSinceMs } = assignment.watch;
    if (isAcknowledged || notCounted !== undefined || outcome !== 'failed' || ranOutSinceMs === undefined) continue;
    sinceMs.push(ranOutSinceMs);
  }
  return sinceMs.toSorted((one, other) => one - other)[medianOf(sinceMs.length)];
}

/** Since the boards whose trial ran out had the build. */
export function trialSilenceIn(stage: AskedStage, known: Known, nowMs: number): Silence | undefined {
  return silenceSince(lastRanOut(stage), stage, known, nowMs);
}

function silenceSince(
  lastHeardAtMs: number | undefined,
  stage: AskedStage,
  { assignments, presences, devices }: Known,
  nowMs: number,
): Silence | undefined {
  if (lastHeardAtMs === undefined) return undefined;
  const witnesses: Witness[] = [];
  for (let device = 0; device < devices; device += 1) {
    const heard = presences.heardOf(device, nowMs);
    if (heard !== undefined) witnesses.push({ ...heard, ...exposureOf(assignments, device) });
  }
  return silenceOf(witnesses, { lastHeardAtMs, stageOpenedAtMs: stage.openedAtMs }, nowMs);
}

/** Share of the boards without the build, of those seen since the stage opened, that name a fault of the firmware. */
function usualSuspects({ openedAtMs }: AskedStage, known: Known, nowMs: number): number {
  let boards = 0;
  let suspects = 0;
  for (let device = 0; device < known.devices; device += 1) {
    const heard = known.presences.heardOf(device, nowMs);
    if (heard === undefined || heard.seenAtMs < openedAtMs) continue;
    if (exposureOf(known.assignments, device).isExposed) continue;
    boards += 1;
    suspects += Number(classOf(known.presences.bootCauseOf(device)) === 'firmware');
  }
  return boards === 0 ? 0 : suspects / boards;
}

function exposureOf(assignments: Assignments, device: number): Pick<Witness, 'isExposed' | 'hasVanished'> {
  const latest = assignments.latestOf(device);
  return {
    isExposed: assignments.isExposed(device),
    hasVanished:
      latest?.watch.lostAtMs !== undefined &&
      latest.watch.confirmedAtMs === undefined &&
      outcomeOfAssignment(latest) === 'lost',
  };
}

function outcomeOfAssignment({ progress, watch }: Assignment) {
  return outcomeOf({ ...watch, state: progress.state, cause: causeOfEnd(progress) });
}
