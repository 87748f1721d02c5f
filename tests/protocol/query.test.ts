// How a query is read: what is the same in other words, and where and why one is refused.

import { describe, expect, test } from 'vitest';
import { MAX_QUERY_CHARS, MAX_QUERY_CONDITIONS, MAX_QUERY_DEPTH } from '#protocol/limits.ts';
import { parseQuery } from '#protocol/query/parse.ts';
import type { Query } from '#protocol/query/query.ts';

function read(text: string): Query {
  const parsed = parseQuery(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.fault.position} ${parsed.fault.message}`);
  return parsed.query;
}

describe('a query', () => {
  test('is conditions joined by and, or, not', () => {
    expect(read('chip = esp32c3 and version < 1.4 and label lab and not seen for 7d')).toEqual({
      kind: 'and',
      parts: [
        { kind: 'text', field: 'chip', value: 'esp32c3', isBeginning: false },
        { kind: 'version', order: '<', version: '1.4.0' },
        { kind: 'label', name: 'lab' },
        { kind: 'not', part: { kind: 'seen', which: 'last', withinS: 7 * 86_400 } },
      ],
    });
  });

  test.each([
    ['version<1.4 chip:esp32c3 label:lab silent', 'version < 1.4 and chip = esp32c3 and label lab and silent'],
    ['a short one: chip:ESP32-C3', undefined],
    ['chip:ESP32-C3', 'chip = esp32c3'],
    ['chip != esp32', 'not chip = esp32'],
    ['label != lab', 'not label lab'],
    ['label = lab', 'label lab'],
    ['silent', 'status = silent'],
    ['SILENT or NOT Held', 'silent or (not held)'],
    ['held or test and silent', 'held or (test and silent)'],
    ['held or test silent', 'held or (test and silent)'],
    ['not held test', '(not held) and test'],
    ['not (held test)', 'not (held and test)'],
    ['((held))', 'held'],
    ['seen for 90m', 'seen within 90m'],
    ['seen:12h', 'seen within 12h'],
    ['first_seen within 2w', 'first seen within 14d'],
    ['seen before 2026-11-30', 'seen before 2026-11-30T00:00Z'],
    ['name:SENSOR-2', 'name = "sensor-2"'],
    ['mac:24-6F-28', 'mac = 24:6f:28'],
    ['mac = 24:6F:2*', 'mac = 24:6f:2'],
    ['known bad 1.4.0', 'known_bad:v1.4.0'],
    ['known bad of 1.4.0', 'known bad 1.4.0'],
    ['version > 2', undefined],
    ['version >= 2', 'version >= 2.0.0'],
    ['product = "thermostat"', 'product:thermostat'],
    ['label "not"', 'label = "not"'],
    ['library = "OtterOTA 0.3*"', 'library:"otterota 0.3*"'],
  ])('%j reads as %j', (text, same) => {
    if (same === undefined) expect(parseQuery(text).ok).toBe(false);
    else expect(read(text)).toEqual(read(same));
  });

  test.each([
    ['', 1, 'found the end'],
    ['   ', 4, 'found the end'],
    ['chip', 5, 'expected =, != or :'],
    ['chip =', 7, 'expected a chip, such as esp32c3, found the end'],
    ['chip = toaster', 8, 'expected a chip'],
    ['chip < esp32', 6, 'only versions and chip revisions have an order'],
    ['chop = esp32', 1, 'did you mean chip?'],
    ['constructor = 1', 1, 'there is no field "constructor"'],
    ['__proto__ = 1', 1, 'there is no field "__proto__"'],
    ['held and', 9, 'expected a condition, such as chip = esp32c3, found the end'],
    ['held and or test', 10, 'found "or"'],
    ['and held', 1, 'found "and"'],
    ['held)', 5, 'expected "and", "or" or the end, found ")"'],
    ['(held', 6, 'the ")" of character 1, found the end'],
    ['held and ()', 11, 'found ")"'],
    ['label', 6, 'expected the name of a label, found the end'],
    ['label Lab', 7, '"Lab" cannot be the name of a label'],
    ['label not', 7, 'a value that is such a word stands in quotes'],
    ['label "lab', 7, 'the quote that opens here is not closed'],
    ['label ""', 7, 'empty quotes'],
    ['version = 1.4', 11, 'a range with >= and <'],
    ['version != 1.4', 12, 'a version has three numbers'],
    ['version <= 1.4', 12, 'three numbers after <='],
    ['version < build-77', 11, 'has a place in the order'],
    ['version', 8, 'expected =, !=, <, <=, > or >='],
    ['release_key = 2f98', 15, 'expected the id of a release key'],
    ['chip_revision > v3', 17, 'expected a chip revision'],
    ['status = happy', 10, 'expected a status (ok, updating'],
    ['seen', 5, 'expected a time such as 30m'],
    ['seen within 7y', 13, 'found "7y"'],
    ['seen before 2026-02-30', 13, 'expected a day'],
    ['seen before yesterday', 13, 'found "yesterday"'],
    ['first held', 7, 'expected "seen" after "first", found "held"'],
    ['known bad latest', 11, 'the version of a firmware'],
    ['id = 24:6f:28:aa:bb:cc', 6, 'expected an id'],
    ['mac = xyz', 7, 'the beginning of a MAC'],
    ['product = Ünder', 11, 'cannot be the name of a product'],
    ['label lab; drop table devices', 7, '"lab;" cannot be the name of a label'],
    // Characters are counted, not UTF-16 units.
    ['product:"\u{1F9A6}" and chop = 1', 9, 'cannot be the name'],
    ['label lab # 1', 11, 'found "#"'],
  ])('%j is refused at character %i: %s', (text, position, message) => {
    const parsed = parseQuery(text);
    if (parsed.ok) throw new Error(`${text} was read as ${JSON.stringify(parsed.query)}`);
    expect(parsed.fault.message).toContain(message);
    expect(parsed.fault.position).toBe(position);
  });

  test('has an end: of characters, of conditions, of depth', () => {
    const many = (count: number): string => Array.from({ length: count }, () => 'held').join(' ');
    const deep = (count: number): string => `${'('.repeat(count)}held${')'.repeat(count)}`;
    expect(parseQuery(many(MAX_QUERY_CONDITIONS)).ok).toBe(true);
    expect(parseQuery(many(MAX_QUERY_CONDITIONS + 1))).toMatchObject({ fault: { position: 251 } });
    expect(parseQuery(deep(MAX_QUERY_DEPTH)).ok).toBe(true);
    expect(parseQuery(deep(MAX_QUERY_DEPTH + 1)).ok).toBe(false);
    expect(parseQuery(`not ${'not '.repeat(MAX_QUERY_DEPTH)}held`).ok).toBe(false);
    expect(parseQuery(`held${' '.repeat(MAX_QUERY_CHARS)}`)).toMatchObject({
      fault: { message: expect.stringContaining(`at most ${MAX_QUERY_CHARS} characters`) },
    });
  });
});
