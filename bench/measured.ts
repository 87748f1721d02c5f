// The process that is measured, as this one sees it: it is started, asked for its numbers over the process channel, and killed.

import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from './load.ts';

interface Sample {
  readonly cpuMs: number;
  readonly rssMib: number;
}

/** A server process under measurement, on a core of its own where the system can say so. */
export class Target {
  readonly endpoint: Endpoint;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, endpoint: Endpoint) {
    this.#child = child;
    this.endpoint = endpoint;
  }

  /** `port`: 0 asks for a free one. */
  static async start(kind: 'bare' | 'otter', home: string, port = 0): Promise<Target> {
    const child = fork(new URL('target.ts', import.meta.url), [kind, home, String(port)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // As `npm start` does it: a young generation that stays small.
      execArgv: ['--max-semi-space-size=4'],
    });
    const started = await nextMessage(child);
    if (child.pid !== undefined && cpus().length > 1)
      spawnSync('taskset', ['-a', '-p', '-c', '0', String(child.pid)], { stdio: 'ignore' });
    return new Target(child, {
      port: started.port ?? 0,
      token: readFileSync(join(home, 'data/tokens/fleet.token'), 'utf8').trim(),
    });
  }

  async sample(): Promise<Sample> {
    this.#child.send('sample');
    const { cpu, rssBytes } = await nextMessage(this.#child);
    return { cpuMs: ((cpu?.user ?? 0) + (cpu?.system ?? 0)) / 1000, rssMib: (rssBytes ?? 0) / 1_048_576 };
  }

  /** CPU milliseconds that `work` cost the server. */
  async measure(work: () => Promise<unknown>): Promise<number> {
    const before = await this.sample();
    await work();
    return (await this.sample()).cpuMs - before.cpuMs;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

interface Message {
  readonly port?: number;
  readonly cpu?: NodeJS.CpuUsage;
  readonly rssBytes?: number;
}

async function nextMessage(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the measured process ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message: Message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}
