// The case of one device: the facts with what follows from them, worked out once for all rules, and how rules put it into
// words.

import { nextOfferAtMs } from './back-off.ts';
import { bucketOf } from '#engine/facts/bucket.ts';
import { type BuildMatch, matchBuild, runningOf } from '#engine/facts/build.ts';
import type { BuildHistory, Facts, ImageFacts } from '#engine/facts/model.ts';
import {
  acceptsSecurity,
  coversChip,
  imageFor,
  isTakenBack,
  type Membership,
  membership,
  type Target,
  targetOf,
} from './target.ts';
import { isOfferedNow } from '#engine/facts/orders.ts';
import { isOtterOtaBefore } from '#engine/facts/library.ts';
import { compareAsSemver, compareVersions } from '#protocol/device/version.ts';

/** The first OtterOTA that orders what `git describe` writes as the server does. */
export const DESCRIBING_LIBRARY = '0.3.0';

/** So much of a digest is enough to tell builds apart. */
const DIGEST_CHARS = 12;

export interface Case {
  readonly facts: Facts;
  readonly nowMs: number;
  readonly target: Target | undefined;
  readonly image: ImageFacts | undefined;
  /** Whether the device runs the target; undefined: there is none. */
  readonly match: BuildMatch | undefined;
  /** Running version against target version: negative means that the device is behind. */
  readonly order: number | undefined;
  readonly history: BuildHistory | undefined;
  readonly nextOfferAtMs: number | undefined;
  /** An operator said so: windows, pace and rests do not hold it. */
  readonly isOfferedNow: boolean;
}

/** Works out target, image, order and history once; every rule reads the same case. */
export function caseOf(facts: Facts, nowMs: number): Case {
  const target = targetOf(facts);
  const firmware = target?.firmware;
  const history = firmware === undefined ? undefined : facts.historyOf(firmware.id);
  return {
    facts,
    nowMs,
    target,
    image: target === undefined ? undefined : imageFor(target.images, facts.device),
    match: firmware === undefined ? undefined : matchBuild(firmware, runningOf(facts.device)),
    order: firmware === undefined ? undefined : compareVersions(facts.device.currentVersion, firmware.version),
    history,
    nextOfferAtMs: history === undefined ? undefined : nextOfferAtMs(history),
    isOfferedNow: isOfferedNow(facts.device.offerNowAtMs, facts.lastEndedAtMs, nowMs),
  };
}

/** It runs a build that was taken back, and there is nothing else to go to. */
export function isStranded({ facts, target }: Case): boolean {
  return isTakenBack(facts.running) && (target === undefined || target.firmware.id === facts.running?.id);
}

/** An open rollout does not include it, for this reason, and no stable build is newer than what it runs. */
export function isOutside(c: Case, why: Exclude<Membership, 'member'>): boolean {
  return (
    c.facts.rollout !== undefined &&
    c.target?.source !== 'prior_stable' &&
    membership(c.facts.rollout, c.facts.device) === why &&
    !isBehindStable(c)
  );
}

/** To an older build. Away from one that was taken back to a newer one is forward. */
export function isWayBack({ target, order }: Case): boolean {
  return target?.source === 'prior_stable' && order !== undefined && order > 0;
}

/** As many devices are at it as may be; what is not counted is too many. */
export function isAtLimit(c: Case, limit: number | undefined, used: number | undefined): boolean {
  const isNews =
    c.target?.source === 'rollout' && c.target.rollout.status === 'running' && !c.facts.holdsOffer && !c.isOfferedNow;
  return isNews && limit !== undefined && !(used !== undefined && used < limit);
}

/** Its version, with the beginning of the digest where it names one. */
export function runsBuild({ facts: { device } }: Case): string {
  return device.imageSha256 === undefined
    ? device.currentVersion
    : `${device.currentVersion} (${device.imageSha256.slice(0, DIGEST_CHARS)}...)`;
}

export function runs({ facts }: Case): string {
  return facts.device.currentVersion;
}

export function version({ target }: Case): string {
  return target?.firmware.version ?? 'none';
}

/** Of the target. */
export function rolloutName({ target }: Case): string {
  return target?.rollout.name ?? 'none';
}

/** The chip that its check-in names, or what it named before. */
export function saysChip({ facts: { device } }: Case): string {
  const before = device.rememberedChips.length === 0 ? '' : `; named before: ${device.rememberedChips.join(' and ')}`;
  return device.chip ?? `not named${before}`;
}

/** Its client orders as SemVer alone does, and would refuse the target as lower than what it runs. */
export function isOrderedOtherwise({ facts: { device }, target, order }: Case): boolean {
  if (target === undefined || target.source === 'prior_stable' || !(order !== undefined && order < 0)) return false;
  const onBoard = compareAsSemver(device.currentVersion, target.firmware.version);
  return onBoard !== undefined && onBoard >= 0 && isOtterOtaBefore(device.library, DESCRIBING_LIBRARY);
}

/** Of the images for the chip that the device names, whether it takes its revision to choose one. */
export function needsRevision({ facts: { device }, target, image }: Case): boolean {
  const images = target?.images.filter(({ chip }) => chip === device.chip) ?? [];
  return image === undefined && images.length > 1;
}

/** `v3.0`; as the chip names it. */
export function revisionText(revision: number | undefined): string {
  return revision === undefined ? 'not reported' : `v${Math.floor(revision / 100)}.${revision % 100}`;
}

/** Which revisions an image is for. */
export function revisionsOf(image: ImageFacts | undefined): string {
  if (image === undefined) return 'none';
  const { minChipRevision, maxChipRevision } = image;
  const from = `from ${revisionText(minChipRevision)}`;
  return maxChipRevision === undefined ? from : `${from} to ${revisionText(maxChipRevision)}`;
}

/** The firmware has an image for the device, which the rollout does not cover. */
export function isUnreleased({ facts: { device }, target, image }: Case): boolean {
  return image === undefined && target?.firmware.images.some(({ chip }) => chip === device.chip) === true;
}

/** Of the open rollout that speaks for the device, whether it includes it or not. */
export function openRollout({ facts }: Case): string {
  return facts.rollout?.name ?? 'none';
}

/** Of the images that the rollout covers. */
export function chips({ target }: Case): string {
  return target?.images.map(({ chip }) => chip).join(', ') ?? 'none';
}

export function stageFacts({ facts }: Case): string {
  const { rollout, device } = facts;
  if (rollout === undefined) return 'no open rollout';
  const labels = device.labels.map(({ name }) => name).join(', ') || 'none';
  const stages = rollout.opened.map(({ label, percentage }) => `${percentage} % of ${label}`).join(', ');
  const bucket = `bucket ${bucketOf(rollout.seed, device.firstName)} of 10000`;
  return `rollout ${rollout.name} is at ${rollout.stage} for ${stages}; labels of the device: ${labels}; ${bucket} (${membership(rollout, device)})`;
}

export function openLabels({ facts }: Case): string {
  return [...new Set(facts.rollout?.opened.map(({ label }) => label))].join(' or ');
}

export function windowFacts({ facts: { window }, isOfferedNow: isNow }: Case): string {
  if (window === undefined) return 'no window applies';
  if (isNow) return `an operator has it offered now, whatever window ${window.name} says`;
  return `window ${window.name} is ${window.open ? 'open' : 'closed'}`;
}

export function paceFacts(
  limit: number | undefined,
  used: number | undefined,
  what: string,
  { facts, isOfferedNow: isNow }: Case,
): string {
  if (limit === undefined) return `no limit of devices ${what}`;
  if (facts.holdsOffer) return 'holds an offer already';
  if (isNow) return 'an operator has it offered now';
  return `${used ?? 'unknown'} of ${limit} devices ${what}`;
}

function isBehindStable({ facts: { stable, device, running } }: Case): boolean {
  if (stable === undefined || !coversChip(stable, device) || !acceptsSecurity(stable.firmware, running)) return false;
  const order = compareVersions(device.currentVersion, stable.firmware.version);
  return order !== undefined && order < 0;
}
