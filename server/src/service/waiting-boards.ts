// Boards of the stages of a rollout that hold no assignment of it: who of them is still to get the build, and whom a rule
// leaves out. Asks the rules about every device of the product, page by page, so what it found is kept for a while that grows
// with what it cost; of a small fleet it is always fresh.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { firstStageOf } from '#engine/decision/course.ts';
import { notCountedOf } from '#engine/outcome/vote.ts';
import { isReachable } from '#engine/stage/questions.ts';
import { listHolders } from '#server/db/device-pages.ts';
import { getRevision } from '#server/db/catalog.ts';
import type { Rollout } from '#server/db/rollouts.ts';
import type { Reader } from '#server/db/schema.ts';
import type { WatchDeps } from './deps.ts';
import { voterOf } from './device-facts.ts';
import { isSilent, silenceAt } from './observation.ts';
import { type Judged, subjectOf, walkDevices } from './preview.ts';

/** Of so many devices it is found anew each time; of more, it is used for so many times as long as it took to find. */
const SMALL_FLEET = 2_000;
const KEEP_FACTOR = 20;

interface LeftOut {
  readonly reason: string;
  readonly devices: number;
  readonly examples: readonly string[];
}

export interface Waiting {
  /** By the name of the stage: boards that count, and boards that do not. */
  readonly byStage: ReadonlyMap<string, { readonly counted: number; readonly uncounted: number }>;
  readonly leftOut: readonly LeftOut[];
  /** That were asked about. */
  readonly devices: number;
}

const MAX_EXAMPLES = 10;

export class WaitingBoards {
  readonly #deps: WatchDeps;
  readonly #found = new Map<
    number,
    { readonly revision: number; readonly untilMs: number; readonly waiting: Waiting }
  >();

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** Boards that are to get the build, and those that a rule leaves out. */
  async count(row: Rollout): Promise<Waiting> {
    const revision = await getRevision(this.#deps.database.read);
    const known = this.#found.get(row.id);
    if (known !== undefined && known.revision === revision && performance.now() < known.untilMs) return known.waiting;
    const startMs = performance.now();
    const waiting = await countAll(this.#deps, this.#deps.database.read, row);
    const costMs = performance.now() - startMs;
    const keptMs = waiting.devices <= SMALL_FLEET ? 0 : KEEP_FACTOR * costMs;
    this.#found.set(row.id, { revision, untilMs: performance.now() + keptMs, waiting });
    return waiting;
  }

  /** How many that count, and were heard of, are to get the build; stops at `enough`. */
  async countReachable(db: Reader, row: Rollout, enough: number, nowMs: number): Promise<number> {
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
  async isAnyLeft(db: Reader, row: Rollout): Promise<boolean> {
    for await (const { isCounted, isOpened } of waitingOf(this.#deps, db, row)) if (isCounted && isOpened) return true;
    return false;
  }
}

interface WaitingBoard {
  readonly device: Judged['device'];
  readonly stage: string;
  readonly isOpened: boolean;
  readonly isCounted: boolean;
}

async function* waitingOf(deps: WatchDeps, db: Reader, row: Rollout): AsyncGenerator<WaitingBoard> {
  for await (const item of memberOf(deps, db, row)) if (item.kind === 'waiting') yield item.board;
}

type Member =
  | { readonly kind: 'waiting'; readonly board: WaitingBoard }
  | { readonly kind: 'left_out'; readonly reason: string; readonly mac: string };

/** Of its stages, those that are still to open as well, without those that hold an assignment. */
async function* memberOf(deps: WatchDeps, db: Reader, row: Rollout): AsyncGenerator<Member> {
  const subject = await subjectOf(deps, db, row);
  const { course } = subject;
  for await (const page of walkDevices(db, subject, 0)) {
    const holders = await listHolders(
      db,
      row.id,
      page.map(({ device }) => device.id),
    );
    for (const { device, preview, facts } of page) {
      if (holders.has(device.id) || preview.kind === 'in_no_stage') continue;
      // The stage that a board gets its place from is the first that includes it, as for its assignment.
      const at = firstStageOf(course, facts);
      if (at === undefined) continue;
      const isOpened = at < course.openedCount;
      if (preview.kind === 'left_out') {
        if (isOpened) yield { kind: 'left_out', reason: preview.reason, mac: device.mac };
        continue;
      }
      const isCounted = notCountedOf(voterOf(device), course.rollout.votes) === undefined;
      yield { kind: 'waiting', board: { device, stage: course.stages[at]?.name ?? '', isOpened, isCounted } };
    }
    await nextTurn();
  }
}

async function countAll(deps: WatchDeps, db: Reader, row: Rollout): Promise<Waiting> {
  const byStage = new Map<string, { counted: number; uncounted: number }>();
  const leftOut = new Map<string, { devices: number; examples: string[] }>();
  let devices = 0;
  for await (const member of memberOf(deps, db, row)) {
    devices += 1;
    if (member.kind === 'waiting') {
      const { stage, isCounted } = member.board;
      const sum = byStage.get(stage) ?? { counted: 0, uncounted: 0 };
      byStage.set(stage, sum);
      if (isCounted) sum.counted += 1;
      else sum.uncounted += 1;
      continue;
    }
    const sum = leftOut.get(member.reason) ?? { devices: 0, examples: [] };
    leftOut.set(member.reason, sum);
    sum.devices += 1;
    if (sum.examples.length < MAX_EXAMPLES) sum.examples.push(member.mac);
  }
  return {
    byStage,
    leftOut: [...leftOut].map(([reason, sum]) => ({ reason, devices: sum.devices, examples: sum.examples })),
    devices,
  };
}
