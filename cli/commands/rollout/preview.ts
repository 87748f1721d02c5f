// `otter rollout preview`: which devices a rollout would reach, before it does.

import { Option } from '@commander-js/extra-typings';
import { readCount } from '#cli/arguments.ts';
import { showList } from '#cli/paging.ts';
import { formatPreview } from '#cli/views/preview.ts';
import type { CommandGroup } from '#cli/program.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { DEFAULT_PAGE } from '#protocol/limits.ts';

export function addPreviewCommand(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('preview <name>')
    .description('which devices each stage would take, and who is left out and why')
    .option('--stage <stage>', 'list the devices that this stage would take')
    .addOption(
      new Option('--limit <count>', `with --stage, how many to list (${DEFAULT_PAGE} if not said)`).argParser(
        readCount,
      ),
    )
    .addOption(new Option('--all', 'with --stage, list all of them').conflicts('limit'))
    .action(async (name, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { client, show, terminal } = session;
        const { stage } = options;
        if (stage === undefined) {
          const preview = await client.call('previewRollout', { params: { name } });
          show(preview, () => formatPreview(preview, terminal));
          return;
        }
        await showList(
          session,
          options,
          async ({ limit, cursor }) =>
            client.call('getPreviewDevices', { params: { name }, query: { stage, limit, cursor } }),
          { head: ['mac'], row: (mac) => [mac], empty: `stage ${stage} would take no device` },
        );
      });
    });
}
