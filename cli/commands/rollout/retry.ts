// `otter rollout retry`: another chance for devices that failed by what may pass.

import type { CommandGroup } from '#cli/program.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';

export function addRetryCommand(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('retry <name>')
    .description(
      'forgive failures that may pass (network, device, no server): those devices are offered the build again',
    )
    .option('--reason <text>', 'why, for the audit')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) => {
      await confirm(
        shell,
        options,
        `forgive the failures in rollout ${name} that may pass, such as those of network and device`,
      );
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const answer = await client.call('retryRollout', { params: { name }, body: { reason: options.reason } });
        show(answer, () => [formatRetried(name, answer), ...formatKnownBad(name, answer.known_bad)].join('\n'));
      });
    });
}

interface Some {
  readonly devices: number;
  readonly examples: readonly string[];
}

function formatRetried(name: string, retried: Some): string {
  return retried.devices === 0
    ? `nothing to forgive: a device that failed once by what may pass is offered ${name} again by itself`
    : `${retried.devices === 1 ? '1 device is' : `${retried.devices} devices are`} offered ${name} again after one back-off: ${list(retried)}`;
}

function formatKnownBad(
  name: string,
  bad: Some & { readonly causes: readonly { readonly cause: string | null; readonly devices: number }[] },
): readonly string[] {
  if (bad.devices === 0) return [];
  const causes = bad.causes.map(({ cause, devices }) => `${devices} by ${cause ?? 'an unknown cause'}`).join(', ');
  return [
    `${name} stays known bad on ${bad.devices === 1 ? '1 device' : `${bad.devices} devices`} (${causes}): ${list(bad)}`,
    'roll out a repaired build, or clear one device: otter device clear-known-bad MAC',
  ];
}

function list({ devices, examples }: Some): string {
  return examples.join(', ') + (devices > examples.length ? ', ...' : '');
}
