// Which open rollouts want devices that another one wants too. Rollouts of one product may be open side by side as long as
// no device is in both; a stage for every device overlaps with everything.

import { GENERAL_LABEL } from '#protocol/words.ts';
import {
  listLabelledNames,
  listOpenRolloutsOf,
  listStages,
  type Rollout,
  type Stage,
} from '#server/db/rollouts/rollouts.ts';
import type { Reader } from '#server/db/schema.ts';
import { isWithinPercentage } from '#engine/facts/bucket.ts';
import type { StageShare } from '#engine/facts/model.ts';

export interface Overlap {
  readonly rollout: Rollout;
  /** Devices that are in both now, and one of them. */
  readonly devices: number;
  readonly example: string | undefined;
  /** Nothing is left of the other rollout. */
  readonly isWhole: boolean;
}

/** Open rollouts of the product that overlap with a draft of these stages. */
export async function findOverlaps(
  db: Reader,
  draft: Rollout,
  stages: readonly StageShare[],
): Promise<readonly Overlap[]> {
  const open = await listOpenRolloutsOf(db, draft.product);
  if (open.length === 0) return [];
  const mine = await namesOf(db, draft, stages);
  const theirs = await listStages(
    db,
    open.map(({ id }) => id),
  );
  const overlaps = await Promise.all(
    open.map(async (rollout) => {
      const ofRollout = theirs.filter(({ rollout_id }) => rollout_id === rollout.id);
      const shared = [...(await namesOf(db, rollout, ofRollout))].filter((name) => mine.has(name)).toSorted();
      const isForAll = isForEveryone(stages) || isForEveryone(ofRollout);
      return shared.length === 0 && !isForAll
        ? []
        : [{ rollout, devices: shared.length, example: shared[0], isWhole: isCovered(ofRollout, stages) }];
    }),
  );
  return overlaps.flat();
}

/** The devices of all stages, opened or not, as they are labelled now. */
async function namesOf(
  db: Reader,
  { product, seed }: Rollout,
  stages: readonly StageShare[],
): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const { label, percentage } of stages) {
    const isGeneral = label === GENERAL_LABEL;
    const labelled = await listLabelledNames(db, {
      label,
      product,
      isGeneral,
      labelledUntilMs: Number.MAX_SAFE_INTEGER,
    });
    for (const name of labelled) if (isWithinPercentage(seed, name, percentage)) names.add(name);
  }
  return names;
}

function isForEveryone(stages: readonly StageShare[]): boolean {
  return stages.some(({ label }) => label === GENERAL_LABEL);
}

/** Each rollout deals its buckets anew, so only a whole label covers a share of it. */
function isCovered(stages: readonly Stage[], by: readonly StageShare[]): boolean {
  const whole = new Set(by.filter(({ percentage }) => percentage >= 100).map(({ label }) => label));
  return stages.every(({ label }) => whole.has(GENERAL_LABEL) || whole.has(label));
}
