// `otter budget ...`: at most so many boards of one place at a time, whichever rollouts they follow.

import { Option } from '@commander-js/extra-typings';
import { readCount, readPercentage } from '#cli/arguments.ts';
import { CommandError } from '#cli/exit-code.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable } from '#cli/terminal.ts';
import type { Budget } from '#protocol/admin/fleet/budgets.ts';

export function addBudgetCommands(program: OtterProgram, shell: Shell): void {
  const budget = addGroup(program, 'budget', 'disruption budgets: how many boards of one site (site=...) at a time');

  budget
    .command('list')
    .description('budgets, and of each value how many boards are at it')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const { items } = await client.call('getBudgets', {});
        show({ items }, () =>
          items.length === 0
            ? `no budgets; for labels such as site=berlin: ${OTTER} budget set site --max 1`
            : formatTable(
                ['key', 'at a time', 'value', 'devices', 'allowed', 'at it', 'why'],
                rowsOf(items),
                terminal.colors,
              ),
        );
      });
    });

  budget
    .command('set <key>')
    .description('of each value of this label key, at most so many boards are in the middle of an update at a time')
    .addOption(new Option('--max <count>', 'so many boards').argParser(readCount).conflicts('maxPct'))
    .addOption(new Option('--max-pct <percent>', 'such a share of its boards, at least one').argParser(readPercentage))
    .option('--reason <text>', 'why, shown in the list')
    .action(async (key, { max, maxPct, reason }, command) => {
      if (max === undefined && maxPct === undefined)
        throw CommandError.usage(
          `how many boards of one ${key} at a time? Neither --max nor --max-pct is said`,
          `${OTTER} budget set ${key} --max 1`,
        );
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const body = { max_devices: max, max_pct: maxPct, reason };
        const answer = await client.call('setBudget', { params: { key }, body });
        const { values } = answer;
        const has =
          values.length === 0
            ? `no board has a label ${key}=... yet: ${OTTER} device label MAC ${key}=berlin`
            : `${values.length} ${values.length === 1 ? 'value' : 'values'} with ${sum(values)} boards`;
        show(answer, () => `of each ${key}, at most ${limitText(answer)} at a time; ${has}`);
      });
    });

  budget
    .command('remove <key>')
    .description('take the budget of a label key away')
    .action(async (key, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const removed = await client.call('removeBudget', { params: { key } });
        show(removed, () => `label key ${key} has no budget any more`);
      });
    });
}

function rowsOf(budgets: readonly Budget[]): string[][] {
  return budgets.flatMap((budget) => {
    const head = [budget.key, limitText(budget)];
    const why = budget.reason === null ? '' : printable(budget.reason);
    if (budget.values.length === 0) return [[...head, '', '0', '', '', why]];
    return budget.values.map(({ label, devices, allowed, disrupted }) => [
      ...head,
      label.slice(budget.key.length + 1),
      ...[devices, allowed, disrupted].map(String),
      why,
    ]);
  });
}

function limitText({ max_devices, max_pct }: Budget): string {
  return max_devices === null ? `${max_pct} %` : String(max_devices);
}

function sum(values: Budget['values']): number {
  return values.reduce((all, { devices }) => all + devices, 0);
}
