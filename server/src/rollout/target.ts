// Which firmware a device should run: exactly one candidate (or none) that the rules then judge. A device on a blocked
// build goes to the prior stable one (where there is none, a rollout may still bring it the repaired one); a member of
// the open stage goes to its rollout; every other to the stable build.

import { GENERAL_LABEL } from '#protocol/words.ts';
import type { DeviceFacts, Facts, ImageFacts, RolloutFacts } from './model.ts';

type TargetSource = 'prior_stable' | 'rollout' | 'stable';

export interface Target {
  readonly source: TargetSource;
  readonly rollout: RolloutFacts;
}

export type Membership = 'member' | 'label_missing' | 'label_too_new';

export function targetOf(facts: Facts): Target | undefined {
  const { running, rollout, stable } = facts;
  if (running?.blocked === true && stable !== undefined) return { source: 'prior_stable', rollout: stable };
  if (rollout !== undefined && membership(rollout, facts.device) === 'member') return { source: 'rollout', rollout };
  return stable === undefined ? undefined : { source: 'stable', rollout: stable };
}

/**
 * Whether the open stage includes the device. A label that was put on after the stage opened counts from the next stage
 * on, so that labelling a board never updates it by accident.
 */
export function membership(rollout: RolloutFacts, device: DeviceFacts): Membership {
  if (rollout.targetLabel === GENERAL_LABEL) return 'member';
  const label = device.labels.find(({ name }) => name === rollout.targetLabel);
  if (label === undefined) return 'label_missing';
  return label.putAtMs <= rollout.stageOpenedAtMs ? 'member' : 'label_too_new';
}

/**
 * The image for the device's chip. A device that does not say its chip gets the only image there is (its own check of
 * the image header still guards it); with several images the choice would be a guess, so there is none.
 */
export function imageFor(images: readonly ImageFacts[], chip: string | undefined): ImageFacts | undefined {
  if (chip === undefined) return images.length === 1 ? images[0] : undefined;
  return images.find((image) => image.chip === chip);
}
