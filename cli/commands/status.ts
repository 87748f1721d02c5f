// `otter status`: the fleet at a glance; with --banner what the server of this machine said when it started.

import { readFile } from 'node:fs/promises';
import type { GlobalOptions, OtterProgram } from '#cli/program.ts';
import { exactDuration, relativeTime } from '#cli/views/relative-time.ts';
import { holdText } from '#cli/views/hold.ts';
import { formatProgress, formatWatched } from '#cli/views/rollout.ts';
import { output, withSession } from '#cli/session.ts';
import { findHome, typedFor } from '#cli/connection/connection.ts';
import { getLocalServer } from '#cli/connection/local-server.ts';
import type { Shell } from '#cli/shell.ts';
import { formatFacts, formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';
import { asTyped } from '#cli/program-place.ts';

export function addStatusCommand(program: OtterProgram, shell: Shell): void {
  program
    .command('status')
    .description('the fleet at a glance')
    .option('--banner', 'what the server of this machine says at its start: address, pin, where the tokens are')
    .action(async ({ banner }, command) => {
      if (banner === true) return showBanner(shell, command.optsWithGlobals());
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const status = await client.call('getStatus', {});
        show(status, () => formatStatus(status, Date.now(), terminal));
      });
    });
}

/** Needs no token and no answer: all of it lies in the home. Errors: `server_unknown`, `config_invalid`. */
async function showBanner(shell: Shell, options: GlobalOptions): Promise<void> {
  const home = await findHome(options, shell);
  const local = await getLocalServer(home, shell.env);
  const { bannerOf, formatBanner } = await import('#server/home/banner.ts');
  const { readCertificate } = await import('#server/certs/certificate.ts');
  const certificate = readCertificate(await readFile(local.certificateFile, 'utf8'));
  const banner = bannerOf({ home, host: local.host, port: Number(local.url.port), certificate });
  output(shell, options).show(banner, () => formatBanner(banner, typedFor(home, shell)).trim());
}

function formatStatus(status: ServerStatus, nowMs: number, terminal: Terminal): string {
  const { devices } = status;
  const { colors } = terminal;
  const facts = formatFacts(
    [
      ['server', `Otter ${status.version} on ${status.database}, started ${relativeTime(status.started_at, nowMs)}`],
      [
        'devices',
        `${devices.total}: ${devices.updating} updating, ${devices.failed} failed, ${devices.silent} silent${devices.held === 0 ? '' : `, ${devices.held} held`}${devices.test === 0 ? '' : `; ${devices.test} for tests apart`}`,
      ],
      ...status.frozen.map(
        ({ product, freeze }) =>
          [`frozen`, `product ${product}${freeze === null ? '' : `: ${holdText(freeze, nowMs)}`}`] as const,
      ),
      ['poll interval', exactDuration(status.poll_interval_s)],
      ['last backup', backupText(status.last_backup, nowMs)],
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
      [`${colors.red('needs you:')} ${printable(text)}`, ...commands.map((command) => `  ${asTyped(command)}`)].join(
        '\n',
      ),
    ),
    ...status.warnings.map((warning) => `${colors.yellow('warning:')} ${warning}`),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function backupText(backup: ServerStatus['last_backup'], nowMs: number): string {
  if (backup === null) return 'none was made';
  const { made_at, file, made_by, encrypted } = backup;
  return `${relativeTime(made_at, nowMs)}: ${file} (${made_by}${encrypted ? ', encrypted' : ''})`;
}

function percent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((part / whole) * 100)} %` : '';
}
