// The values that people type, and what they become.

import { describe, expect, test } from 'vitest';
import { readDuration, readLabelShare, readDevice, readPercentage, readServerUrl } from '#cli/arguments.ts';
import { duration, relativeTime } from '#cli/views/relative-time.ts';

describe('a MAC in any spelling becomes the canonical one', () => {
  test.for(['24:6f:28:aa:bb:cc', '24:6F:28:AA:BB:CC', '24-6f-28-aa-bb-cc', '246f.28aa.bbcc', '246F28AABBCC'])(
    '%s',
    (text) => {
      expect(readDevice(text)).toBe('24:6f:28:aa:bb:cc');
    },
  );

  test.for(['dev-17', 'DEV-17'])('%s is an id', (text) => {
    expect(readDevice(text)).toBe('dev-17');
  });

  test.for([
    '',
    '24:6f:28:aa:bb',
    '24:6f:28:aa:bb:cc:dd',
    '24:6f:28:aa:bb:cg',
    '246f28aabbcc\n',
    'dev-0',
    'dev-17x',
    'dev17',
  ])('%j is none', (text) => {
    expect(() => readDevice(text)).toThrow('12 hex digits');
  });
});

describe('a percentage becomes a share', () => {
  test.for([
    ['3%', 0.03],
    ['3', 0.03],
    ['0.5 %', 0.005],
    ['100%', 1],
    ['0', 0],
  ] as const)('%s is %d', ([text, share]) => {
    expect(readPercentage(text)).toBe(share);
  });

  test.for(['', '%', '-1%', '101%', '1e1%', 'NaN', 'Infinity'])('%j is none', (text) => {
    expect(() => readPercentage(text)).toThrow('percentage');
  });
});

describe('a length of time becomes seconds', () => {
  test.for([
    ['45', 45],
    ['45s', 45],
    ['2m', 120],
    ['2 min', 120],
    ['3h', 10_800],
    ['1d', 86_400],
  ] as const)('%s is %d', ([text, seconds]) => {
    expect(readDuration(text)).toBe(seconds);
  });

  test.for(['', 'm', '1w', '-1s', '1.5h', '1h30m'])('%j is none', (text) => {
    expect(() => readDuration(text)).toThrow('duration');
  });
});

test('label shares add up over repeated options', () => {
  expect(readLabelShare('lab=10%', readLabelShare('pilot=5%'))).toEqual([
    { label: 'pilot', share: 0.05 },
    { label: 'lab', share: 0.1 },
  ]);
});

test('an address keeps host and port and nothing else', () => {
  expect(readServerUrl('https://Otter.example:8443').origin).toBe('https://otter.example:8443');
  expect(readServerUrl('https://[::1]:8443/').origin).toBe('https://[::1]:8443');
  expect(() => readServerUrl('https://')).toThrow('not an address');
});

describe('instants are told from now', () => {
  const nowMs = Date.parse('2026-11-23T10:00:00.000Z');
  test.for([
    ['2026-11-23T09:59:58.000Z', 'just now'],
    ['2026-11-23T09:59:00.000Z', '1 min ago'],
    ['2026-11-23T07:10:00.000Z', '2 h ago'],
    ['2026-11-14T09:00:00.000Z', '9 d ago'],
    ['2026-11-23T10:00:30.000Z', 'in 30 s'],
    ['nonsense', 'nonsense'],
    [null, '-'],
  ] as const)('%s is %s', ([instant, text]) => {
    expect(relativeTime(instant, nowMs)).toBe(text);
  });

  test('nothing at all is 0 s', () => {
    expect(duration(0)).toBe('0 s');
  });
});
