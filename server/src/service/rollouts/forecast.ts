// From rows to the forecast of a rollout: what the rules are asked with for stages that are still to open.

import { isOpened, rolloutFactsOf, stageFactsOf } from '#server/db/rollouts/facts.ts';
import type { Rollout, Stage } from '#server/db/rollouts/rollouts.ts';
import type { Forecast } from '#engine/decision/forecast.ts';
import type { RolloutFacts } from '#engine/facts/model.ts';

/** Of a draft, whose first stage is still to open, as much as of an open rollout. */
export function forecastOf(
  row: Rollout,
  stages: readonly Stage[],
  build: Pick<RolloutFacts, 'firmware' | 'imageIds'>,
): Forecast {
  const rollout = rolloutFactsOf(row, stages, build);
  if (rollout === undefined) throw new Error('a rollout without stages');
  return {
    // Whose turn it is now says nothing of who belongs to it.
    rollout: { ...rollout, pace: { maxInFlight: undefined, maxOffersPerMinute: undefined } },
    stages: stages.map((stage) => ({ ...stageFactsOf(stage), name: stage.name })),
    openedCount: stages.filter(isOpened).length,
  };
}
