// What is remembered of chip and slot, and what a check-in may rely on.

import { describe, expect, test } from 'vitest';
import { hardwareOf, likelyChip, remember, type RememberedHardware } from '#engine/facts/hardware.ts';

const NOTHING: RememberedHardware = { chip: undefined, otherChip: undefined, slotBytes: undefined };
const says = (chip?: string, slotBytes?: number) => ({ chip, slotBytes });
const after = (...said: readonly ReturnType<typeof says>[]): RememberedHardware => said.reduce(remember, NOTHING);

describe('the memory of a device', () => {
  test.each([
    { said: [says()], chip: undefined, otherChip: undefined },
    { said: [says('esp32s3'), says()], chip: 'esp32s3', otherChip: undefined },
    { said: [says('esp32s3'), says('esp32s3')], chip: 'esp32s3', otherChip: undefined },
    { said: [says('esp32s3'), says('esp32c3')], chip: 'esp32c3', otherChip: 'esp32s3' },
    { said: [says('esp32s3'), says('esp32c3'), says()], chip: 'esp32c3', otherChip: 'esp32s3' },
    { said: [says('esp32s3'), says('esp32c3'), says('esp32s3')], chip: 'esp32s3', otherChip: 'esp32c3' },
    {
      said: [says('esp32s3'), says('esp32c3'), says('esp32s3'), says('esp32s3')],
      chip: 'esp32s3',
      otherChip: 'esp32c3',
    },
  ])('of chips after $said is $chip and $otherChip', ({ said, chip, otherChip }) => {
    expect(after(...said)).toMatchObject({ chip, otherChip });
  });

  test.each([
    { slots: [1_900_544], slotBytes: 1_900_544 },
    { slots: [1_900_544, undefined], slotBytes: 1_900_544 },
    { slots: [1_900_544, 0], slotBytes: 1_900_544 },
    { slots: [0], slotBytes: undefined },
    { slots: [100], slotBytes: undefined },
    { slots: [1_900_544, 1_000_000], slotBytes: 1_000_000 },
  ])('of slots after $slots is $slotBytes', ({ slots, slotBytes }) => {
    expect(after(...slots.map((slot) => says(undefined, slot))).slotBytes).toBe(slotBytes);
  });

  test('does not count as what a check-in names; a slot of 0 counts in that check-in', () => {
    const memory = after(says('esp32s3', 1_900_544), says('esp32c3', 0));
    expect(hardwareOf(memory, says('esp32c3', 0))).toEqual({
      chip: 'esp32c3',
      rememberedChips: ['esp32c3', 'esp32s3'],
      slotBytes: 0,
    });
    expect(hardwareOf(memory, says())).toEqual({
      chip: undefined,
      rememberedChips: ['esp32c3', 'esp32s3'],
      slotBytes: 1_900_544,
    });
  });

  test('says a likely chip only where nothing contradicts it', () => {
    expect(likelyChip({ chip: undefined, rememberedChips: [] })).toBeUndefined();
    expect(likelyChip({ chip: undefined, rememberedChips: ['esp32'] })).toBe('esp32');
    expect(likelyChip({ chip: undefined, rememberedChips: ['esp32', 'esp32c3'] })).toBeUndefined();
    expect(likelyChip({ chip: 'esp32s3', rememberedChips: ['esp32', 'esp32c3'] })).toBe('esp32s3');
  });
});
