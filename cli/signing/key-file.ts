// The file of a release key: PKCS#8 in PEM, encrypted with a passphrase in the age format (scrypt), armoured, mode 0600. Without
// Otter it is opened by `age -d release.key.age`. The public half lies beside it in PEM. Never sent to a server, never replaced.

import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import { readInputFile } from '#cli/input-file.ts';
import { type ReleaseKey, readReleaseKey, releaseKeyOf } from '#protocol/device/release-key.ts';

/** Of age itself: some seconds for each guess at the passphrase. */
const SCRYPT_LOG_N = 18;

/** The second one is put away before the first is lost or stolen. */
export const USUAL_NAMES = ['release', 'backup'] as const;

/** A key file has some 700 bytes. */
const MAX_KEY_FILE_BYTES = 16_384;

export interface OpenedKey {
  readonly file: string;
  readonly privateKey: KeyObject;
  readonly releaseKey: ReleaseKey;
}

export interface CreatedKey {
  readonly name: string;
  readonly key_id: string;
  readonly key_file: string;
  readonly public_key_file: string;
  readonly public_key: string;
}

function keyFilesOf(folder: string, name: string): { readonly keyFile: string; readonly publicFile: string } {
  return { keyFile: path.join(folder, `${name}.key.age`), publicFile: path.join(folder, `${name}.pub`) };
}

/** Makes one key for each name; none where one of the files is there. Only tests want fewer rounds of scrypt. Errors: `already_there`, `file_unwritable`. */
export async function createKeyFiles(
  folder: string,
  names: readonly string[],
  passphrase: string,
  { scryptLogN = SCRYPT_LOG_N }: { readonly scryptLogN?: number } = {},
): Promise<readonly CreatedKey[]> {
  await refuseOverwrite(folder, names);
  const made: CreatedKey[] = [];
  for (const name of names) made.push(await createKeyFile(folder, name, { passphrase, scryptLogN }));
  return made;
}

/** Errors: `already_there`. Asked before a passphrase, too, so that nobody types one for nothing. */
export async function refuseOverwrite(folder: string, names: readonly string[]): Promise<void> {
  for (const { keyFile, publicFile } of names.map((name) => keyFilesOf(folder, name)))
    for (const file of [keyFile, publicFile])
      if ((await stat(file).catch(() => undefined)) !== undefined) throw alreadyThere(file);
}

/** Opens the key for as long as the process lives. Errors: `key_locked`, `file_invalid`, `token_file_exposed`, those of `readInputFile`. */
export async function openKeyFile(file: string, passphrase: string): Promise<OpenedKey> {
  const { bytes, mode } = await readInputFile(file, { what: 'release key', maxBytes: MAX_KEY_FILE_BYTES });
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    const seen = mode.toString(8).padStart(4, '0');
    throw CommandError.own(
      'key_file_exposed',
      `others can read the key file ${file} (mode ${seen})`,
      `chmod 600 ${file}`,
    );
  }
  const pem = await decrypt(file, bytes, passphrase);
  const privateKey = readPrivateKey(pem);
  const releaseKey = privateKey === undefined ? undefined : releaseKeyOf(privateKey);
  if (privateKey === undefined || releaseKey === undefined)
    throw CommandError.own('file_invalid', `${file} holds no P-256 key`, 'name the file that `otter key create` made');
  return { file, privateKey, releaseKey };
}

/** Errors: `file_invalid`, and those of `readInputFile`. */
export async function readPublicKeyFile(file: string): Promise<ReleaseKey> {
  const { bytes } = await readInputFile(file, { what: 'public key', maxBytes: MAX_KEY_FILE_BYTES });
  const key = readReleaseKey(bytes.toString('utf8'));
  if (key !== undefined) return key;
  throw CommandError.own(
    'file_invalid',
    `${file} is no public key of P-256 in PEM`,
    'name the .pub file that `otter key create` made; a .key.age file stays where it is',
  );
}

export interface NamedPublicKey {
  readonly name: string;
  readonly key: ReleaseKey;
}

/** Of the usual names, those that lie in this folder: what a sketch has to know. Errors: those of `readPublicKeyFile`. */
export async function findPublicKeys(folder: string): Promise<readonly NamedPublicKey[]> {
  const found: NamedPublicKey[] = [];
  for (const name of USUAL_NAMES) {
    const { publicFile } = keyFilesOf(folder, name);
    if ((await stat(publicFile).catch(() => undefined)) === undefined) continue;
    found.push({ name, key: await readPublicKeyFile(publicFile) });
  }
  return found;
}

interface Lock {
  readonly passphrase: string;
  readonly scryptLogN: number;
}

/**
 * A private key that is there already, into a file of its own, so that it can be opened again: that is proved before it answers.
 * Errors: `already_there`, `file_unwritable`.
 */
export async function lockKey(file: string, pem: string, passphrase: string, scryptLogN = SCRYPT_LOG_N): Promise<void> {
  await createFile(file, await encrypt(pem, { passphrase, scryptLogN }), 0o600);
  if ((await decrypt(file, await readFile(file), passphrase)) !== pem)
    throw unwritable(file, 'it reads back as something else');
}

async function createKeyFile(folder: string, name: string, lock: Lock): Promise<CreatedKey> {
  const { keyFile, publicFile } = keyFilesOf(folder, name);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const releaseKey = releaseKeyOf(privateKey);
  if (releaseKey === undefined) throw new Error('a new key that cannot be read');
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw unwritable(folder, cause);
  });
  await createFile(keyFile, await encrypt(pem, lock), 0o600);
  await createFile(publicFile, releaseKey.pem, 0o644);
  return {
    name,
    key_id: releaseKey.keyId,
    key_file: keyFile,
    public_key_file: publicFile,
    public_key: releaseKey.pem,
  };
}

async function encrypt(text: string, { passphrase, scryptLogN }: Lock): Promise<string> {
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(scryptLogN);
  encrypter.setPassphrase(passphrase);
  return `${armor.encode(await encrypter.encrypt(text)).trimEnd()}\n`;
}

async function decrypt(file: string, bytes: Buffer, passphrase: string): Promise<string> {
  // Loaded where it is needed: no other command waits for it.
  const { armor, Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  let binary: Uint8Array;
  try {
    const text = bytes.toString('utf8');
    // What `age` makes without `-a` is not armoured.
    binary = text.startsWith('-----BEGIN AGE') ? armor.decode(text) : bytes;
  } catch (cause) {
    throw notAge(file, cause);
  }
  if (!Buffer.from(binary).toString('latin1').startsWith('age-encryption.org/v1')) throw notAge(file, undefined);
  try {
    return await decrypter.decrypt(binary, 'text');
  } catch (cause) {
    throw CommandError.own(
      'key_locked',
      `the passphrase does not open ${file}`,
      'type it again; without it the key is lost, and only the backup key is left',
      { cause },
    );
  }
}

function readPrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    return undefined;
  }
}

/** Whole or not at all, and never in the place of another: a link refuses a name that is taken. */
async function createFile(file: string, text: string, mode: number): Promise<void> {
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(unfinished, text, { mode, flag: 'wx', flush: true });
    await link(unfinished, file);
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    throw isTaken ? alreadyThere(file) : unwritable(file, cause);
  } finally {
    await rm(unfinished, { force: true });
  }
}

function alreadyThere(file: string): CommandError {
  return CommandError.own(
    'already_there',
    `${file} is already there; a key that is gone cannot be made again`,
    'choose another folder or another name',
  );
}

function unwritable(file: string, cause: unknown): CommandError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return CommandError.own('file_unwritable', `cannot write ${file}: ${why}`, 'choose another folder', { cause });
}

function notAge(file: string, cause: unknown): CommandError {
  return CommandError.own('file_invalid', `${file} is no file in the age format`, 'name the .key.age file', { cause });
}
