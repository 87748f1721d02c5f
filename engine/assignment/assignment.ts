// One device in one rollout. What the device reports and what it is seen running move the assignment forward, never back,
// and the same set of reports and sightings ends in the same state whatever order they arrive in: every step takes the
// larger of two states in one fixed order. Confirmed is a fact: the device was seen running the build.

import { type DeviceErrorName, findDeviceError } from '#protocol/device/errors.ts';
import type { ReportStatus } from '#protocol/device/api.ts';
import { EXCUSE_MS, KNOWN_BAD_FAILURES } from '#protocol/limits.ts';
import { backOffMs } from '#engine/decision/back-off.ts';
import { type Absence, hasAbsence } from '#engine/facts/absence.ts';
import { isSameVersion, matchBuild } from '#engine/facts/build.ts';
import type { AssignmentState, BuildHistory, ImageFacts } from '#engine/facts/model.ts';
import { bootCauseOf } from '#engine/outcome/restart.ts';
import { type AssignmentEnd, isTried, weightOfEnd } from './weight.ts';

export interface Progress {
  readonly state: AssignmentState;
  /** The device was seen running the build (on trial or not). */
  readonly ranBuild: boolean;
  /** The device claims that it confirmed the build. */
  readonly confirmClaimed: boolean;
  /** What the device reported as the cause of the state. */
  readonly errorCode: string | undefined;
  readonly detail: string | undefined;
  /** What the reset reason of a board that came back says; a reported cause is better. */
  readonly bootCause: string | undefined;
  /** The device named this build as left by a rollback already when it was offered: no news. */
  readonly leftBefore: boolean;
  /** It ended while no server was there: no evidence. */
  readonly excused: boolean;
  /** The device said itself that it left the build, by a report or as `rolled_back_from`. */
  readonly saidItLeft: boolean;
  /** The device was seen on another build after it left this one: what its reset reasons say from then on is no news. */
  readonly seenBack: boolean;
  /** An operator cleared the build on this device, and it has not tried it since: the offer says so. */
  readonly pardoned: boolean;
}

/** What a check-in shows of the build that the assignment is about. */
export interface Sighting {
  readonly version: string;
  readonly imageSha256: string | undefined;
  readonly onTrial: boolean;
  readonly rolledBackFrom: string | undefined;
  readonly bootReason: string | undefined;
  /** The offer that the application put off, and why; undefined or left out: none. */
  readonly postponed?: { readonly assignmentId: number; readonly reason: string } | undefined;
}

// A fact beats a claim and a later state an earlier one; a rollback beats everything, for it says that the build was left.
const RANK: Readonly<Record<AssignmentState, number>> = {
  offered: 0,
  downloading: 1,
  downloaded: 2,
  installing: 3,
  trial: 4,
  timed_out: 5,
  superseded: 6,
  rejected: 7,
  failed: 8,
  confirmed: 9,
  rolled_back: 10,
};

/** Open: the device may still go on with it. In the order in which a board goes through them. */
export const OPEN_STATES = ['offered', 'downloading', 'downloaded', 'installing', 'trial'] as const;

export function isOpenState(state: AssignmentState): boolean {
  return OPEN_STATES.some((open) => open === state);
}

/** Ended, and the device does not run the build. */
function hasFailed(state: AssignmentState): boolean {
  return state === 'failed' || state === 'rolled_back' || state === 'rejected';
}

/** The progress of a new offer to a device that may say that it left this very build before, or for which it was cleared. */
export function startOf(offer: { readonly leftBefore: boolean; readonly pardoned?: boolean }): Progress {
  return {
    state: 'offered',
    ranBuild: false,
    confirmClaimed: false,
    errorCode: undefined,
    detail: undefined,
    bootCause: undefined,
    leftBefore: offer.leftBefore,
    excused: false,
    saidItLeft: false,
    seenBack: false,
    pardoned: offer.pardoned ?? false,
  };
}

/** The progress after a report. The order of reports does not matter, and a repeat changes nothing. */
export function afterReport(
  progress: Progress,
  report: {
    readonly status: ReportStatus;
    readonly errorCode: string | undefined;
    readonly detail: string | undefined;
  },
): Progress {
  // Confirmed is a fact, not a claim: until the device was seen running the build, it is on trial.
  const state = report.status === 'confirmed' ? 'trial' : report.status;
  const raised = raise(progress, state);
  // The words belong to the state that counts; those of an overtaken report are not kept.
  const speaks = RANK[state] >= RANK.rejected && raised.state === state;
  const same = progress.state === state ? progress : undefined;
  return spendPardon(
    progress,
    settle({
      ...raised,
      confirmClaimed: progress.confirmClaimed || report.status === 'confirmed',
      saidItLeft: progress.saidItLeft || report.status === 'rolled_back',
      errorCode: speaks ? smallest(report.errorCode, same?.errorCode) : raised.errorCode,
      detail: speaks ? smallest(report.detail, same?.detail) : raised.detail,
    }),
  );
}

/** The progress after a check-in: what the device runs is the truth. `wasGiven`: the device had the build before its time was up. */
export function afterSighting(
  progress: Progress,
  build: { readonly version: string; readonly image: ImageFacts },
  sighting: Sighting,
  wasGiven = false,
): Progress {
  const match = matchBuild({ version: build.version, images: [build.image] }, sighting);
  if (match === 'runs_it') {
    const seen = { ...raise(progress, 'trial'), ranBuild: true };
    return spendPardon(progress, settle(sighting.onTrial ? seen : { ...seen, confirmClaimed: true }));
  }
  // Another build of this version, or this image under another one: it shows neither that the build runs nor that it was left.
  if (match !== 'elsewhere') return progress;
  const saysItLeft = hasLeft(sighting, build.version) && !progress.leftBefore;
  const cameBack =
    progress.state === 'installing' ||
    progress.state === 'trial' ||
    ((isOpenState(progress.state) || progress.state === 'timed_out') && saysItLeft) ||
    // Its time was up, but it had been given the build.
    (progress.state === 'timed_out' && (progress.ranBuild || wasGiven));
  if (!cameBack) return progress.state === 'rolled_back' ? noteReturn(progress, build, sighting) : progress;
  const wasTried = progress.state === 'trial' || progress.ranBuild || saysItLeft;
  const ended = raise(progress, wasTried ? 'rolled_back' : 'failed');
  return spendPardon(progress, noteReturn(ended, build, sighting));
}

/** What the first check-in after a return says of its cause, and any of them of whether the device left the build itself. */
function noteReturn(ended: Progress, build: { readonly version: string }, sighting: Sighting): Progress {
  const saidItLeft = ended.saidItLeft || hasLeft(sighting, build.version);
  if (ended.seenBack) return { ...ended, saidItLeft };
  return { ...ended, saidItLeft, seenBack: true, bootCause: causeOf(sighting.bootReason) };
}

/** A pardon is for one assignment: it ends with the one in which the device tried the build, or refused it all the same. */
function spendPardon(before: Progress, after: Progress): Progress {
  return after.pardoned && isTried(endOf(after)) && !isTried(endOf(before)) ? { ...after, pardoned: false } : after;
}

/** Whether the board holds an offer that its application put off. It goes on with it when the application lets it. */
export function isPostponed({ state, errorCode }: Pick<Progress, 'state' | 'errorCode'>): boolean {
  return isPostponable(state) && errorCode === 'deferred';
}

function isPostponable(state: AssignmentState): boolean {
  return state === 'offered' || state === 'downloaded';
}

/** The progress after a check-in that says why the application put this offer off, or says so no more. */
export function afterPostponed(progress: Progress, reason: string | undefined): Progress {
  if (!isPostponable(progress.state)) return progress;
  if (reason !== undefined) return { ...progress, errorCode: 'deferred', detail: reason };
  return isPostponed(progress) ? { ...progress, errorCode: undefined, detail: undefined } : progress;
}

/**
 * The progress of one whose image the device fetched whole as often as makes a build known bad, and which still runs another
 * one: it never reports, and its bootloader does not take the image, or goes back before it checks in.
 */
export function afterDownloads(
  progress: Progress,
  build: { readonly version: string; readonly image: ImageFacts },
  sighting: Sighting,
): Progress {
  const isHeld = progress.state === 'offered' || progress.state === 'downloading';
  if (!isHeld || matchBuild({ version: build.version, images: [build.image] }, sighting) !== 'elsewhere')
    return progress;
  return { ...raise(progress, 'failed'), bootCause: 'boot_rejected' };
}

/**
 * The progress of a confirmed assignment after a check-in that does not run the build: `left` where the device is back on
 * the build before, or says that it left this one; `moved_on` where it runs anything else.
 */
export function afterConfirmed(
  progress: Progress,
  build: { readonly version: string; readonly fromVersion: string },
  sighting: Sighting,
): { readonly kind: 'left'; readonly progress: Progress } | { readonly kind: 'moved_on' } {
  const saysItLeft = hasLeft(sighting, build.version) && !progress.leftBefore;
  if (!saysItLeft && !isSameVersion(sighting.version, build.fromVersion)) return { kind: 'moved_on' };
  return { kind: 'left', progress: noteReturn(raise(progress, 'rolled_back'), build, sighting) };
}

/**
 * The progress after a failure, where no server was there during the trial (`sinceMs`: when the assignment changed before) or
 * shortly before it: that the build did not reach a server in time then says nothing of the build.
 */
export function excuse(progress: Progress, sinceMs: number, absences: readonly Absence[], nowMs: number): Progress {
  const ranOut = hasFailed(progress.state) && causeOfEnd(progress) === 'trial_timeout';
  const excused = ranOut && (progress.excused || hasAbsence(absences, sinceMs - EXCUSE_MS, nowMs));
  return excused === progress.excused ? progress : { ...progress, excused };
}

/** Whether the device names this version as the one that it left on its last rollback. */
export function hasLeft({ rolledBackFrom }: Pick<Sighting, 'rolledBackFrom'>, version: string): boolean {
  return rolledBackFrom !== undefined && isSameVersion(rolledBackFrom, version);
}

/** The best known cause of how it ended: what the device reported, else what its reset reason says. */
export function causeOfEnd(progress: Pick<Progress, 'errorCode' | 'bootCause'>): string | undefined {
  return progress.errorCode ?? progress.bootCause;
}

/** What the board did, whether or not it is excused. */
function endOf(progress: Progress): AssignmentEnd {
  return { state: progress.state, cause: causeOfEnd(progress), saidItLeft: progress.saidItLeft };
}

export interface EndedAssignment extends AssignmentEnd {
  readonly id: number;
  readonly updatedAtMs: number;
}

/** What the history of a build on a device goes by. */
export function endedOf(progress: Progress, updatedAtMs: number): Omit<EndedAssignment, 'id'> {
  return { ...endOf(progress), excused: progress.excused, updatedAtMs };
}

/**
 * What the ended assignments of one build on one device amount to; `assignments` without those that an operator forgave. A clock
 * that went back has left failures in the future: one further ahead than the back-off is long sets none, or the build would
 * rest until the clock is there again.
 */
export function historyOf(assignments: readonly Omit<EndedAssignment, 'id'>[], nowMs: number): BuildHistory {
  const failed = assignments.filter(
    ({ state }) => state === 'failed' || state === 'rolled_back' || state === 'rejected' || state === 'timed_out',
  );
  const weights = failed.map(weightOfEnd);
  const strikes = weights.filter((weight) => weight === 'strike');
  const last = findLatest(failed.filter(({ updatedAtMs }) => !(updatedAtMs > nowMs + backOffMs(failed.length))));
  return {
    failedAttempts: failed.length,
    lastFailedAtMs: last?.updatedAtMs,
    lastError: (last ?? findLatest(failed))?.cause,
    knownBad: weights.includes('proof') || strikes.length >= KNOWN_BAD_FAILURES,
  };
}

function findLatest<Ended extends { readonly updatedAtMs: number }>(assignments: readonly Ended[]): Ended | undefined {
  return assignments.reduce<Ended | undefined>(
    (latest, assignment) =>
      latest === undefined || assignment.updatedAtMs >= latest.updatedAtMs ? assignment : latest,
    undefined,
  );
}

/** Whose doing a failure was. What no table names is held against the firmware: better one board waits than a fleet breaks. */
export function faultOf(cause: string | undefined): 'network' | 'device' | 'firmware' | 'server' {
  return (cause === undefined ? undefined : findDeviceError(cause)?.fault) ?? 'firmware';
}

/** The very image, whatever version it says. */
export function isBuild(build: { readonly version: string; readonly image: ImageFacts }, sighting: Sighting): boolean {
  const match = matchBuild({ version: build.version, images: [build.image] }, sighting);
  return match === 'runs_it' || match === 'other_name';
}

function raise(progress: Progress, state: AssignmentState): Progress {
  if (!(RANK[state] > RANK[progress.state])) return progress;
  // What the application said of an offer that it put off is no cause of what comes after it.
  const cleared = isPostponed(progress) ? { errorCode: undefined, detail: undefined } : {};
  return { ...progress, ...cleared, state };
}

/**
 * Seen running and confirmed, in whatever order the two became known. What had failed before is no cause of anything any
 * more; what was rolled back stays so, with its cause.
 */
function settle(progress: Progress): Progress {
  if (!progress.ranBuild || !progress.confirmClaimed) return progress;
  const settled = raise(progress, 'confirmed');
  return settled === progress
    ? progress
    : { ...settled, errorCode: undefined, detail: undefined, bootCause: undefined, seenBack: false };
}

/** Two reports of one state: keep the same words in whatever order they came. */
function smallest(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}

/** What a reset reason says of a board that came back, in the words of the device errors; undefined: nothing. */
function causeOf(bootReason: string | undefined): DeviceErrorName | undefined {
  const cause = bootCauseOf(bootReason);
  return cause === 'crash' || cause === 'watchdog' || cause === 'brownout' || cause === 'power' ? cause : undefined;
}
