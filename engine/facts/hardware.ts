// What is remembered of the chip and the slot of a device between its check-ins, and what a check-in may rely on. Anybody with the
// fleet token can speak for a board once, so a memory may hold an offer, never permit one.

import { MIN_IMAGE_BYTES } from '#protocol/limits.ts';
import type { DeviceFacts } from './model.ts';

/** What one check-in says; undefined: it leaves it out. */
export interface SaidHardware {
  readonly chip: string | undefined;
  readonly slotBytes: number | undefined;
}

export interface RememberedHardware extends SaidHardware {
  /** A chip that it named before and that is not `chip`. */
  readonly otherChip: string | undefined;
}

/** The memory after a check-in. Two chips that contradict each other are both kept; a slot that no image fits is forgotten. */
export function remember(before: RememberedHardware, said: SaidHardware): RememberedHardware {
  const { chip = before.chip, slotBytes } = said;
  return {
    chip,
    otherChip: chip === before.chip ? before.otherChip : before.chip,
    slotBytes: slotBytes !== undefined && slotBytes >= MIN_IMAGE_BYTES ? slotBytes : before.slotBytes,
  };
}

/** What the rules know of a device whose latest check-in said this. `memory` is that after the check-in. */
export function hardwareOf(
  { chip, otherChip, slotBytes }: RememberedHardware,
  said: SaidHardware,
): Pick<DeviceFacts, 'chip' | 'rememberedChips' | 'slotBytes'> {
  return {
    chip: said.chip,
    rememberedChips: [chip, otherChip].filter((known) => known !== undefined),
    slotBytes: said.slotBytes ?? slotBytes,
  };
}

/** The chip as far as nothing contradicts it: good enough to look for a build, never to choose an image. */
export function likelyChip({
  chip,
  rememberedChips,
}: Pick<DeviceFacts, 'chip' | 'rememberedChips'>): string | undefined {
  return chip ?? (rememberedChips.length === 1 ? rememberedChips[0] : undefined);
}
