// `npx otter firmware add FILE`: uploads one application image. What can be known here (is it a file, is it too large) is said
// before anything is sent; what the image is, is the server's word.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { Option } from '@commander-js/extra-typings';
import type { Answer } from '#cli/connection/admin-client.ts';
import { CommandError } from '#cli/exit-code.ts';
import { formatBytes, formatUpload } from '#cli/views/firmware.ts';
import { readInputFile } from '#cli/input-file.ts';
import { readImageFile } from './image-file.ts';
import type { CommandGroup } from '#cli/program.ts';
import { type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatBar } from '#cli/terminal.ts';
import { CHIP_NAMES } from '#protocol/device/chips.ts';
import { MAX_NOTES_CHARS } from '#protocol/limits.ts';
import { signUpload } from './sign-upload.ts';
import { keyOption, passphraseOption } from '#cli/signing/options.ts';
import { OTTER } from '#cli/program-place.ts';

/** Release notes travel in the request line, which is bounded with the headers; what is left after the rest, in bytes. */
const MAX_ENCODED_NOTES_BYTES = 6000;
const BAR_CELLS = 24;

export function addFirmwareUpload(firmware: CommandGroup, shell: Shell): void {
  firmware
    .command('add <file>')
    .description('upload an application image (the .bin of the sketch, not the merged one)')
    .option('--product <product>', 'which program it is: names the build (else what its marker says, else `default`)')
    .option('--version <version>', 'its version: names the build (else what its marker or its descriptor says)')
    .addOption(new Option('--chip <chip>', 'refuse it if it is for another chip').choices([...CHIP_NAMES.values()]))
    .option('--extract <part>', 'take the application out of a merged image: app, or the label of its partition')
    .option('--channel <channel>', 'the channel it belongs to')
    .option('--notes <text>', 'release notes')
    .addOption(new Option('--notes-file <file>', 'file with the release notes').conflicts('notes'))
    .option('--ready', 'it may go to the pilot at once')
    .addOption(keyOption())
    .addOption(passphraseOption())
    .option('--expires <when>', 'of the signature: 365d, 2027-11-30, or never (the default)')
    .option('--force-version', 'take --version although the marker says another')
    .option('--force-product', 'take --product although the marker says another')
    .option(
      '--force-project',
      'take it although the images of other chips are of another project, and do not warn of it',
    )
    .action(async (name, options, command) => {
      const { product, version, chip, channel } = options;
      const bytes = await readImageFile(path.resolve(shell.folder, name), options.extract);
      const query = {
        product,
        version,
        chip,
        channel,
        notes: await readNotes(options, shell),
        pilot_ready: flag(options.ready),
        force_version: flag(options.forceVersion),
        force_product: flag(options.forceProduct),
        force_project: flag(options.forceProject),
      };
      const image = path.resolve(shell.folder, name);
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const signed = await signUpload(shell, session, { image, bytes, options });
        const answer = await upload(session, { ...query, signed: signed && JSON.stringify(signed) }, bytes);
        session.show(answer, () => formatUpload(answer, session.terminal.colors));
      });
    });
}

/** Shows how far it is. Errors: those of the upload, `interrupted`. */
export async function upload(
  { client, terminal, signal }: Session,
  query: Parameters<Session['client']['upload']>[0],
  bytes: Buffer,
): Promise<Answer<'uploadFirmware'>> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  let sent = 0;
  const onProgress = (sentBytes: number): void => {
    sent = sentBytes;
    const share = sentBytes / bytes.length;
    const done = `${formatBytes(sentBytes)} of ${formatBytes(bytes.length)}`;
    terminal.progress(
      `uploading ${formatBar(share, BAR_CELLS)} ${String(Math.floor(share * 100)).padStart(3)} %  ${done}`,
    );
  };
  try {
    return await client.upload(query, { bytes, sha256, onProgress });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw sent < bytes.length
      ? CommandError.own('interrupted', 'interrupted; nothing was published', 'repeat the command')
      : CommandError.own(
          'interrupted',
          'interrupted while the server checked the image',
          `see \`${OTTER} firmware list\``,
        );
  } finally {
    terminal.progress('');
  }
}

async function readNotes(
  options: { readonly notes?: string | undefined; readonly notesFile?: string | undefined },
  shell: Shell,
): Promise<string | undefined> {
  const notes =
    options.notesFile === undefined
      ? options.notes
      : (await readNotesFile(path.resolve(shell.folder, options.notesFile))).trim();
  const encodedBytes = encodeURIComponent(notes ?? '').length;
  if ((notes ?? '').length <= MAX_NOTES_CHARS && encodedBytes <= MAX_ENCODED_NOTES_BYTES) return notes;
  throw CommandError.own(
    'argument_invalid',
    `the release notes take ${encodedBytes} bytes in the request, the most is ${MAX_ENCODED_NOTES_BYTES}`,
    'shorten them, and put a link to the whole text',
  );
}

async function readNotesFile(file: string): Promise<string> {
  const { bytes } = await readInputFile(file, { what: 'release notes', maxBytes: MAX_NOTES_CHARS * 4 });
  return bytes.toString('utf8');
}

/** A switch as a query carries it; left out where it is off. */
function flag(on: true | undefined): 'true' | undefined {
  return on === true ? 'true' : undefined;
}
