// The plans that every server has. A file can add more, never change these.

import { DEFAULT_PLAN, type Plan } from '#protocol/plan.ts';
import { DEFAULT_PILOT_LABEL, GENERAL_LABEL } from '#protocol/words.ts';

export const BUILT_IN_PLANS: readonly Plan[] = [
  {
    name: DEFAULT_PLAN,
    description: 'the pilot, then every device, each when a person says so',
    stages: [
      { name: 'pilot', label: DEFAULT_PILOT_LABEL, percentage: 100 },
      { name: 'expand', label: GENERAL_LABEL, percentage: 100 },
    ],
  },
];
