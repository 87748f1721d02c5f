// Rules about who speaks for a board.

import type { Case } from './case.ts';
import type { Rule } from './rule-shape.ts';
import type { Standing } from '#engine/facts/identity.ts';

export const IDENTITY_RULES = [
  {
    id: 'token_revoked',
    outcome: 'hold',
    when: 'the token of the device was revoked',
    matches: stands('token_revoked'),
    saw: sawOf('token_revoked', 'its token was revoked'),
    change: (c) => `a person lets it enrol again: otter device reenrol ${c.facts.device.firstName}`,
  },
  {
    id: 'enrolment_required',
    outcome: 'hold',
    when: 'the device has no token of its own in use, and `devices.identity` asks for one',
    matches: stands('enrolment_required'),
    saw: sawOf('enrolment_required', 'it asks with the fleet token'),
    change: () => 'it enrols by itself where its client can; another one is served with `identity: first-use`',
  },
  {
    id: 'enrolment_pending',
    outcome: 'hold',
    when: 'the device asked to enrol, and a person has to accept it',
    matches: stands('enrolment_pending'),
    saw: sawOf('enrolment_pending', 'its enrolment is pending'),
    change: (c) => `a person accepts it: otter device accept ${c.facts.device.firstName}`,
  },
  {
    id: 'claimed_twice',
    outcome: 'hold',
    when: 'somebody asks for the device with the fleet token, while it has a token of its own in use',
    matches: stands('claimed_twice'),
    saw: sawOf('claimed_twice', 'the fleet token speaks for it beside its own'),
    change: (c) =>
      `the device token is used alone for 7 days; or the device lost its memory, and a person lets it in: otter device accept ${c.facts.device.firstName}`,
  },
] as const satisfies readonly Rule[];

function stands(standing: Standing): (c: Case) => boolean {
  return (c) => c.facts.device.standing === standing;
}

function sawOf(standing: Standing, text: string): (c: Case) => string {
  return (c) => (c.facts.device.standing === standing ? text : 'it may speak for itself');
}
