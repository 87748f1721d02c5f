// What became of one board under one build: one ordered table, the first row that matches decides. Gate, `explain`, views,
// events and simulation ask it, and nothing else says what became of a board. docs/rollout.md prints the same table. Pure.

import type { OUTCOMES } from '#protocol/admin-api.ts';

export type Outcome = (typeof OUTCOMES)[number];
