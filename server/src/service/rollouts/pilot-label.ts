// The label of the pilot: an operator may put another one in the place of that of the first stage, at creation or at start.

import { OtterError } from '#protocol/errors.ts';
import { findShrinking, type Plan } from '#protocol/admin/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';

type Share = Pick<Plan['stages'][number], 'name' | 'label' | 'percentage'>;

/**
 * The stages with another label for the pilot. Throws `name_reserved`, and `field_invalid` where the plan has no pilot or
 * would take devices away again.
 */
export function withPilotLabel(stages: Plan['stages'], label: string): Plan['stages'] {
  refusePilotLabel(stages, label);
  return relabel(stages, label);
}

/** The label of the first stage is replaced wherever it stands. */
export function relabel<T extends Share>(stages: readonly T[], label: string): T[] {
  const before = stages[0]?.label;
  return stages.map((stage) => (stage.label === before ? Object.assign({}, stage, { label }) : stage));
}

export function refusePilotLabel(stages: readonly Share[], label: string): void {
  if (label === GENERAL_LABEL)
    throw new OtterError(
      'name_reserved',
      `the label ${GENERAL_LABEL} means every device`,
      'choose the label of a few devices as pilot',
    );
  if (stages[0]?.label === GENERAL_LABEL)
    throw new OtterError(
      'field_invalid',
      'pilot_label: the plan begins with every device, it has no pilot',
      'leave the label out, or take a plan with a pilot',
    );
  const shrinking = stages[findShrinking(relabel(stages, label))];
  if (shrinking !== undefined)
    throw new OtterError(
      'field_invalid',
      `pilot_label: stage ${shrinking.name} would take fewer devices with label ${label} than a stage before it`,
      'choose a label that the plan does not use',
    );
}
