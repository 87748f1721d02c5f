// What can be done to many boards, in words.

import { boards } from '#dashboard/parts/words.ts';
import type { BulkChange } from '#protocol/admin/fleet/bulk.ts';

export type BulkVerb = BulkChange['verb'];

interface VerbText {
  readonly menu: string;
  readonly title: (picked: string) => string;
  /** What it does to them; nothing where the title says it all. */
  readonly about: string;
  readonly confirm: (changes: string) => string;
  readonly done: (changed: number, label: string) => string;
  /** Of those that would not change. */
  readonly others: string;
  readonly isDanger?: true;
}

export const VERB_TEXTS: Readonly<Record<BulkVerb, VerbText>> = {
  label: {
    menu: 'Label',
    title: (picked) => `Label ${picked}`,
    about: '',
    confirm: (changes) => `Label ${changes}`,
    done: (changed, label) => `${boards(changed)} got label ${label}`,
    others: 'have it already',
  },
  unlabel: {
    menu: 'Take a label off',
    title: (picked) => `Take a label off ${picked}`,
    about: '',
    confirm: (changes) => `Take it off ${changes}`,
    done: (changed, label) => `${boards(changed)} lost label ${label}`,
    others: 'do not have it',
  },
  hold: {
    menu: 'Hold',
    title: (picked) => `Hold ${picked}?`,
    about: 'They are offered nothing new. Updates that are under way go on. Gates do not wait for them.',
    confirm: (changes) => `Hold ${changes}`,
    done: (changed) => `${boards(changed)} ${isOrAre(changed)} held`,
    others: 'are held already',
  },
  release: {
    menu: 'Release',
    title: (picked) => `Release ${picked}?`,
    about: 'Their holds end, whoever put them there.',
    confirm: (changes) => `Release ${changes}`,
    done: (changed) => `${boards(changed)} ${isOrAre(changed)} not held any more`,
    others: 'are not held',
  },
  retry: {
    menu: 'Let them try again',
    title: (picked) => `Let ${picked} try again?`,
    about: 'What was cancelled on them is offered again, and builds that failed on them are forgiven.',
    confirm: (changes) => `Let ${changes} try again`,
    done: (changed) => `${boards(changed)} may try again`,
    others: 'have nothing to try again',
  },
  clear_known_bad: {
    menu: 'Forget failed builds',
    title: (picked) => `Forget failed builds of ${picked}?`,
    about:
      'What failed on them may be offered again, and the next offer tells them so. If it fails once more, it counts anew.',
    confirm: (changes) => `Forget it on ${changes}`,
    done: (changed) => `Failed builds are forgotten on ${boards(changed)}`,
    others: 'have no such build',
  },
  revoke: {
    menu: 'Revoke their tokens',
    title: (picked) => `Revoke the tokens of ${picked}?`,
    about: 'They are refused from their next check on, and come back only when you let each of them enrol anew.',
    confirm: (changes) => `Revoke ${changes}`,
    done: (changed) => `The tokens of ${boards(changed)} are revoked`,
    others: 'have no token of their own',
    isDanger: true,
  },
  remove: {
    menu: 'Remove',
    title: (picked) => `Remove ${picked}?`,
    about: 'Everything that is known of them goes, and does not come back. A board that checks in again is a new one.',
    confirm: (changes) => `Remove ${changes}`,
    done: (changed) => `${boards(changed)} ${isOrAre(changed)} forgotten`,
    others: 'stay',
    isDanger: true,
  },
};

function isOrAre(number: number): string {
  return number === 1 ? 'is' : 'are';
}
