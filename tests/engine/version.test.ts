// The order of versions against the vectors that the Arduino client shares.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compareVersions, isVersion } from '#engine/facts/version.ts';

interface SemverVectors {
  readonly valid: readonly string[];
  readonly invalid: readonly string[];
  readonly order: readonly { readonly left: string; readonly right: string; readonly order: -1 | 0 | 1 }[];
}

const vectors: SemverVectors = JSON.parse(
  readFileSync(new URL('../../protocol/vectors/semver.json', import.meta.url), 'utf8'),
);

describe('a version', () => {
  test.each(vectors.valid)('%j is SemVer', (text) => {
    expect(isVersion(text)).toBe(true);
    expect(compareVersions(text, text)).toBe(0);
  });

  test.each(vectors.invalid)('%j is not SemVer and has no place in the order', (text) => {
    expect(isVersion(text)).toBe(false);
    expect(compareVersions(text, '1.0.0')).toBeUndefined();
    expect(compareVersions('1.0.0', text)).toBeUndefined();
  });

  test('with a number that cannot be ordered is none', () => {
    expect(isVersion('999999999999999.0.0')).toBe(true);
    expect(isVersion('1000000000000000.0.0')).toBe(false);
    expect(compareVersions('1000000000000000.0.0', '1.0.0')).toBeUndefined();
  });

  test.each(vectors.order)('$left against $right gives $order, and the other way round', ({ left, right, order }) => {
    expect(compareVersions(left, right)).toBe(order);
    expect(compareVersions(right, left)).toBe(order === 0 ? 0 : -order);
  });
});
