// `otter cert show`, `create`, `renew`: the certificate of the server on this machine. Reads and makes files; asks no server.

import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Option } from '@commander-js/extra-typings';
import { readCount } from '#cli/arguments.ts';
import { findHome, readShownPins } from '#cli/connection/connection.ts';
import { CommandError } from '#cli/exit-code.ts';
import { OTTER } from '#cli/program-place.ts';
import { getLocalServer } from '#cli/connection/local-server.ts';
import type { CommandGroup } from '#cli/program.ts';
import { output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { type Colors, formatFacts } from '#cli/terminal.ts';
import { OtterError } from '#protocol/errors.ts';

export function addCertificateCommands(cert: CommandGroup, shell: Shell): void {
  cert
    .command('show')
    .description('fingerprint, pins, names and dates of the certificate; with --server, the pin that this server shows')
    .action(async (_options, command) => {
      const options = command.optsWithGlobals();
      if (options.server !== undefined) {
        const seen = await readShownCertificate(options.server);
        output(shell, options).show(seen, () => formatSeen(seen, shell.terminal.colors));
        return;
      }
      const home = await findHome(options, shell);
      const local = await getLocalServer(home, shell.env);
      const shown = await describeCertificate(local.certificateFile, home);
      output(shell, options).show(shown, () => formatCertificate(shown, shell.terminal.colors));
    });

  cert
    .command('create')
    .description('make a self-signed certificate and its key; never replaces one')
    .option('--host <names...>', 'names and addresses of the server (those of this machine if not said)')
    .addOption(new Option('--years <count>', 'how long it is valid').argParser(readCount))
    .action(async ({ host, years }, command) => {
      const options = command.optsWithGlobals();
      const home = await findHome(options, shell);
      const file = await createCertificate(path.join(home, 'data', 'certs'), { hosts: host, years });
      const shown = await describeCertificate(file, home);
      output(shell, options).show(shown, () => formatCertificate(shown, shell.terminal.colors));
    });

  cert
    .command('renew')
    .description('a new certificate for the same key: spki: pins stay as they are, and boards notice nothing')
    .option(
      '--host <names...>',
      'names and addresses of the server (those of the old one and of this machine if not said)',
    )
    .addOption(new Option('--years <count>', 'how long it is valid').argParser(readCount))
    .action(async ({ host, years }, command) => {
      const options = command.optsWithGlobals();
      const home = await findHome(options, shell);
      const file = await renewCertificate(home, shell, { hosts: host, years });
      const shown = await describeCertificate(file, home);
      output(shell, options).show(shown, () =>
        [formatCertificate(shown, shell.terminal.colors), 'restart the server: it shows this certificate then'].join(
          '\n',
        ),
      );
    });
}

/**
 * A new certificate for the key that is there, in the place of the old one. Answers its path. Errors: `start_refused` where it was not
 * made by Otter, `file_unwritable`.
 */
async function renewCertificate(
  home: string,
  shell: Shell,
  options: { readonly hosts: readonly string[] | undefined; readonly years: number | undefined },
): Promise<string> {
  const { certificateFile, certificateKeyFile } = await getLocalServer(home, shell.env);
  const { createSelfSigned, DEFAULT_VALID_YEARS, localHosts } = await import('#server/certs/self-signed.ts');
  const { readCertificate } = await import('#server/certs/certificate.ts');
  const { createFiles } = await import('#server/home/create-files.ts');
  const before = readCertificate(await readFile(certificateFile, 'utf8'));
  if (before.issuer !== undefined)
    throw CommandError.own(
      'file_unwritable',
      `${certificateFile} was signed by somebody else (${before.issuer})`,
      'renew it with the tool that made it, and keep the key: pins stay as they are',
    );
  const made = await createSelfSigned({
    // A name that boards or people use must not get lost, and those of this machine may have changed.
    hosts: options.hosts ?? [...new Set([...before.hosts, ...localHosts()])],
    nowMs: Date.now(),
    validYears: options.years ?? DEFAULT_VALID_YEARS,
    keyPem: await readFile(certificateKeyFile, 'utf8'),
  });
  const next = `${certificateFile}.new`;
  await rm(next, { force: true });
  createFiles([{ path: next, text: made.certPem, mode: 0o644 }]);
  await rename(next, certificateFile);
  return certificateFile;
}

interface ShownCertificate {
  readonly file: string;
  readonly fingerprint: string;
  /** As `--pin` and devices take it. */
  readonly pin: string;
  /** As `curl --pinnedpubkey` takes it. */
  readonly curl_pin: string;
  readonly key: string;
  readonly hosts: readonly string[];
  readonly not_before: string;
  readonly not_after: string;
  /** That of the key that is kept in reserve; null: there is none. */
  readonly backup_pin: string | null;
  readonly backup_key: 'here' | 'stowed' | null;
}

/** Answers the path of the certificate. Errors: `already_there`, `file_unwritable`. */
async function createCertificate(
  folder: string,
  options: { readonly hosts: readonly string[] | undefined; readonly years: number | undefined },
): Promise<string> {
  const certFile = path.join(folder, 'server.crt');
  const keyFile = path.join(folder, 'server.key');
  for (const file of [certFile, keyFile]) {
    if ((await stat(file).catch(() => undefined)) === undefined) continue;
    throw CommandError.own(
      'already_there',
      `${file} is already there; a new key would lock out every device that trusts this one`,
      'move both files away first, if no device trusts them',
    );
  }
  const { createSelfSigned, DEFAULT_VALID_YEARS, localHosts } = await import('#server/certs/self-signed.ts');
  const { createFiles } = await import('#server/home/create-files.ts');
  const made = await createSelfSigned({
    hosts: options.hosts ?? localHosts(),
    nowMs: Date.now(),
    validYears: options.years ?? DEFAULT_VALID_YEARS,
  });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    createFiles([
      { path: keyFile, text: made.keyPem, mode: 0o600 },
      { path: certFile, text: made.certPem, mode: 0o644 },
    ]);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const hint =
      cause instanceof OtterError ? cause.hint : 'let this user write there, or name another folder: --home FOLDER';
    throw CommandError.own('file_unwritable', message, hint, { cause });
  }
  return certFile;
}

async function describeCertificate(file: string, home: string): Promise<ShownCertificate> {
  const { readCertificate } = await import('#server/certs/certificate.ts');
  const { findBackupKey } = await import('#server/home/backup-key.ts');
  const backup = findBackupKey(home);
  const certificate = readCertificate(await readFile(file, 'utf8'));
  return {
    file,
    fingerprint: certificate.fingerprint256,
    pin: `spki:${certificate.spkiPin}`,
    curl_pin: certificate.spkiPinBase64,
    key: certificate.keyKind,
    hosts: certificate.hosts,
    not_before: new Date(certificate.notBeforeMs).toISOString(),
    not_after: new Date(certificate.notAfterMs).toISOString(),
    backup_pin: backup?.pin ?? null,
    backup_key: backup === undefined ? null : backup.isStowed ? 'stowed' : 'here',
  };
}

/** What a server shows to anybody: compared with nothing. */
async function readShownCertificate(url: URL) {
  const { cert, spki } = await readShownPins(url);
  return {
    server: url.origin,
    pin: `spki:${spki}`,
    curl_pin: Buffer.from(spki, 'hex').toString('base64'),
    fingerprint: cert,
  };
}

function formatSeen(seen: Awaited<ReturnType<typeof readShownCertificate>>, colors: Colors): string {
  const facts = formatFacts(
    [
      ['server', seen.server],
      ['pin', seen.pin],
      ['pin for curl', seen.curl_pin],
      ['SHA-256', seen.fingerprint],
    ],
    colors,
  );
  return `${facts}\nThis is what it shows to anybody: compare it with \`otter cert show\` on the server itself.`;
}

function formatCertificate(shown: ShownCertificate, colors: Colors): string {
  return formatFacts(
    [
      ['certificate', shown.file],
      ['pin', shown.pin],
      ['pin for curl', shown.curl_pin],
      ['SHA-256', shown.fingerprint],
      ['key', shown.key],
      ['hosts', shown.hosts.join(', ')],
      ['valid', `${shown.not_before.slice(0, 10)} to ${shown.not_after.slice(0, 10)}`],
      ['backup pin', shown.backup_pin ?? `none: ${OTTER} cert backup makes a backup key`],
      ...(shown.backup_key === null
        ? []
        : [
            [
              'backup key',
              shown.backup_key === 'stowed' ? 'put away' : `here: put it away with ${OTTER} cert stow FILE`,
            ] as const,
          ]),
    ],
    colors,
  );
}
