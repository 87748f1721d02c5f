// `otter plan ...`: the plans that a rollout can be made from. A plan travels as the JSON that `plan show --json` prints.

import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import { readInputFile } from '#cli/input-file.ts';
import { addGroup, type CommandGroup, type OtterProgram } from '#cli/program.ts';
import { exactDuration } from '#cli/views/relative-time.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { ListedPlan, NewPlan } from '#protocol/admin/rollouts.ts';
import { MAX_ADMIN_BODY_BYTES } from '#protocol/limits.ts';
import type { Plan } from '#protocol/admin/plan.ts';
import { OTTER } from '#cli/program-place.ts';

export function addPlanCommands(program: OtterProgram, shell: Shell): void {
  const plan = addGroup(program, 'plan', 'plans: the stages that a rollout goes through');

  plan
    .command('list')
    .description('the plans of this server, and where each comes from')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const answer = await client.call('getPlans', {});
        show(answer, () => formatPlans(answer.items, terminal));
      });
    });

  plan
    .command('show <name>')
    .description('one plan with its stages')
    .action(async (name, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const found = await client.call('getPlan', { params: { name } });
        show(found, () => formatPlan(found, terminal));
      });
    });

  addPlanChanges(plan, shell);
}

function addPlanChanges(plan: CommandGroup, shell: Shell): void {
  plan
    .command('set <file>')
    .description(
      'make a plan from a JSON file, as `otter plan show NAME --json` prints it, or change the one of its name',
    )
    .action(async (file, _options, command) => {
      const { name, body } = await readPlanFile(path.resolve(shell.folder, file));
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const saved = await client.call('setPlan', { params: { name }, body });
        show(
          saved,
          () => `${formatPlan(saved, terminal)}\nnext: ${OTTER} rollout create --firmware VERSION --plan ${saved.name}`,
        );
      });
    });

  plan
    .command('remove <name>')
    .description('remove a plan; rollouts that were made from it keep their copy')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) => {
      await confirm(shell, options, `remove plan ${name}`);
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const removed = await client.call('deletePlan', { params: { name } });
        show(removed, () => `plan ${removed.name} removed`);
      });
    });
}

/**
 * A plan of the API's spelling. Whether its members make sense is the server's word; `source`, which only answers have, is
 * left out. Errors: those of `readInputFile`, `file_invalid` where it is no JSON object with a name.
 */
async function readPlanFile(file: string): Promise<{ readonly name: string; readonly body: NewPlan }> {
  const { bytes } = await readInputFile(file, { what: 'plan', maxBytes: MAX_ADMIN_BODY_BYTES });
  const { name, source: _, ...body } = parseObject(file, bytes.toString('utf8'));
  if (typeof name === 'string') return { name, body };
  throw CommandError.own('file_invalid', `${file} has no name`, 'add a member like "name": "by-region"');
}

/** The members that are not named here are as they stand in the file. */
function parseObject(file: string, text: string): NewPlan & { readonly name?: unknown; readonly source?: unknown } {
  const hint = 'begin with a plan that is there: otter plan show careful --json > FILE';
  try {
    const value = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw CommandError.own('file_invalid', `${file} is not JSON: ${why}`, hint, { cause: error });
  }
  throw CommandError.own('file_invalid', `${file} is not a JSON object`, hint);
}

function formatPlans(plans: readonly ListedPlan[], { colors }: Terminal): string {
  const rows = plans.map(({ name, description, stages, source }) => [
    name,
    SOURCES[source],
    stages.map((stage) => stage.name).join(', '),
    description,
  ]);
  return formatTable(['plan', 'source', 'stages', 'description'], rows, colors);
}

const SOURCES = { built_in: 'built in', file: 'file', api: 'api' } as const;

function formatPlan({ name, description, stages }: Plan, { colors }: Terminal): string {
  const rows = stages.map((stage) => [
    stage.name,
    stage.label,
    `${stage.percentage} %`,
    stage.promotion,
    gateText(stage.gate),
    limitsText(stage),
  ]);
  return `${colors.bold(name)}  ${printable(description)}\n${formatTable(['stage', 'label', 'share', 'promotion', 'gate', 'limits'], rows, colors)}`;
}

function gateText(gate: Plan['stages'][number]['gate']): string {
  if (gate === undefined) return 'none';
  return [
    `${gate.min_confirmed} confirmed`,
    ...(gate.max_failed === undefined ? [] : [`at most ${gate.max_failed} failed`]),
    ...(gate.max_failed_pct === undefined ? [] : [`at most ${gate.max_failed_pct} % failed`]),
    ...(gate.max_silent_pct === undefined ? [] : [`at most ${gate.max_silent_pct} % silent`]),
    ...(gate.soak_s === undefined ? [] : [`soaks ${exactDuration(gate.soak_s)}`]),
    ...(gate.max_heap_drop_pct === undefined ? [] : [`at most ${gate.max_heap_drop_pct} % less free heap`]),
    ...(gate.max_more_restarts_pct === undefined ? [] : [`at most ${gate.max_more_restarts_pct} % more restarts`]),
    ...(gate.fault_classes === undefined ? [] : [`counts faults of ${gate.fault_classes.join(', ')}`]),
    ...(gate.on_halt === 'revert' ? ['a halt reverts'] : []),
  ].join(', ');
}

function limitsText({ window, max_in_flight, max_offers_per_minute }: Plan['stages'][number]): string {
  const zone = window?.device_local === true ? 'device local' : window?.timezone;
  const parts = [
    ...(window === undefined ? [] : [`window "${window.cron}" of ${exactDuration(window.duration_s)}, ${zone}`]),
    ...(max_in_flight === undefined ? [] : [`${max_in_flight} in flight`]),
    ...(max_offers_per_minute === undefined ? [] : [`${max_offers_per_minute} offers per minute`]),
  ];
  return parts.length === 0 ? 'none' : parts.join(', ');
}
