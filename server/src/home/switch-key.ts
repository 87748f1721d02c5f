// The server goes over to another key: that of its backup, or one that was stowed away. Certificate and key change one after the other,
// so a power cut between leaves a pair that does not fit and a server that refuses to start; repeating it completes it, for
// what it begins with is removed last. What was there before is put aside, never removed.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { createSelfSigned } from '#server/certs/self-signed.ts';
import { createBackupKey, findBackupKey, pinOf, putAside } from './backup-key.ts';
import { createFiles } from './create-files.ts';

export interface KeySwitch {
  readonly home: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** The key that is live from then on: ECDSA on P-256, PKCS #8. */
  readonly keyPem: string;
  readonly hosts: readonly string[];
  readonly validYears: number;
  readonly nowMs: number;
}

/**
 * Answers the pin of the key that is live now, that of the new backup key, and where the old files went. The server shows it after its
 * next start. @throws OtterError `start_refused` where a file cannot be made, or the key is of another kind.
 */
export async function switchKey({ home, certFile, keyFile, keyPem, hosts, validYears, nowMs }: KeySwitch): Promise<{
  readonly pin: string;
  readonly backupPin: string;
  readonly putAside: readonly string[];
}> {
  const made = await createSelfSigned({ hosts, validYears, nowMs, keyPem });
  const pin = pinOf(createPublicKey(createPrivateKey(made.keyPem)));
  const next = [
    { from: `${certFile}.new`, to: certFile, text: made.certPem, mode: 0o644 },
    { from: `${keyFile}.new`, to: keyFile, text: made.keyPem, mode: 0o600 },
  ];
  for (const { from } of next) rmSync(from, { force: true });
  createFiles(next.map(({ from, text, mode }) => ({ path: from, text, mode })));
  const aside: string[] = [];
  for (const { from, to } of next) {
    if (existsSync(to)) aside.push(putAside(to, nowMs));
    renameSync(from, to);
  }
  // Only that of the key that is live now: another backup key stays what it is.
  const backup = findBackupKey(home);
  if (backup?.pin === pin) for (const file of [backup.keyFile, backup.pinFile]) rmSync(file, { force: true });
  if (findBackupKey(home) === undefined) createBackupKey(home);
  return { pin, backupPin: findBackupKey(home)?.pin ?? '', putAside: aside };
}
