// Follows a rollout until nothing moves any more without a person.

import { setTimeout as wait } from 'node:timers/promises';
import { CommandError } from '#cli/exit-code.ts';
import type { Session } from '#cli/session.ts';
import { formatProgress, formatProgressLine } from '#cli/views/rollout.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { OTTER } from '#cli/program-place.ts';

const WATCH_INTERVAL_MS = 1000;

const ENDED: ReadonlySet<Rollout['status']> = new Set(['complete', 'aborted', 'halted', 'regressed']);

/** Asks every second; redraws on a terminal, adds a line (or a JSON line) per change elsewhere. Answers how it ended. */
export async function watchRollout({ client, terminal, json, signal }: Session, name: string): Promise<Rollout> {
  const draw = terminal.frame();
  for (;;) {
    const rollout = await client.call('getRollout', { params: { name } });
    if (json) draw(JSON.stringify(rollout));
    else draw(terminal.isLive ? formatProgress(rollout, Date.now(), terminal) : formatProgressLine(rollout));
    if (ENDED.has(rollout.status)) return rollout;
    await wait(WATCH_INTERVAL_MS, undefined, { signal }).catch(() => {
      throw CommandError.own('interrupted', `stopped watching; ${name} goes on`, `${OTTER} rollout show ${name}`);
    });
  }
}
