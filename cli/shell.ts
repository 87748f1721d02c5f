// What surrounds a command: environment, folder, terminal, Ctrl-C. Built once by `main.ts` and handed to every command, so
// that no command reads the process by itself.

import { constants, homedir } from 'node:os';
import path from 'node:path';
import { EXIT } from './exit-code.ts';
import { Terminal } from './terminal.ts';

export interface Shell {
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly terminal: Terminal;
  /** Ends with the exit code of something that is not a failure (a server that ran, a watch that was left). */
  readonly finish: (exitCode: number) => void;
  /** Aborted by the first Ctrl-C; the second ends the process at once. Listening begins with the first use. */
  readonly interrupted: () => AbortSignal;
}

export function createShell(finish: (exitCode: number) => void): Shell {
  let interruption: AbortController | undefined;
  return {
    env: process.env,
    folder: process.cwd(),
    terminal: new Terminal(process, process.env),
    finish,
    interrupted: () => {
      if (interruption === undefined) {
        const controller = new AbortController();
        interruption = controller;
        for (const signal of ['SIGINT', 'SIGTERM'] as const) {
          process.on(signal, () => {
            if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
            controller.abort();
          });
        }
      }
      return interruption.signal;
    },
  };
}

/** `otter ... | head`: whoever reads has enough. Nothing failed, nothing is said. */
export function exitQuietlyWhenOutputCloses(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.ok);
      throw error;
    });
  }
}

/** The folder of this user's settings (XDG Base Directory Specification). */
export function settingsFolder(env: NodeJS.ProcessEnv): string {
  const configured = env['XDG_CONFIG_HOME'];
  const base =
    configured !== undefined && path.isAbsolute(configured)
      ? configured
      : path.join(env['HOME'] ?? homedir(), '.config');
  return path.join(base, 'otter');
}
