// The boards that a build is compared with: how many of them are silent, and how many name a fault of the firmware. Looks at every
// device of the product, range by range, so what it found is kept for a while that grows with what it cost; of a small fleet it
// is always fresh. It only reads.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { FIRMWARE_CAUSES } from '#engine/outcome/restart.ts';
import { countSuspects, findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import { countSilence, type SilenceCounts, type SilenceQuestion } from '#server/db/rollouts/silence-counts.ts';
import type { Rollout } from '#server/db/rollouts/rollouts.ts';
import type { Reader } from '#server/db/schema.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import { KEEP_FACTOR, SMALL_FLEET } from './keep.ts';
import { silenceAt } from '#server/service/device/observation.ts';

/** Devices looked at in one statement: some milliseconds on SQLite, during which nobody else is served. */
const RANGE = 5_000;
/** A sample is so many ranges, spread over the fleet: boards of one site often came together. */
const SAMPLE_RANGES = 16;

type Suspects = Awaited<ReturnType<typeof countSuspects>>;
type Range = Parameters<typeof countSuspects>[2];

export class OtherBoards {
  readonly #deps: WatchDeps;
  readonly #silence = new Kept<SilenceCounts>();
  readonly #suspects = new Kept<Suspects>();

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** Counted by `engine/stage/silence.ts`. */
  async countSilence(
    db: Reader,
    { id, product }: Rollout,
    since: Pick<SilenceQuestion, 'lastHeardAtMs' | 'stageOpenedAtMs'>,
    nowMs: number,
  ): Promise<SilenceCounts> {
    const ask = { product, rolloutId: id, ...since, silence: silenceAt(this.#deps, nowMs) };
    const key = `${id} ${since.lastHeardAtMs} ${since.stageOpenedAtMs}`;
    return this.#silence.get(key, async () =>
      addUp(db, NOBODY, async (sum, range) => addSilence(sum, await countSilence(db, ask, range))),
    );
  }

  /** Of a small fleet the same; of a large one, of some of its boards: a share, within a few milliseconds. */
  async sampleSilence(
    db: Reader,
    { id, product }: Rollout,
    since: Pick<SilenceQuestion, 'lastHeardAtMs' | 'stageOpenedAtMs'>,
    nowMs: number,
  ): Promise<SilenceCounts> {
    const ask = { product, rolloutId: id, ...since, silence: silenceAt(this.#deps, nowMs) };
    let sum = NOBODY;
    for (const range of sampleOf(await findLastDeviceId(db))) sum = addSilence(sum, await countSilence(db, ask, range));
    return sum;
  }

  /** Of the boards without the build that were seen since this instant. */
  async countSuspects(db: Reader, { id, product }: Rollout, seenSinceMs: number): Promise<Suspects> {
    const ask = { product, rolloutId: id, seenSinceMs, causes: FIRMWARE_CAUSES };
    return this.#suspects.get(`${id} ${seenSinceMs}`, async () =>
      addUp<Suspects>(db, { boards: 0, suspects: 0 }, async (sum, range) => {
        const { boards, suspects } = await countSuspects(db, ask, range);
        return { boards: sum.boards + boards, suspects: sum.suspects + suspects };
      }),
    );
  }
}

function sampleOf(devices: number): readonly Range[] {
  if (devices <= SMALL_FLEET) return [{ afterId: 0, untilId: devices }];
  const size = Math.ceil(SMALL_FLEET / SAMPLE_RANGES);
  return Array.from({ length: SAMPLE_RANGES }, (_, index) => {
    const afterId = Math.floor((index * (devices - size)) / (SAMPLE_RANGES - 1));
    return { afterId, untilId: afterId + size };
  });
}

interface Found<Sum> {
  readonly sum: Sum;
  readonly devices: number;
}

/** Answers by their question, each for so long as it cost to find. */
class Kept<Sum> {
  readonly #found = new Map<string, { readonly sum: Sum; readonly untilMs: number }>();

  async get(key: string, find: () => Promise<Found<Sum>>): Promise<Sum> {
    const startMs = performance.now();
    for (const [old, { untilMs }] of this.#found) if (untilMs <= startMs) this.#found.delete(old);
    const known = this.#found.get(key);
    if (known !== undefined) return known.sum;
    const { sum, devices } = await find();
    const endMs = performance.now();
    if (devices > SMALL_FLEET) this.#found.set(key, { sum, untilMs: endMs + KEEP_FACTOR * (endMs - startMs) });
    return sum;
  }
}

async function addUp<Sum>(
  db: Reader,
  nothing: Sum,
  add: (sum: Sum, range: Range) => Promise<Sum>,
): Promise<Found<Sum>> {
  const devices = await findLastDeviceId(db);
  let sum = nothing;
  for (let afterId = 0; afterId < devices; afterId += RANGE) {
    sum = await add(sum, { afterId, untilId: afterId + RANGE });
    await nextTurn();
  }
  return { sum, devices };
}

const NO_ONE = { alive: 0, overdue: 0, notDue: 0 } as const;
const NOBODY: SilenceCounts = { without: NO_ONE, all: NO_ONE, everyone: NO_ONE, seen: 0, silent: 0 };

function addSilence(one: SilenceCounts, other: SilenceCounts): SilenceCounts {
  const both = (left: SilenceCounts['all'], right: SilenceCounts['all']) => ({
    alive: left.alive + right.alive,
    overdue: left.overdue + right.overdue,
    notDue: left.notDue + right.notDue,
  });
  return {
    without: both(one.without, other.without),
    all: both(one.all, other.all),
    everyone: both(one.everyone, other.everyone),
    seen: one.seen + other.seen,
    silent: one.silent + other.silent,
  };
}
