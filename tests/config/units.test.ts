import { expect, test } from 'vitest';
import { findNearest } from '#protocol/nearest.ts';
import {
  parseDurationS,
  parsePercent,
  parseSizeBytes,
  suggestDuration,
  suggestPercent,
  suggestSize,
} from '#server/config/yaml/units.ts';

test.each([
  ['30s', 30],
  ['10m', 600],
  ['6h', 21_600],
  ['1d', 86_400],
  ['5 minutes', undefined],
  ['1.5h', undefined],
  ['-1s', undefined],
  ['', undefined],
  [600, undefined],
  [null, undefined],
])('the duration %j is %j seconds', (text, seconds) => {
  expect(parseDurationS(text)).toBe(seconds);
});

test.each([
  ['3.9MiB', 4_089_446],
  ['16KiB', 16_384],
  ['4096', 4_096],
  [4_096, 4_096],
  ['1GiB', 1_073_741_824],
  ['16 XB', undefined],
  ['4MB', undefined],
  [Number.NaN, undefined],
  [-1, undefined],
  [true, undefined],
])('the size %j is %j bytes', (value, bytes) => {
  expect(parseSizeBytes(value)).toBe(bytes);
});

test.each([
  ['10%', 10],
  ['0.5%', 0.5],
  ['%', undefined],
  [10, undefined],
])('the percentage %j is %j', (text, percent) => {
  expect(parsePercent(text)).toBe(percent);
});

test('what was meant is said', () => {
  expect(['5 minutes', '2 hours', '10 sec', '1 Day', 600].map(suggestDuration)).toEqual([
    'use 5m',
    'use 2h',
    'use 10s',
    'use 1d',
    'use 600s',
  ]);
  expect(['4 MB', '16kb'].map(suggestSize)).toEqual(['use 4MiB', 'use 16KiB']);
  expect(suggestPercent(10)).toBe('use 10%');
});

test.each([
  ['databse', 'database'],
  ['Port', 'port'],
  ['prot', 'port'],
  ['colour', undefined],
])('%s is near to %s', (word, nearest) => {
  expect(findNearest(word, ['port', 'host', 'database', 'storage'])).toBe(nearest);
});
