// Which files of a server belong into its backup beside database and images: all that makes it the same server again for boards and
// people. What a server makes anew by itself (locks, its port, what people see of images) stays out.

import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { readYamlDocument } from '#server/config/yaml/yaml-document.ts';
import { HOME_FOLDER, OUTSIDE_FOLDER } from './manifest.ts';

/** Put back as a whole: a key or token that came later must not join those of a backup. */
export const WHOLE_PARTS: readonly string[] = ['.env', 'data/certs', 'data/tokens'];

/** Put back file by file: in a clone its templates lie there, too. These are read wherever they are. */
export const CONFIG_FILES: readonly string[] = ['config/server.yml', 'config/schedules.yaml', 'config/plans.yaml'];

/** Secrets and settings are small; anything larger was put there by mistake. */
const MAX_FILE_BYTES = 1_048_576;
const MAX_FILES = 1_000;

export interface HomeFile {
  /** In the backup. */
  readonly name: string;
  readonly bytes: Buffer;
  readonly mode: number;
  readonly mtimeMs: number;
}

/** Throws `start_refused` for what cannot be read or does not fit, with its path. */
export function readHomeFiles(home: string): readonly HomeFile[] {
  const parts = [...WHOLE_PARTS, 'config'].flatMap((part) => listFiles(join(home, part)));
  const named = namedFiles(home).filter((path) => isThere(path));
  const paths = [...new Set([...parts, ...named])].toSorted();
  if (paths.length > MAX_FILES)
    throw refused(`${home} has ${paths.length} files in config/ and data/, a backup takes at most ${MAX_FILES}`);
  return paths.map((path) => readOne(path, nameOf(home, path)));
}

/** Symbolic links are followed: what counts is what the server reads. */
function listFiles(path: string): readonly string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return [];
    throw refused(`${path} is a link to what is not there`);
  }
  if (!stats.isDirectory()) return stats.isFile() ? [path] : [];
  // Templates, and what a killed process left while it made a file.
  const names = readdirSync(path).filter((name) => !/\.(tmp|example\.ya?ml)$/.test(name));
  return names.flatMap((name) => listFiles(join(path, name)));
}

/** Files that server.yml names, wherever they are: certificate and key, tokens, secrets of webhooks, schedules, plans. */
function namedFiles(home: string): readonly string[] {
  const found: string[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (typeof inner === 'string' && NAMES_A_FILE.has(key) && inner !== '') found.push(resolve(home, inner));
      else look(inner);
    }
  };
  look(readYamlDocument(join(home, 'config', 'server.yml')).value);
  // The fleet token before this one lies beside it, wherever that is.
  return found.flatMap((path) => [path, join(dirname(path), 'former-fleet.token')]);
}

const NAMES_A_FILE = new Set(['file', 'cert', 'key', 'schedules', 'plans']);

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function nameOf(home: string, path: string): string {
  const inside = relative(home, path);
  return inside.startsWith('..') || isAbsolute(inside)
    ? `${OUTSIDE_FOLDER}${path.replace(/^\/+/, '')}`
    : `${HOME_FOLDER}${inside}`;
}

/** Where a file of this name belongs; undefined: it is none of a home. */
export function placeOf(home: string, name: string): string | undefined {
  if (name.startsWith(HOME_FOLDER)) return join(home, name.slice(HOME_FOLDER.length));
  return name.startsWith(OUTSIDE_FOLDER) ? `/${name.slice(OUTSIDE_FOLDER.length)}` : undefined;
}

function readOne(path: string, name: string): HomeFile {
  try {
    const stats = statSync(path);
    if (stats.size > MAX_FILE_BYTES)
      throw refused(`${path} has ${stats.size} bytes; a file of configuration or keys has at most ${MAX_FILE_BYTES}`);
    return { name, bytes: readFileSync(path), mode: stats.mode & 0o777, mtimeMs: stats.mtimeMs };
  } catch (cause) {
    if (cause instanceof OtterError) throw cause;
    throw refused(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function refused(message: string, cause?: unknown): OtterError {
  const hint = 'make it readable for the user that runs Otter, or move it out of there; no backup was made';
  return new OtterError('start_refused', message, hint, { cause });
}
