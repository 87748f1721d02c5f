// The plans of this server: those that are built in, then those of config/plans.yaml.

import { OtterError } from '#protocol/errors.ts';
import type { Plan } from '#protocol/plan.ts';
import { BUILT_IN_PLANS } from '#server/rollout/built-in-plans.ts';
import type { Settings } from './deps.ts';

export function listPlans(settings: Settings): { items: Plan[] } {
  return { items: [...BUILT_IN_PLANS, ...settings.plans] };
}

/** Throws `plan_unknown`. */
export function getPlan(settings: Settings, name: string): Plan {
  const { items } = listPlans(settings);
  const plan = items.find((item) => item.name === name);
  if (plan === undefined) {
    const known = items.map((item) => item.name).join(', ');
    throw new OtterError(
      'plan_unknown',
      `there is no plan ${name}`,
      `the plans are ${known}; config/plans.yaml adds more`,
    );
  }
  return plan;
}
