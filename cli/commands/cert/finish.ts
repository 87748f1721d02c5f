// `otter cert rotate finish`: the server of this machine goes over to its backup key. On the day on which the live key is lost it works
// on files alone: then no server runs that could say which boards would be lost, and boards that do not know the backup pin are.

import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { Option } from '@commander-js/extra-typings';
import { readCount } from '#cli/arguments.ts';
import { findHome } from '#cli/connection/connection.ts';
import { readLocalServer } from '#cli/connection/local-server.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { GlobalOptions } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { confirm, output, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { openKeyFile } from '#cli/signing/key-file.ts';
import { passphraseOption } from '#cli/signing/options.ts';
import { type PassphraseOptions, readPassphrase } from '#cli/signing/passphrase.ts';
import { formatPins, strandedText } from '#cli/views/pins.ts';
import { formatFacts } from '#cli/terminal.ts';

interface FinishOptions extends PassphraseOptions {
  readonly from?: string | undefined;
  readonly strand?: true | undefined;
  readonly yes?: true | undefined;
}

export function addRotateFinish(rotate: Command<[], Record<string, never>, GlobalOptions>, shell: Shell): void {
  rotate
    .command('finish')
    .description('go over to the backup key, on the server itself; refused while boards would be lost')
    .option('--from <file>', 'file that the backup key was put away into (otter cert stow)')
    .addOption(passphraseOption())
    .option('--host <names...>', 'names and addresses of the server (those of the old certificate and of this machine)')
    .addOption(new Option('--years <count>', 'how long the new certificate is valid').argParser(readCount))
    .option('--strand', 'also where boards would be lost, or nobody can say whether they would')
    .option('--yes', 'do not ask')
    .action(async (options, command) => {
      const globals = command.optsWithGlobals();
      const home = await findHome(globals, shell);
      const { certFile, keyFile } = await findPair(home, shell);
      const key = await findKey(home, shell, options);
      const isLost = !(await hasLiveKey(home, shell));
      const question = isLost
        ? 'The live key is lost. Go over to the backup key: boards that know its pin come back, others need a cable'
        : await questionOf(shell, { ...globals, home }, options);
      await confirm(shell, options, question);
      const { DEFAULT_VALID_YEARS, localHosts } = await import('#server/certs/self-signed.ts');
      const { switchKey } = await import('#server/home/switch-key.ts');
      const hosts = options.host ?? [...new Set([...(await hostsOf(certFile)), ...localHosts()])];
      const validYears = options.years ?? DEFAULT_VALID_YEARS;
      const done = await switchKey({ home, certFile, keyFile, keyPem: key, hosts, validYears, nowMs: Date.now() });
      const answer = { pin: done.pin, backup_pin: done.backupPin, put_aside: done.putAside };
      output(shell, globals).show(answer, () =>
        [
          formatFacts(
            [
              ['pin', done.pin],
              ['backup pin', `${done.backupPin}, of a new backup key`],
              ...done.putAside.map((file) => ['put aside', file] as const),
            ],
            shell.terminal.colors,
          ),
          'restart the server: it shows the new key then. Who logged in from another machine logs in again.',
          `next: put both pins of \`${OTTER} board\` into the next build, ${OTTER} cert stow FILE, ${OTTER} cert rotate start`,
        ].join('\n'),
      );
    });
}

/** With the numbers. Errors: `boards_stranded`, those of the connection. */
async function questionOf(shell: Shell, globals: GlobalOptions, options: FinishOptions): Promise<string> {
  let question = 'Go over to the backup key, although nobody knows whether boards would be lost';
  try {
    await withSession(shell, globals, async ({ client, terminal }) => {
      const pins = await client.call('getPins', {});
      const stranded = strandedText(pins);
      terminal.note(formatPins(pins, terminal.errorColors));
      if (stranded !== undefined && options.strand !== true)
        throw CommandError.own(
          'boards_stranded',
          stranded,
          `see ${OTTER} cert rotate status; where the live key is lost or stolen: --strand`,
        );
      question = `Go over to the backup key${stranded === undefined ? '' : `, although ${stranded}`}`;
    });
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== 'server_unreachable') throw error;
    if (options.strand === true) return question;
    throw CommandError.own(
      'server_unreachable',
      'the server does not run, so nobody knows whether boards would be lost',
      'start it, and repeat the command; or go over whatever happens: --strand',
    );
  }
  return question;
}

/** Errors: `server_unknown`. */
async function findPair(home: string, shell: Shell): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const { findCertificatePaths } = await import('#server/config/certificate-paths.ts');
  const pair = findCertificatePaths(home, shell.env);
  if (pair === undefined)
    throw CommandError.own(
      'server_unknown',
      `no server is set up in ${home}: its config/server.yml names no certificate`,
      'name another folder: --home FOLDER; or bring the home back from a backup',
    );
  const { readCertificate } = await import('#server/certs/certificate.ts');
  const { issuer } = await readFile(pair.certFile, 'utf8')
    .then(readCertificate)
    .catch(() => ({ issuer: undefined }));
  if (issuer === undefined) return pair;
  throw CommandError.own(
    'file_unwritable',
    `${pair.certFile} was signed by somebody else (${issuer})`,
    'let them make one for the backup key (data/certs/backup.key), and put both into the place of certificate and key',
  );
}

/** The backup key in PEM. Errors: `key_missing`, `key_locked`, `argument_invalid`, those of `openKeyFile`. */
async function findKey(home: string, shell: Shell, options: FinishOptions): Promise<string> {
  const { findBackupKey, pinOf } = await import('#server/home/backup-key.ts');
  const backup = findBackupKey(home);
  if (options.from === undefined) {
    if (backup !== undefined && !backup.isStowed) return readFile(backup.keyFile, 'utf8');
    throw CommandError.own(
      'key_missing',
      backup === undefined ? 'this home has no backup key' : `the backup key ${backup.pin} was put away`,
      backup === undefined ? `make one: ${OTTER} cert backup` : 'name the file that holds it: --from FILE',
    );
  }
  const file = path.resolve(shell.folder, options.from);
  const { privateKey, releaseKey } = await openKeyFile(file, await readPassphrase(shell, options, file));
  const pin = pinOf(releaseKey.key);
  if (backup !== undefined && backup.pin !== pin)
    throw CommandError.own(
      'argument_invalid',
      `${file} holds the key of ${pin}, and boards know the backup pin ${backup.pin}`,
      'name the file of that key',
    );
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A pair that is whole: both are there and fit. */
async function hasLiveKey(home: string, shell: Shell): Promise<boolean> {
  try {
    return (await readLocalServer(home, shell.env)) !== undefined;
  } catch {
    return false;
  }
}

/** Names that boards or people use must not get lost. */
async function hostsOf(certFile: string): Promise<readonly string[]> {
  const isThere = await access(certFile).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const { readCertificate } = await import('#server/certs/certificate.ts');
  return readCertificate(await readFile(certFile, 'utf8')).hosts;
}
