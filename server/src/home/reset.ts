// Begins anew: database and images are put aside, so that it can be taken back; key, certificate, tokens and configuration stay, for
// boards know the server by them.

import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import type { Config } from '#server/config/config.ts';
import { lockDatabaseFile, lockStorage } from '#server/disk/data-locks.ts';

/** A file or folder that is put aside, and under which name: on the same disk, so that it is one rename. */
export interface PutAside {
  readonly path: string;
  readonly aside: string;
  readonly sizeBytes: number;
}

/** What a reset would put aside. Throws `start_refused` where the database is a PostgreSQL. */
export function planReset({ database, storageRoot }: Config, nowMs: number): readonly PutAside[] {
  const suffix = `before-${new Date(nowMs).toISOString().replaceAll(':', '-').slice(0, 19)}`;
  const file = databaseFile(database);
  return [file, `${file}-wal`, `${file}-shm`, storageRoot]
    .filter((path) => existsSync(path))
    .map((path) => ({ path, aside: `${path}.${suffix}`, sizeBytes: sizeOf(path) }))
    .filter(({ sizeBytes }) => sizeBytes > 0);
}

/** Does it. Throws `start_refused` where a server uses them, and the I/O error. */
export function putAside({ database, storageRoot, home }: Config, items: readonly PutAside[]): void {
  const file = databaseFile(database);
  const lock = lockDatabaseFile(file, home);
  try {
    lockStorage(storageRoot, { home, owner: `sqlite:${file}`, isShared: false, onNote: () => undefined }).release();
    for (const { path, aside } of items) renameSync(path, aside);
    mkdirSync(storageRoot, { recursive: true, mode: 0o700 });
  } finally {
    lock.release();
  }
}

function databaseFile(database: Config['database']): string {
  if (database.kind === 'sqlite') return database.file;
  throw new OtterError(
    'start_refused',
    'the database of this server is a PostgreSQL, which may have other servers',
    'stop them all, drop the database and create it again; then move the folder of images away',
  );
}

function sizeOf(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
