// Makes a backup beside a server that runs. First the database as it is at one moment, then the images that it names (a file stays for
// an hour after its last row went), then everything else. The file has its name only once it is whole and on the disk.

import { createHash, hash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, link, open, rename } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OtterError } from '#protocol/errors.ts';
import type { Config } from '#server/config/config.ts';
import { maskDatabaseUrl } from '#server/config/database.ts';
import { copyPostgresToFile, copySqliteFile, noteBackup } from '#server/db/copy/copy.ts';
import { takeFileLock } from '#server/disk/file-lock.ts';
import { explainDiskError } from '#server/disk/write-proof.ts';
import { syncFolder } from '#server/storage/durable.ts';
import { SERVER_VERSION } from '#server/version.ts';
import { readHomeFiles } from './home-files.ts';
import {
  BACKUP_FORMAT,
  DATABASE_NAME,
  IMAGES_FOLDER,
  type Manifest,
  MANIFEST_NAME,
  MANIFEST_SUM_NAME,
} from './manifest.ts';
import { sealed } from './sealing.ts';
import { TAR_END, type TarEntry, tarHeader, tarPadding } from './tar.ts';

export interface BackupOptions {
  readonly config: Config;
  /** Absolute. */
  readonly file: string;
  /** Whether it may take the place of a file of this name. */
  readonly replaces: boolean;
  readonly passphrase: string | undefined;
  /** Only tests want fewer rounds of scrypt. */
  readonly scryptLogN?: number;
  readonly nowMs: number;
  /** Told what is at work and how far it is. */
  readonly onProgress: (what: string, done: number, all: number) => void;
  /** Aborted: nothing is left. */
  readonly signal: AbortSignal;
}

export interface MadeBackup {
  readonly file: string;
  readonly made_at: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly encrypted: boolean;
  readonly database: 'sqlite' | 'postgres';
  readonly images: number;
  readonly files: number;
  readonly missing_images: readonly { readonly sha256: string; readonly why: string }[];
  /** Why the server does not know of it; null: it does. */
  readonly not_noted: string | null;
}

/** Errors: `backup_exists`, `database_damaged`, `storage_full`, `start_refused`, and what the signal was aborted with. */
export async function makeBackup(options: BackupOptions): Promise<MadeBackup> {
  const { config, file, replaces } = options;
  if (!replaces && existsSync(file)) throw exists(file);
  const work = makeWorkFolder(file);
  try {
    const database = await copyDatabase(options, join(work.path, 'database'));
    const written = await writeWhole(options, join(work.path, 'archive'), database);
    await giveName(join(work.path, 'archive'), options);
    const { size_bytes } = written;
    const row = { made_at_ms: options.nowMs, made_by: madeBy(config), file, size_bytes };
    const encrypted = options.passphrase !== undefined;
    const not_noted = await noteBackup(config.database, { ...row, encrypted: encrypted ? 1 : 0 });
    return { file, made_at: instant(options.nowMs), encrypted, database: config.database.kind, ...written, not_noted };
  } catch (error) {
    throw explain(error, options);
  } finally {
    work.remove();
  }
}

function madeBy({ home }: Config): string {
  return `${hostname()}:${home}`;
}

function inHome({ home }: Config, path: string): string {
  return path.startsWith(`${home}/`) ? path.slice(home.length + 1) : path;
}

/** On the disk of the backup. Those that a killed process left there go. */
function makeWorkFolder(file: string): { readonly path: string; readonly remove: () => void } {
  const [folder, prefix] = [dirname(file), `.${basename(file)}.part-`];
  try {
    for (const name of readdirSync(folder).filter((one) => one.startsWith(prefix))) removeUnused(join(folder, name));
    const path = join(folder, `${prefix}${randomUUID()}`);
    mkdirSync(path, { mode: 0o700 });
    const lock = takeFileLock({ file: join(path, 'lock'), home: path, owner: file, isShared: false });
    const remove = (): void => {
      if (lock.kind === 'taken') lock.release();
      rmSync(path, { recursive: true, force: true });
    };
    return { path, remove };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OtterError('start_refused', `cannot write to ${folder}: ${why}`, 'name a folder that you may write to', {
      cause,
    });
  }
}

function removeUnused(path: string): void {
  const lock = takeFileLock({ file: join(path, 'lock'), home: path, owner: path, isShared: false });
  if (lock.kind === 'held') return;
  if (lock.kind === 'taken') lock.release();
  rmSync(path, { recursive: true, force: true });
}

interface CopiedDatabase {
  readonly path: string;
  readonly schema: number;
}

async function copyDatabase(options: BackupOptions, path: string): Promise<CopiedDatabase> {
  const { config, onProgress, signal } = options;
  if (config.database.kind === 'postgres') {
    const schema = await copyPostgresToFile(config.database.url, path, {
      onTable: (table, done, all) => onProgress(`table ${table}`, done, all),
      check: () => signal.throwIfAborted(),
    });
    return { path, schema };
  }
  if (!existsSync(config.database.file))
    throw new OtterError(
      'start_refused',
      `there is no database ${maskDatabaseUrl(config.database.file)}`,
      'start the server once, or name its home with --home',
    );
  const schema = await copySqliteFile(config.database.file, path, (done, all) => {
    signal.throwIfAborted();
    onProgress('database', done, all);
  });
  return { path, schema };
}

async function writeWhole(options: BackupOptions, path: string, database: CopiedDatabase) {
  const counted = { images: 0, files: 0, missing_images: [] as Manifest['missing_images'] };
  const plain = archiveOf(options, database, counted);
  const bytes = options.passphrase === undefined ? plain : await sealed(plain, options.passphrase, options);
  const digest = createHash('sha256');
  let size_bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of bytes) {
      options.signal.throwIfAborted();
      digest.update(piece);
      size_bytes += piece.length;
      await writeAll(file, piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { ...counted, size_bytes, sha256: digest.digest('hex') };
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length;) {
    const { bytesWritten } = await file.write(piece, done);
    done += bytesWritten;
  }
}

/** The whole file, piece by piece. `counted` is told what went into it. */
async function* archiveOf(
  { config, nowMs, onProgress }: BackupOptions,
  database: CopiedDatabase,
  counted: { images: number; files: number; missing_images: Manifest['missing_images'] },
): AsyncGenerator<Buffer> {
  const files: Manifest['files'] = [];
  const entry = (name: string, sizeBytes: number, { mode = 0o600, mtimeMs = nowMs } = {}): TarEntry => ({
    name,
    sizeBytes,
    mode,
    mtimeMs,
  });
  const whole = function* (head: TarEntry, bytes: Buffer): Generator<Buffer> {
    files.push({ name: head.name, size_bytes: bytes.length, sha256: hash('sha256', bytes) });
    yield tarHeader(head);
    if (bytes.length > 0) yield bytes;
    yield tarPadding(bytes.length);
  };
  // The configuration first: a small part of the file says which server it is of.
  for (const { name, bytes, ...facts } of readHomeFiles(config.home)) {
    counted.files += 1;
    yield* whole(entry(name, bytes.length, facts), bytes);
  }
  const { size } = statSync(database.path);
  const digest = createHash('sha256');
  yield tarHeader(entry(DATABASE_NAME, size));
  for await (const piece of piecesOf(database.path)) {
    digest.update(piece);
    yield piece;
  }
  yield tarPadding(size);
  files.push({ name: DATABASE_NAME, size_bytes: size, sha256: digest.digest('hex') });
  const images = imagesOf(database.path);
  for (const [index, sha256] of images.entries()) {
    onProgress('images', index, images.length);
    const read = await readImage(config.storageRoot, sha256);
    if (typeof read === 'string') counted.missing_images.push({ sha256, why: read });
    else {
      counted.images += 1;
      yield* whole(entry(`${IMAGES_FOLDER}${sha256}`, read.length), read);
    }
  }
  const manifest: Manifest = {
    format: BACKUP_FORMAT,
    version: SERVER_VERSION,
    made_at: instant(nowMs),
    made_by: madeBy(config),
    database: config.database.kind,
    schema: database.schema,
    places: {
      database: config.database.kind === 'sqlite' ? inHome(config, config.database.file) : null,
      images: inHome(config, config.storageRoot),
    },
    files: [...files],
    missing_images: counted.missing_images,
  };
  const text = Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`);
  const sum = Buffer.from(`${hash('sha256', text)}  ${MANIFEST_NAME}\n`);
  yield* whole(entry(MANIFEST_NAME, text.length), text);
  yield* whole(entry(MANIFEST_SUM_NAME, sum.length), sum);
  yield TAR_END;
}

async function* piecesOf(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(1_048_576) });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** SHA-256 of every image that the copied database names. */
function imagesOf(path: string): readonly string[] {
  const file = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = file.prepare('select distinct sha256 from images order by sha256').all();
    return rows.map(({ sha256 }) => String(sha256));
  } finally {
    file.close();
  }
}

/** Why not, where it cannot be read whole. */
async function readImage(storageRoot: string, sha256: string): Promise<Buffer | string> {
  try {
    const file = await open(join(storageRoot, '.blobs', sha256), 'r');
    try {
      const bytes = await file.readFile();
      return hash('sha256', bytes) === sha256 ? bytes : 'its bytes are damaged';
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return 'its file is missing';
    if (code === 'EIO' || code === 'EACCES') return `its file cannot be read (${code})`;
    throw error;
  }
}

async function giveName(from: string, { file, replaces }: BackupOptions): Promise<void> {
  if (replaces) await rename(from, file);
  else await nameOnce(from, file);
  await syncFolder(resolve(dirname(file)));
}

/** A name that was taken meanwhile keeps its file. */
async function nameOnce(from: string, file: string): Promise<void> {
  try {
    await link(from, file);
  } catch (error) {
    // Some disks (FAT) know no second name.
    const isRefused = error instanceof Error && 'code' in error && (error.code === 'EPERM' || error.code === 'ENOTSUP');
    if (!isRefused || existsSync(file)) throw error;
    await rename(from, file);
  }
}

function explain(error: unknown, { file, signal }: BackupOptions): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return exists(file);
  // SQLITE_FULL, of the copy of the database
  if (error instanceof Error && 'errcode' in error && error.errcode === 13)
    return new OtterError('storage_full', `the disk of ${file} is full`, 'free some space: df -h shows where');
  return explainDiskError(error, `the disk of ${file}`) ?? error;
}

function exists(file: string): OtterError {
  return new OtterError('backup_exists', `${file} is there already`, 'choose another name, or add --replace');
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
