// How the query in the box may go on: the words of the language, and after a field the values that the fleet has. The last word is completed,
// what stands before it stays.

import { conditionText, type TextField } from '#dashboard/parts/text/query-text.ts';
import { DEVICE_STATUSES } from '#protocol/admin/states.ts';
import type { DeviceNumbers } from '#protocol/admin/fleet/device-numbers.ts';

/** What a condition may begin with, as far as it can be said for every fleet. */
const WORDS = [
  'chip:',
  'label:',
  'product:',
  'status:',
  'version:',
  'version<',
  'name:',
  'mac:',
  'silent',
  'held',
  'overdue',
  'flapping',
  'test',
  'not seen for 7d',
  'first seen within 2w',
  'known bad ',
  'library:',
  'release_key:',
  'address:',
] as const;

const MOST = 12;
const FIELD = /^(product|chip|version|status|label)[:=](.*)$/i;

/** Whole texts for the box, the likeliest first. */
export function suggestionsFor(
  text: string,
  numbers: DeviceNumbers['numbers'],
  saved: readonly string[],
): readonly string[] {
  const { before, last } = splitLast(text);
  if (last === '' && before === '') return [];
  return completionsOf(last, numbers, saved)
    .filter((one) => one !== last)
    .slice(0, MOST)
    .map((one) => before + one);
}

function completionsOf(last: string, numbers: DeviceNumbers['numbers'], saved: readonly string[]): readonly string[] {
  const begins = (text: string, beginning: string): boolean => text.toLowerCase().startsWith(beginning.toLowerCase());
  if (last.startsWith('@')) return saved.map((name) => `@${name}`).filter((one) => begins(one, last));
  const [, field, value = ''] = FIELD.exec(last) ?? [];
  if (field === undefined) return WORDS.filter((word) => begins(word, last));
  const by = field.toLowerCase() as TextField;
  const found = numbers.find((one) => one.by === by)?.values.flatMap((one) => (one.value === null ? [] : [one.value]));
  const values = by === 'status' ? DEVICE_STATUSES : (found ?? []);
  return values.filter((one) => begins(one, value.replaceAll('"', ''))).map((one) => conditionText(by, one));
}

/** At the last blank outside of quotes, or the last bracket that opens. */
function splitLast(text: string): { readonly before: string; readonly last: string } {
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? '';
    if (letter === '"') isQuoted = !isQuoted;
    if (!isQuoted && /[\s(]/.test(letter)) from = at + 1;
  }
  return { before: text.slice(0, from), last: text.slice(from) };
}
