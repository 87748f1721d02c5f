// Rules that offer: nothing stands in the way, so the device goes back or forward, and this says why.

import { runs, version } from './case.ts';
import type { Rule } from './rule-shape.ts';
import { isTakenBack } from './target.ts';

export const OFFER_RULES = [
  {
    id: 'blocked_go_back',
    outcome: 'rollback',
    when: 'the device runs a blocked build: back to the prior stable one',
    matches: (c) =>
      c.target?.source === 'prior_stable' && c.facts.running?.blocked === true && c.order !== undefined && c.order > 0,
    saw: (c) => `runs ${runs(c)}; prior stable ${version(c)}`,
  },
  {
    id: 'sent_back',
    outcome: 'rollback',
    when: 'an operator sent the device back from the build that it runs',
    matches: (c) =>
      c.target?.source === 'prior_stable' && !isTakenBack(c.facts.running) && c.order !== undefined && c.order > 0,
    saw: (c) => `runs ${runs(c)}; goes back to ${version(c)}`,
  },
  {
    id: 'reverted_go_back',
    outcome: 'rollback',
    when: 'the device runs the build of a rollout that was reverted: back to the prior stable one',
    matches: (c) => c.target?.source === 'prior_stable' && c.order !== undefined && c.order > 0,
    saw: (c) => `runs ${runs(c)}; prior stable ${version(c)}`,
  },
  {
    id: 'required_version',
    outcome: 'install',
    when: 'the device is behind a build that must not be skipped on the way to the target version',
    matches: (c) => c.target?.firmware.id !== c.target?.rollout.firmware.id && c.order !== undefined && c.order < 0,
    saw: (c) => `runs ${runs(c)}; next ${version(c)}; target ${c.target?.rollout.firmware.version ?? 'none'}`,
  },
  {
    id: 'update',
    outcome: 'install',
    when: 'the device is behind the target version',
    matches: (c) => c.order !== undefined && c.order < 0,
    saw: (c) => `runs ${runs(c)}; target ${version(c)}`,
  },
] as const satisfies readonly Rule[];
