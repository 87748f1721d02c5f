// What a command writes and asks: results on stdout, everything else on stderr, colour and moving lines only where a
// person looks on. Texts that came over the network never reach the terminal with control characters in them.

import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import pc from 'picocolors';
import { layOutFacts, layOutTable, widthOf, wrapLines } from './screen/layout.ts';
import { showInPager } from './screen/pager.ts';

/** How text looks where it is shown: its colours, and in how many columns it has to fit. */
export type Colors = ReturnType<typeof pc.createColors> & { readonly columns: number };

/** The standard streams, which are terminals, pipes or files. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

export class Terminal {
  /** Colours for stdout and for stderr: one may be a terminal while the other is a file. */
  readonly colors: Colors;
  readonly errorColors: Colors;
  readonly #streams: Streams;
  readonly #env: NodeJS.ProcessEnv;

  constructor(streams: Streams, env: NodeJS.ProcessEnv) {
    this.#streams = streams;
    this.#env = env;
    this.colors = { ...pc.createColors(wantsColor(streams.stdout, env)), columns: this.columns };
    this.errorColors = { ...pc.createColors(wantsColor(streams.stderr, env)), columns: this.columns };
  }

  /** A person looks at the results. */
  get isLive(): boolean {
    return this.#streams.stdout.isTTY === true;
  }

  /** Columns of the terminal; a file or pipe takes lines of any length. */
  get columns(): number {
    const { isTTY, columns = 0 } = this.#streams.stdout;
    return isTTY === true && columns > 0 ? columns : Number.POSITIVE_INFINITY;
  }

  /** A person looks at the messages. */
  get showsProgress(): boolean {
    return this.#streams.stderr.isTTY === true;
  }

  /** A person can be asked. */
  get canAsk(): boolean {
    return this.#streams.stdin.isTTY === true && this.#streams.stderr.isTTY === true;
  }

  /** A part of the result. */
  print(text: string): void {
    this.#streams.stdout.write(`${harmless(text)}\n`);
  }

  /** The same for a program or a file, which gets every character as it is. */
  printExactly(text: string): void {
    if (this.isLive) this.print(text);
    else this.#streams.stdout.write(`${text}\n`);
  }

  /** A part of the result in sentences: a line that is too long goes on below. */
  say(text: string): void {
    this.print(wrapLines(text, this.columns));
  }

  /** A remark that is not part of the result. */
  note(text: string): void {
    this.#streams.stderr.write(`${harmless(this.showsProgress ? wrapLines(text, this.columns) : text)}\n`);
  }

  /** The result, through the person's pager where it is longer than the terminal. */
  async page(text: string): Promise<void> {
    const lines = wrapLines(text, this.columns);
    const isLong = this.isLive && this.canAsk && lines.split('\n').length >= this.#rows;
    if (!isLong || !(await showInPager(`${harmless(lines)}\n`, this.#env))) this.print(lines);
  }

  /** Replaces the last line of stderr; `note('')` ends it. Writes nothing where nobody looks on. */
  progress(text: string): void {
    if (this.showsProgress) this.#streams.stderr.write(`\r\u001B[K${text}`);
  }

  /**
   * Resolves when everything written has left the process: whoever ends it after that cuts nothing off. Where nothing waits,
   * nothing is tried: the log of a server may go to a disk that is full.
   */
  async flush(): Promise<void> {
    const waiting = [this.#streams.stdout, this.#streams.stderr].filter(({ writableLength }) => writableLength > 0);
    await Promise.all(
      waiting.map(async (stream) => new Promise<void>((resolve) => void stream.write('', () => resolve()))),
    );
  }

  /** Asks a question that is answered with yes or no; anything but y or yes is no, so is the end of the input. */
  async confirm(question: string, signal: AbortSignal): Promise<boolean> {
    const lines = createInterface({ input: this.#streams.stdin, output: this.#streams.stderr });
    // Ctrl-C belongs to the readline while it reads; hand it on to the process, which knows how to end.
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    try {
      const ended = new Promise<string>((resolve) => {
        lines.once('close', () => resolve(''));
      });
      const asked = lines.question(`${question} [y/N] `, { signal }).catch((error: unknown) => {
        if (signal.aborted) return '';
        throw error;
      });
      const answer = await Promise.race([asked, ended]);
      return /^y(es)?$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  }

  /** What is typed stays invisible. Empty where the input ends. */
  async askSecret(question: string, signal: AbortSignal): Promise<string> {
    const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
    // Before the question, which somebody may answer at once. A terminal of its own: readline switches the echo off and writes what it would show into nothing.
    const lines = createInterface({ input: this.#streams.stdin, output: silence, terminal: true });
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    try {
      const ended = new Promise<string>((resolve) => {
        lines.once('close', () => resolve(''));
      });
      this.#streams.stderr.write(`${question} `);
      const asked = lines.question('', { signal }).catch((error: unknown) => {
        if (signal.aborted) return '';
        throw error;
      });
      return (await Promise.race([asked, ended])).trim();
    } finally {
      lines.close();
      this.#streams.stderr.write('\n');
    }
  }

  /**
   * A frame that replaces itself on a terminal, cut to its height, for what has left it at the top cannot be replaced. On a pipe or
   * file each changed text is one more print.
   */
  frame(): (text: string) => void {
    let [shown, drawn] = ['', ''];
    return (text) => {
      if (text === shown) return;
      if (!this.isLive) this.print(text);
      else {
        if (shown !== '') this.#streams.stdout.write(`\u001B[${rowsOf(drawn, this.columns)}A\u001B[J`);
        drawn = wrapLines(text, this.columns)
          .split('\n')
          .slice(0, this.#rows - 1)
          .join('\n');
        this.print(drawn);
      }
      shown = text;
    };
  }

  get #rows(): number {
    const { rows = 0 } = this.#streams.stdout;
    return rows > 1 ? rows : Number.POSITIVE_INFINITY;
  }
}

/** Aligned columns without borders; a column without any text is left out. Where they do not fit, a list for each row. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], colors: Colors): string {
  const titles = head.map((title) => (title === '' ? '' : colors.dim(title)));
  return layOutTable(
    titles,
    rows.map((row) => row.map(printable)),
    colors.columns,
  );
}

/** `key   value` lines; an undefined or empty value is left out. */
export function formatFacts(facts: readonly (readonly [string, string | undefined])[], colors: Colors): string {
  return layOutFacts(
    facts.map(([key]) => colors.dim(key)),
    facts.map(([, value]) => printable(value ?? '')),
    colors.columns,
  );
}

/** Line feeds and our own colours stay; every other control character could move the cursor or hide text, or turn its direction. */
export function printable(text: string): string {
  return harmless(text).replaceAll('\t', '\uFFFD');
}

/** The same for what we laid out ourselves. */
function harmless(text: string): string {
  return text.replaceAll(HARMFUL, (found) => (OWN_COLOR.test(found) ? found : '\uFFFD'));
}

// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const HARMFUL = /\u001B\[\d{1,2}m|[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g;
/** Those of picocolors, without what blinks or hides. */
// oxlint-disable-next-line no-control-regex -- colours are control characters
const OWN_COLOR = /^\u001B\[(?:[0-4]|7|9|2[2-9]|[34]\d|9[0-7]|10[0-7])m$/;

export function formatBar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

/** https://no-color.org and the same idea for the other way round. */
function wantsColor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** Rows that a text takes on a terminal that wraps at `columns`. */
function rowsOf(text: string, columns: number): number {
  return text.split('\n').reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
}
