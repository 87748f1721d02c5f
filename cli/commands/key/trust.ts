// `otter key trust FILE.pub`: from now on the server takes only builds that a trusted key signed. Builds that boards may be offered and
// that nobody has signed are shown and signed here first, so that no board is left without one.

import path from 'node:path';
import type { CommandGroup } from '#cli/program.ts';
import { confirm, type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { type OpenedKey, readPublicKeyFile } from '#cli/signing/key-file.ts';
import { findKeyFiles, type KeyOptions, openKeys } from '#cli/signing/open-keys.ts';
import { keyOption, passphraseOption } from '#cli/signing/options.ts';
import { readExpiry, signManifest } from '#cli/signing/sign.ts';
import { formatTable, type Colors } from '#cli/terminal.ts';
import { CommandError } from '#cli/exit-code.ts';
import { MAX_SIGNED_AT_ONCE } from '#protocol/limits.ts';
import type { UnsignedBuild } from '#protocol/admin/fleet/release-keys.ts';
import type { ReleaseKey } from '#protocol/device/release-key.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OTTER } from '#cli/program-place.ts';

export function addKeyTrust(key: CommandGroup, shell: Shell): void {
  key
    .command('trust <file>')
    .description('take only builds signed with this key from now on; builds that boards need are signed here first')
    .option('--product <product>', 'for this product alone (every product if not said)')
    .addOption(keyOption())
    .addOption(passphraseOption())
    .option('--expires <when>', 'of the signatures that are made now: 365d, 2027-11-30, or never (the default)')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) => {
      const trusted = await readPublicKeyFile(path.resolve(shell.folder, name));
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { product } = options;
        const unsigned = (await session.client.call('getUnsignedBuilds', { query: { product } })).items;
        const signed = await signAll(shell, session, { unsigned, trusted, options });
        const body = { public_key: trusted.pem, product, signed: [...signed] };
        const answer = await session.client.call('trustReleaseKey', { body });
        session.show(answer, () =>
          [
            `key ${answer.key.key_id} is trusted for ${answer.key.product ?? 'every product'}: builds without its signature are refused from now on`,
            ...(answer.signed > 0
              ? [`${answer.signed} stored ${answer.signed === 1 ? 'build was' : 'builds were'} signed`]
              : []),
            `next: ${OTTER} firmware add FILE signs what you upload`,
          ].join('\n'),
        );
      });
    });
}

interface Wanted {
  readonly unsigned: readonly UnsignedBuild[];
  readonly trusted: ReleaseKey;
  readonly options: KeyOptions & { readonly yes?: true | undefined; readonly expires?: string | undefined };
}

/** What the server says of its builds is shown before it is signed: a person compares it. */
async function signAll(
  shell: Shell,
  { terminal }: Session,
  { unsigned, trusted, options }: Wanted,
): Promise<readonly SignedManifest[]> {
  if (unsigned.length === 0) return [];
  if (unsigned.length > MAX_SIGNED_AT_ONCE)
    throw CommandError.own(
      'argument_invalid',
      `${unsigned.length} builds would have to be signed, the most at once is ${MAX_SIGNED_AT_ONCE}`,
      'trust the key for one product after the other: --product NAME; nothing was changed',
    );
  const expiresAt = readExpiry(options.expires, Date.now());
  terminal.note(formatUnsigned(unsigned, terminal.errorColors));
  if ((await findKeyFiles(shell, options)).length === 0)
    throw CommandError.own(
      'key_missing',
      `${unsigned.length} builds that boards need have no signature, and there is no key file to sign them with`,
      'name it: --key release.key.age; nothing was changed',
    );
  await confirm(
    shell,
    options,
    `Sign ${unsigned.length === 1 ? 'this build' : `these ${unsigned.length} builds`} and trust key ${trusted.keyId}`,
  );
  const keys = await openKeys(shell, options);
  refuseOther(keys, trusted);
  return unsigned.map((image) => signManifest(image, keys, { nowMs: Date.now(), expiresAt }));
}

function refuseOther(keys: readonly OpenedKey[], trusted: ReleaseKey): void {
  if (keys.some(({ releaseKey }) => releaseKey.keyId === trusted.keyId)) return;
  const named = keys.map(({ file, releaseKey }) => `${releaseKey.keyId} (${path.basename(file)})`).join(', ');
  throw CommandError.own(
    'argument_invalid',
    `the key file is of ${named}, the key to trust is ${trusted.keyId}`,
    'name the key file that belongs to it: --key FILE',
  );
}

function formatUnsigned(unsigned: readonly UnsignedBuild[], colors: Colors): string {
  const rows = unsigned.map(({ product, version, chip, use, sha256 }) => [
    product,
    version,
    chip,
    use.replace('_', ' '),
    sha256,
  ]);
  return `Builds that boards may be offered, and that nobody has signed:\n${formatTable(['product', 'version', 'chip', 'use', 'sha256'], rows, colors)}`;
}
