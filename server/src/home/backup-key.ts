// The backup key of a home: a second TLS key, whose pin boards have beside that of the live one, so that the live one may be lost. The
// key can be put away (`otter cert stow`); what stays is its pin. Neither is ever sent anywhere or written over.

import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { createFiles } from './create-files.ts';

const PIN = /^spki:[0-9a-f]{64}$/;

export interface BackupKey {
  /** `spki:` and 64 hex digits. */
  readonly pin: string;
  readonly pinFile: string;
  readonly keyFile: string;
  /** The key itself was put away. */
  readonly isStowed: boolean;
}

/** Undefined: there is none. A key without its pin, and a pin that cannot be read, are none either: no board was told of them. */
export function findBackupKey(home: string): BackupKey | undefined {
  const { keyFile, pinFile } = pathsOf(home);
  if (!existsSync(pinFile)) return undefined;
  const pin = readFileSync(pinFile, 'utf8').trim();
  return PIN.test(pin) ? { pin, pinFile, keyFile, isStowed: !existsSync(keyFile) } : undefined;
}

/**
 * Makes the key and the file of its pin, both or none, and answers their paths.
 * @throws OtterError `start_refused` where one is there already, or the folder cannot be written.
 */
export function createBackupKey(home: string): readonly string[] {
  const { keyFile, pinFile } = pathsOf(home);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  createFiles([
    { path: keyFile, text: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), mode: 0o600 },
    { path: pinFile, text: `${pinOf(publicKey)}\n`, mode: 0o644 },
  ]);
  return [keyFile, pinFile];
}

/** Moves what is there out of the way, under names that say since when. Answers them. */
export function putAsideBackupKey(home: string, nowMs: number): readonly string[] {
  const { keyFile, pinFile } = pathsOf(home);
  return [keyFile, pinFile].filter((file) => existsSync(file)).map((file) => putAside(file, nowMs));
}

/** Renames a file of a key or certificate that was replaced. Answers its new name. */
export function putAside(file: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().slice(0, 23).replaceAll(/[:.]/g, '-');
  const aside = `${file}.before-${stamp}`;
  if (existsSync(aside)) throw new OtterError('start_refused', `${aside} is there already`, 'repeat the command');
  renameSync(file, aside);
  return aside;
}

/** Of a public key, as boards have it: `spki:` and the SHA-256 of its SubjectPublicKeyInfo in hex. */
export function pinOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return `spki:${createHash('sha256').update(der).digest('hex')}`;
}

function pathsOf(home: string): { readonly keyFile: string; readonly pinFile: string } {
  return { keyFile: join(home, 'data/certs/backup.key'), pinFile: join(home, 'data/certs/backup.pin') };
}
