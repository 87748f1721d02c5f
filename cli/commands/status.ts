// `otter status`: the fleet at a glance.

import type { OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { formatProgress, formatWatched } from '#cli/views/rollout.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatFacts, formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';

export function addStatusCommand(program: OtterProgram, shell: Shell): void {
  program
    .command('status')
    .description('the fleet at a glance')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const status = await client.call('getStatus', {});
        show(status, () => formatStatus(status, Date.now(), terminal));
      });
    });
}

function formatStatus(status: ServerStatus, nowMs: number, terminal: Terminal): string {
  const { devices } = status;
  const { colors } = terminal;
  const facts = formatFacts(
    [
      ['server', `Otter ${status.version} on ${status.database}, started ${relativeTime(status.started_at, nowMs)}`],
      ['devices', `${devices.total}: ${devices.updating} updating, ${devices.failed} failed, ${devices.silent} silent`],
      ['poll interval', `${status.poll_interval_s} s`],
    ],
    colors,
  );
  const versions = status.versions.map((one) => [
    one.product,
    one.version,
    String(one.devices),
    percent(one.devices, devices.total),
  ]);
  return [
    facts,
    versions.length === 0 ? '' : formatTable(['product', 'version', 'devices', ''], versions, colors),
    ...status.rollouts
      .filter((rollout) => rollout.status !== 'complete')
      .map((rollout) => formatProgress(rollout, nowMs, terminal)),
    status.rollouts
      .filter((rollout) => rollout.status === 'complete')
      .map((rollout) => formatWatched(rollout, nowMs, terminal))
      .join('\n'),
    ...status.calls.map(({ text, commands }) =>
      [`${colors.red('needs you:')} ${printable(text)}`, ...commands.map((command) => `  npx ${command}`)].join('\n'),
    ),
    ...status.warnings.map((warning) => `${colors.yellow('warning:')} ${warning}`),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function percent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((part / whole) * 100)} %` : '';
}
