// Puts a restored server in the place of the old one. Everything lies beside its place already; a journal says what goes where. Once the
// journal is on the disk, the restore counts: whoever comes next (a server that starts, another restore) does the rest of it.
// What was there is moved aside, never removed.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { OtterError } from '#protocol/errors.ts';
import { holdsRestore } from '#server/db/copy/copy.ts';
import { takeFileLock } from '#server/disk/file-lock.ts';
import { syncFolder, writeFileDurably } from '#server/storage/durable.ts';

const Move = Type.Object({
  place: Type.String(),
  /** On the same disk as its place; null: nothing comes to that place. */
  staged: Type.Union([Type.String(), Type.Null()]),
  aside: Type.String(),
});
export type Move = Static<typeof Move>;

const Journal = Type.Object({
  id: Type.String(),
  /** The address of the database whose transaction decides whether this counts; null: the journal alone does. */
  postgres: Type.Union([Type.String(), Type.Null()]),
  moves: Type.Array(Move),
  /** False: it is still being laid beside its places, and does not count. */
  isLaid: Type.Boolean(),
});
export type Journal = Static<typeof Journal>;

type Ending = 'none' | 'forwards' | 'backwards';

/** Where a restore of this home is at work. */
export function workFolder(home: string): string {
  return join(home, '.restore');
}

function journalFile(home: string): string {
  return join(workFolder(home), 'journal.json');
}

export async function writeJournal(home: string, journal: Journal): Promise<void> {
  const file = journalFile(home);
  rmSync(`${file}.new`, { force: true });
  await writeFileDurably(`${file}.new`, JSON.stringify(journal, undefined, 1));
  await rename(`${file}.new`, file);
  await syncFolder(workFolder(home));
}

/**
 * Ends a restore that was cut: forwards where it counts already, else backwards. `none`: there was none. Throws `start_refused` where
 * that cannot be told or done, or where that restore is still at work.
 */
export async function finishRestore(home: string): Promise<Ending> {
  if (!existsSync(workFolder(home))) return 'none';
  const release = lockWork(home);
  try {
    const ended = await finishLocked(home);
    rmSync(workFolder(home), { recursive: true, force: true });
    return ended;
  } finally {
    release();
  }
}

/** One restore of a home at a time, and one that ends it. Throws `home_in_use`. */
export function lockWork(home: string): () => void {
  const file = join(workFolder(home), 'lock');
  const locked = takeFileLock({ file, home, owner: file, isShared: false });
  if (locked.kind === 'taken') return locked.release;
  const who = locked.kind === 'held' ? (locked.holder?.who ?? 'another process') : locked.why;
  throw new OtterError('home_in_use', `a restore is at work in ${home} (${who})`, 'wait until it has ended');
}

/** The same for whoever holds the lock. */
export async function finishLocked(home: string): Promise<Ending> {
  const journal = readJournal(home);
  if (journal === undefined) {
    clearWork(home);
    return 'none';
  }
  const counts = journal.isLaid && (journal.postgres === null || (await holdsRestore(journal.postgres, journal.id)));
  if (counts) await moveAll(journal.moves);
  else removeStaged(journal.moves.map(({ staged }) => staged));
  rmSync(journalFile(home), { force: true });
  await syncFolder(workFolder(home));
  clearWork(home);
  return counts ? 'forwards' : 'backwards';
}

function readJournal(home: string): Journal | undefined {
  const file = journalFile(home);
  if (!existsSync(file)) return undefined;
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (Value.Check(Journal, value)) return value;
  throw new OtterError(
    'start_refused',
    `${file}, what a restore has left to do, cannot be read`,
    'restore the backup once more into an empty home',
  );
}

async function moveAll(moves: readonly Move[]): Promise<void> {
  for (const { place, staged, aside } of moves) {
    if (staged === null) {
      if (existsSync(place) && !existsSync(aside)) renameSync(place, aside);
    } else if (existsSync(staged)) {
      if (existsSync(place)) renameSync(place, freeName(aside));
      else mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
      renameSync(staged, place);
    }
  }
  for (const folder of new Set(moves.map(({ place }) => dirname(place))))
    if (existsSync(folder)) await syncFolder(folder);
}

/** Something may have been made there between two tries. */
function freeName(aside: string): string {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? aside : `${aside}-${count}`;
    if (!existsSync(name)) return name;
  }
}

/** Removes what a restore left there that never came to its journal; the lock stays. */
function clearWork(home: string): void {
  for (const name of readdirSync(workFolder(home)))
    if (name !== 'lock') rmSync(join(workFolder(home), name), { recursive: true, force: true });
}

/** Of a database file, what SQLite and its server put beside it, too. */
export function removeStaged(paths: readonly (string | null)[]): void {
  const ends = ['', '-wal', '-shm', '-journal', '.lock'];
  for (const path of paths)
    if (path !== null) for (const end of ends) rmSync(`${path}${end}`, { recursive: true, force: true });
}
