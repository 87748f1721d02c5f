// Calls the services when it is time: the tick of the schedules, and the schedule file when it changes. It decides
// nothing; a tick that fails is logged and the next one tries again.

import { statSync, unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import { OtterError } from '#protocol/errors.ts';
import { TICK_MS } from '#protocol/limits.ts';
import type { Deps } from '#server/service/deps.ts';
import { syncScheduleFile } from '#server/service/schedules/schedules.ts';
import { tick } from '#server/service/time/tick.ts';

/** Polled, not watched by the kernel: works on network folders, and when an editor replaces the file. */
const FILE_POLL_MS = 1_000;

/** A changed file is read when it has stayed as it is this long: an editor that writes in place empties it first. */
const FILE_REST_MS = 500;

/** The schedules of the file, or what is wrong with it, one line for each problem. */
export type ScheduleSource = () =>
  | { readonly ok: true; readonly specs: Parameters<typeof syncScheduleFile>[1] }
  | { readonly ok: false; readonly problems: readonly string[] };

export interface SchedulerOptions {
  readonly deps: Deps;
  readonly file: string;
  readonly read: ScheduleSource;
  readonly clock: () => number;
  readonly log: Logger;
}

export interface Scheduler {
  /** What is wrong with the schedule file now; empty when all is well. */
  readonly problems: () => readonly string[];
  /** Runs now what is due; resolves when that is done. */
  readonly tick: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Takes in the file, then ticks until stopped. Throws `file_differs` where the other servers have another one. */
export async function startScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const { deps, file, clock, log } = options;
  let problems: readonly string[] = [];
  let running: Promise<unknown> = Promise.resolve();
  // One after the other: a slow database never makes two ticks run at once in one process.
  const enqueue = (work: () => Promise<unknown>, what: string): void => {
    running = running.then(work).catch((error: unknown) => log.error({ err: error }, what));
  };
  const takeIn = async ({ isStart = false } = {}): Promise<void> => {
    problems = await readFileIn(options, isStart);
    for (const problem of problems) log.error(problem);
  };
  await takeIn({ isStart: true });
  const enqueueTick = (): void =>
    enqueue(async () => tick(deps, clock()), 'schedules and gates could not be seen to; they are tried again');
  const timer = setInterval(enqueueTick, TICK_MS);
  let resting: NodeJS.Timeout | undefined;
  watchFile(file, { interval: FILE_POLL_MS, persistent: false }, (seen) => {
    clearTimeout(resting);
    resting = setTimeout(() => {
      // Changed once more: the next poll sees that.
      if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) !== seen.mtimeMs) return;
      enqueue(async () => takeIn(), 'the schedule file could not be taken in');
    }, FILE_REST_MS);
  });
  enqueueTick();
  return {
    problems: () => problems,
    tick: async () => {
      enqueueTick();
      await running;
    },
    stop: async () => {
      clearInterval(timer);
      unwatchFile(file);
      clearTimeout(resting);
      await running;
    },
  };
}

/** A bad file changes nothing: what was taken in before stays. A server does not start with another file than the others have. */
async function readFileIn(
  { deps, file, read, clock, log }: SchedulerOptions,
  isStart: boolean,
): Promise<readonly string[]> {
  const found = read();
  if (!found.ok) return found.problems;
  try {
    await syncScheduleFile(deps, found.specs, clock());
  } catch (error) {
    if (isStart && error instanceof OtterError && error.code === 'file_differs') throw error;
    return [`${file}: ${error instanceof Error ? error.message : String(error)}`];
  }
  log.debug({ file, schedules: found.specs.length }, 'schedule file taken in');
  return [];
}
