// The database of a server, held by another process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const HOLDER = fileURLToPath(new URL('hold-lock.ts', import.meta.url));

/** Resolves when the lock is held; `released` resolves when it is given back. */
export async function holdLock(home: string, heldMs: number): Promise<{ readonly released: Promise<unknown> }> {
  const holder = spawn(process.execPath, [HOLDER, join(home, 'data/otter.db'), String(heldMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const released = once(holder, 'exit');
  onTestFinished(async () => {
    holder.kill('SIGKILL');
    await released;
  });
  await once(holder.stdout, 'data');
  return { released };
}
