// Long results on a terminal go through the person's pager, as git and man do it: $PAGER, else less, which ends by itself where
// everything fits (-F), keeps colours (-R) and leaves the text on the screen (-X). Without a pager they are printed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Resolves when the person has left the pager; false where there is none, and nothing was shown. */
export async function showInPager(text: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const chosen = env['PAGER'] ?? '';
  if (chosen === 'cat') return false;
  const pager = spawn(chosen === '' ? 'less' : chosen, {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...env, LESS: env['LESS'] ?? 'FRX' },
    // $PAGER may hold options.
    shell: chosen !== '',
  });
  const started = await once(pager, 'spawn').then(
    () => true,
    () => false,
  );
  if (!started) return false;
  // Ctrl-C is the pager's while it runs: less goes to where it was.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    // Left before the end of the text: the person has seen enough.
    pager.stdin.on('error', ignore);
    pager.stdin.end(text);
    const [exitCode] = await once(pager, 'close');
    // What a shell answers where it finds no such program.
    return exitCode !== 127;
  } finally {
    process.off('SIGINT', ignore);
  }
}
