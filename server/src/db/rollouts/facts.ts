// From the rows of a rollout and its stages to what the rules read of it: one translation, for the catalog and for a preview.

import { Value } from 'typebox/value';
import { Gate, PlanWindow } from '#protocol/admin/plan.ts';
import type { OpenedStage, RolloutFacts } from '#engine/facts/model.ts';
import type { Rollout, Stage } from './rollouts.ts';

type RolloutRow = Pick<
  Rollout,
  'id' | 'name' | 'status' | 'seed' | 'counts_before_ms' | 'counts_simulated' | 'consent' | 'force_after_s'
>;

/** At the stage that opened last; of a draft, at its first. `stages`: all of them, in their order. Undefined: there are none. */
export function rolloutFactsOf<Build extends RolloutFacts['firmware']>(
  row: RolloutRow,
  stages: readonly Stage[],
  { firmware, imageIds }: { readonly firmware: Build; readonly imageIds: readonly number[] },
): (RolloutFacts & { readonly firmware: Build }) | undefined {
  const opened = stages.filter(isOpened);
  const latest = opened.at(-1) ?? stages[0];
  if (latest === undefined) return undefined;
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    stageId: latest.id,
    stage: latest.name,
    // A stage that is open has the instant of its opening; without one nobody is a member.
    stageOpenedAtMs: latest.opened_at_ms ?? Number.NEGATIVE_INFINITY,
    opened: opened.map(stageFactsOf),
    planned: stages.map(({ id, label, percentage }) => ({ id, label, percentage })),
    pace: {
      maxInFlight: latest.max_in_flight ?? undefined,
      maxOffersPerMinute: latest.max_offers_per_minute ?? undefined,
    },
    consent:
      row.consent === null
        ? undefined
        : { forceAfterMs: row.force_after_s === null ? undefined : row.force_after_s * 1000 },
    seed: row.seed,
    votes: { countsBeforeMs: row.counts_before_ms ?? undefined, countsSimulated: row.counts_simulated === 1 },
    firmware,
    imageIds,
  };
}

export function isOpened({ opened_at_ms }: Stage): boolean {
  return opened_at_ms !== null;
}

/** What was stored has passed the schema when it came in. */
export function stageFactsOf({ id, label, percentage, gate, window }: Stage): OpenedStage {
  return {
    id,
    label,
    percentage,
    soakMs: gate === null ? 0 : (Value.Parse(Gate, JSON.parse(gate)).soak_s ?? 0) * 1000,
    window: window === null ? undefined : Value.Parse(PlanWindow, JSON.parse(window)),
  };
}
