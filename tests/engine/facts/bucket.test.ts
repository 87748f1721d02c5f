// Buckets: the same for ever, evenly spread, and a larger percentage keeps every device of a smaller one.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, isWithinPercentage } from '#engine/facts/bucket.ts';

const mac = fc.nat(0xff_ff_ff).map((number) => macOf(number));
const seed = fc.nat(0xff_ff_ff_ff);

function macOf(number: number): string {
  const digits = number.toString(16).padStart(6, '0');
  return `24:6f:28:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4)}`;
}

/** The same hash written once more, with numbers that cannot overflow. */
function slowBucketOf(seedOf: number, macText: string): number {
  const low32 = (value: bigint): bigint => value & 0xff_ff_ff_ffn;
  let hash = 0x81_1c_9d_c5n;
  for (const byte of Buffer.from(`${seedOf}/${macText}`)) hash = low32((hash ^ BigInt(byte)) * 0x01_00_01_93n);
  hash = low32((hash ^ (hash >> 16n)) * 0x85_eb_ca_6bn);
  hash = low32((hash ^ (hash >> 13n)) * 0xc2_b2_ae_35n);
  return Number((hash ^ (hash >> 16n)) % 10_000n);
}

describe('a bucket', () => {
  test.each([
    [0, '24:6f:28:00:00:01', 6227],
    [1, '24:6f:28:00:00:01', 7883],
    [4_294_967_295, 'ff:ff:ff:ff:ff:fe', 245],
  ])('of seed %i and %s is %i, today and for ever', (seedOf, macText, bucket) => {
    expect(bucketOf(seedOf, macText)).toBe(bucket);
  });

  test('is the one of the documented hash', () => {
    fc.assert(
      fc.property(seed, mac, (seedOf, macText) => {
        expect(bucketOf(seedOf, macText)).toBe(slowBucketOf(seedOf, macText));
      }),
    );
  });

  test('is within 2 % of the share that it should be, for MACs that follow each other', () => {
    const devices = 50_000;
    for (const seedOf of [0, 1, 123_456_789, 4_294_967_295]) {
      for (const percentage of [1, 5, 25, 50, 99]) {
        const taken = Array.from({ length: devices }, (_, index) => macOf(index)).filter((macText) =>
          isWithinPercentage(seedOf, macText, percentage),
        ).length;
        expect(Math.abs((taken / devices) * 100 - percentage)).toBeLessThan(2);
      }
    }
  });
});

describe('a percentage', () => {
  test('only adds devices when it grows', () => {
    const percentage = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(seed, mac, percentage, percentage, (seedOf, macText, one, other) => {
        const [small, large] = one < other ? [one, other] : [other, one];
        const isIn = isWithinPercentage(seedOf, macText, small);
        expect(!isIn || isWithinPercentage(seedOf, macText, large)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of 100 takes everyone, one that is no number nobody', () => {
    fc.assert(
      fc.property(seed, mac, (seedOf, macText) => {
        expect(isWithinPercentage(seedOf, macText, 100)).toBe(true);
        expect(isWithinPercentage(seedOf, macText, 0)).toBe(false);
        expect(isWithinPercentage(seedOf, macText, Number.NaN)).toBe(false);
      }),
    );
  });
});
