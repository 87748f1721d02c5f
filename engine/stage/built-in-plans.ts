// The plans that every server has. A file can add more, never change these.

import { DEFAULT_PLAN, type Plan } from '#protocol/admin/plan.ts';
import { DEFAULT_PILOT_LABEL, GENERAL_LABEL } from '#protocol/words.ts';

export const BUILT_IN_PLANS: readonly Plan[] = [
  {
    name: DEFAULT_PLAN,
    description: 'the pilot, then every device, each when a person says so',
    stages: [
      { name: 'pilot', label: DEFAULT_PILOT_LABEL, percentage: 100, promotion: 'manual' },
      { name: 'expand', label: GENERAL_LABEL, percentage: 100, promotion: 'manual' },
    ],
  },
  {
    name: 'careful',
    // A bad build is taken back from the first few by itself; to roll back a quarter of a fleet is for a person to say.
    description: 'the pilot, then 5 %, 25 % and all devices; goes on by itself, stops by itself',
    stages: [
      {
        name: 'pilot',
        label: DEFAULT_PILOT_LABEL,
        percentage: 100,
        promotion: 'auto',
        gate: { min_confirmed: 3, max_failed: 0, max_silent_pct: 20, soak_s: 3_600, on_halt: 'revert' },
      },
      {
        name: 'few',
        label: GENERAL_LABEL,
        percentage: 5,
        promotion: 'auto',
        gate: { min_confirmed: 20, max_failed_pct: 2, max_silent_pct: 20, soak_s: 3_600, on_halt: 'revert' },
      },
      {
        name: 'some',
        label: GENERAL_LABEL,
        percentage: 25,
        promotion: 'auto',
        gate: { min_confirmed: 100, max_failed_pct: 2, max_silent_pct: 20, soak_s: 3_600 },
      },
      {
        name: 'everyone',
        label: GENERAL_LABEL,
        percentage: 100,
        promotion: 'auto',
        gate: { min_confirmed: 400, max_failed_pct: 2, max_silent_pct: 20, soak_s: 3_600 },
      },
    ],
  },
  {
    name: 'urgent',
    description: 'all devices at once; stops by itself',
    stages: [
      {
        name: 'everyone',
        label: GENERAL_LABEL,
        percentage: 100,
        promotion: 'auto',
        gate: { min_confirmed: 20, max_failed_pct: 5, soak_s: 900 },
      },
    ],
  },
  {
    name: 'steady',
    // No label to choose: a few boards at a time are pilot enough where a person knows each of them.
    description: 'for up to 50 devices: all of them, three at a time; stops and takes back at the first failure',
    stages: [
      {
        name: 'everyone',
        label: GENERAL_LABEL,
        percentage: 100,
        promotion: 'auto',
        max_in_flight: 3,
        gate: { min_confirmed: 50, max_failed: 0, max_silent_pct: 20, soak_s: 300, on_halt: 'revert' },
      },
    ],
  },
];
