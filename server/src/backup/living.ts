// Sees to it that no server uses a home while its files are read as a whole or replaced: takes the locks that a server holds.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { type Config, loadConfig } from '#server/config/config.ts';
import type { Environment } from '#server/config/environment.ts';
import { type DataLock, lockDatabaseFile, lockStorage } from '#server/disk/data-locks.ts';

/**
 * Locks database and images of this configuration, but not what `locked` has locked already; answers how to release them. Undefined: a
 * home without a configuration that can be read runs no server. Throws `home_in_use`.
 */
export function lockData(home: string, config: Config | undefined, locked?: Config): () => void {
  if (config === undefined) return () => undefined;
  const locks: DataLock[] = [];
  const release = (): void => {
    for (const lock of locks.splice(0).toReversed()) lock.release();
  };
  try {
    const { database, storageRoot } = config;
    const before = locked?.database;
    if (database.kind === 'sqlite' && !(before?.kind === 'sqlite' && before.file === database.file)) {
      mkdirSync(dirname(database.file), { recursive: true, mode: 0o700 });
      locks.push(lockDatabaseFile(database.file, home));
    }
    if (existsSync(storageRoot) && locked?.storageRoot !== storageRoot)
      locks.push(lockStorage(storageRoot, { home, owner: home, isShared: false, onNote: () => undefined }));
    return release;
  } catch (error) {
    release();
    if (!(error instanceof OtterError)) throw error;
    throw new OtterError('home_in_use', error.message, 'stop that server first', { cause: error });
  }
}

/** Undefined where there is none, or none that a server would start with. */
export function findConfig(home: string, env: Environment): Config | undefined {
  try {
    return loadConfig({ home, env }).config;
  } catch {
    return undefined;
  }
}
