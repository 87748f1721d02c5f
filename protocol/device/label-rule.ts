// The label rule of a board: which offers it takes, by the labels that the operator added to it. Terms separated by commas,
// all must hold: `pilot` = has it, `!pilot` = does not. The client has the same in C++; both are checked against
// protocol/vectors/label-rules.json.

import { NAME_PATTERN } from '#protocol/words.ts';

interface Term {
  readonly name: string;
  readonly isNegated: boolean;
}

const TERM = /^ *(!?)([^ ]*) *$/;
const NAME = new RegExp(NAME_PATTERN);

/** True for an empty rule, and for terms of names; blanks around a term are allowed. */
export function isLabelRule(rule: string): boolean {
  return termsOf(rule) !== undefined;
}

/** False also for a rule that is none: fail closed. */
export function matchesLabelRule(rule: string, labels: readonly string[]): boolean {
  const terms = termsOf(rule);
  return terms?.every(({ name, isNegated }) => labels.includes(name) !== isNegated) ?? false;
}

/** Undefined where the rule is malformed. */
function termsOf(rule: string): readonly Term[] | undefined {
  if (/^ *$/.test(rule)) return [];
  const terms: Term[] = [];
  for (const text of rule.split(',')) {
    const [, sign, name] = TERM.exec(text) ?? [];
    if (name === undefined || !NAME.test(name)) return undefined;
    terms.push({ name, isNegated: sign === '!' });
  }
  return terms;
}
