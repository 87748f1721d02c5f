// What is chosen by hand, as conditions inside the query that somebody types: `chip:esp32c3` or `(chip:esp32 or chip:esp32c3)` that
// stands by itself in it. Everything else in the text stays as it was typed.

import { conditionText } from '#dashboard/parts/text/query-text.ts';
import type { NumberedBy } from '#protocol/admin/fleet/device-numbers.ts';
import { whereOf } from './where.ts';

export type Choices = ReadonlyMap<NumberedBy, ReadonlySet<string>>;

interface Parts {
  readonly choices: Choices;
  /** The text without them; empty: nothing else is asked. */
  readonly rest: string;
}

const CONDITION = /^(product|chip|version|status|label)[:=](?:"([^"]+)"|([^\s()"]+))$/i;
const MARK = /^(held|test|overdue|flapping)$/i;
const OR = /\s+or\s+/i;
/** After one of these, a word that looks like a condition by itself is a value. */
const IS_OPEN = /(?:[=<>:]|^(?:not|or|label|seen|for|within|before|after|first|known|bad))$/i;

export function readChoices(text: string): Parts {
  const pieces = piecesOf(text);
  // Beside an `or`, a condition does not stand by itself.
  if (pieces.some((piece) => /^or$/i.test(piece))) return { choices: new Map(), rest: `(${text.trim()})` };
  const choices = new Map<NumberedBy, Set<string>>();
  const rest: string[] = [];
  let before = '';
  for (const [index, piece] of pieces.entries()) {
    const isOpen = IS_OPEN.test(before) || /^[=<>:!]/.test(pieces[index + 1] ?? '');
    const chosen = isOpen ? undefined : choiceOf(piece);
    if (chosen === undefined || choices.has(chosen.by)) rest.push(piece);
    else choices.set(chosen.by, new Set(chosen.values));
    before = piece;
  }
  // Where a condition went, its `and` is one too many.
  const kept = rest.filter(
    (piece, index) => !/^and$/i.test(piece) || (index > 0 && !/^and$/i.test(rest[index - 1] ?? '')),
  );
  if (/^and$/i.test(kept.at(-1) ?? '')) kept.pop();
  return { choices, rest: kept.join(' ') };
}

/** The text with another choice of one kind. */
export function withChoice(text: string, by: NumberedBy, values: ReadonlySet<string>): string {
  // A name or a MAC that is typed alone becomes a condition beside others.
  const { choices, rest } = readChoices(whereOf(text).where ?? text);
  const next = new Map<NumberedBy, ReadonlySet<string>>(choices).set(by, values);
  return joined(next, rest);
}

/** The text as it is without a choice of this kind: what there would be to choose. */
export function withoutChoice(text: string, by: NumberedBy): string {
  return withChoice(text, by, new Set());
}

function joined(choices: Choices, rest: string): string {
  const chosen = [...choices].flatMap(([by, values]) => {
    const conditions = [...values].map((value) => (by === 'mark' ? value : conditionText(by, value)));
    return conditions.length < 2 ? conditions : [`(${conditions.join(' or ')})`];
  });
  return [chosen.length === 0 && isBracketed(rest) ? rest.slice(1, -1) : rest, ...chosen]
    .filter((part) => part !== '')
    .join(' ');
}

/** One condition, or several of one kind in brackets. */
function choiceOf(piece: string): { readonly by: NumberedBy; readonly values: readonly string[] } | undefined {
  const inner = piece.startsWith('(') && piece.endsWith(')') ? piece.slice(1, -1).trim().split(OR) : [piece];
  const found = inner.map(oneOf);
  const [first] = found;
  if (first === undefined) return undefined;
  const values = found.flatMap((one) => (one?.by === first.by ? [one.value] : []));
  return values.length === found.length ? { by: first.by, values } : undefined;
}

function oneOf(text: string): { readonly by: NumberedBy; readonly value: string } | undefined {
  if (MARK.test(text)) return { by: 'mark', value: text.toLowerCase() };
  if (/^silent$/i.test(text)) return { by: 'status', value: 'silent' };
  const [, field, quoted, plain] = CONDITION.exec(text) ?? [];
  const value = quoted ?? plain;
  return field === undefined || value === undefined ? undefined : { by: field.toLowerCase() as NumberedBy, value };
}

/** Whether the bracket that opens it closes it. */
function isBracketed(text: string): boolean {
  if (!text.startsWith('(')) return false;
  // What stands in quotes opens and closes nothing.
  const bare = text.replaceAll(/"[^"]*"/g, '');
  let depth = 0;
  for (let at = 0; at < bare.length; at += 1) {
    if (bare[at] === '(') depth += 1;
    if (bare[at] === ')') depth -= 1;
    if (depth === 0) return at === bare.length - 1;
  }
  return false;
}

/** What stands between blanks outside of quotes and brackets. */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  let piece = '';
  let depth = 0;
  let isQuoted = false;
  for (const letter of text) {
    if (letter === '"') isQuoted = !isQuoted;
    if (!isQuoted && letter === '(') depth += 1;
    if (!isQuoted && letter === ')') depth -= 1;
    if (/\s/.test(letter) && !isQuoted && depth <= 0) {
      if (piece !== '') pieces.push(piece);
      piece = '';
    } else piece += letter;
  }
  return piece === '' ? pieces : [...pieces, piece];
}
