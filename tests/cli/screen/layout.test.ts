// Text that fits: words stay whole, a table that has no room becomes a list.

import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { layOutFacts, layOutTable, widthOf, wrapLines } from '#cli/screen/layout.ts';

const DEVICES = [
  ['02:07:7a:35:00:00', 'default', '1.0.0', 'ok', '', 'just now'],
  ['02:07:7a:35:00:01', 'greenhouse', '1.1.0', 'failed', '', '3 min ago'],
];
const HEAD = ['mac', 'product', 'version', 'status', 'labels', 'seen'];

describe('a table', () => {
  test('that fits has aligned columns, and none that is empty', () => {
    expect(layOutTable(HEAD, DEVICES, 80)).toBe(
      [
        'mac                product     version  status  seen',
        '02:07:7a:35:00:00  default     1.0.0    ok      just now',
        '02:07:7a:35:00:01  greenhouse  1.1.0    failed  3 min ago',
      ].join('\n'),
    );
  });

  test('wraps its longest texts at words', () => {
    expect(layOutTable(['rule', 'what it saw'], [['known_bad', 'failed twice on this board']], 28)).toBe(
      ['rule       what it saw', 'known_bad  failed twice on', '           this board'].join('\n'),
    );
  });

  test('that would be torn to shreds is a list for each row', () => {
    expect(layOutTable(HEAD, DEVICES, 40)).toBe(
      [
        'mac      02:07:7a:35:00:00',
        'product  default',
        'version  1.0.0',
        'status   ok',
        'seen     just now',
        '',
        'mac      02:07:7a:35:00:01',
        'product  greenhouse',
        'version  1.1.0',
        'status   failed',
        'seen     3 min ago',
      ].join('\n'),
    );
  });

  test('is as wide as it wants where it goes to a file', () => {
    const long = 'word '.repeat(100).trim();
    expect(layOutTable(['a'], [[long]], Number.POSITIVE_INFINITY)).toBe(`a\n${long}`);
  });

  test('counts letters of East Asia twice, and colours not at all', () => {
    expect(widthOf('\u001B[31m温室\u001B[39m ok')).toBe(7);
    expect(
      layOutTable(
        ['a', 'b'],
        [
          ['温室', 'x'],
          ['\u001B[31mred\u001B[39m', 'y'],
        ],
        80,
      ).split('\n')[0],
    ).toBe('a     b');
  });
});

test('a fact without a title stands before the one that follows', () => {
  expect(layOutFacts(['', 'rule', 'saw'], ['>', 'known_bad', ''], 80)).toBe('rule  > known_bad');
});

test('facts wrap under their value', () => {
  expect(layOutFacts(['gate', 'none', 'limits'], ['3 confirmed, at most 0 failed', '', 'none'], 26)).toBe(
    ['gate    3 confirmed, at', '        most 0 failed', 'limits  none'].join('\n'),
  );
});

describe('lines that are too long', () => {
  test('go on below, further in', () => {
    expect(wrapLines('  gate of pilot: waiting for 3', 20)).toBe('  gate of pilot:\n    waiting for 3');
  });

  test('are broken after a comma where a word alone is too long, and nowhere where it has none', () => {
    expect(wrapLines('{"product":"default","version":"1.0.0"}', 24)).toBe(
      '{"product":"default",\n  "version":"1.0.0"}',
    );
    const pin = `spki:${'ab'.repeat(32)}`;
    expect(wrapLines(`pin  ${pin}`, 60)).toBe(`pin  ${pin}`);
  });

  test('keep their colour on each line, and give it back', () => {
    expect(wrapLines('\u001B[2mone two\u001B[22m three', 8)).toBe(
      '\u001B[2mone\u001B[0m\n  \u001B[2mtwo\u001B[22m\n  three',
    );
  });

  test('lose and add no word, and fit, whatever they say', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'é', '-', '.', ':'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 16, max: 90 }),
        (words, columns) => {
          const wrapped = wrapLines(words.join(' '), columns);
          expect(wrapped.split(/\s+/)).toEqual(words);
          for (const line of wrapped.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});
