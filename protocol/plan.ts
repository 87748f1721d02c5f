// A plan: the stages that a rollout goes through, by name. It is copied into a rollout when that is created, so a later edit
// of the plan never reaches a rollout that exists. It says who belongs to a stage, never which firmware goes out.

import { type Static, Type } from 'typebox';
import { MAX_DESCRIPTION_CHARS, MAX_PLAN_STAGES } from '#protocol/limits.ts';
import { Name } from '#protocol/words.ts';

export const DEFAULT_PLAN = 'default';

const PlanStage = Type.Object({
  name: Name,
  label: Name,
  percentage: Type.Integer({
    minimum: 1,
    maximum: 100,
    description: 'share of the devices with the label; of one label it only grows from stage to stage',
  }),
});

export const Plan = Type.Object(
  {
    name: Name,
    description: Type.String({ maxLength: MAX_DESCRIPTION_CHARS }),
    stages: Type.Array(PlanStage, { minItems: 1, maxItems: MAX_PLAN_STAGES }),
  },
  { $id: 'Plan' },
);
export type Plan = Static<typeof Plan>;

/** The position of the first stage that asks for a smaller share of a label than a stage before it; -1: none does. */
export function findShrinking(stages: readonly { readonly label: string; readonly percentage: number }[]): number {
  return stages.findIndex(({ label, percentage }, index) =>
    stages.slice(0, index).some((earlier) => earlier.label === label && !(earlier.percentage <= percentage)),
  );
}
