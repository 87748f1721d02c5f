// A folder that turns read-only under a running server: a bind mount in a mount namespace of the server's own, which goes with it.

import { spawnSync } from 'node:child_process';
import { vi } from 'vitest';
import type { OtterProcess } from '../../support/server/process.ts';

const MOUNT = 'mount --bind "$0" "$0"';
const CAN_MOUNT = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, '/tmp']).status === 0;

/** What a test that needs it says in its name where it is skipped. */
export const READ_ONLY = {
  isMissing: !CAN_MOUNT,
  skipped: CAN_MOUNT ? '' : ' (skipped: no right to mount)',
} as const;

/** What starts a server so that `turnReadOnly` can be called for this folder. */
export function throughMount(folder: string): readonly string[] {
  return ['unshare', '-rm', 'sh', '-c', `${MOUNT} && exec "$@"`, folder];
}

/** Waits until the server has no file in the folder open for writing, as the kernel asks. */
export async function turnReadOnly({ child }: OtterProcess, folder: string, mode: 'ro' | 'rw' = 'ro'): Promise<void> {
  const remount = ['mount', '-o', `remount,bind,${mode}`, folder];
  await vi.waitFor(() => {
    const { status, stderr } = spawnSync(
      'nsenter',
      ['-t', String(child.pid), '-U', '-m', '--preserve-credentials', ...remount],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${folder} could not be made ${mode}: ${stderr}`);
  });
}
