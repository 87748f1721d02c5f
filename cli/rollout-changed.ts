// What a command that moved a rollout prints: where it stands now and what can be done next. What the server warns of goes to
// stderr, so that it is no part of the result.

import { colorStatus, nextCommand, revertedLine } from '#cli/views/rollout.ts';
import type { Session } from './session.ts';
import { printable } from './terminal.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';

export async function showChanged(session: Session, change: Promise<Rollout>): Promise<void> {
  const changed = await change;
  const { colors } = session.terminal;
  session.show(changed, () => {
    const stage = changed.stage === null ? '' : `, stage ${changed.stage}, target ${changed.target_label}`;
    return [
      `rollout ${changed.name} is ${colorStatus(changed.status, colors)}${stage}`,
      ...revertedLine(changed, colors),
      ...nextLine(changed),
    ].join('\n');
  });
  noteWarnings(session, changed);
}

/** On stderr; with `--json` they are in the document. */
export function noteWarnings({ terminal, json }: Pick<Session, 'terminal' | 'json'>, { warnings }: Rollout): void {
  if (json) return;
  for (const warning of warnings) terminal.note(`${terminal.errorColors.yellow('warning:')} ${printable(warning)}`);
}

export function nextLine(rollout: Rollout): readonly string[] {
  const next = nextCommand(rollout);
  return next === undefined ? [] : [`next: ${next}`];
}
