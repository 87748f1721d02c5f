// `otter rollout waiting`: boards that a rollout still waits for, or does not, and what holds each.

import { Option } from '@commander-js/extra-typings';
import { readCount } from '#cli/arguments.ts';
import { showList } from '#cli/paging.ts';
import type { CommandGroup } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { printable } from '#cli/terminal.ts';
import type { WaitingBoard } from '#protocol/admin/rollouts.ts';
import { OUTCOMES } from '#protocol/admin/states.ts';
import { DEFAULT_PAGE } from '#protocol/limits.ts';

export function addWaitingCommand(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('waiting <name>')
    .description('boards of its opened stages that are not healthy on the build, and what holds each')
    .addOption(new Option('--limit <count>', `how many to show (${DEFAULT_PAGE} if not said)`).argParser(readCount))
    .addOption(new Option('--all', 'show all of them').conflicts('limit'))
    .addOption(
      new Option('--outcome <outcome>', 'those of this outcome alone').choices(
        OUTCOMES.filter((outcome) => outcome !== 'healthy'),
      ),
    )
    .addOption(
      new Option('--left-out <rule>', 'those that this rule leaves out alone, as device_held').conflicts('outcome'),
    )
    .action(async (name, { outcome, leftOut, ...options }, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        await showList(
          session,
          options,
          async ({ limit, cursor }) =>
            session.client.call('getWaiting', {
              params: { name },
              query: { limit, cursor, outcome, left_out: leftOut },
            }),
          {
            head: ['mac', 'name', 'stage', 'outcome', 'held by', 'counts', 'seen', 'why'],
            row: toRow,
            empty:
              outcome === undefined && leftOut === undefined
                ? `every board of the opened stages of ${name} is healthy on the build`
                : `no board of the opened stages of ${name} is ${outcome ?? `left out by ${leftOut}`}`,
          },
        );
      });
    });
}

function toRow(board: WaitingBoard): readonly string[] {
  return [
    board.mac,
    board.name ?? '',
    board.stage,
    board.outcome,
    board.reason ?? '-',
    board.not_counted === null ? 'yes' : `no: ${board.not_counted}`,
    relativeTime(board.last_seen_at, Date.now()),
    printable(board.text),
  ];
}
