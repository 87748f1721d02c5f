// `otter rollout promote`: opens the next stage. It names the stage that it means; where it does not and a person can be
// asked, they see what the gate says and how many devices come next before they answer.

import type { CommandGroup } from '#cli/program.ts';
import { CommandError } from '#cli/exit-code.ts';
import { showChanged } from '#cli/rollout-changed.ts';
import { confirm, type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { printable } from '#cli/terminal.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { OTTER } from '#cli/program-place.ts';

export function addPromoteCommand(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('promote <name>')
    .description(
      'open the next stage, once the gate of the open one has passed; after the last one the rollout is complete',
    )
    .option('--from <stage>', 'the stage that is open now; refused where it is another one by then')
    .option('--override', 'pass a gate that has not passed; needs --reason')
    .option('--reason <text>', 'why, for the audit')
    .action(async (name, { from, override, reason }, command) => {
      if (override === true && (reason ?? '').trim() === '')
        throw CommandError.usage(
          `--override passes a gate of ${name} that has not passed, and no --reason says why`,
          `${OTTER} rollout promote ${name}${from === undefined ? '' : ` --from ${from}`} --override --reason "..."`,
        );
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const stage = from ?? (await askForStage(shell, session, name, override === true));
        const body = { from: stage, override, reason };
        await showChanged(session, session.client.call('promoteRollout', { params: { name }, body }));
      });
    });
}

/** The open stage, after a yes; undefined where nobody can be asked or the server refuses anyway. Errors: `declined`. */
async function askForStage(
  shell: Shell,
  { client, terminal }: Session,
  name: string,
  isOverride: boolean,
): Promise<string | undefined> {
  if (!terminal.canAsk) return undefined;
  const rollout = await client.call('getRollout', { params: { name } });
  const at = rollout.stages.findIndex(({ stage }) => stage === rollout.stage);
  const open = rollout.stages[at];
  if (open === undefined || rollout.status !== 'running') return undefined;
  const isRefused = open.verdict !== null && open.verdict.state !== 'passed' && !isOverride;
  if (isRefused) return open.stage;
  const next = rollout.stages[at + 1];
  terminal.note(gateLine(open));
  terminal.note(
    next === undefined
      ? `${open.stage} is the last stage: the rollout is complete then, and ${rollout.version} the stable build`
      : `stage ${next.stage} takes ${await countNext(client, name, next.stage)} more devices`,
  );
  await confirm(shell, {}, `promote ${name} from stage ${open.stage}`);
  return open.stage;
}

function gateLine({ stage, verdict, outcomes }: Rollout['stages'][number]): string {
  if (verdict !== null) return `gate of ${stage}: ${verdict.state}: ${printable(verdict.text)}`;
  const { targeted, healthy, failed, crashing, lost } = outcomes;
  return `stage ${stage} has no gate: ${healthy} of ${targeted} healthy, ${failed + crashing} failed or crashing, ${lost} lost`;
}

async function countNext(client: Session['client'], name: string, stage: string): Promise<number> {
  const { stages } = await client.call('previewRollout', { params: { name } });
  return stages.find((one) => one.stage === stage)?.devices ?? 0;
}
