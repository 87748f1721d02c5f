// Restores a backup into a home. Order: prove the file; see that nobody uses what it would replace; lay everything beside its place and
// prove that too; bring it to now; then one step that counts. Until that step nothing of the old state has changed, after it nothing
// of it is left in place, wherever the process is cut.

import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OtterError } from '#protocol/errors.ts';
import { type Config, loadConfig } from '#server/config/config.ts';
import { maskDatabaseUrl } from '#server/config/database.ts';
import type { Environment } from '#server/config/environment.ts';
import { copyFileToPostgres, refuseDamaged, refuseUsedPostgres } from '#server/db/copy/copy.ts';
import { explainDiskError } from '#server/disk/write-proof.ts';
import { syncFolder } from '#server/storage/durable.ts';
import { CONFIG_FILES, placeOf, WHOLE_PARTS } from './home-files.ts';
import { findConfig, lockData } from './living.ts';
import { DATABASE_NAME, HOME_FOLDER, IMAGES_FOLDER, type Manifest, OUTSIDE_FOLDER } from './manifest.ts';
import { type ArchiveOptions, type ProvenBackup, readBackup } from './read-archive.ts';
import { type BlockedBuild, bringToNow, type Since } from './since.ts';
import { finishLocked, finishRestore, lockWork, type Move, removeStaged, workFolder, writeJournal } from './switch.ts';

export interface RestoreOptions extends ArchiveOptions {
  readonly file: string;
  /** Absolute. */
  readonly home: string;
  readonly env: Environment;
  /** Whether what is there may be moved aside. */
  readonly movesAside: boolean;
  /** Whether it may write to places outside of the home, which the backup alone names. */
  readonly writesOutside: boolean;
  /** Asked once the backup is proven: what was blocked since; undefined where nobody says. */
  readonly askBlocked: (manifest: Manifest) => Promise<readonly BlockedBuild[] | undefined>;
  readonly nowMs: number;
}

export interface Restored extends Since {
  readonly home: string;
  readonly backup_made_at: string;
  readonly backup_made_by: string;
  readonly images: number;
  readonly missing_images: Manifest['missing_images'];
  /** What was there before, and where it is now. */
  readonly moved: readonly { readonly from: string; readonly to: string }[];
}

/** Ends `.restoring`: laid beside its place. */
const STAGED = '.restoring';

/**
 * Errors: those of `readBackup`, `home_in_use`, `home_has_data`, `config_invalid` where the configuration of the backup does not fit
 * this machine, `database_damaged`, `storage_full`, `version_ambiguous`, `start_refused`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { home, file } = options;
  await finishRestore(home);
  const backup = await readBackup(file, options);
  const blocked = await options.askBlocked(backup.manifest);
  const id = randomUUID();
  const work = workFolder(home);
  const releases: (() => void)[] = [];
  const staged: Move[] = [];
  const made: string[] = [];
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    mkdirSync(work, { recursive: true, mode: 0o700 });
    releases.push(lockWork(home));
    await finishLocked(home);
    const before = findConfig(home, options.env);
    releases.push(lockData(home, before));
    const config = await layConfiguration(backup, options, made);
    const plan = planMoves(backup, config, options);
    releases.push(lockData(home, config, before));
    await refuseData(plan, config, options);
    staged.push(...plan);
    await writeJournal(home, { id, postgres: null, moves: plan, isLaid: false });
    await layLarge(backup, config, options);
    const since = await prove(backup, config, options, { id, blocked });
    options.signal.throwIfAborted();
    const moves = plan.filter(({ place, staged: from }) => from !== null || existsSync(place));
    const moved = moves
      .filter(({ place }) => existsSync(place))
      .map(({ place, aside }) => ({ from: place, to: aside }));
    const postgres = config.database.kind === 'postgres' ? config.database.url : null;
    await writeJournal(home, { id, postgres, moves, isLaid: true });
    if (postgres !== null) moved.push(...(await intoPostgres(postgres, config, options)));
    await finishLocked(home);
    rmSync(work, { recursive: true, force: true });
    return answerOf(backup, options, since, moved);
  } catch (error) {
    // Of another one that is at work nothing is touched.
    if (releases.length > 0) await undo(home, [...staged.map(({ staged: path }) => path), ...made]);
    throw explain(error, options);
  } finally {
    for (const release of releases.toReversed()) release();
  }
}

/** What counts already is brought to its end instead; where that cannot be told, everything stays for whoever comes next. */
async function undo(home: string, laid: readonly (string | null)[]): Promise<void> {
  const ended = await finishLocked(home).catch(() => undefined);
  if (ended === undefined || ended === 'forwards') return;
  removeStaged(laid);
  rmSync(workFolder(home), { recursive: true, force: true });
}

/** Where the files of the home lie until they come to their place: a home of its own, which the configuration is read in. */
function layFolder(home: string): string {
  return join(workFolder(home), 'home');
}

async function layConfiguration(
  { files, manifest }: ProvenBackup,
  { home, env, writesOutside }: RestoreOptions,
  made: string[],
): Promise<Config> {
  const root = layFolder(home);
  const inside = files.filter(({ name }) => name.startsWith(HOME_FOLDER));
  await mkdir(join(root, 'data'), { recursive: true, mode: 0o700 });
  for (const { name, bytes, mode } of inside) {
    const path = join(root, name.slice(HOME_FOLDER.length));
    await mkdir(dirname(path), { recursive: true, mode: path.startsWith(join(root, 'config')) ? 0o755 : 0o700 });
    await writeDurably(path, bytes, mode);
  }
  const { database, images } = manifest.places;
  for (const folder of [database === null ? null : dirname(database), images])
    if (folder !== null && !folder.startsWith('/')) await mkdir(join(root, folder), { recursive: true, mode: 0o700 });
  refuseOutside(files, writesOutside);
  await layOutside(files, made);
  const { config } = loadConfig({ home: root, env });
  const moved = (path: string): string =>
    path.startsWith(`${root}/`) ? join(home, path.slice(root.length + 1)) : path;
  const place = config.database;
  return {
    ...config,
    home,
    storageRoot: moved(config.storageRoot),
    database: place.kind === 'sqlite' ? { kind: 'sqlite', file: moved(place.file) } : place,
  };
}

/**
 * Files outside of the home are put in their place where nothing is, since the configuration names them; else beside it. `made` is told
 * of both.
 */
async function layOutside(files: ProvenBackup['files'], made: string[]): Promise<void> {
  for (const { name, bytes, mode } of files.filter((file) => file.name.startsWith(OUTSIDE_FOLDER))) {
    const place = `/${name.slice(OUTSIDE_FOLDER.length)}`;
    if (isSame(place, bytes)) continue;
    const path = existsSync(place) ? `${place}${STAGED}` : place;
    try {
      rmSync(path, { force: true });
      await mkdir(dirname(path), { recursive: true });
      await writeDurably(path, bytes, mode);
      made.push(path);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const hint =
        'the configuration names this file outside of the home: let this user write there, then restore again';
      throw new OtterError('start_refused', `cannot put ${place} in its place: ${why}`, hint, { cause });
    }
  }
}

/** Whoever wrote the backup chose these places, so a person has to see them first. Throws `start_refused`. */
function refuseOutside(files: ProvenBackup['files'], writesOutside: boolean): void {
  const places = files
    .filter(({ name }) => name.startsWith(OUTSIDE_FOLDER))
    .map(({ name, bytes }) => ({ place: `/${name.slice(OUTSIDE_FOLDER.length)}`, bytes }))
    .filter(({ place, bytes }) => !isSame(place, bytes));
  if (writesOutside || places.length === 0) return;
  throw new OtterError(
    'start_refused',
    `the backup has files for places outside of the home: ${places.map(({ place }) => place).join(', ')}`,
    'add --outside if they are yours, or put them there yourself (they are in the tar, under outside/)',
  );
}

function isSame(path: string, bytes: Buffer): boolean {
  return existsSync(path) && readFileSync(path).equals(bytes);
}

/** What comes to which place; of a place that nothing comes to, what is there. */
function planMoves({ files }: ProvenBackup, config: Config, { home, nowMs }: RestoreOptions): Move[] {
  const suffix = `.before-${new Date(nowMs).toISOString().replaceAll(':', '-').slice(0, 19)}`;
  const root = layFolder(home);
  const isOfWhole = (path: string): boolean => WHOLE_PARTS.some((part) => path === part || path.startsWith(`${part}/`));
  const single = files
    .filter(({ name }) => name.startsWith(HOME_FOLDER))
    .map(({ name }) => name.slice(HOME_FOLDER.length))
    .filter((path) => !isOfWhole(path));
  const inside = [...new Set([...WHOLE_PARTS, ...CONFIG_FILES, ...single])];
  const outside = files.map(({ name }) => name).filter((name) => name.startsWith(OUTSIDE_FOLDER));
  const pairs = [
    ...inside.map((path) => ({ place: join(home, path), staged: join(root, path) })),
    ...outside.map((name) => placeOf(home, name) ?? name).map((place) => ({ place, staged: `${place}${STAGED}` })),
  ];
  const moves: Move[] = pairs
    .map(({ place, staged }) => ({ place, staged: existsSync(staged) ? staged : null, aside: `${place}${suffix}` }))
    // What is outside and has nothing beside it is in its place already.
    .filter(({ place, staged }) => staged !== null || place.startsWith(`${home}/`));
  if (config.database.kind === 'sqlite') {
    const { file } = config.database;
    // A journal of the old database would be played into the new one.
    for (const end of ['-wal', '-shm', '-journal'])
      moves.push({ place: `${file}${end}`, staged: null, aside: `${file}${suffix}${end}` });
    moves.push({ place: file, staged: `${file}${STAGED}`, aside: `${file}${suffix}` });
  }
  const { storageRoot } = config;
  moves.push({ place: storageRoot, staged: `${storageRoot}${STAGED}`, aside: `${storageRoot}${suffix}` });
  return moves;
}

/** Throws `home_has_data`, and `home_in_use` where a server uses the PostgreSQL. */
async function refuseData(plan: readonly Move[], { database }: Config, options: RestoreOptions): Promise<void> {
  const { movesAside } = options;
  if (database.kind === 'postgres') await refuseUsedPostgres(database.url, { mayHoldData: movesAside });
  const held = plan.map(({ place }) => place).filter(holdsSomething);
  if (held.length === 0 || movesAside) return;
  throw new OtterError(
    'home_has_data',
    `something is there already: ${held.join(', ')}`,
    'add --aside to move it aside (nothing is removed), or name an empty home',
  );
}

function holdsSomething(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  return !stats.isDirectory() || readdirSync(path).some((name) => name !== '.lock');
}

/** Where the database file lies until it comes to its place. */
function layDatabase({ database }: Config, home: string): string {
  return database.kind === 'sqlite' ? `${database.file}${STAGED}` : join(workFolder(home), 'database');
}

async function layLarge(backup: ProvenBackup, config: Config, options: RestoreOptions): Promise<void> {
  const images = join(`${config.storageRoot}${STAGED}`, '.blobs');
  const database = layDatabase(config, options.home);
  // Of a restore that was cut before it counted.
  removeStaged([`${config.storageRoot}${STAGED}`, database]);
  await mkdir(images, { recursive: true, mode: 0o700 });
  for await (const { name, content } of backup.large(options.onProgress)) {
    const path = name === DATABASE_NAME ? database : join(images, name.slice(IMAGES_FOLDER.length));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writePieces(path, content);
  }
  await syncFolder(images);
  await syncFolder(dirname(images));
}

async function prove(
  { manifest }: ProvenBackup,
  config: Config,
  { home, nowMs }: RestoreOptions,
  { id, blocked }: { readonly id: string; readonly blocked: readonly BlockedBuild[] | undefined },
): Promise<Since> {
  const path = layDatabase(config, home);
  const file = new DatabaseSync(path);
  try {
    refuseDamaged(file, 'in the backup', 'integrity_check');
  } finally {
    file.close();
  }
  const since = await bringToNow(path, {
    id,
    home,
    restoredBy: `${hostname()}:${home}`,
    backupMadeAtMs: Date.parse(manifest.made_at),
    blocked,
    dropsTransactions: manifest.database === 'postgres' && config.database.kind === 'sqlite',
    nowMs,
  });
  rmSync(`${path}.lock`, { force: true });
  await sealFile(path);
  return since;
}

/** One file, on the disk: its journal is left behind when it gets its name. */
async function sealFile(path: string): Promise<void> {
  const file = new DatabaseSync(path);
  file.exec('pragma journal_mode = delete');
  file.close();
  if (existsSync(`${path}-wal`)) throw new Error(`${path} still has a journal`);
  const handle = await open(path, 'r');
  await handle.sync();
  await handle.close();
}

/** All of it in one transaction, which also says that this restore counts. Answers what was moved aside. */
async function intoPostgres(url: string, config: Config, options: RestoreOptions): Promise<Restored['moved']> {
  const stamp = new Date(options.nowMs).toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const schema = `otter_before_${stamp}`;
  const { isAside } = await copyFileToPostgres(layDatabase(config, options.home), url, {
    aside: options.movesAside ? schema : undefined,
    onTable: (table, done, all) => options.onProgress(`table ${table}`, done, all),
    check: () => options.signal.throwIfAborted(),
  });
  return isAside ? [{ from: maskDatabaseUrl(url), to: `schema ${schema} of it` }] : [];
}

function answerOf(
  { manifest }: ProvenBackup,
  { home }: RestoreOptions,
  since: Since,
  moved: Restored['moved'],
): Restored {
  return {
    home,
    backup_made_at: manifest.made_at,
    backup_made_by: manifest.made_by,
    images: manifest.files.filter(({ name }) => name.startsWith(IMAGES_FOLDER)).length,
    missing_images: manifest.missing_images,
    ...since,
    moved,
  };
}

async function writePieces(path: string, content: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of content) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeDurably(path: string, bytes: Buffer, mode: number): Promise<void> {
  await writeFile(path, bytes, { flag: 'wx', mode, flush: true });
  await syncFolder(dirname(path));
}

function explain(error: unknown, { signal, home }: RestoreOptions): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof OtterError ? error : (explainDiskError(error, `a disk of ${home}`) ?? error);
}
