// `otter update FILE`: from a binary to updated boards in one command. It does what its parts do by themselves: upload, ready, one
// rollout with the gates that fit the fleet, follow it, say what happened.

import path from 'node:path';
import { upload } from '#cli/commands/firmware/add.ts';
import { signUpload } from '#cli/commands/firmware/sign-upload.ts';
import { keyOption, passphraseOption } from '#cli/signing/options.ts';
import { watchRollout } from '#cli/commands/rollout/watch.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { OtterProgram } from '#cli/program.ts';
import { noteWarnings } from '#cli/rollout-changed.ts';
import { confirm, type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatUploaded } from '#cli/views/firmware.ts';
import { formatPreview } from '#cli/views/preview.ts';
import { formatProgress } from '#cli/views/rollout.ts';
import { readImageFile } from '#cli/commands/firmware/image-file.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import type { Firmware } from '#protocol/admin/firmware.ts';

/** Of a larger fleet a few pilots go first. */
const SMALL_FLEET = 50;

export function addUpdateCommand(program: OtterProgram, shell: Shell): void {
  program
    .command('update <file>')
    .description('upload a build, roll it out to all boards of its product, and follow it to the end')
    .option('--product <product>', 'which program it is (what its marker says, else `default`)')
    .option('--version <version>', 'its version (what its marker says)')
    .option('--notes <text>', 'release notes')
    .option('--plan <plan>', `how it goes out (steady up to ${SMALL_FLEET} boards, careful above)`)
    .addOption(keyOption())
    .addOption(passphraseOption())
    .option('--yes', 'do not ask')
    .action(async (name, { plan, yes, notes, ...signing }, command) => {
      const { product, version } = signing;
      const bytes = await readImageFile(path.resolve(shell.folder, name), undefined);
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { client, terminal, json } = session;
        const image = path.resolve(shell.folder, name);
        const signed = await signUpload(shell, session, { image, bytes, options: signing });
        const query = { product, version, notes, signed: signed && JSON.stringify(signed) };
        const uploaded = await upload(session, query, bytes);
        if (!json) terminal.note(formatUploaded(uploaded, terminal.errorColors));
        const { firmware } = uploaded;
        const params = { version: firmware.version };
        const ofProduct = { product: firmware.product };
        if (!firmware.pilot_ready) await client.call('setPilotReady', { params, query: ofProduct, body: {} });
        const rollout = await prepare(session, firmware, plan);
        if (rollout.status === 'draft') await start(session, shell, rollout, yes);
        await follow(session, rollout.name);
      });
    });
}

/** The rollout of this build: a new one, or the one that an earlier try left. */
async function prepare({ client }: Session, firmware: Firmware, plan: string | undefined): Promise<Rollout> {
  const chosen = plan ?? (await planFor(client, firmware.product));
  const body = { version: firmware.version, product: firmware.product, plan: chosen };
  try {
    return await client.call('createRollout', { body });
  } catch (error) {
    const found = await findUnfinished(client, firmware);
    if (found === undefined) throw error;
    return found;
  }
}

async function planFor(client: Session['client'], product: string): Promise<string> {
  const { versions } = await client.call('getStatus', {});
  const boards = versions.filter((one) => one.product === product).reduce((sum, { devices }) => sum + devices, 0);
  return boards > SMALL_FLEET ? 'careful' : 'steady';
}

async function findUnfinished(client: Session['client'], { product, version }: Firmware): Promise<Rollout | undefined> {
  const { items } = await client.call('listRollouts', { query: { product, sort: '-created_at' } });
  const found = items.find((one) => one.version === version && UNFINISHED.has(one.status));
  return found === undefined ? undefined : client.call('getRollout', { params: { name: found.name } });
}

const UNFINISHED: ReadonlySet<Rollout['status']> = new Set(['draft', 'running', 'paused']);

/** Whom it reaches, before the question. */
async function start(session: Session, shell: Shell, rollout: Rollout, yes: true | undefined): Promise<void> {
  const { client, terminal, json } = session;
  const preview = await client.call('previewRollout', { params: { name: rollout.name } });
  if (!json) terminal.note(formatPreview(preview, terminal));
  const boards = preview.stages.reduce((sum, { devices }) => sum + devices, 0);
  if (boards === 0)
    throw CommandError.own(
      'nobody_to_update',
      `no board of product ${preview.product} would take ${preview.version}; rollout ${rollout.name} stays a draft`,
      preview.total === 0
        ? 'flash a first board by cable: otter board prints what goes into the sketch'
        : `see who is left out and why: otter rollout preview ${rollout.name}`,
    );
  const what = `${boards} of ${preview.total} boards of ${preview.product} get ${preview.version} by plan ${rollout.plan}: go on`;
  await confirm(shell, { yes }, what);
  const started = await client.call('startRollout', { params: { name: rollout.name }, body: {} });
  noteWarnings(session, started);
}

/** Errors: `update_stopped` where it did not complete, `interrupted`. */
async function follow(session: Session, name: string): Promise<void> {
  const ended = await watchRollout(session, name);
  const { terminal, json } = session;
  if (ended.status === 'complete') {
    const healthy = ended.stages.reduce((sum, { outcomes }) => sum + outcomes.healthy, 0);
    if (!json)
      terminal.print(
        `${terminal.colors.green('done')}: ${healthy} boards run ${ended.version}; it is watched until ${ended.watched_until ?? 'now'}`,
      );
    return;
  }
  if (!json && !terminal.isLive) terminal.print(formatProgress(ended, Date.now(), terminal));
  throw CommandError.own(
    'update_stopped',
    `rollout ${name} is ${ended.status}${ended.halted_reason === null ? '' : `: ${ended.halted_reason}`}`,
    `see which boards and why: otter rollout waiting ${name}; all boards back: otter rollout abort ${name} --revert`,
  );
}
