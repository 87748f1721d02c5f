// A lock that goes with its process, also after kill -9: a transaction held open on a small SQLite file of its own, which
// says who holds it. The file is never read or written for anything else.

import { truncateSync } from 'node:fs';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

export interface LockRequest {
  /** Of the lock; made if needed. */
  readonly file: string;
  /** Home of the server that asks. */
  readonly home: string;
  /** What the lock is held for; those that share a lock share one owner. */
  readonly owner: string;
  /** Whether others with the same owner may hold it too. */
  readonly isShared: boolean;
}

/** Who holds a lock; undefined where that cannot be read, as of an older Otter. */
export interface Holder {
  readonly owner: string;
  /** Such as "process 4711 on web1, home /var/lib/otter". */
  readonly who: string;
}

type Taken = { readonly kind: 'taken'; readonly release: () => void };

export type Locked =
  | Taken
  | { readonly kind: 'held'; readonly holder: Holder | undefined }
  /** The disk takes no lock: read-only, no right, or a network folder that has none. */
  | { readonly kind: 'impossible'; readonly why: string; readonly cause: unknown };

/** Others hold a shared lock exclusively for the time of a row. */
const SHARE_TIMEOUT_MS = 2_000;

/** Nothing of it needs to survive a power cut. */
const BEGIN_ALONE =
  'pragma locking_mode = exclusive; pragma journal_mode = memory; pragma synchronous = off; begin exclusive';

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

export function takeFileLock(request: LockRequest): Locked {
  try {
    const alone = takeAlone(request);
    if (!request.isShared) return alone ?? { kind: 'held', holder: readHolder(request.file) };
    alone?.release();
    return share(request);
  } catch (error) {
    return { kind: 'impossible', why: error instanceof Error ? error.message : String(error), cause: error };
  }
}

/** Undefined where somebody else holds it. */
function takeAlone(request: LockRequest, isMended = false): Taken | undefined {
  const connection = new DatabaseSync(request.file, { timeout: 0 });
  try {
    connection.exec(BEGIN_ALONE);
    sayWho(connection, request);
    return { kind: 'taken', release: () => closeOnce(connection) };
  } catch (error) {
    connection.close();
    const code = resultCodeOf(error);
    if (code === SQLITE_BUSY) return undefined;
    if (isMended || (code !== SQLITE_NOTADB && code !== SQLITE_CORRUPT)) throw error;
    // A power cut has left half of it: nobody holds it then, and nothing in it is needed.
    truncateSync(request.file);
    return takeAlone(request, true);
  }
}

/** A server may be stopped twice. */
function closeOnce(connection: DatabaseSync): void {
  if (connection.isOpen) connection.close();
}

/** In exclusive mode the lock outlives the transaction. On a full disk it is held without a name. */
function sayWho(connection: DatabaseSync, { home, owner }: LockRequest): void {
  try {
    connection.exec('drop table if exists holder; create table holder (owner text not null, who text not null)');
    const who = `process ${process.pid} on ${hostname()}, home ${home}`;
    connection.prepare('insert into holder (owner, who) values (?, ?)').run(owner, who);
    connection.exec('commit');
  } catch {
    if (connection.isTransaction) connection.exec('rollback');
  }
}

function share({ file, owner }: LockRequest): Locked {
  // To read is enough, and lets an operator remount the disk.
  const connection = new DatabaseSync(file, { readOnly: true, timeout: SHARE_TIMEOUT_MS });
  try {
    connection.exec('begin');
    const holder = holderIn(connection);
    if (holder?.owner === owner) return { kind: 'taken', release: () => closeOnce(connection) };
    connection.close();
    return { kind: 'held', holder };
  } catch (error) {
    connection.close();
    if (resultCodeOf(error) === SQLITE_BUSY) return { kind: 'held', holder: readHolder(file) };
    throw error;
  }
}

/** Past the lock: what stands there is for people. */
function readHolder(file: string): Holder | undefined {
  try {
    const url = pathToFileURL(file);
    url.search = '?immutable=1';
    const connection = new DatabaseSync(url, { readOnly: true });
    try {
      return holderIn(connection);
    } finally {
      connection.close();
    }
  } catch {
    return undefined;
  }
}

function holderIn(connection: DatabaseSync): Holder | undefined {
  const row = connection.prepare('select owner, who from holder').get();
  const { owner, who } = row ?? {};
  return typeof owner === 'string' && typeof who === 'string' ? { owner, who } : undefined;
}

/** The primary result code (sqlite.org/rescode.html). */
function resultCodeOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : undefined;
}
