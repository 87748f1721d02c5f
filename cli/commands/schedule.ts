// `otter schedule ...`: cron lines that start, promote, pause or resume rollouts, and windows in which installs are allowed.

import { Option } from '@commander-js/extra-typings';
import { readDuration } from '#cli/arguments.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import { addGroup, type CommandGroup, type OtterProgram } from '#cli/program.ts';
import { duration, relativeTime } from '#cli/relative-time.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { MISSED_POLICIES, SCHEDULE_ACTIONS, type Schedule } from '#protocol/admin-api.ts';

export function addScheduleCommands(program: OtterProgram, shell: Shell): void {
  const schedule = addGroup(program, 'schedule', 'schedules: what happens to rollouts by the clock');

  addListCommand(schedule, {
    name: 'list',
    description: 'schedules and when they run next',
    sortFields: 'name',
  }).action(async (options, command) => {
    await withSession(shell, command.optsWithGlobals(), async (session) => {
      await showList(session, options, async (query) => session.client.call('listSchedules', { query }), {
        head: ['schedule', 'cron', 'time zone', 'action', 'rollout', 'label', 'from', 'next', 'last', 'result'],
        row: (one) => rowOf(one, Date.now()),
        empty:
          'no schedules yet; create one: npx otter schedule add NAME --cron "0 3 * * 2" --action start --rollout ROLLOUT',
      });
    });
  });

  schedule
    .command('add <name>')
    .description('create a schedule')
    .requiredOption('--cron <line>', 'when, for example "0 3 * * 2": minute, hour, day, month, weekday')
    .addOption(new Option('--action <action>', 'what happens then').choices(SCHEDULE_ACTIONS).makeOptionMandatory(true))
    .option('--timezone <zone>', 'time zone of the cron line, for example Europe/Berlin (UTC if not said)')
    .option('--rollout <name>', 'the rollout that it acts on')
    .option('--label <label>', 'only where the rollout targets this label')
    .addOption(
      new Option('--duration <length>', 'how long a window stays open, for example 2h').argParser(readDuration),
    )
    .option('--device-local', 'the window goes by the hours of the day where the device is')
    .addOption(
      new Option('--missed <policy>', 'what happens to a run that was missed while the server was down').choices(
        MISSED_POLICIES,
      ),
    )
    .addOption(new Option('--grace <length>', 'how late a missed run may still happen').argParser(readDuration))
    .option('--disabled', 'create it switched off')
    .action(async (name, options, command) => {
      const { cron, action, timezone, rollout, label, missed, disabled } = options;
      const body = {
        name,
        cron,
        action,
        timezone,
        rollout,
        label,
        missed,
        duration_s: options.duration,
        device_local: options.deviceLocal,
        grace_s: options.grace,
        enabled: disabled === true ? false : undefined,
      };
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const created = await client.call('createSchedule', { body });
        show(created, () => `schedule ${created.name} created, ${nextRun(created, Date.now())}`);
      });
    });

  addScheduleChanges(schedule, shell);
}

function addScheduleChanges(schedule: CommandGroup, shell: Shell): void {
  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    schedule
      .command(`${verb} <name>`)
      .description(enabled ? 'switch a schedule on' : 'switch a schedule off; it stays')
      .action(async (name, _options, command) => {
        await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
          const changed = await client.call('setScheduleEnabled', { params: { name }, body: { enabled } });
          show(changed, () => `schedule ${changed.name}: ${nextRun(changed, Date.now())}`);
        });
      });
  }

  schedule
    .command('run <name>')
    .description('carry out the action of a schedule now')
    .action(async (name, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('runSchedule', { params: { name } });
        show(changed, () => `schedule ${changed.name} ran: ${changed.last_result ?? 'no result'}`);
      });
    });

  schedule
    .command('remove <name>')
    .description('remove a schedule')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) => {
      await confirm(shell, options, `remove schedule ${name}`);
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const removed = await client.call('deleteSchedule', { params: { name } });
        show(removed, () => `schedule ${removed.name} removed`);
      });
    });
}

function rowOf(one: Schedule, nowMs: number): readonly string[] {
  const local = one.device_local ? ', device local' : '';
  const action = one.duration_s === null ? one.action : `${one.action} of ${duration(one.duration_s)}${local}`;
  const next = one.enabled ? relativeTime(one.next_run_at, nowMs) : 'disabled';
  const last = one.last_run_at === null ? '' : relativeTime(one.last_run_at, nowMs);
  const { name, cron, timezone, rollout, label, source, last_result } = one;
  return [name, cron, timezone, action, rollout ?? '', label ?? '', source, next, last, last_result ?? ''];
}

/** What the schedule does next. A window is never run: it is asked about at every offer. */
function nextRun(schedule: Schedule, nowMs: number): string {
  if (!schedule.enabled) return `disabled; switch it on: npx otter schedule enable ${schedule.name}`;
  if (schedule.action === 'window') return 'a window: outside of it, nothing is offered';
  if (schedule.next_run_at === null) return 'no run is planned';
  return `runs ${relativeTime(schedule.next_run_at, nowMs)} (${schedule.next_run_at})`;
}
