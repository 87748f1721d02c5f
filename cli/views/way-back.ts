// What becomes of the boards on a build that is taken back, as text: before it is done, to be asked about, and after.

import { confirm } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { printable } from '#cli/terminal.ts';
import type { WayBack } from '#protocol/admin/firmware.ts';

const SHOWN_EXAMPLES = 3;

type Counts = Pick<WayBack, 'devices_running' | 'other_builds' | 'goes_to' | 'stays'>;

/** One line where all boards fare alike, else one for each group. */
export function formatWayBack({ devices_running, other_builds, goes_to, stays }: Counts): string {
  const groups = [
    ...goes_to.map(({ version, devices }) => ({
      devices,
      text: `${devices === 1 ? 'is' : 'are'} offered ${version} with the next check`,
    })),
    ...stays.map(({ devices, text, examples }) => ({
      devices,
      text: `${devices === 1 ? 'stays' : 'stay'} on it: ${printable(text)}`,
      examples,
    })),
  ];
  const others =
    other_builds === 0 ? [] : [`${count(other_builds)} with another build of this version: nothing changes there`];
  if (devices_running === 0) return ['no device runs it', ...others].join('\n');
  const runs = `${count(devices_running)} ${devices_running === 1 ? 'runs' : 'run'} it`;
  const [only, ...more] = groups;
  if (only !== undefined && more.length === 0) return [`${runs} and ${only.text}`, ...others].join('\n');
  return [`${runs}:`, ...groups.map((group) => `${group.devices} ${group.text}${named(group)}`), ...others].join('\n');
}

/**
 * Asks before a build is taken back, and says first what that does. Where nobody can be asked `confirm` has refused it before.
 * Errors: as `confirm`, and those of the call.
 */
export async function confirmWayBack(
  shell: Shell,
  options: { readonly yes?: true | undefined },
  question: string,
  preview: () => Promise<WayBack>,
): Promise<void> {
  const { terminal } = shell;
  if (options.yes === true || !terminal.canAsk) return;
  const found = await preview();
  terminal.note(formatWayBack(found));
  if (found.aborts.length > 0) terminal.note(`ends: ${found.aborts.map(printable).join(', ')}`);
  await confirm(shell, options, question);
}

function named({
  devices,
  examples = [],
}: {
  readonly devices: number;
  readonly examples?: readonly string[];
}): string {
  const shown = examples.slice(0, SHOWN_EXAMPLES);
  return shown.length === 0 ? '' : ` (${shown.join(', ')}${devices > shown.length ? ', ...' : ''})`;
}

function count(devices: number): string {
  return devices === 1 ? '1 device' : `${devices} devices`;
}
