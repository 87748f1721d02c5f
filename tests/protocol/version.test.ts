// How versions are read and ordered, against the vectors that the Arduino client shares, and against the package `semver`.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import semver from 'semver';
import { describe, expect, test } from 'vitest';
import {
  bareVersion,
  compareAsSemver,
  compareVersions,
  isDescribed,
  isOrdered,
  isVersion,
  looksNewer,
  namesCommit,
  versionFault,
  versionKey,
} from '#protocol/device/version.ts';

interface Order {
  readonly left: string;
  readonly right: string;
  readonly order: -1 | 0 | 1;
}

interface SemverVectors {
  readonly valid: readonly string[];
  readonly invalid: readonly string[];
  readonly order: readonly Order[];
  readonly reported_order: readonly Order[];
  readonly unordered: readonly Omit<Order, 'order'>[];
  readonly unreadable: readonly string[];
}

const vectors: SemverVectors = JSON.parse(
  readFileSync(new URL('../../protocol/vectors/semver.json', import.meta.url), 'utf8'),
);

const orderOf = (left: string, right: string): number => Math.sign(compareVersions(left, right) ?? Number.NaN) + 0;

describe('a version', () => {
  test.each(vectors.valid)('%j is SemVer', (text) => {
    expect(isVersion(text)).toBe(true);
    expect(versionFault(text)).toEqual(text.length > 31 ? expect.stringContaining('at most 31') : undefined);
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

  test.each([...vectors.order, ...vectors.reported_order])(
    '$left against $right gives $order, and the other way round',
    ({ left, right, order }) => {
      expect(orderOf(left, right)).toBe(order);
      expect(orderOf(right, left)).toBe(order === 0 ? 0 : -order);
      expect(versionKey(left) === versionKey(right)).toBe(order === 0);
    },
  );

  test.each(vectors.unordered)('$left against $right is neither equal nor ordered', ({ left, right }) => {
    expect(compareVersions(left, right)).toBeUndefined();
    expect(compareVersions(right, left)).toBeUndefined();
    expect(versionKey(left)).not.toBe(versionKey(right));
  });

  test.each(vectors.unreadable)('%j is kept as text', (text) => {
    expect(isOrdered(text)).toBe(false);
    expect(versionKey(text)).toBe(text);
    expect(versionFault(text)).toEqual(expect.any(String));
  });

  test('by SemVer alone goes as the package semver has it', () => {
    const identifier = fc.oneof(fc.constantFrom('0', '1', '10', 'rc', 'rc10', 'a-b', '-', 'A'), fc.nat(99).map(String));
    const core = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((numbers) => numbers.join('.'));
    const version = fc
      .tuple(core, fc.array(identifier, { maxLength: 3 }))
      .map(([numbers, parts]) => (parts.length === 0 ? numbers : `${numbers}-${parts.join('.')}`));
    fc.assert(
      fc.property(version, version, (left, right) => {
        expect(Math.sign(compareAsSemver(left, right) ?? Number.NaN)).toBe(semver.compare(left, right));
      }),
      { numRuns: 2_000 },
    );
  });

  test('is in one order: what is between two is between them whichever way it is asked', () => {
    const texts = [...new Set(vectors.reported_order.flatMap(({ left, right }) => [left, right]))];
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.constantFrom(...texts), fc.constantFrom(...texts), (a, b, c) => {
        fc.pre(orderOf(a, b) < 0 && orderOf(b, c) < 0);
        expect(orderOf(a, c)).toBe(-1);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the name of a release', () => {
  test.each(['v1.4.0', 'V1.4.0', '1.4.0'])('%s is 1.4.0', (text) => {
    expect(bareVersion(text)).toBe('1.4.0');
    expect(versionFault(text)).toBeUndefined();
  });

  test.each([
    { text: '1.2', fault: /2 numbers/ },
    { text: '1', fault: /1 number,/ },
    { text: '1.2.3.4', fault: /4 numbers/ },
    { text: '2026.01.05', fault: /leading zeros, as in 01/ },
    { text: '0296947', fault: /hash of a commit/ },
    { text: 'gabcdef01-dirty', fault: /hash of a commit/ },
    { text: '20260105', fault: /1 number,/ },
    { text: 'latest', fault: /not SemVer/ },
    { text: '1.2.3-beta_1', fault: /what follows/ },
    { text: `1.2.3-${'a'.repeat(30)}`, fault: /36 characters/ },
  ])('$text is none, and why', ({ text, fault }) => {
    expect(versionFault(text)).toMatch(fault);
  });

  test.each([
    { text: '1.4.1-2-g0296947', described: true },
    { text: 'v1.4.1-2-g0296947-dirty', described: true },
    { text: '1.4.1-dirty', described: true },
    { text: '1.4.1-0-g0296947', described: true },
    { text: '1.4.1-rc.1', described: false },
    { text: '1.4.1', described: false },
    { text: '0296947', described: false },
  ])('$text is written by git describe: $described', ({ text, described }) => {
    expect(isDescribed(text)).toBe(described);
  });

  test('names a commit where a hash stands in it', () => {
    expect(['1.4.1-2-g0296947', '0296947f', 'v1.4.1-dirty', '1.4.1', '12345678'].map(namesCommit)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test.each([
    { version: '1.4.2-rc10', other: '1.4.2-rc9', looks: true },
    { version: '1.4.2-beta.rc10', other: '1.4.2-beta.rc9', looks: true },
    { version: '1.4.2-rc.10', other: '1.4.2-rc.9', looks: false },
    { version: '1.4.2-rc9', other: '1.4.2-rc10', looks: false },
    { version: '1.4.2-rc10', other: '1.4.1', looks: false },
  ])('$version looks newer than $other, and is not: $looks', ({ version, other, looks }) => {
    expect(looksNewer(version, other)).toBe(looks);
  });
});
