// Every spelling of a chip that boards send, against the vectors.

import { readFileSync } from 'node:fs';
import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { CheckUpdateRequest } from '#protocol/device/api.ts';
import { canonicalChip, CHIP_NAMES } from '#protocol/device/chips.ts';

interface ChipVectors {
  readonly cases: readonly { readonly spelled: string; readonly chip: string | null }[];
}

const { cases }: ChipVectors = JSON.parse(
  readFileSync(new URL('../../protocol/vectors/chips.json', import.meta.url), 'utf8'),
);
const schema = Compile(CheckUpdateRequest.properties.chip);

test.each(cases)('$spelled is $chip', ({ spelled, chip }) => {
  expect(schema.Check(spelled)).toBe(true);
  expect(canonicalChip(spelled) ?? null).toBe(chip);
});

test.each([...CHIP_NAMES.values()])('%s is itself, in upper case and with a dash, too', (chip) => {
  const dashed = chip.replace('esp32', 'ESP32-').replace(/-$/, '').toUpperCase();
  expect([chip, dashed].map(canonicalChip)).toEqual([chip, chip]);
});
