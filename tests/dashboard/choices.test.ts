// What the dashboard makes of a query as text: how it may go on, and choices inside of it. Whatever somebody typed, a choice means what it says beside it, and goes without a trace.

import { expect, test } from 'vitest';
import { readChoices, withChoice } from '#dashboard/screens/devices/choices.ts';
import { suggestionsFor } from '#dashboard/screens/devices/suggest.ts';
import type { DeviceNumbers } from '#protocol/admin/fleet/device-numbers.ts';
import { parseQuery } from '#protocol/query/parse.ts';
import type { Query } from '#protocol/query/query.ts';
import { Random } from '#simulator/random.ts';
import { drawQuery } from '../support/query/random-query.ts';
import { sizeOf } from '../support/scope.ts';

const QUERIES = sizeOf({ push: 500, whole: 10_000 });

test.each<readonly [typed: string, by: Parameters<typeof withChoice>[1], values: readonly string[], text: string]>([
  ['', 'chip', ['esp32c3'], 'chip:esp32c3'],
  ['chip:esp32c3', 'chip', ['esp32c3', 'esp32'], '(chip:esp32c3 or chip:esp32)'],
  ['(chip:esp32c3 or chip:esp32) label:lab', 'chip', [], 'label:lab'],
  ['version < 1.4 and label lab', 'status', ['silent'], 'version < 1.4 and label lab status:silent'],
  ['version < 1.4 and status:silent and held', 'status', [], 'version < 1.4 held'],
  ['silent chip:esp32', 'status', [], 'chip:esp32'],
  ['label lab or held', 'mark', ['overdue'], '(label lab or held) overdue'],
  ['(label lab or held) overdue', 'mark', [], 'label lab or held'],
  ['(label:lab or held)(not test)', 'chip', [], '(label:lab or held)(not test)'],
  ['sens', 'product', ['thermostat'], 'name = "sens*" product:thermostat'],
  ['24:6f:28', 'label', ['site=berlin'], 'mac = "24:6f:28" label:site=berlin'],
  ['', 'version', ['1.4'], 'version:"1.4"'],
  ['', 'label', ['or'], 'label:"or"'],
  ['name = "a (b" not held', 'mark', ['test'], 'name = "a (b" not held test'],
])('%j with %s %j is %j', (typed, by, values, text) => {
  expect(withChoice(typed, by, new Set(values))).toBe(text);
});

test(`of ${QUERIES} drawn queries: a choice narrows the query, and without it the query is what it was`, () => {
  const random = new Random(7);
  for (let number = 0; number < QUERIES; number += 1) {
    const typed = drawQuery(random);
    const { choices, rest } = readChoices(typed);
    // What was read, put together again, means the same.
    const chosen = [...choices].reduce((text, [by, values]) => withChoice(text, by, values), rest);
    expect(conditionsOf(chosen), typed).toEqual(conditionsOf(typed));
    const with2 = withChoice(typed, 'product', new Set(['a', 'b']));
    const parsed = parseQuery(with2);
    expect(parsed, `${typed} -> ${with2}`).toMatchObject({ ok: true });
    expect(readChoices(with2).choices.get('product'), with2).toEqual(new Set(['a', 'b']));
    expect(conditionsOf(withChoice(with2, 'product', new Set())), with2).toEqual(
      conditionsOf(withChoice(typed, 'product', new Set())),
    );
  }
});

const FLEET: DeviceNumbers['numbers'] = [
  {
    by: 'chip',
    values: [
      { value: 'esp32', devices: 9 },
      { value: 'esp32c3', devices: 4 },
      { value: null, devices: 1 },
    ],
    more: 0,
  },
  {
    by: 'version',
    values: [
      { value: '1.4', devices: 2 },
      { value: '1.4.0', devices: 1 },
    ],
    more: 0,
  },
];

test.each<readonly [typed: string, suggested: readonly string[]]>([
  ['', []],
  ['ve', ['version:', 'version<']],
  ['held (ve', ['held (version:', 'held (version<']],
  ['label:lab not s', ['label:lab not status:', 'label:lab not silent']],
  ['chip:', ['chip:esp32', 'chip:esp32c3']],
  ['held chip:esp32c', ['held chip:esp32c3']],
  ['chip:esp32c3', []],
  ['version:1.4', ['version:"1.4"', 'version:1.4.0']],
  ['status:s', ['status:silent']],
  ['name:"a (b" @la', ['name:"a (b" @lab-c3']],
])('%j may go on as %j', (typed, suggested) => {
  expect(suggestionsFor(typed, FLEET, ['lab-c3', 'old'])).toEqual(suggested);
});

/** The parts that all have to hold, in no order. */
function conditionsOf(text: string): readonly string[] {
  const parsed = parseQuery(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.fault.message}`);
  return [...new Set(partsOf(parsed.query))].toSorted();
}

function partsOf(query: Query): readonly string[] {
  return query.kind === 'and' ? query.parts.flatMap(partsOf) : [JSON.stringify(query)];
}
