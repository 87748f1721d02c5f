// An entry of the audit as people say it.

import type { AuditEntry } from '#protocol/admin/audit.ts';
import { words } from '#dashboard/parts/words.ts';

const TEXTS: Readonly<Record<string, string>> = {
  'rollout.create': 'Created',
  'rollout.start': 'Started',
  'rollout.promote': 'Promoted',
  'rollout.pause': 'Paused',
  'rollout.resume': 'Resumed',
  'rollout.abort': 'Aborted',
  'rollout.halt': 'Halted',
  'rollout.keep': 'Kept',
  'rollout.retry': 'Failed boards may retry',
};

/** `Started`; what has no words here is said as it is: `firmware block`. */
export function auditText({ action }: AuditEntry): string {
  const text = TEXTS[action] ?? words(action.replace('.', ' '));
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `reason: as planned, to: running pilot`. */
export function detailsText({ details }: AuditEntry): string {
  return Object.entries(details)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => `${words(name)}: ${plainText(value)}`)
    .join(', ');
}

function plainText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.values(value)
    .filter((part) => part !== null)
    .map(plainText)
    .join(' ');
}

/** `schedule:nightly` as `schedule nightly`. */
export function actorText(actor: string): string {
  const [kind = '', name] = actor.split(':');
  if (kind === 'admin') return 'the admin token';
  if (kind === 'gate') return 'its gate';
  if (kind === 'file') return 'a file';
  if (kind === 'session') return `browser session ${name ?? ''}`;
  return name === undefined ? kind : `${kind} ${name}`;
}
