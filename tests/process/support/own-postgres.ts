// A PostgreSQL of its own for one test, which may be restarted and stopped in its tracks.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const PROGRAM = new URL('../../support/server/postgres-process.ts', import.meta.url);

interface Where {
  readonly url: string;
  readonly folder: string;
}

export class OwnPostgres {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, { url, folder }: Where) {
    this.#child = child;
    this.url = url;
    this.#folder = folder;
  }

  static async start(): Promise<OwnPostgres> {
    const child = fork(PROGRAM);
    onTestFinished(async () => {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    });
    return new OwnPostgres(child, await nextWhere(child));
  }

  /** As after an upgrade of its package: all connections are cut, and it is there again some moments later. */
  async restart(): Promise<void> {
    this.#child.send('restart');
    await nextWhere(this.#child);
  }

  /** All of its processes stand still, as on a machine that swaps, until what it returns is called. New connections hang too. */
  async pause(): Promise<() => void> {
    const [first = ''] = (await readFile(join(this.#folder, 'postmaster.pid'), 'utf8')).split('\n', 1);
    const postmaster = Number(first);
    const pids = [postmaster, ...(await childrenOf(postmaster))];
    let isPaused = true;
    const goOn = (): void => {
      if (isPaused) signalAll(pids, 'SIGCONT');
      isPaused = false;
    };
    onTestFinished(goOn);
    signalAll(pids, 'SIGSTOP');
    return goOn;
  }
}

async function nextWhere(child: ChildProcess): Promise<Where> {
  const [where]: Where[] = await once(child, 'message');
  if (where === undefined) throw new Error('PostgreSQL did not say where it is');
  return where;
}

/** Linux. */
async function childrenOf(parent: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map(async (pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  // The name, in parentheses, may hold anything; the parent is the second word behind it.
  return stats
    .filter((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent)
    .map((stat) => Number(stat.split(' ', 1)[0]));
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // The server has closed that connection meanwhile.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
