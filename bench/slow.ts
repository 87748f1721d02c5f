// `npm run bench -- slow`: how long boards wait beside a crowd of clients that hardly move (headers, bodies, readers; who is cut comes again),
// and what that crowd costs in memory.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Slow, SLOWNESS, type Slowness } from '../tests/support/attack/slow-crowd.ts';
import { benchMac, makeHome } from './fleet.ts';
import { checkUpdateText, runNewConnections } from './load.ts';
import { Target } from './measured.ts';

const GOOD = 50;
/** A good board asks this often here, which is a thousand times as often as a real one. */
const PAUSE_MS = 500;
const IMAGE_PATH = '/firmware/default/1.0.0/esp32/image.bin';

interface SlowOptions {
  readonly each: number;
  readonly seconds: number;
}

export async function benchSlow(options: SlowOptions): Promise<void> {
  for (const kinds of [...SLOWNESS.map((kind) => [kind]), SLOWNESS]) await measure(kinds, options);
}

async function measure(kinds: readonly Slowness[], { each, seconds }: SlowOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'otter-bench-'));
  const home = join(folder, 'home');
  await makeHome(home, GOOD, { openRollout: false });
  const target = await Target.start('otter', home);
  const { port, token } = target.endpoint;
  const slow = new Slow({ port, fleetToken: token, imagePath: IMAGE_PATH, each, kinds });
  try {
    const alone = await watchGood(target, seconds);
    const before = await target.sample();
    let peakMib = before.rssMib;
    const watch = setInterval(
      () => void target.sample().then(({ rssMib }) => (peakMib = Math.max(peakMib, rssMib))),
      500,
    );
    await slow.begin();
    const beside = await watchGood(target, seconds);
    clearInterval(watch);
    process.stdout.write(
      [
        `${GOOD} boards, a check over a new connection every ${PAUSE_MS} ms each, for ${seconds} s`,
        `  alone: ${describe(alone)}`,
        `  beside ${each} slow of each kind (${kinds.join(', ')}): ${describe(beside)}`,
        `  cut meanwhile: ${kinds.map((kind) => `${slow.cut[kind]} (${kind})`).join(', ')}; ${slow.size} open at the end`,
        `  memory: from ${before.rssMib.toFixed(0)} to ${peakMib.toFixed(0)} MiB`,
        '',
      ].join('\n'),
    );
  } finally {
    slow.end();
    target.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of every check. Rejects where one is not answered with 200. */
async function watchGood({ endpoint }: Target, seconds: number): Promise<readonly number[]> {
  const endsAt = performance.now() + seconds * 1000;
  const waits: number[] = [];
  const live = async (index: number): Promise<void> => {
    await delay(Math.random() * PAUSE_MS);
    while (performance.now() < endsAt) {
      const startedMs = performance.now();
      await runNewConnections(endpoint, 1, 1, () => checkUpdateText(endpoint, benchMac(index), '1.0.0', false));
      waits.push(performance.now() - startedMs);
      await delay(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: GOOD }, async (_, index) => live(index + 1)));
  return waits;
}

function describe(waits: readonly number[]): string {
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
  return `${waits.length} checks, all answered; median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}
