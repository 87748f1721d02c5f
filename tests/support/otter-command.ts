// Runs the `otter` command, in this process or as a child process: the one place that knows how it is started. Nothing of the
// caller's environment reaches it except PATH, so a test means the same on every machine.

import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runCommand } from '#cli/main.ts';
import { Terminal } from '#cli/terminal.ts';

export interface OtterRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OtterOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The results go to a terminal of this width, in `runOtter` alone. */
  readonly columns?: number;
}

export interface SpawnOptions extends OtterOptions {
  /** Called with the running process, for tests that send signals or close its output. */
  readonly onStart?: (child: ChildProcess) => void;
}

const LAUNCHER = fileURLToPath(new URL('../../bin/otter.mjs', import.meta.url));

/** The program and the arguments that stand for `otter`. */
export const OTTER: readonly string[] = [process.execPath, LAUNCHER];

/** Runs one command in this process. `home` is the folder of the person: known servers are kept there. */
export async function runOtter(home: string, args: readonly string[], options: OtterOptions = {}): Promise<OtterRun> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, ...options.env };
  const [stdout, stderr] = [new Collected(), new Collected()];
  const { columns } = options;
  if (columns !== undefined) Object.assign(stdout.stream, { isTTY: true, columns });
  const exitCode = await runCommand(args, (finish) => ({
    env,
    folder: options.cwd ?? home,
    terminal: new Terminal({ stdin: Readable.from([]), stdout: stdout.stream, stderr: stderr.stream }, env),
    finish,
    interrupted: () => new AbortController().signal,
  }));
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

class Collected {
  readonly stream = new PassThrough();
  readonly #chunks: Buffer[] = [];

  constructor() {
    this.stream.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/** Runs `otter` as people do, as a process with signals, to its end. */
export async function spawnOtter(home: string, args: readonly string[], options: SpawnOptions = {}): Promise<OtterRun> {
  const [program = '', ...before] = OTTER;
  const child = spawn(program, [...before, ...args], {
    cwd: options.cwd ?? home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.onStart?.(child);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return {
    exitCode,
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: Buffer.concat(stderr).toString('utf8'),
  };
}
