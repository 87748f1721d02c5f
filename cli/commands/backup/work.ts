// What backup, restore and copy have in common: a line that says how far they are, and an end by Ctrl-C that leaves nothing.

import { CommandError } from '#cli/exit-code.ts';
import type { Shell } from '#cli/shell.ts';

type OnProgress = (what: string, done: number, all: number) => void;

/** Errors: those of the work; `interrupted` with `stopped` where it was Ctrl-C. */
export async function withProgress<T>(
  shell: Shell,
  stopped: string,
  work: (options: { readonly onProgress: OnProgress; readonly signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const { terminal } = shell;
  const signal = shell.interrupted();
  try {
    return await work({
      onProgress: (what, done, all) => terminal.progress(`${what}: ${all > 0 ? Math.floor((done / all) * 100) : 0} %`),
      signal,
    });
  } catch (error) {
    if (signal.aborted && !(error instanceof CommandError))
      throw CommandError.own('interrupted', stopped, 'repeat the command', { cause: error });
    throw error;
  } finally {
    terminal.progress('');
  }
}
