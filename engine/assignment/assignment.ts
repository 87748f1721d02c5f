// One device in one rollout. What the device reports and what it is seen running move the assignment forward, never back,
// and the same set of reports and sightings ends in the same state whatever order they arrive in: every step takes the
// larger of two states in one fixed order. Confirmed is a fact: the device was seen running the build.

import { findDeviceError } from '#protocol/device-errors.ts';
import type { ReportStatus } from '#protocol/device-api.ts';
import { EXCUSE_MS, KNOWN_BAD_FAILURES } from '#protocol/limits.ts';
import { backOffMs } from '../decision/back-off.ts';
import { type Absence, hasAbsence } from '../facts/absence.ts';
import type { AssignmentState, BuildHistory, ImageFacts } from '../facts/model.ts';

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
  /** It ended because no server was there: no evidence. */
  readonly excused: boolean;
}

/** What a check-in shows of the build that the assignment is about. */
export interface Sighting {
  readonly version: string;
  readonly imageSha256: string | undefined;
  readonly onTrial: boolean;
  readonly rolledBackFrom: string | undefined;
  readonly bootReason: string | undefined;
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

/** Open: the device may still go on with it. */
export function isOpenState(state: AssignmentState): boolean {
  return RANK[state] <= RANK.trial;
}

/** Ended, and the device does not run the build. */
export function hasFailed(state: AssignmentState): boolean {
  return state === 'failed' || state === 'rolled_back' || state === 'rejected';
}

/** The progress of a new offer to a device that may say that it left this very build before. */
export function startOf(offer: { readonly leftBefore: boolean }): Progress {
  return {
    state: 'offered',
    ranBuild: false,
    confirmClaimed: false,
    errorCode: undefined,
    detail: undefined,
    bootCause: undefined,
    leftBefore: offer.leftBefore,
    excused: false,
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
  // The words belong to the state that counts; those of an overtaken report stand in the log, not here.
  const speaks = RANK[state] >= RANK.rejected && raised.state === state;
  const before = progress.state === state ? progress : undefined;
  return settle({
    ...raised,
    confirmClaimed: progress.confirmClaimed || report.status === 'confirmed',
    errorCode: speaks ? smallest(report.errorCode, before?.errorCode) : raised.errorCode,
    detail: speaks ? smallest(report.detail, before?.detail) : raised.detail,
  });
}

/** The progress after a check-in: what the device runs is the truth. */
export function afterSighting(
  progress: Progress,
  build: { readonly version: string; readonly image: ImageFacts },
  sighting: Sighting,
): Progress {
  if (isBuild(build, sighting)) {
    const seen = { ...raise(progress, 'trial'), ranBuild: true };
    return settle(sighting.onTrial ? seen : { ...seen, confirmClaimed: true });
  }
  const saysItLeft = sighting.rolledBackFrom === build.version && !progress.leftBefore;
  const cameBack =
    progress.state === 'installing' ||
    progress.state === 'trial' ||
    ((isOpenState(progress.state) || progress.state === 'timed_out') && saysItLeft) ||
    // Its time was up, but it had been seen running the build.
    (progress.state === 'timed_out' && progress.ranBuild);
  if (!cameBack) return progress;
  const wasTried = progress.state === 'trial' || progress.ranBuild || saysItLeft;
  return { ...raise(progress, wasTried ? 'rolled_back' : 'failed'), bootCause: causeOf(sighting.bootReason) };
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

/** The best known cause of how it ended: what the device reported, else what its reset reason says. */
export function causeOfEnd(progress: Pick<Progress, 'errorCode' | 'bootCause'>): string | undefined {
  return progress.errorCode ?? progress.bootCause;
}

/**
 * What the ended attempts of one build on one device amount to; `attempts` without those that an operator forgave. A clock
 * that went back has left failures in the future: one further ahead than the back-off is long sets none, or the build would
 * rest until the clock is there again.
 */
export function historyOf(
  attempts: readonly {
    readonly state: AssignmentState;
    readonly cause: string | undefined;
    readonly excused?: boolean;
    readonly updatedAtMs: number;
  }[],
  nowMs: number,
): BuildHistory {
  const failed = attempts.filter(
    ({ state }) => state === 'failed' || state === 'rolled_back' || state === 'rejected' || state === 'timed_out',
  );
  const strikes = failed
    .filter((attempt) => attempt.state === 'failed' || attempt.state === 'rolled_back')
    .filter((attempt) => isStrike(attempt));
  const last = findLatest(failed.filter(({ updatedAtMs }) => !(updatedAtMs > nowMs + backOffMs(failed.length))));
  const leftBuild = failed.some((attempt) => attempt.state === 'rolled_back' && faultOfEnd(attempt) === 'firmware');
  const refusedByDevice = failed.some(({ state, cause }) => state === 'rejected' && cause === 'known_bad');
  return {
    failedAttempts: failed.length,
    lastFailedAtMs: last?.updatedAtMs,
    lastError: (last ?? findLatest(failed))?.cause,
    knownBad: leftBuild || refusedByDevice || strikes.length >= KNOWN_BAD_FAILURES,
  };
}

function findLatest<Attempt extends { readonly updatedAtMs: number }>(
  attempts: readonly Attempt[],
): Attempt | undefined {
  return attempts.reduce<Attempt | undefined>(
    (latest, attempt) => (latest === undefined || attempt.updatedAtMs >= latest.updatedAtMs ? attempt : latest),
    undefined,
  );
}

/** Whose doing a failure was. What no table names is held against the firmware: better one board waits than a fleet breaks. */
export function faultOf(cause: string | undefined): 'network' | 'device' | 'firmware' | 'server' {
  return (cause === undefined ? undefined : findDeviceError(cause)?.fault) ?? 'firmware';
}

/** The same of an attempt: what ended because no server was there is the server's doing, whatever the cause is called. */
export function faultOfEnd(end: {
  readonly cause: string | undefined;
  readonly excused?: boolean;
}): ReturnType<typeof faultOf> {
  return end.excused === true ? 'server' : faultOf(end.cause);
}

function isStrike(end: Parameters<typeof faultOfEnd>[0]): boolean {
  const fault = faultOfEnd(end);
  return fault === 'firmware' || fault === 'device';
}

/** The same version, and the same image where the device says which: a locally built image of that version is not the build. */
function isBuild(build: { readonly version: string; readonly image: ImageFacts }, sighting: Sighting): boolean {
  if (sighting.version !== build.version) return false;
  if (sighting.imageSha256 === undefined) return true;
  return sighting.imageSha256 === build.image.sha256 || sighting.imageSha256 === build.image.elfSha256;
}

function raise(progress: Progress, state: AssignmentState): Progress {
  return RANK[state] > RANK[progress.state] ? { ...progress, state } : progress;
}

/** Seen running and confirmed, in whatever order the two became known. */
function settle(progress: Progress): Progress {
  return progress.ranBuild && progress.confirmClaimed
    ? raise({ ...progress, errorCode: undefined, detail: undefined }, 'confirmed')
    : progress;
}

/** Two reports of one state: keep the same words in whatever order they came. */
function smallest(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}

/** What a reset reason (ESP-IDF `esp_reset_reason_t` names, any case) says of a board that came back. */
function causeOf(bootReason: string | undefined): string | undefined {
  const reason = bootReason?.toLowerCase() ?? '';
  if (/brown/.test(reason)) return 'brownout';
  if (/power/.test(reason)) return 'power';
  if (/wdt|watchdog/.test(reason)) return 'watchdog';
  if (/panic|exception|crash/.test(reason)) return 'crash';
  return undefined;
}
