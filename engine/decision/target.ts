// Which firmware a device should run: exactly one candidate (or none) that the rules then judge. A device on a build that
// was taken back goes to the prior stable one (where there is none, a rollout may still bring it the repaired one); a member
// of an open stage goes to its rollout; every other to the stable build. On the way up nobody skips a required version, and a board
// that knows none of the keys of a build first gets the newest one that it takes: a stepping release of a rotation.

import { GENERAL_LABEL } from '#protocol/words.ts';
import { isWithinPercentage } from '#engine/facts/bucket.ts';
import { likelyChip } from '#engine/facts/hardware.ts';
import { type Cancelled, isSentBack } from '#engine/facts/orders.ts';
import { isSignedFor, knowsKeys } from '#engine/facts/signatures.ts';
import type { DeviceFacts, Facts, FirmwareFacts, ImageFacts, OpenedStage, RolloutFacts } from '#engine/facts/model.ts';
import { compareVersions } from '#protocol/device/version.ts';

type TargetSource = 'prior_stable' | 'rollout' | 'stable';

export interface Target {
  readonly source: TargetSource;
  readonly rollout: RolloutFacts;
  /** That of the rollout, or a required version on the way there. */
  readonly firmware: FirmwareFacts;
  /** Those of this firmware that the rollout covers. */
  readonly images: readonly ImageFacts[];
}

/** What the target of a device depends on. */
export type TargetFacts = Pick<Facts, 'device' | 'running' | 'rollout' | 'stable' | 'requiredVersions'>;

/** The best that one of the opened stages says of a device, in this order. */
const MEMBERSHIPS = ['member', 'bucket_later', 'label_too_new', 'label_missing'] as const;
export type Membership = (typeof MEMBERSHIPS)[number];

export function targetOf(facts: TargetFacts): Target | undefined {
  const { rollout, stable, running, device } = facts;
  const leaves = isTakenBack(running) || isSentBack(device.cancelled, running);
  const isWayBack = leaves && stable !== undefined && stable.firmware.id !== running?.id;
  if (isWayBack && coversChip(stable, device) && acceptsSecurity(stable.firmware, running))
    return toTarget('prior_stable', stable, facts);
  if (rollout !== undefined && membership(rollout, device) === 'member')
    return steppingRelease(rollout, facts) ?? toTarget('rollout', rollout, facts);
  if (stable === undefined) return undefined;
  // Of a build that was taken back: none that fits, so none on the way there either. The rules say why.
  return isWayBack ? toRollout('prior_stable', stable, stable.firmware) : toTarget('stable', stable, facts);
}

/**
 * The stable build, for a board that knows none of the keys that signed what its rollout brings, and takes the stable one: with that
 * it learns the next key. Undefined for nearly every board.
 */
function steppingRelease(rollout: RolloutFacts, facts: TargetFacts): Target | undefined {
  const { stable, device } = facts;
  if (!knowsKeys(device) || stable === undefined || isTakenFrom(toTarget('rollout', rollout, facts), device))
    return undefined;
  const step = toTarget('stable', stable, facts);
  return isBelow(device.currentVersion, step.firmware.version) && isTakenFrom(step, device) ? step : undefined;
}

/** Whether enough of the keys that the board knows signed an image for it. */
function isTakenFrom({ images }: Pick<Target, 'images'>, device: DeviceFacts): boolean {
  const chip = likelyChip(device);
  return images.some((image) => (chip === undefined || image.chip === chip) && isSignedFor(image, device));
}

/**
 * Whether the board takes the firmware: its floor is the highest security version that it ever confirmed, of which the server
 * knows that of the build that it runs.
 */
export function acceptsSecurity(
  { securityVersion }: Pick<FirmwareFacts, 'securityVersion'>,
  running: Pick<FirmwareFacts, 'securityVersion'> | undefined,
): boolean {
  return running === undefined || securityVersion >= running.securityVersion;
}

/** Whether nobody should go on running it. */
export function isTakenBack(firmware: FirmwareFacts | undefined): boolean {
  return firmware?.blocked === true || firmware?.reverted === true;
}

/**
 * Of the open rollouts of a product, the latest first, the one that speaks for this device: the first that has the device in
 * one of its stages, opened or not. Where none has, the latest, which then says why.
 */
export function rolloutFor(open: readonly RolloutFacts[], device: DeviceFacts): RolloutFacts | undefined {
  return open.find((rollout) => rollout.planned.some((share) => isOfShare(share, rollout, device))) ?? open[0];
}

/**
 * Of the completed rollouts of a product, the newest firmware first, the one that the device follows: the first whose plan
 * has it, that covers its chip, and whose security version it accepts; for one that knows release keys, that they signed. A rollout for some labels alone is never stable for the
 * others. Where none fits, the newest that comes closest, which then says why. A device that is sent back leaves what it runs, and
 * prefers what it ran before.
 */
export function stableFor(
  completed: readonly RolloutFacts[],
  device: DeviceFacts,
  running: FirmwareFacts | undefined,
): RolloutFacts | undefined {
  const left = isSentBack(device.cancelled, running) ? withoutCancelled(completed, device.cancelled) : completed;
  const ofDevice = left.filter((rollout) => rollout.planned.some((share) => isOfShare(share, rollout, device)));
  const covering = ofDevice.filter((rollout) => coversChip(rollout, device));
  return (
    takenFrom(covering, device, running) ??
    covering.find(({ firmware }) => acceptsSecurity(firmware, running)) ??
    covering[0] ??
    ofDevice[0]
  );
}

/** Of a board that knows release keys, the newest build that they signed: it leads on to those that other keys signed. */
function takenFrom(
  covering: readonly RolloutFacts[],
  device: DeviceFacts,
  running: FirmwareFacts | undefined,
): RolloutFacts | undefined {
  if (!knowsKeys(device)) return undefined;
  return covering.find(
    (rollout) =>
      acceptsSecurity(rollout.firmware, running) &&
      isTakenFrom({ images: coveredImages(rollout, rollout.firmware) }, device),
  );
}

/** What the device ran before comes first; the order is otherwise kept. */
function withoutCancelled(
  completed: readonly RolloutFacts[],
  { firmwareId, backToId }: Cancelled,
): readonly RolloutFacts[] {
  const others = completed.filter(({ firmware }) => firmware.id !== firmwareId);
  const before = others.filter(({ firmware }) => firmware.id === backToId);
  return [...before, ...others];
}

/** Whether the rollout has an image for the device, as far as its chip is known. */
export function coversChip(rollout: RolloutFacts, device: DeviceFacts): boolean {
  const chip = likelyChip(device);
  return chip === undefined || coveredImages(rollout, rollout.firmware).some((image) => image.chip === chip);
}

function coveredImages({ imageIds }: RolloutFacts, { images }: FirmwareFacts): readonly ImageFacts[] {
  return images.filter(({ id }) => imageIds.includes(id));
}

/** Whether every device of the product is in its plan. */
export function isForEveryone({ planned }: RolloutFacts): boolean {
  return planned.some(({ label, percentage }) => label === GENERAL_LABEL && percentage >= 100);
}

/**
 * Whether one of the opened stages includes the device: its label, and the bucket within the percentage. A label that was
 * put on after the latest stage opened counts from the next one on, so that labelling a board never updates it by accident. A board that
 * belongs to a stage since that opened stays in it, whatever labels it has by now.
 */
export function membership(rollout: RolloutFacts, device: DeviceFacts): Membership {
  const ofStages = new Set(rollout.opened.map((stage) => membershipOf(stage, rollout, device)));
  return MEMBERSHIPS.find((candidate) => ofStages.has(candidate)) ?? 'label_missing';
}

/** The stage that a device got its place from: the first one that includes it, else the one that opened last. */
export function stageOf(rollout: RolloutFacts, device: DeviceFacts): OpenedStage | undefined {
  return rollout.opened.find((stage) => membershipOf(stage, rollout, device) === 'member') ?? rollout.opened.at(-1);
}

function membershipOf(stage: OpenedStage, rollout: RolloutFacts, device: DeviceFacts): Membership {
  if (stage.label !== GENERAL_LABEL && !device.memberOf.includes(stage.id)) {
    const label = device.labels.find(({ name }) => name === stage.label);
    if (label === undefined) return 'label_missing';
    if (!(label.putAtMs <= rollout.stageOpenedAtMs)) return 'label_too_new';
  }
  return isWithinPercentage(rollout.seed, device.firstName, stage.percentage) ? 'member' : 'bucket_later';
}

function isOfShare(
  { id, label, percentage }: RolloutFacts['planned'][number],
  { seed }: RolloutFacts,
  { firstName, labels, memberOf }: DeviceFacts,
): boolean {
  const isMember = id !== undefined && memberOf.includes(id);
  const hasLabel = label === GENERAL_LABEL || isMember || labels.some(({ name }) => name === label);
  return hasLabel && isWithinPercentage(seed, firstName, percentage);
}

function toTarget(source: TargetSource, rollout: RolloutFacts, facts: TargetFacts): Target {
  return toRollout(source, rollout, nextRequired(rollout.firmware, facts) ?? rollout.firmware);
}

function toRollout(source: TargetSource, rollout: RolloutFacts, firmware: FirmwareFacts): Target {
  return { source, rollout, firmware, images: coveredImages(rollout, firmware) };
}

/** The lowest required version between what the device runs and where it goes. */
function nextRequired(goal: FirmwareFacts, { device, requiredVersions }: TargetFacts): FirmwareFacts | undefined {
  const between = requiredVersions.filter(
    ({ version }) => isBelow(device.currentVersion, version) && isBelow(version, goal.version),
  );
  return between.toSorted((left, right) => compareVersions(left.version, right.version) ?? 0)[0];
}

function isBelow(left: string, right: string): boolean {
  const order = compareVersions(left, right);
  return order !== undefined && order < 0;
}

/** Whether the image runs on a chip of this revision. One that the board does not say is taken for any. */
export function fitsRevision(
  { minChipRevision, maxChipRevision }: Pick<ImageFacts, 'minChipRevision' | 'maxChipRevision'>,
  revision: number | undefined,
): boolean {
  if (revision === undefined) return true;
  return revision >= minChipRevision && (maxChipRevision === undefined || revision <= maxChipRevision);
}

/**
 * Of the images for one chip that of the newest revisions that the board has. Where none fits, the first one, of which the rules
 * say why; where the board does not say its revision and there are several, none.
 */
function ofRevision(images: readonly ImageFacts[], revision: number | undefined): ImageFacts | undefined {
  if (images.length <= 1) return images[0];
  if (revision === undefined) return undefined;
  const fitting = images.filter((image) => fitsRevision(image, revision));
  return fitting.toSorted((left, right) => right.minChipRevision - left.minChipRevision)[0] ?? images[0];
}

/**
 * The image for the chip that the check-in names, and for its revision. Without a chip, the only image there is (the board's own check of the image header
 * still guards it), unless the device named another chip before; with several images the choice would be a guess, so there is
 * none: a memory may hold an offer, never permit one.
 */
export function imageFor(
  images: readonly ImageFacts[],
  { chip, rememberedChips, chipRevision }: Pick<DeviceFacts, 'chip' | 'rememberedChips' | 'chipRevision'>,
): ImageFacts | undefined {
  if (chip !== undefined) {
    return ofRevision(
      images.filter((image) => image.chip === chip),
      chipRevision,
    );
  }
  const [only, ...others] = images;
  const fits = others.length === 0 && rememberedChips.every((remembered) => remembered === only?.chip);
  return fits ? only : undefined;
}
