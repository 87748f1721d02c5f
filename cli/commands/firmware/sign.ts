// `otter firmware sign FILE`: signs a build on a computer that needs no network. The signature goes into a file beside the image,
// which `firmware add` finds. A second person signs the same file with a key of theirs, and both signatures are kept.

import path from 'node:path';
import { readImageFile } from './image-file.ts';
import { keyOption, passphraseOption } from '#cli/signing/options.ts';
import type { CommandGroup } from '#cli/program.ts';
import { output, withSession } from '#cli/session.ts';
import { signStored } from './sign-stored.ts';
import type { Shell } from '#cli/shell.ts';
import { imageFieldsOf } from '#cli/signing/image-fields.ts';
import { openKeys } from '#cli/signing/open-keys.ts';
import { addSignatures, type ImageFields, readExpiry, signManifest } from '#cli/signing/sign.ts';
import { findSignatureFile, writeSignatureFile } from '#cli/signing/signature-file.ts';
import { type Colors, formatFacts } from '#cli/terminal.ts';
import { NO_EXPIRY } from '#protocol/device/canonical-text.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { CommandError } from '#cli/exit-code.ts';
import { OTTER } from '#cli/program-place.ts';

export function addFirmwareSign(firmware: CommandGroup, shell: Shell): void {
  firmware
    .command('sign <file-or-version>')
    .description('sign a build here, without a server: the signature goes into a file beside it')
    .addOption(keyOption())
    .addOption(passphraseOption())
    .option('--expires <when>', 'from then on no board installs it: 365d, 2027-11-30, or never (the default)')
    .option('--product <product>', 'as for `firmware add`')
    .option('--version <version>', 'as for `firmware add`')
    .option('--force-version', 'as for `firmware add`')
    .option('--force-product', 'as for `firmware add`')
    .option('--stored', 'sign a version that the server holds already')
    .option('--yes', 'do not ask, with --stored')
    .option('--extract <part>', 'sign the application inside of a merged image: app, or the label of its partition')
    .action(async (name, options, command) => {
      if (options.stored === true) {
        await withSession(shell, command.optsWithGlobals(), async (session) => {
          const signed = await signStored(shell, session, name, options);
          session.show(
            signed,
            () => `${signed.product} ${signed.version} is signed: ${OTTER} firmware show ${signed.version}`,
          );
        });
        return;
      }
      const image = path.resolve(shell.folder, name);
      const bytes = await readImageFile(image, options.extract);
      const fields = imageFieldsOf(bytes, {
        product: options.product,
        version: options.version,
        forceProduct: options.forceProduct === true,
        forceVersion: options.forceVersion === true,
      });
      const nowMs = Date.now();
      const expiresAt = readExpiry(options.expires, nowMs);
      const before = await findBefore(image, bytes, fields, options.expires);
      const keys = await openKeys(shell, options);
      const signed =
        before === undefined ? signManifest(fields, keys, { nowMs, expiresAt }) : addSignatures(before, keys);
      const file = await writeSignatureFile(image, signed);
      const { show, terminal } = output(shell, command.optsWithGlobals());
      show({ file, signed }, () => formatSigned(file, name, signed, terminal.colors));
    });
}

/** The signatures that are there, of the same build under the same name; another expiry is another text, signed anew. */
async function findBefore(
  image: string,
  bytes: Buffer,
  fields: ImageFields,
  expires: string | undefined,
): Promise<SignedManifest | undefined> {
  const before = await findSignatureFile(image, bytes).catch((error: unknown) => {
    // Of the build before this one: it is replaced.
    if (error instanceof CommandError && error.code === 'signature_of_other_image') return undefined;
    throw error;
  });
  const isSame =
    before !== undefined &&
    expires === undefined &&
    before.product === fields.product &&
    before.version === fields.version &&
    before.security_version === fields.security_version;
  return isSame ? before : undefined;
}

function formatSigned(file: string, name: string, signed: SignedManifest, colors: Colors): string {
  const facts = formatFacts(
    [
      ['product', signed.product],
      ['version', signed.version],
      ['chip', signed.chip],
      ['sha256', signed.sha256],
      ['signed by', signed.signatures.map(({ key_id }) => key_id).join(', ')],
      ['signed at', signed.created_at],
      ['expires', signed.expires_at === NO_EXPIRY ? 'never' : signed.expires_at],
      ['file', file],
    ],
    colors,
  );
  return [colors.green('signed'), facts, `next: ${OTTER} firmware add ${name}`].join('\n');
}
