// `otter rollout ...`: one firmware going to the fleet in stages.

import { Option } from '@commander-js/extra-typings';
import { addRolloutSimulate } from './simulate.ts';
import type { CallInput } from '#cli/connection/admin-client.ts';
import { addPreviewCommand } from './preview.ts';
import { addPromoteCommand } from './promote.ts';
import { addRetryCommand } from './retry.ts';
import { CommandError } from '#cli/exit-code.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import { addGroup, type CommandGroup, type OtterProgram } from '#cli/program.ts';
import { notedText } from '#cli/views/note.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { nextLine, noteWarnings, showChanged } from '#cli/rollout-changed.ts';
import { addUndoCommand } from './undo.ts';
import { addWaitingCommand } from './waiting.ts';
import { watchRollout } from './watch.ts';
import { colorStatus, formatProgress, isNobodyFirst } from '#cli/views/rollout.ts';
import { confirm, type Session, withSession } from '#cli/session.ts';
import { confirmWayBack, formatWayBack } from '#cli/views/way-back.ts';
import type { Shell } from '#cli/shell.ts';
import type { RolloutSummary } from '#protocol/admin/rollouts.ts';
import { ROLLOUT_STATUSES } from '#protocol/admin/states.ts';
import { DEFAULT_PLAN } from '#protocol/admin/plan.ts';
import { OTTER } from '#cli/program-place.ts';

export function addRolloutCommands(program: OtterProgram, shell: Shell): void {
  const rollout = addGroup(program, 'rollout', 'rollouts: one firmware going to the fleet in stages');

  rollout
    .command('create')
    .description('create a rollout as a draft; no device notices')
    .requiredOption('--firmware <version>', 'the firmware that goes out')
    .option('--product <product>', 'needed where several products have this version')
    .option('--name <name>', 'how it is called (made from product, version and plan if not said)')
    .option('--plan <plan>', `the stages that it goes through (${DEFAULT_PLAN} if not said), see otter plan list`)
    .option('--pilot <label>', 'label of the devices that go first (that of the plan if not said)')
    .action(async ({ firmware, product, name, plan, pilot }, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const body = { version: firmware, product, name, plan, pilot_label: pilot };
        const created = await session.client.call('createRollout', { body });
        session.show(created, () =>
          [
            `rollout ${created.name} is a draft`,
            `see whom it reaches: ${OTTER} rollout preview ${created.name}`,
            ...nextLine(created),
          ].join('\n'),
        );
        noteWarnings(session, created);
      });
    });

  addListCommand(rollout, { name: 'list', description: 'rollouts, the latest first', sortFields: 'created_at, name' })
    .option('--product <product>', 'only rollouts of this product')
    .addOption(new Option('--status <status>', 'only rollouts of this status').choices(ROLLOUT_STATUSES))
    .action(async (options, command) => {
      const { product, status } = options;
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        await showList(
          session,
          { ...options, sort: options.sort ?? '-created_at' },
          async (query) => session.client.call('listRollouts', { query: { ...query, product, status } }),
          {
            head: ['rollout', 'product', 'version', 'status', 'stage', 'target', 'healthy', 'created'],
            row: (one) => [
              one.name,
              one.product,
              one.version,
              colorStatus(one.status, session.terminal.colors),
              one.stage ?? '',
              one.target_label,
              healthyCount(one),
              relativeTime(one.created_at, Date.now()),
            ],
            empty: `no such rollouts; create one: ${OTTER} rollout create --firmware VERSION`,
          },
        );
      });
    });

  rollout
    .command('show <name>')
    .description('where a rollout stands: of each stage, how many devices are how far')
    .option('--watch', 'go on until the rollout has ended or is halted (Ctrl-C leaves it running)')
    .action(async (name, { watch }, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        if (watch === true) {
          await watchRollout(session, name);
          return;
        }
        const found = await session.client.call('getRollout', { params: { name } });
        const wayBack =
          found.reverted_at === null || session.json
            ? undefined
            : await session.client.call('previewRevert', { params: { name } });
        const more = wayBack === undefined ? '' : `\nnow ${formatWayBack(wayBack)}`;
        session.show(found, () => formatProgress(found, Date.now(), session.terminal) + more);
      });
    });

  addRolloutSimulate(rollout, shell);
  addPreviewCommand(rollout, shell);
  addRolloutChanges(rollout, shell);
  addRetryCommand(rollout, shell);
}

/** The next stage would be opened on no evidence, and it may be everybody. */
async function refuseEmptyStart({ client }: Session, name: string): Promise<void> {
  const draft = await client.call('getRollout', { params: { name } });
  if (draft.status !== 'draft' || !isNobodyFirst(draft)) return;
  throw CommandError.own(
    'stage_empty',
    `rollout ${name} would begin with nobody: no board of ${draft.product} has label ${draft.pilot_label}`,
    `choose who goes first: otter device label MAC ${draft.pilot_label}; or start it with --anyway`,
  );
}

/** The commands that move a rollout on, hold it or end it. */
function addRolloutChanges(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('start <name>')
    .description('open the first stage: its devices are offered the firmware')
    .option('--reason <text>', 'why, for the audit')
    .option('--supersede', 'open rollouts that want the same devices end for those devices')
    .option('--anyway', 'start although nobody is in the first stage')
    .action(async (name, { reason, supersede, anyway }, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        if (anyway !== true) await refuseEmptyStart(session, name);
        const body = { reason, supersede };
        await showChanged(session, session.client.call('startRollout', { params: { name }, body }));
      });
    });

  addPromoteCommand(rollout, shell);

  for (const change of CHANGES) {
    rollout
      .command(`${change.verb} <name>`)
      .description(change.description)
      .option('--reason <text>', 'why, for the audit')
      .action(async (name, { reason }, command) => {
        await withSession(shell, command.optsWithGlobals(), async (session) => {
          await showChanged(session, session.client.call(change.route, { params: { name }, body: { reason } }));
        });
      });
  }

  rollout
    .command('keep <name>')
    .description('keep the build of a regressed rollout: it is offered again')
    .requiredOption('--reason <text>', 'why it may go on all the same, for the audit')
    .action(async (name, { reason }, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        await showChanged(session, session.client.call('keepRollout', { params: { name }, body: { reason } }));
      });
    });

  addUndoCommand(rollout, shell);
  addWaitingCommand(rollout, shell);

  rollout
    .command('note <name> <text>')
    .description('write a note on a rollout, for people; an empty one removes it')
    .action(async (name, note, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const noted = await client.call('noteRollout', { params: { name }, body: { note } });
        show(noted, () => notedText(`rollout ${name}`, noted.note));
      });
    });

  rollout
    .command('abort <name>')
    .description('end a rollout; devices keep what they run, or go back')
    .option('--reason <text>', 'why, for the audit')
    .option('--revert', 'devices that run its build are offered the prior stable one')
    .option('--dry-run', 'with --revert, say only how many devices would go back, and who would stay and why')
    .addOption(new Option('--yes', 'do not ask').conflicts('dryRun'))
    .action(async (name, options, command) => {
      const { reason, revert, dryRun } = options;
      if (dryRun === true && revert !== true)
        throw CommandError.own(
          'argument_invalid',
          '--dry-run is for --revert',
          'without it devices keep what they run',
        );
      const question = `abort rollout ${name} for good${revert === true ? ' and send its devices back' : ''}`;
      const isAskedLater = dryRun === true || (revert === true && shell.terminal.canAsk);
      if (!isAskedLater) await confirm(shell, options, question);
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const preview = async () => session.client.call('previewRevert', { params: { name } });
        if (dryRun === true) {
          const found = await preview();
          session.show(found, () => formatWayBack(found));
          return;
        }
        if (revert === true) await confirmWayBack(shell, options, question, preview);
        const input: CallInput<'abortRollout'> = { params: { name }, body: { reason, revert } };
        await showChanged(session, session.client.call('abortRollout', input));
      });
    });
}

const CHANGES = [
  { verb: 'pause', route: 'pauseRollout', description: 'hold all offers from the next check on' },
  {
    verb: 'resume',
    route: 'resumeRollout',
    description: 'go on with a paused rollout, or with a halted one: that needs a reason',
  },
] as const;

function healthyCount(rollout: RolloutSummary): string {
  const outcomes = rollout.stages.find((one) => one.stage === rollout.stage)?.outcomes;
  return outcomes === undefined ? '' : `${outcomes.healthy} of ${outcomes.offered}`;
}
