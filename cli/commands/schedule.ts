// `otter schedule ...`: cron lines and single times that start, promote, pause or resume rollouts, and windows in which installs are allowed.

import { Option } from '@commander-js/extra-typings';
import { readDuration } from '#cli/arguments.ts';
import { CommandError } from '#cli/exit-code.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import { addGroup, type CommandGroup, type OtterProgram } from '#cli/program.ts';
import { duration, exactDuration, localTime, relativeTime } from '#cli/views/relative-time.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { type Schedule } from '#protocol/admin/schedules.ts';
import { MISSED_POLICIES, SCHEDULE_ACTIONS } from '#protocol/admin/states.ts';
import { SCHEDULE_DAYS } from '#protocol/limits.ts';
import { formatTable } from '#cli/terminal.ts';
import { OTTER } from '#cli/program-place.ts';

export function addScheduleCommands(program: OtterProgram, shell: Shell): void {
  const schedule = addGroup(program, 'schedule', 'schedules: what happens to rollouts by the clock');

  addListCommand(schedule, {
    name: 'list',
    description: 'schedules and when they run next',
    sortFields: 'name',
  }).action(async (options, command) => {
    await withSession(shell, command.optsWithGlobals(), async (session) => {
      await showList(session, options, async (query) => session.client.call('listSchedules', { query }), {
        head: ['schedule', 'when', 'time zone', 'action', 'rollout', 'label', 'source', 'next', 'last', 'result'],
        row: (one) => rowOf(one, Date.now()),
        empty: `no schedules yet; create one: ${OTTER} schedule add NAME --cron "0 3 * * 2" --action start --rollout ROLLOUT`,
      });
    });
  });

  addRuns(schedule, shell);
  addWritten(schedule, shell, 'add');
  addWritten(schedule, shell, 'change');
  addScheduleChanges(schedule, shell);
}

/** What comes, not what was: that stands in the audit. */
function addRuns(schedule: CommandGroup, shell: Shell): void {
  schedule
    .command('runs')
    .description(`what schedules do in the next ${SCHEDULE_DAYS} days`)
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const answer = await client.call('getScheduleRuns', {});
        const rows = answer.items.map(({ schedule: name, at, until }) => [
          localTime(at),
          relativeTime(at, Date.now()),
          name,
          until === null ? '' : `until ${localTime(until)}`,
        ]);
        show(answer, () =>
          rows.length === 0
            ? `no schedule runs in the next ${SCHEDULE_DAYS} days`
            : formatTable(['at', '', 'schedule', 'window'], rows, terminal.colors),
        );
      });
    });
}

function addWritten(schedule: CommandGroup, shell: Shell, verb: 'add' | 'change'): void {
  const isNew = verb === 'add';
  schedule
    .command(`${verb} <name>`)
    .description(isNew ? 'create a schedule' : 'put another schedule in the place of this one; what it did stays told')
    .option('--cron <line>', 'when, again and again, for example "0 3 * * 2": minute, hour, day, month, weekday')
    .addOption(new Option('--at <time>', 'when, once, for example 2026-12-24T03:00').conflicts('cron'))
    .addOption(new Option('--action <action>', 'what happens then').choices(SCHEDULE_ACTIONS).makeOptionMandatory(true))
    .option('--timezone <zone>', 'time zone of that time, for example Europe/Berlin (UTC if not said)')
    .option('--rollout <name>', 'the rollout that it acts on')
    .option('--from <stage>', 'with --action promote, the stage that is meant (the one that is open now if not said)')
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
    .option('--disabled', isNew ? 'create it switched off' : 'switch it off (it stays as it is if not said)')
    .action(async (name, options, command) => {
      const { cron, at, action, timezone, rollout, from, label, missed, disabled } = options;
      if (cron === undefined && at === undefined)
        throw CommandError.usage(
          `schedule ${name} has no time`,
          'add --cron "0 3 * * 2" for one that repeats, or --at 2026-12-24T03:00 for one time',
        );
      const body = {
        cron,
        at,
        action,
        timezone,
        rollout,
        from,
        label,
        missed,
        duration_s: options.duration,
        device_local: options.deviceLocal,
        grace_s: options.grace,
        enabled: disabled === true ? false : undefined,
      };
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const saved = isNew
          ? await client.call('createSchedule', { body: { name, ...body } })
          : await client.call('changeSchedule', { params: { name }, body });
        show(saved, () => `schedule ${saved.name} ${isNew ? 'created' : 'changed'}, ${nextRun(saved, Date.now())}`);
      });
    });
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
  const { name, timezone, rollout, label, source } = one;
  const last = one.last_run_at === null ? '' : relativeTime(one.last_run_at, nowMs);
  return [
    name,
    one.at ?? one.cron ?? '',
    timezone,
    actionOf(one),
    rollout ?? '',
    label ?? '',
    source,
    nextOf(one, nowMs),
    last,
    resultOf(one, nowMs),
  ];
}

/** Of a promotion that waits, for how long: `pending for 3 h: 1 of 5 confirmed`. */
function resultOf({ pending_since, last_result }: Schedule, nowMs: number): string {
  if (pending_since === null) return last_result ?? '';
  const waitsS = Math.max(0, nowMs - Date.parse(pending_since)) / 1000;
  return (last_result ?? 'pending').replace(/^pending/, `pending for ${duration(waitsS)}`);
}

function actionOf({ action, from, duration_s, device_local }: Schedule): string {
  if (duration_s !== null) return `${action} of ${exactDuration(duration_s)}${device_local ? ', device local' : ''}`;
  return from === null ? action : `${action} from ${from}`;
}

function nextOf({ enabled, done_at, next_run_at }: Schedule, nowMs: number): string {
  if (done_at !== null) return 'done';
  return enabled ? relativeTime(next_run_at, nowMs) : 'disabled';
}

/** What the schedule does next. A window is never run: it is asked about at every offer. */
function nextRun(schedule: Schedule, nowMs: number): string {
  if (schedule.done_at !== null) return `does not run again; ${schedule.last_result ?? 'done'}`;
  if (!schedule.enabled) return `disabled; switch it on: ${OTTER} schedule enable ${schedule.name}`;
  if (schedule.action === 'window') return 'a window: outside of it, nothing is offered';
  if (schedule.next_run_at === null) return 'no run is planned';
  const once = schedule.at === null ? '' : 'once, ';
  const from = schedule.from === null ? '' : `; promotes from stage ${schedule.from}, once its gate has passed`;
  return `runs ${once}${relativeTime(schedule.next_run_at, nowMs)} (${localTime(schedule.next_run_at)})${from}`;
}
