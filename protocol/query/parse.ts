// Reads a query. `not` binds closest, then `and`, which may be left out, then `or`; brackets say otherwise:
//
//   query     = all { "or" all }
//   all       = one { [ "and" ] one }
//   one       = "not" one | "(" query ")" | condition
//
// The conditions are in conditions.ts. Words and names of fields are read in any case.

import { MAX_QUERY_CHARS, MAX_QUERY_CONDITIONS, MAX_QUERY_DEPTH } from '#protocol/limits.ts';
import { readCondition } from './conditions.ts';
import type { Query } from './query.ts';
import { type QueryFault, Scanner, Unreadable } from './scanner.ts';

export type ParsedQuery =
  { readonly ok: true; readonly query: Query } | { readonly ok: false; readonly fault: QueryFault };

export function parseQuery(text: string): ParsedQuery {
  const scanner = new Scanner(text);
  try {
    if (text.length > MAX_QUERY_CHARS)
      throw new Unreadable(
        MAX_QUERY_CHARS,
        `a query has at most ${MAX_QUERY_CHARS} characters, this has ${text.length}`,
      );
    const query = new Parser(scanner).query(0);
    if (!scanner.isAtEnd) throw new Unreadable(scanner.at, `expected "and", "or" or the end, found ${scanner.found()}`);
    return { ok: true, query };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { ok: false, fault: { position: scanner.positionOf(error.at), message: error.message } };
  }
}

class Parser {
  readonly #scanner: Scanner;
  #conditions = 0;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  query(depth: number): Query {
    const parts = [this.#all(depth)];
    while (this.#scanner.takesWord('or') !== undefined) parts.push(this.#all(depth));
    return joined('or', parts);
  }

  #all(depth: number): Query {
    const parts = [this.#one(depth)];
    while (this.#scanner.takesWord('and') !== undefined || this.#anotherBegins()) parts.push(this.#one(depth));
    return joined('and', parts);
  }

  /** Whether something stands here that only a condition can begin with. */
  #anotherBegins(): boolean {
    return this.#scanner.nextIs(/(?!or\b)[A-Za-z_(@]/iy);
  }

  #one(depth: number): Query {
    const scanner = this.#scanner;
    if (depth > MAX_QUERY_DEPTH)
      throw new Unreadable(scanner.at, `brackets and "not" stand at most ${MAX_QUERY_DEPTH} deep in each other`);
    if (scanner.takesWord('not') !== undefined) return { kind: 'not', part: this.#one(depth + 1) };
    const opened = scanner.at;
    if (scanner.takes(/\(/y) !== undefined) {
      const query = this.query(depth + 1);
      if (scanner.takes(/\)/y) === undefined)
        throw new Unreadable(
          scanner.at,
          `expected "and", "or" or the ")" of character ${scanner.positionOf(opened)}, found ${scanner.found()}`,
        );
      return query;
    }
    this.#conditions += 1;
    if (this.#conditions > MAX_QUERY_CONDITIONS)
      throw new Unreadable(scanner.at, `a query has at most ${MAX_QUERY_CONDITIONS} conditions`);
    return readCondition(scanner);
  }
}

function joined(kind: 'and' | 'or', parts: readonly Query[]): Query {
  const [first] = parts;
  return first !== undefined && parts.length === 1 ? first : { kind, parts };
}
