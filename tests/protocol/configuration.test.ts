// What a release key signs of a configuration, by the vector that the tests of the Arduino client read, too
// (client/extras/test/unit/memory/configured_pins_test.cpp).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { Configuration, configurationTextOf, pinIdOf } from '#protocol/device/configuration.ts';
import { isSignedBy, readReleaseKey } from '#protocol/device/release-key.ts';
import { parseStrictJson } from '#server/http/request/strict-json.ts';

const vector = Value.Parse(
  Type.Object(
    {
      note: Type.String(),
      canonical_text: Type.String(),
      public_key_pem: Type.String(),
      key_id: Type.String(),
      configuration: Configuration,
    },
    { additionalProperties: false },
  ),
  parseStrictJson(readFileSync(join(import.meta.dirname, '../../protocol/vectors/configuration.json'))),
);
const { configuration } = vector;
const [first = '', second = ''] = configuration.pins;

test('the text is rebuilt from the fields, and the signature is good', () => {
  expect(configurationTextOf(configuration)).toBe(vector.canonical_text);
  const key = readReleaseKey(vector.public_key_pem);
  if (key === undefined) throw new Error('the key of the vector cannot be read');
  expect(key.keyId).toBe(vector.key_id);
  const [signature] = configuration.signatures;
  expect(isSignedBy(key, vector.canonical_text, signature?.signature ?? '')).toBe(true);
  expect(isSignedBy(key, vector.canonical_text.replace('sequence=1', 'sequence=2'), signature?.signature ?? '')).toBe(
    false,
  );
});

test.each([
  ['no pin', { pins: [] }],
  ['three pins', { pins: [first, second, first] }],
  ['a pin of a certificate', { pins: [first.replace('spki:', 'cert:')] }],
  ['a pin in capitals', { pins: [first.toUpperCase()] }],
  ['a pin with a line break', { pins: [`${first}\nexpires_at=-`] }],
  ['sequence 0', { sequence: 0 }],
  ['a sequence of 33 bits', { sequence: 2 ** 32 }],
  ['a date without a time', { expires_at: '2027-08-22' }],
  ['a product with a line break', { product: 'a\nb' }],
])('%s: there is no text', (_what, changed) => {
  expect(configurationTextOf({ ...configuration, ...changed })).toBeUndefined();
});

test('a check-in names a pin by its first 16 digits', () => {
  expect(pinIdOf(`spki:${'0123456789abcdef'.repeat(4)}`)).toBe('0123456789abcdef');
});
