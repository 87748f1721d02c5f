// An event as a line, and how it should look.

import type { Event } from '#protocol/admin/events.ts';
import type { Tone } from '#dashboard/parts/tone.tsx';

const BAD = new Set([
  'rollout.halted',
  'rollout.regressed',
  'assignment.failed',
  'assignment.rolled_back',
  'assignment.crashing',
  'assignment.lost',
  'assignment.rejected',
]);
const GOOD = new Set(['rollout.completed', 'assignment.confirmed', 'assignment.healthy']);
const WARN = new Set(['rollout.paused', 'rollout.aborted', 'assignment.timed_out', 'device.reports_differ']);

/** What a word alone does not say. */
const BOARD_TEXTS: Readonly<Record<string, string>> = {
  offered: 'was offered the build',
  downloading: 'downloads it',
  downloaded: 'has downloaded it',
  installing: 'installs it',
  trial: 'runs it on trial',
  healthy: 'is healthy',
  crashing: 'crashes again and again',
  lost: 'is lost',
  superseded: 'is offered another build',
  named: 'has another name',
  removed: 'was removed',
  replaced: 'was replaced by another board',
  held: 'is held',
  released: 'is not held any more',
  cancelled: 'does not get it: cancelled',
  sent_back: 'is sent back',
  offered_now: 'is offered what there is at once',
  retried: 'may try again',
  reports_differ: 'said two different things in one report',
  came_back: 'came back after it was removed',
};

export function eventTone({ type }: Event): Tone {
  if (BAD.has(type)) return 'bad';
  if (GOOD.has(type)) return 'good';
  if (WARN.has(type)) return 'warn';
  return type.startsWith('assignment.') ? 'moving' : 'idle';
}

/** `Rollout 1.1.0-careful: promoted to expand`. */
export function eventText({ type, product, rollout, stage, mac, name }: Event): string {
  const [what = '', did = ''] = type.split('.');
  const happened = did.replaceAll('_', ' ');
  if (what === 'stage') return `Stage ${stage ?? ''} of ${rollout} ${happened}`;
  if (what === 'rollout') return `Rollout ${rollout} ${did === 'promoted' ? `promoted to ${stage ?? ''}` : happened}`;
  if (what === 'product') return `Product ${product} is ${did === 'frozen' ? 'frozen' : 'not frozen any more'}`;
  return `${name ?? mac ?? 'A board'} ${BOARD_TEXTS[did] ?? happened}`;
}
