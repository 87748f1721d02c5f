// Who may use a database file, and a folder of images: one server, or those that share one PostgreSQL. A lock belongs to
// the file and not to the name by which it was reached.

import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { assertNever, OtterError } from '#protocol/errors.ts';
import { type Holder, takeFileLock } from './file-lock.ts';

/** Links that lead to links; more of them are a circle. */
const MAX_LINKS = 40;

export interface DataLock {
  readonly release: () => void;
}

/** The lock of a SQLite database, whose folder is there, with the file that its name leads to. Throws `start_refused`. */
export function lockDatabaseFile(file: string, home: string): DataLock & { readonly target: string } {
  const target = targetOf(file);
  refuseManyNames(target);
  const lock = `${target}.lock`;
  const locked = takeFileLock({ file: lock, home, owner: target, isShared: false });
  switch (locked.kind) {
    case 'taken':
      return { release: locked.release, target };
    case 'held':
      throw new OtterError(
        'start_refused',
        `another Otter${ofHolder(locked.holder)} uses this database (${lock} is locked)`,
        'stop the other one, or give this one its own --home; several processes need PostgreSQL',
      );
    case 'impossible':
      throw new OtterError(
        'start_refused',
        `cannot lock ${lock}: ${locked.why}`,
        'let the user that runs Otter write to its folder',
        { cause: locked.cause },
      );
    default:
      return assertNever(locked);
  }
}

/**
 * The lock of a folder of images. Servers of one PostgreSQL share the folder and the lock; `owner` names their database.
 * Throws `start_refused` where servers of another database use the folder: each would remove images of the other. Where the
 * disk knows no locks, `onNote` is told, and the folder is used without.
 */
export function lockStorage(
  root: string,
  options: {
    readonly home: string;
    readonly owner: string;
    readonly isShared: boolean;
    readonly onNote: (note: string) => void;
  },
): DataLock {
  const { onNote, ...request } = options;
  const file = join(realpathSync(root), '.lock');
  const locked = takeFileLock({ ...request, file });
  switch (locked.kind) {
    case 'taken':
      return locked;
    case 'held':
      throw new OtterError(
        'start_refused',
        `another Otter${ofHolder(locked.holder)} keeps its images in ${root} (${file} is locked)`,
        'stop the other one, or give this one its own storage.root; only servers of one PostgreSQL share a folder of images',
      );
    case 'impossible':
      onNote(`${file} cannot be locked (${locked.why}): see to it that no server of another database uses ${root}`);
      return { release: () => undefined };
    default:
      return assertNever(locked);
  }
}

function ofHolder(holder: Holder | undefined): string {
  return holder === undefined ? '' : ` (${holder.who})`;
}

/** The file that this name leads to, whether it is there yet or not. */
function targetOf(file: string): string {
  let path = resolve(file);
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const folder = realpathSync(dirname(path));
    path = join(folder, basename(path));
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return path;
    path = resolve(folder, readlinkSync(path));
  }
  throw new OtterError('start_refused', `${file} is a circle of symbolic links`, 'name the database file itself');
}

/** SQLite keeps its journal beside a name: by two names, one file gets two (sqlite.org/howtocorrupt.html 2.5). */
function refuseManyNames(file: string): void {
  const names = statSync(file, { throwIfNoEntry: false })?.nlink ?? 1;
  if (names > 1)
    throw new OtterError(
      'start_refused',
      `the database ${file} has ${names} names (hard links), and SQLite would damage it by the second`,
      `remove the other name: find / -xdev -samefile ${file} shows it`,
    );
}
