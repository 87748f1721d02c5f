// Makes a home: the folder in which one server lives. It fills in what is missing and never changes what is there, so it
// can run before every start, and a home that was only half made is completed.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { createSelfSigned, DEFAULT_VALID_YEARS, localHosts } from '#server/certs/self-signed.ts';
import { createToken } from '#server/config/tokens.ts';
import { createBackupKey, findBackupKey } from './backup-key.ts';
import { createFiles } from './create-files.ts';

const SECRET = 0o600;
const PUBLIC = 0o644;

/** Templates lie in the repository where a newcomer reads them; a home gets them as they are. */
const TEMPLATES = [
  // 0600: people write database passwords into it
  { path: 'config/server.yml', template: 'config/server.example.yml', mode: SECRET },
  { path: 'config/schedules.yaml', template: 'config/schedules.example.yaml', mode: PUBLIC },
  { path: 'config/plans.yaml', template: 'config/plans.example.yaml', mode: PUBLIC },
  { path: '.env.example', template: '.env.example', mode: PUBLIC },
] as const;

const FOLDERS = [
  { path: 'config', mode: 0o755 },
  { path: 'data', mode: 0o700 },
  { path: 'data/firmware', mode: 0o700 },
  { path: 'data/certs', mode: 0o700 },
  { path: 'data/tokens', mode: 0o700 },
] as const;

/**
 * Completes `home` and answers the paths of the files it made, in the order it made them; empty when all were there.
 * `nowMs` is the beginning of the certificate's validity.
 * @throws OtterError `start_refused` where only one of certificate and key is there, or a file cannot be made.
 */
export async function initHome(home: string, options: { readonly nowMs: number }): Promise<readonly string[]> {
  const root = resolve(home);
  const made: string[] = [];
  const add = (...files: Parameters<typeof createFiles>[0]): void => {
    createFiles(files);
    made.push(...files.map(({ path }) => path));
  };
  refuseHalfPair(root);
  makeFolders(root);
  for (const { path, template, mode } of TEMPLATES) {
    const file = join(root, path);
    if (!existsSync(file)) add({ path: file, text: readTemplate(template), mode });
  }
  for (const scope of ['fleet', 'admin'] as const) {
    const file = join(root, 'data/tokens', `${scope}.token`);
    if (!existsSync(file)) add({ path: file, text: `${createToken(scope)}\n`, mode: SECRET });
  }
  const { cert, key } = certificatePaths(root);
  if (!existsSync(cert)) {
    const pair = await createSelfSigned({ hosts: localHosts(), validYears: DEFAULT_VALID_YEARS, ...options });
    add({ path: key, text: pair.keyPem, mode: SECRET }, { path: cert, text: pair.certPem, mode: PUBLIC });
    // With the first certificate, before any board has its pin. A home that is older gets one when somebody asks for it.
    made.push(...createBackupKey(root));
  }
  return made;
}

/** A new partner for the one that is left would change the pin, and every device with the old pin would be lost. */
function refuseHalfPair(root: string): void {
  const { cert, key } = certificatePaths(root);
  if (!existsSync(cert) && !existsSync(key) && findBackupKey(root) !== undefined)
    throw new OtterError(
      'start_refused',
      `${cert} and ${key} are missing, and boards know the pin of a backup key`,
      'bring both back from a backup; or go over to the backup key: otter cert rotate finish, with --from FILE where it was stowed',
    );
  if (existsSync(cert) === existsSync(key)) return;
  const [present, missing] = existsSync(cert) ? [cert, key] : [key, cert];
  throw new OtterError(
    'start_refused',
    `${present} is there, but ${missing} is missing`,
    'bring the missing file back from a backup; or go over to the backup key (otter cert rotate finish); or, if no device trusts this certificate yet, take the other away and run `otter init` again',
  );
}

function certificatePaths(root: string): { readonly cert: string; readonly key: string } {
  return { cert: join(root, 'data/certs/server.crt'), key: join(root, 'data/certs/server.key') };
}

function makeFolders(root: string): void {
  for (const { path, mode } of FOLDERS) {
    try {
      mkdirSync(join(root, path), { recursive: true, mode });
    } catch (cause) {
      const hint = 'give the home to the user that runs Otter, or choose another with --home';
      throw new OtterError('start_refused', `cannot make the folder ${join(root, path)}`, hint, { cause });
    }
  }
}

function readTemplate(name: string): string {
  return readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
}
