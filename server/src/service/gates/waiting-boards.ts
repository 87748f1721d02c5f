// Boards of the stages of a rollout that hold no assignment of it, or one that was withdrawn: who of them is still to get the build, and whom a
// rule leaves out. Asks the rules about every device of the product, page by page, so what it found is kept for a while that grows
// with what it cost; of a small fleet it is always fresh.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { firstStageOf } from '#engine/decision/forecast.ts';
import { notCountedOf } from '#engine/outcome/vote.ts';
import { isReachable } from '#engine/stage/questions.ts';
import { findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import { getRevision } from '#server/db/firmware/catalog.ts';
import { listBoardsOf } from '#server/db/device/assignments.ts';
import type { StagedRollout } from '#server/db/rollouts/rollouts.ts';
import type { Reader } from '#server/db/schema.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import { voterOf } from '#server/service/device/facts.ts';
import { KEEP_FACTOR, SMALL_FLEET } from './keep.ts';
import { isSilent, silenceAt } from '#server/service/device/observation.ts';
import { type Judged, subjectOf, walkDevices } from '#server/service/rollouts/walk.ts';

interface LeftOut {
  readonly reason: string;
  readonly devices: number;
  readonly examples: readonly string[];
}

export interface Waiting {
  /** By the name of the stage: boards that count, and boards that do not. */
  readonly byStage: ReadonlyMap<string, { readonly counted: number; readonly uncounted: number }>;
  readonly leftOut: readonly LeftOut[];
  /** Stages that include such a board, though it may be left out: it may run the build already. */
  readonly included: ReadonlySet<string>;
}

const MAX_EXAMPLES = 10;

interface Found {
  readonly revision: number;
  readonly untilMs: number;
  readonly waiting: Waiting;
}

export class WaitingBoards {
  readonly #deps: WatchDeps;
  readonly #found = new Map<number, Found>();
  /** Those that are being found; one after the other, so that together they hold the event loop no longer than one. */
  readonly #looking = new Map<number, Promise<Waiting>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /**
   * Boards that are to get the build, and those that a rule leaves out. Of a large fleet it answers with what it knows, and looks
   * again meanwhile where that is old, or where a rollout has moved since.
   */
  async count(row: StagedRollout): Promise<Waiting> {
    return (await this.known(row)) ?? this.#look(row);
  }

  /** The same where nobody may wait for it; undefined: no look at the boards of a large fleet has ended since the start. */
  async known(row: StagedRollout): Promise<Waiting | undefined> {
    const { read } = this.#deps.database;
    if ((await findLastDeviceId(read)) <= SMALL_FLEET) return countAll(this.#deps, read, row);
    const known = this.#found.get(row.id);
    // Whoever asks next is told of a failure, if it lasts.
    if (known === undefined || performance.now() >= known.untilMs || known.revision !== (await getRevision(read)))
      this.#look(row).catch(() => undefined);
    return known?.waiting;
  }

  /** Of a large fleet it finds out before anybody asks; nobody waits for it. */
  async warm(row: StagedRollout): Promise<void> {
    if (this.#found.has(row.id) || (await findLastDeviceId(this.#deps.database.read)) <= SMALL_FLEET) return;
    this.#look(row).catch(() => undefined);
  }

  async #look(row: StagedRollout): Promise<Waiting> {
    const running = this.#looking.get(row.id);
    if (running !== undefined) return running;
    const found = this.#last.then(async () => this.#find(row));
    this.#last = found.catch(() => undefined);
    this.#looking.set(row.id, found);
    try {
      return await found;
    } finally {
      this.#looking.delete(row.id);
    }
  }

  async #find(row: StagedRollout): Promise<Waiting> {
    const { read } = this.#deps.database;
    const startMs = performance.now();
    const revision = await getRevision(read);
    const waiting = await countAll(this.#deps, read, row);
    const costMs = performance.now() - startMs;
    this.#found.set(row.id, { revision, untilMs: performance.now() + KEEP_FACTOR * costMs, waiting });
    return waiting;
  }

  /** How many that count, and were heard of, are to get the build; stops at `enough`. */
  async countReachable(db: Reader, row: StagedRollout, enough: number, nowMs: number): Promise<number> {
    let found = 0;
    for await (const { device, isCounted, isOpened } of waitingOf(this.#deps, db, row)) {
      if (!isOpened) continue;
      const openedAtMs = row.started_at_ms ?? nowMs;
      const heard = {
        seenAtMs: device.last_seen_at_ms,
        isSilent: isSilent(device, silenceAt(this.#deps, nowMs)),
      };
      if (isCounted && isReachable(heard, openedAtMs)) found += 1;
      if (found >= enough) return found;
    }
    return found;
  }

  /** Whether any board that counts is to get the build in a stage that has opened, heard of or not. */
  async isAnyLeft(db: Reader, row: StagedRollout): Promise<boolean> {
    for await (const { isCounted, isOpened } of waitingOf(this.#deps, db, row)) if (isCounted && isOpened) return true;
    return false;
  }
}

interface WaitingBoard {
  readonly device: Judged['device'];
  readonly stage: string;
  readonly isOpened: boolean;
  readonly isCounted: boolean;
  /** It holds one that was withdrawn: it is among the boards of the stage already. */
  readonly triesAgain: boolean;
}

async function* waitingOf(deps: WatchDeps, db: Reader, row: StagedRollout): AsyncGenerator<WaitingBoard> {
  for await (const item of memberOf(deps, db, row)) if (item.kind === 'waiting') yield item.board;
}

type Member =
  | { readonly kind: 'waiting'; readonly board: WaitingBoard }
  | {
      readonly kind: 'left_out';
      readonly reason: string;
      readonly firstName: string;
      readonly stage: string;
      readonly isOpened: boolean;
    };

/** Of its stages, those that are still to open as well, without those that hold an assignment. */
async function* memberOf(deps: WatchDeps, db: Reader, row: StagedRollout): AsyncGenerator<Member> {
  const subject = await subjectOf(deps, db, row);
  const { forecast } = subject;
  for await (const page of walkDevices(deps, db, subject, 0, { withoutRolloutId: row.id })) {
    const holding = await listBoardsOf(
      db,
      row.id,
      page.map(({ device }) => device.id),
    );
    for (const { device, preview, facts } of page) {
      if (preview.kind === 'in_no_stage') continue;
      // The stage that a board gets its place from is the first that includes it, as for its assignment.
      const at = firstStageOf(forecast, facts);
      if (at === undefined) continue;
      const isOpened = at < forecast.openedCount;
      const stage = forecast.stages[at]?.name ?? '';
      if (preview.kind === 'left_out') {
        yield { kind: 'left_out', reason: preview.reason, firstName: device.first_name, stage, isOpened };
        continue;
      }
      const isCounted = notCountedOf(voterOf(device), forecast.rollout.votes) === undefined;
      const triesAgain = holding.has(device.id);
      yield { kind: 'waiting', board: { device, stage, isOpened, isCounted, triesAgain } };
    }
    await nextTurn();
  }
}

async function countAll(deps: WatchDeps, db: Reader, row: StagedRollout): Promise<Waiting> {
  const byStage = new Map<string, { counted: number; uncounted: number }>();
  const leftOut = new Map<string, { devices: number; examples: string[] }>();
  const included = new Set<string>();
  for await (const member of memberOf(deps, db, row)) {
    if (member.kind === 'waiting') {
      const { stage, isCounted, triesAgain } = member.board;
      included.add(stage);
      if (triesAgain) continue;
      const sum = byStage.get(stage) ?? { counted: 0, uncounted: 0 };
      byStage.set(stage, sum);
      if (isCounted) sum.counted += 1;
      else sum.uncounted += 1;
      continue;
    }
    included.add(member.stage);
    if (!member.isOpened) continue;
    const sum = leftOut.get(member.reason) ?? { devices: 0, examples: [] };
    leftOut.set(member.reason, sum);
    sum.devices += 1;
    if (sum.examples.length < MAX_EXAMPLES) sum.examples.push(member.firstName);
  }
  return {
    byStage,
    leftOut: [...leftOut].map(([reason, sum]) => ({ reason, devices: sum.devices, examples: sum.examples })),
    included,
  };
}
