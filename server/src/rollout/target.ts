// Which firmware a device should run: exactly one candidate (or none) that the rules then judge. A device on a blocked
// build goes to the prior stable one (where there is none, a rollout may still bring it the repaired one); a member of
// the open stage goes to its rollout; every other to the stable build.

import { GENERAL_LABEL } from '#protocol/words.ts';
import { isWithinPercentage } from './bucket.ts';
import type { DeviceFacts, Facts, ImageFacts, OpenedStage, RolloutFacts } from './model.ts';

type TargetSource = 'prior_stable' | 'rollout' | 'stable';

export interface Target {
  readonly source: TargetSource;
  readonly rollout: RolloutFacts;
}

/** The best that one of the opened stages says of a device, in this order. */
const MEMBERSHIPS = ['member', 'bucket_later', 'label_too_new', 'label_missing'] as const;
export type Membership = (typeof MEMBERSHIPS)[number];

export function targetOf(facts: Facts): Target | undefined {
  const { running, rollout, stable } = facts;
  if (running?.blocked === true && stable !== undefined) return { source: 'prior_stable', rollout: stable };
  if (rollout !== undefined && membership(rollout, facts.device) === 'member') return { source: 'rollout', rollout };
  return stable === undefined ? undefined : { source: 'stable', rollout: stable };
}

/**
 * Whether one of the opened stages includes the device: its label, and the bucket within the percentage. A label that was
 * put on after the latest stage opened counts from the next one on, so that labelling a board never updates it by accident.
 */
export function membership(rollout: RolloutFacts, device: DeviceFacts): Membership {
  const ofStages = new Set(rollout.opened.map((stage) => membershipOf(stage, rollout, device)));
  return MEMBERSHIPS.find((candidate) => ofStages.has(candidate)) ?? 'label_missing';
}

function membershipOf(stage: OpenedStage, rollout: RolloutFacts, device: DeviceFacts): Membership {
  if (stage.label !== GENERAL_LABEL) {
    const label = device.labels.find(({ name }) => name === stage.label);
    if (label === undefined) return 'label_missing';
    if (!(label.putAtMs <= rollout.stageOpenedAtMs)) return 'label_too_new';
  }
  return isWithinPercentage(rollout.seed, device.mac, stage.percentage) ? 'member' : 'bucket_later';
}

/**
 * The image for the device's chip. A device that does not say its chip gets the only image there is (its own check of
 * the image header still guards it); with several images the choice would be a guess, so there is none.
 */
export function imageFor(images: readonly ImageFacts[], chip: string | undefined): ImageFacts | undefined {
  if (chip === undefined) return images.length === 1 ? images[0] : undefined;
  return images.find((image) => image.chip === chip);
}
