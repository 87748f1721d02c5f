// What a rule of the table is, and how rules put what would have to change.

import type { Case } from './case.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';

interface Shared {
  readonly id: string;
  /** The condition in words, as the documentation prints it. */
  readonly when: string;
  readonly matches: (c: Case) => boolean;
  /** What the rule looked at, with the values of this device. */
  readonly saw: (c: Case) => string;
}

export type Rule = Shared &
  (
    | { readonly outcome: 'install' | 'rollback' }
    /** `change` says what would have to change for the rule to let the device pass. */
    | { readonly outcome: 'hold'; readonly change: (c: Case) => string }
  );

/** A device that refuses by a list of its own hears of a clearing only where its client knows the word. */
export function knownBadEnds({ facts, history, target }: Case): string {
  const ends = `a newer build is rolled out, or: otter device clear-known-bad ${facts.device.firstName}`;
  if (history?.lastError !== 'known_bad') return ends;
  return `${ends}; the board itself refuses this build: where it still does after that, flash ${target?.firmware.version ?? 'it'} once by cable, or upload the same code as a newer version`;
}

export function takenBackFacts({ facts: { running } }: Case): string {
  if (running?.blocked === true) return ' (blocked)';
  return running?.reverted === true ? ' (reverted)' : '';
}

export function releaseCommand({ target }: Case): string {
  const { product, version: of, id } = target?.firmware ?? { product: '', version: 'VERSION', id: undefined };
  const name = `${of}${product === DEFAULT_PRODUCT ? '' : ` --product ${product}`}`;
  return id === target?.rollout.firmware.id
    ? `a rollout that covers it is started: otter rollout create --firmware ${name}`
    : `the required version is marked once more: otter firmware require ${name}`;
}

export function waitText(atMs: number | undefined, nowMs: number): string {
  return atMs === undefined ? '' : ` in ${Math.max(0, Math.ceil((atMs - nowMs) / 60_000))} min`;
}
