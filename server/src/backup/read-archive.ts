// Reads a backup and proves it: every byte of every file, in one pass, before anybody uses any of it.

import { createHash, hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { OtterError } from '#protocol/errors.ts';
import {
  BACKUP_FORMAT,
  DATABASE_NAME,
  HOME_FOLDER,
  IMAGES_FOLDER,
  type Manifest,
  MANIFEST_NAME,
  MANIFEST_SUM_NAME,
  OUTSIDE_FOLDER,
  readManifest,
} from './manifest.ts';
import { type FileKey, fileKeyOf, HEADER_BYTES, opened, SEALED_BEGINNING } from './sealing.ts';
import { type ReadEntry, readTar } from './tar.ts';

/** Configuration, keys and the manifest of half a million images; the database and images are never kept in memory. */
const MAX_KEPT_BYTES = 256 * 1_048_576;

const PIECE_BYTES = 1_048_576;

export interface ArchiveOptions {
  /** Asked for only where the backup is encrypted. */
  readonly passphrase: () => Promise<string>;
  readonly onProgress: (what: string, doneBytes: number, allBytes: number) => void;
  readonly signal: AbortSignal;
}

interface SmallFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly mode: number;
}

export interface ProvenBackup {
  readonly manifest: Manifest;
  /** Everything but database and images. */
  readonly files: readonly SmallFile[];
  readonly encrypted: boolean;
  /** Goes through it once more: database and images alone, proven anew while they are read. */
  readonly large: (onProgress: ArchiveOptions['onProgress']) => AsyncGenerator<ReadEntry>;
}

/** Errors: `backup_damaged`, `backup_newer`, `passphrase_wrong`, `field_invalid` where there is no such file, what the signal says. */
export async function readBackup(path: string, options: ArchiveOptions): Promise<ProvenBackup> {
  const beginning = await readBeginning(path);
  const encrypted = beginning.toString('latin1', 0, SEALED_BEGINNING.length) === SEALED_BEGINNING;
  const key = encrypted ? await fileKeyOf(beginning, await options.passphrase()) : undefined;
  const kept: SmallFile[] = [];
  const sums = new Map<string, { readonly size_bytes: number; readonly sha256: string }>();
  let keptBytes = 0;
  for await (const entry of entriesOf(path, key, options, 'verifying')) {
    if (!isPlainName(entry.name) || sums.has(entry.name)) throw damagedAt(path)(`it holds ${entry.name}`);
    const digest = createHash('sha256');
    const pieces: Buffer[] = [];
    const isKept = !isLarge(entry.name);
    if (isKept) keptBytes += entry.sizeBytes;
    if (keptBytes > MAX_KEPT_BYTES) throw damagedAt(path)(`${entry.name} is larger than any file of a home`);
    for await (const piece of entry.content) {
      digest.update(piece);
      if (isKept) pieces.push(piece);
    }
    sums.set(entry.name, { size_bytes: entry.sizeBytes, sha256: digest.digest('hex') });
    if (isKept) kept.push({ name: entry.name, bytes: Buffer.concat(pieces), mode: entry.mode });
  }
  const manifest = provenManifest(path, kept, sums);
  return {
    manifest,
    encrypted,
    files: kept.filter(({ name }) => name.startsWith(HOME_FOLDER) || name.startsWith(OUTSIDE_FOLDER)),
    large: (onProgress) => largeOf(path, key, { ...options, onProgress }, manifest),
  };
}

function isLarge(name: string): boolean {
  return name === DATABASE_NAME || name.startsWith(IMAGES_FOLDER);
}

/** No segment leads anywhere else. */
function isPlainName(name: string): boolean {
  return name !== '' && name.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

/** That all files are those that it names, and no others. */
function provenManifest(
  path: string,
  kept: readonly SmallFile[],
  sums: ReadonlyMap<string, { readonly size_bytes: number; readonly sha256: string }>,
): Manifest {
  const damaged = damagedAt(path);
  const textOf = (name: string): string => kept.find((file) => file.name === name)?.bytes.toString('utf8') ?? '';
  const text = textOf(MANIFEST_NAME);
  if (text === '') throw damaged('it has no manifest, so its end is missing or it is no backup of Otter');
  if (textOf(MANIFEST_SUM_NAME) !== `${hash('sha256', text)}  ${MANIFEST_NAME}\n`)
    throw damaged('its manifest has changed');
  refuseNewer(path, text);
  const manifest = readManifest(text);
  if (manifest === undefined) throw damaged('its manifest cannot be read');
  const named = new Set([MANIFEST_NAME, MANIFEST_SUM_NAME]);
  for (const { name, size_bytes, sha256 } of manifest.files) {
    named.add(name);
    const found = sums.get(name);
    if (found === undefined) throw damaged(`${name} is missing`);
    if (found.size_bytes !== size_bytes || found.sha256 !== sha256)
      throw damaged(`${name} has other bytes than it had`);
  }
  const foreign = [...sums.keys()].find((name) => !named.has(name));
  if (foreign !== undefined) throw damaged(`${foreign} is not of it`);
  if (!named.has(DATABASE_NAME)) throw damaged(`${DATABASE_NAME} is missing`);
  return manifest;
}

/** A later form may look quite different, so this is asked first. */
function refuseNewer(path: string, text: string): void {
  const found = /"format": *(\d+)/.exec(text)?.[1];
  if (found === undefined || Number(found) <= BACKUP_FORMAT) return;
  const hint = 'restore it with the version of Otter that made it, or a newer one';
  throw new OtterError('backup_newer', `${path} is a backup of form ${found}, this Otter knows ${BACKUP_FORMAT}`, hint);
}

async function* largeOf(
  path: string,
  key: FileKey | undefined,
  options: ArchiveOptions,
  manifest: Manifest,
): AsyncGenerator<ReadEntry> {
  const wanted = new Map(manifest.files.map(({ name, sha256 }) => [name, sha256]));
  for await (const entry of entriesOf(path, key, options, 'restoring'))
    if (isLarge(entry.name)) yield { ...entry, content: proven(entry, wanted.get(entry.name), damagedAt(path)) };
}

async function* proven(
  { content, name }: ReadEntry,
  wanted: string | undefined,
  damaged: (why: string) => OtterError,
): AsyncGenerator<Buffer> {
  const digest = createHash('sha256');
  for await (const piece of content) {
    digest.update(piece);
    yield piece;
  }
  if (digest.digest('hex') !== wanted) throw damaged(`${name} changed while it was read`);
}

async function* entriesOf(
  path: string,
  key: FileKey | undefined,
  { onProgress, signal }: ArchiveOptions,
  what: string,
): AsyncGenerator<ReadEntry> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const bytes = piecesOf(file, (done) => {
      signal.throwIfAborted();
      onProgress(what, done, size);
    });
    yield* readTar(key === undefined ? bytes : opened(bytes, key, damagedAt(path)), damagedAt(path));
  } finally {
    await file.close();
  }
}

async function* piecesOf(file: FileHandle, onPiece: (doneBytes: number) => void): AsyncGenerator<Buffer> {
  for (let done = 0; ;) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(PIECE_BYTES), position: done });
    if (bytesRead === 0) return;
    done += bytesRead;
    onPiece(done);
    yield buffer.subarray(0, bytesRead);
  }
}

async function readBeginning(path: string): Promise<Buffer> {
  const file = await openFile(path);
  try {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(HEADER_BYTES), position: 0 });
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'r');
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw new Error('it is no file');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OtterError('field_invalid', `cannot read ${path}: ${why}`, 'name the file that `otter backup` made', {
      cause,
    });
  }
}

function damagedAt(path: string): (why: string) => OtterError {
  return (why) =>
    new OtterError('backup_damaged', `${path} is damaged: ${why}`, 'take another backup; nothing was changed');
}
