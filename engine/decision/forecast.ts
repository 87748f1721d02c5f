// The forecast of a rollout: all its stages, those that have opened and those to come, and which of them is the first to
// include a device if they open one after the other. Pure, and by the same membership as every decision.

import type { DeviceFacts, OpenedStage, RolloutFacts } from '#engine/facts/model.ts';
import { membership } from './target.ts';

export interface Forecast {
  /** As the rules see it; of a draft, as they will see it. */
  readonly rollout: RolloutFacts;
  readonly stages: readonly (OpenedStage & { readonly name: string })[];
  /** So many of the stages, from the first on, have opened. */
  readonly openedCount: number;
}

/**
 * The position of the first stage that includes the device; undefined: none of them does. To a stage that is still to open
 * every label counts that the device has now, whenever it was added.
 */
export function firstStageOf({ rollout, stages, openedCount }: Forecast, device: DeviceFacts): number | undefined {
  const first = stages.findIndex((_, position) => {
    const isOpen = position < openedCount;
    const opened = stages.slice(0, position + 1);
    const stageOpenedAtMs = isOpen ? rollout.stageOpenedAtMs : Number.POSITIVE_INFINITY;
    return membership({ ...rollout, opened, stageOpenedAtMs }, device) === 'member';
  });
  return first === -1 ? undefined : first;
}

/** What putting a label on a device, or taking it off, changes of when the rollout reaches it. */
export type LabelEffect =
  | { readonly kind: 'joins'; readonly stage: string }
  | { readonly kind: 'joins_anyway'; readonly stage: string }
  | { readonly kind: 'joins_later'; readonly stage: string; readonly instead: string | undefined }
  | { readonly kind: 'leaves'; readonly backAt: string | undefined }
  | { readonly kind: 'stays' }
  | { readonly kind: 'stays_out' };

/** `before` and `after` are the device with its labels before and after the change. */
export function labelEffect(forecast: Forecast, before: DeviceFacts, after: DeviceFacts): LabelEffect {
  const from = firstStageOf(forecast, before);
  const to = firstStageOf(forecast, after);
  const isIn = from !== undefined && from < forecast.openedCount;
  const staysIn = to !== undefined && to < forecast.openedCount;
  if (isIn) return staysIn ? { kind: 'stays' } : { kind: 'leaves', backAt: nameOf(forecast, to) };
  const [was, is] = [nameOf(forecast, from), nameOf(forecast, to)];
  if (is !== undefined && is === was) return { kind: 'joins_anyway', stage: is };
  if (is !== undefined && (from === undefined || (to ?? 0) < from)) return { kind: 'joins', stage: is };
  return was === undefined ? { kind: 'stays_out' } : { kind: 'joins_later', stage: was, instead: is };
}

function nameOf({ stages }: Forecast, position: number | undefined): string | undefined {
  return position === undefined ? undefined : stages[position]?.name;
}
