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
  readFileSync(new URL('../../../protocol/vectors/semver.json', import.meta.url), 'utf8'),
);

describe('a version', () => {
  test.each(vectors.valid)('%j is SemVer', (text) => {
    expect(isVersion(text)).toBe(true);
    expect(compareVersions(text, text)).toBe(0);
  });

  test.each(vectors.invalid)('%j is not SemVer', (text) => {
    expect(isVersion(text)).toBe(false);
  });

  test.each(vectors.invalid.filter((text) => !/^v/i.test(text)))('%j has no place in the order', (text) => {
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

  test.each([
    { left: 'v1.2.3', right: '1.2.3', order: 0 },
    { left: 'V1.2.3+ci.7', right: '1.2.3', order: 0 },
    { left: 'v1.2.3', right: '1.2.4', order: -1 },
    { left: '1.4.1-2-g0296947', right: '1.4.1', order: 1 },
    { left: '1.4.1-2-g0296947', right: '1.4.1-rc.1', order: 1 },
    { left: 'v1.4.1-2-g0296947-dirty', right: '1.4.2', order: -1 },
    { left: '1.4.1-10-g0296947', right: '1.4.1-9-gfffffff', order: 1 },
    { left: '1.5.0-rc.1-3-g0296947', right: '1.5.0-rc.1', order: 1 },
    { left: '1.5.0-rc.1-3-g0296947', right: '1.5.0', order: -1 },
    { left: '1.5.0-rc.1-3-g0296947', right: '1.5.0-rc.2', order: -1 },
  ] as const)('reported: $left against $right gives $order, and the other way round', ({ left, right, order }) => {
    expect(Math.sign(compareVersions(left, right) ?? Number.NaN)).toBe(order);
    expect(Math.sign(compareVersions(right, left) ?? Number.NaN)).toBe(order === 0 ? 0 : -order);
  });
});
