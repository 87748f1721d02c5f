// What a command writes and asks: results on stdout, everything else on stderr, colour and moving lines only where a
// person looks on. Texts that came over the network never reach the terminal with control characters in them.

import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import Table from 'cli-table3';
import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** The standard streams, which are terminals, pipes or files. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export class Terminal {
  /** Colours for stdout and for stderr: one may be a terminal while the other is a file. */
  readonly colors: Colors;
  readonly errorColors: Colors;
  readonly #streams: Streams;

  constructor(streams: Streams, env: NodeJS.ProcessEnv) {
    this.#streams = streams;
    this.colors = pc.createColors(wantsColor(streams.stdout, env));
    this.errorColors = pc.createColors(wantsColor(streams.stderr, env));
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
    this.#streams.stdout.write(`${text}\n`);
  }

  /** A remark that is not part of the result. */
  note(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
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

  /** A frame that replaces itself on a terminal; on a pipe or file each changed text is one more print. */
  frame(): (text: string) => void {
    let shown = '';
    return (text) => {
      if (text === shown) return;
      if (this.isLive && shown !== '') {
        this.#streams.stdout.write(`\u001B[${rowsOf(shown, this.columns)}A\u001B[J`);
      }
      shown = text;
      this.print(text);
    };
  }
}

/** Aligned columns without borders; a column without any text is left out. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], colors: Colors): string {
  const kept = head.map((_, column) => rows.some((row) => (row[column] ?? '') !== ''));
  const pick = (cells: readonly string[]): string[] => cells.filter((_, column) => kept[column]);
  const table = new Table({
    head: pick(head).map((title) => colors.dim(title)),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  table.push(...rows.map((row) => pick(row.map(printable))));
  return table.toString().replaceAll(/ +$/gm, '');
}

/** `key   value` lines; an undefined or empty value is left out. */
export function formatFacts(facts: readonly (readonly [string, string | undefined])[], colors: Colors): string {
  const shown = facts.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(0, ...shown.map(([key]) => key.length));
  const indent = `\n${' '.repeat(width + 2)}`;
  return shown
    .map(([key, value]) => `${colors.dim(key.padEnd(width))}  ${printable(value ?? '').replaceAll('\n', indent)}`)
    .join('\n');
}

/** Line feeds and our own colours stay; every other control character could move the cursor or hide text. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  return text.replaceAll(/\u001B\[\d{1,2}m|[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/g, (found) =>
    found.length > 1 ? found : '\uFFFD',
  );
}

export function formatBar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
} as const;

/** https://no-color.org and the same idea for the other way round. */
function wantsColor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** Rows that a text takes on a terminal that wraps at `columns`. */
function rowsOf(text: string, columns: number): number {
  // oxlint-disable-next-line no-control-regex -- colours take no room
  const lines = text.replaceAll(/\u001B\[\d{1,2}m/g, '').split('\n');
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(line.length / columns)), 0);
}
