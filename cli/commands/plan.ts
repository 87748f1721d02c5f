// `otter plan ...`: the plans that a rollout can be made from.

import { addGroup, type OtterProgram } from '#cli/program.ts';
import { duration } from '#cli/relative-time.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { Plan } from '#protocol/plan.ts';

export function addPlanCommands(program: OtterProgram, shell: Shell): void {
  const plan = addGroup(program, 'plan', 'plans: the stages that a rollout goes through');

  plan
    .command('list')
    .description('the plans of this server; config/plans.yaml adds to those that are built in')
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
}

function formatPlans(plans: readonly Plan[], { colors }: Terminal): string {
  const rows = plans.map(({ name, description, stages }) => [
    name,
    stages.map((stage) => stage.name).join(', '),
    description,
  ]);
  return formatTable(['plan', 'stages', 'description'], rows, colors);
}

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
    ...(gate.soak_s === undefined ? [] : [`soaks ${duration(gate.soak_s)}`]),
    ...(gate.fault_classes === undefined ? [] : [`counts faults of ${gate.fault_classes.join(', ')}`]),
    ...(gate.on_halt === 'revert' ? ['a halt reverts'] : []),
  ].join(', ');
}

function limitsText({ window, max_in_flight, max_offers_per_minute }: Plan['stages'][number]): string {
  const zone = window?.device_local === true ? 'device local' : window?.timezone;
  const parts = [
    ...(window === undefined ? [] : [`window "${window.cron}" of ${duration(window.duration_s)}, ${zone}`]),
    ...(max_in_flight === undefined ? [] : [`${max_in_flight} in flight`]),
    ...(max_offers_per_minute === undefined ? [] : [`${max_offers_per_minute} offers per minute`]),
  ];
  return parts.length === 0 ? 'none' : parts.join(', ');
}
