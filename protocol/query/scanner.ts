// A text and a place in it. A name ends before an operator, a value does not: `mac:24:6f` has a value with a colon.

/** What is wrong with a query, and where. */
export interface QueryFault {
  /** Characters (code points) from 1; one more than there are: at the end. */
  readonly position: number;
  /** What was found and what is expected. */
  readonly message: string;
}

/** Thrown inside the parser alone. */
export class Unreadable extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

export interface Piece {
  readonly text: string;
  readonly at: number;
  readonly isQuoted: boolean;
}

export const JOINERS: ReadonlySet<string> = new Set(['and', 'or', 'not']);

export class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the next piece begins. */
  get at(): number {
    this.#match(/\s*/y);
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.at === this.#text.length;
  }

  nextIs(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.#text);
  }

  /** Takes this piece if it comes next. */
  takes(pattern: RegExp): string | undefined {
    return this.at === this.#text.length ? undefined : this.#match(pattern);
  }

  /** Takes one of these words, in any case, if it comes next. */
  takesWord(...words: readonly string[]): string | undefined {
    const from = this.at;
    const word = this.#match(WORD)?.toLowerCase();
    if (word !== undefined && words.includes(word)) return word;
    this.#at = from;
    return undefined;
  }

  /** The value of a condition: text without spaces and brackets, or anything but quotes in quotes. `wanted` says what is missing. */
  value(wanted: string): Piece {
    const { at } = this;
    const quoted = this.#match(/"[^"]*"/y);
    if (quoted !== undefined) {
      if (quoted.length === 2) throw new Unreadable(at, `expected ${wanted}, found empty quotes`);
      return { text: quoted.slice(1, -1), at, isQuoted: true };
    }
    if (this.#text[at] === '"') throw new Unreadable(at, 'the quote that opens here is not closed');
    const text = this.#match(/[^\s()"]+/y);
    if (text === undefined) throw new Unreadable(at, `expected ${wanted}, found ${this.found()}`);
    if (JOINERS.has(text.toLowerCase()))
      throw new Unreadable(at, `expected ${wanted}, found "${text}"; a value that is such a word stands in quotes`);
    return { text, at, isQuoted: false };
  }

  /** What comes next, for a message. */
  found(): string {
    if (this.isAtEnd) return 'the end';
    const rest = this.#text.slice(this.#at);
    return JSON.stringify(/^[\w.-]+/.exec(rest)?.[0] ?? Array.from(rest)[0]);
  }

  positionOf(at: number): number {
    return Array.from(this.#text.slice(0, at)).length + 1;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#text)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }
}

const WORD = /[A-Za-z_][\w-]*/y;
