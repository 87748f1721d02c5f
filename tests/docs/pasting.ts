// A terminal into which the blocks of a document are pasted, and the check of what it prints against the block that says
// what it prints. In such a block `...` stands for anything: within a line, or for any lines where it is alone.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const FAILED = '@@failed';
const DONE = '@@done';
const PATIENCE_MS = 240_000;
const LOOK_MS = 50;

/** A shell that lives on from one pasted block to the next, as that of a person does. */
export class Terminal {
  readonly #shell: ChildProcess;
  #output = '';

  /** `before` is typed before the first block. */
  constructor(folder: string, env: Readonly<Record<string, string>>, before = '') {
    this.#shell = spawn('bash', ['--norc'], { cwd: folder, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const take = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    this.#shell.stdout?.on('data', take);
    this.#shell.stderr?.on('data', take);
    this.#shell.stdin?.write(`trap 'echo ${FAILED} $?: "$BASH_COMMAND"' ERR\n${before}`);
  }

  get output(): string {
    return this.#output;
  }

  /** Pastes commands that end by themselves; resolves with what they print. Rejects where one of them fails. */
  async run(commands: string): Promise<string> {
    const from = this.#output.length;
    this.#shell.stdin?.write(`${commands}\necho ${DONE}\n`);
    await this.waitFor((output) => output.slice(from).includes(`${DONE}\n`), commands);
    const printed = this.#output.slice(from).replace(`${DONE}\n`, '');
    if (printed.includes(FAILED)) throw new Error(`a command of the document failed:\n${commands}\n${printed}`);
    return printed;
  }

  /** Pastes a command that goes on: a server, a fleet. */
  begin(command: string): void {
    this.#shell.stdin?.write(command);
  }

  async waitFor(holds: (output: string) => boolean, what: string): Promise<void> {
    const giveUpAtMs = performance.now() + PATIENCE_MS;
    while (!holds(this.#output)) {
      if (performance.now() > giveUpAtMs || this.#shell.exitCode !== null)
        throw new Error(`did not happen: ${what}\n${this.#output.slice(-3_000)}`);
      await delay(LOOK_MS);
    }
  }

  /** Ctrl-C and goodbye: to the shell and everything that it started. */
  async close(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.pid === undefined) return;
    const closed = once(this.#shell, 'close');
    this.#shell.stdin?.end();
    process.kill(-this.#shell.pid, 'SIGINT');
    await closed;
  }
}

/** Whether the lines of the expectation occur in the output, in their order. */
export function isPrinted(output: string, expected: string): boolean {
  const lines = output.split('\n').map(oneSpaced);
  const wanted = expected.split('\n').map(oneSpaced);
  let at = 0;
  return wanted
    .filter((line) => line !== '' && line !== '...')
    .map(patternOf)
    .every((pattern) => {
      const found = lines.slice(at).findIndex((printed) => pattern.test(printed));
      at += found + 1;
      return found >= 0;
    });
}

/** Columns are as wide as their values. */
function oneSpaced(line: string): string {
  return line.trim().replaceAll(/\s+/g, ' ');
}

function patternOf(line: string): RegExp {
  const parts = line.split(/ ?\.\.\. ?/).map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`);
}
