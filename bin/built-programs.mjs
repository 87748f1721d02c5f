// Keeps the programs of a build in the user's cache (XDG_CACHE_HOME, else ~/.cache), by what they were made of: a second clone, or
// a source that is as it was before, builds nothing. It knows nothing of what it keeps.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const KEPT = keptFolder();
/** Builds, of some 30 MB each; those that were not used for the longest time go. */
const MOST_KEPT = 12;

/** Of libraries that are linked, what tells their versions apart. */
const LIBRARIES = ['mbedtls/build_info.h', 'mbedtls/version.h', 'doctest/doctest.h'].map(
  (name) => `/usr/include/${name}`,
);

/** Where a user has no cache that can be written (a service account, a read-only home), it is kept in the clone. */
function keptFolder() {
  const ofUser = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'otter', 'client');
  try {
    mkdirSync(ofUser, { recursive: true });
    accessSync(ofUser, constants.W_OK);
    return ofUser;
  } catch {
    return join(import.meta.dirname, '../node_modules/.cache/client-kept');
  }
}

/**
 * Puts `made.programs` into the folder `into`: as they are kept of the same sources, options and compiler, or from the folder
 * `built` after `build` has made them there. False where `build` was.
 */
export function bringPrograms(made, built, into, build) {
  const kept = join(KEPT, keyOf(made));
  if (!made.programs.every((name) => existsSync(join(kept, name)))) {
    if (!build()) return false;
    for (const name of made.programs) put(join(built, name), kept, name);
    removeOld();
  }
  for (const name of made.programs) put(join(kept, name), into, name);
  const now = new Date();
  utimesSync(kept, now, now);
  return true;
}

/** Under its name only when it is whole, so that others who run or copy it meanwhile never see a part. */
function put(file, folder, name) {
  mkdirSync(folder, { recursive: true });
  const part = join(folder, `.${name}.${process.pid}`);
  copyFileSync(file, part);
  renameSync(part, join(folder, name));
}

function removeOld() {
  const folders = readdirSync(KEPT).map((name) => join(KEPT, name));
  const byUse = folders.map((folder) => ({ folder, usedMs: statSync(folder).mtimeMs }));
  for (const { folder } of byUse.toSorted((left, right) => right.usedMs - left.usedMs).slice(MOST_KEPT))
    rmSync(folder, { recursive: true, force: true });
}

function keyOf({ sources, compiler, options }) {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout, options]));
  const files = [
    ...LIBRARIES.filter((file) => existsSync(file)).map((file) => [file, file]),
    ...sources.flatMap((folder, index) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(cpp|h|txt|tar\.gz)$/.test(name))
        .toSorted((one, other) => (one < other ? -1 : 1))
        .map((name) => [join(folder, name), `${index}/${name}`]),
    ),
  ];
  for (const [file, name] of files) hash.update(`${name}\0`).update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 24);
}
