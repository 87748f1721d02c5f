// Contexts: the servers that a person has logged in to, each under a name with its address, pin and token. One file each in
// ~/.config/otter/contexts/, and beside them which one is in use. Without one in use, commands speak to the server of this machine.

import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { CommandError } from '#cli/exit-code.ts';
import { OTTER } from '#cli/program-place.ts';
import { settingsFolder } from '#cli/shell.ts';
import { formatPin, parsePin, type Pin } from '#protocol/pinned-https.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

export interface Context {
  readonly name: string;
  readonly url: URL;
  readonly pin: Pin;
  readonly token: string;
  readonly file: string;
}

/** The server of this machine: what is used where no other one is. */
export const LOCAL_CONTEXT = 'local';

const ContextFile = Type.Object({ server: Type.String(), pin: Type.String(), token: Type.String() });
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** Errors: `argument_invalid`. */
export function checkContextName(name: string): void {
  if (NAME.test(name) && name !== LOCAL_CONTEXT) return;
  const why =
    name === LOCAL_CONTEXT ? 'that is the server of this machine' : 'it wants a-z, 0-9, dots, dashes; at most 63';
  throw CommandError.own('argument_invalid', `a context cannot be called ${JSON.stringify(name)}: ${why}`, 'rename it');
}

/** `ota.example.com`; with its port where that is not the usual one, `ota.example.com-9443`. */
export function contextNameOf(url: URL): string {
  const host = url.hostname.replaceAll(/[^a-z0-9.-]/g, '-').replaceAll(/^[-.]+/g, '');
  return url.port === '' || url.port === '8443' ? host : `${host}-${url.port}`;
}

/** By name. Errors: `file_unreadable`, `token_file_exposed`. */
export async function listContexts(env: NodeJS.ProcessEnv): Promise<readonly Context[]> {
  const files = await readdir(folderOf(env)).catch((): string[] => []);
  const names = files.flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : []));
  return Promise.all(names.toSorted().map(async (name) => getContext(name, env)));
}

/** Errors: `context_unknown`, and those of `listContexts`. */
export async function getContext(name: string, env: NodeJS.ProcessEnv): Promise<Context> {
  checkContextName(name);
  const file = fileOf(name, env);
  const known = await readdir(folderOf(env)).catch((): string[] => []);
  if (!known.includes(path.basename(file))) {
    const names = [LOCAL_CONTEXT, ...known.map((one) => one.replace(/\.json$/, ''))].join(', ');
    throw CommandError.own('context_unknown', `there is no context ${name}; there are: ${names}`, `${OTTER} login URL`);
  }
  const value = parseJson(await readPrivateFile(file));
  const pin = Value.Check(ContextFile, value) ? parsePin(value.pin) : undefined;
  const url = Value.Check(ContextFile, value) ? URL.parse(value.server) : null;
  if (!Value.Check(ContextFile, value) || pin === undefined || url === null)
    throw CommandError.own('file_unreadable', `${file} is damaged`, `remove it, then log in again: ${OTTER} login URL`);
  return { name, url, pin, token: value.token, file };
}

/** The one in use; undefined where that is the server of this machine. Errors: as `getContext`. */
export async function findUsedContext(env: NodeJS.ProcessEnv): Promise<Context | undefined> {
  const name = (await readFile(usedFile(env), 'utf8').catch(() => LOCAL_CONTEXT)).trim();
  return name === LOCAL_CONTEXT ? undefined : getContext(name, env);
}

/** The one of this address. Errors: as `listContexts`. */
export async function findContextOf(url: URL, env: NodeJS.ProcessEnv): Promise<Context | undefined> {
  return (await listContexts(env)).find((one) => one.url.origin === url.origin);
}

/** Stores it and takes it into use; answers its file. */
export async function saveContext(context: Omit<Context, 'file'>, env: NodeJS.ProcessEnv): Promise<string> {
  const { name, url, pin, token } = context;
  const file = fileOf(name, env);
  const stored = { server: url.origin, pin: formatPin(pin), token };
  await writePrivateFile(file, `${JSON.stringify(stored, undefined, 2)}\n`);
  await writePrivateFile(usedFile(env), `${name}\n`);
  return file;
}

/** Errors: as `getContext`. */
export async function takeIntoUse(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (name !== LOCAL_CONTEXT) await getContext(name, env);
  await writePrivateFile(usedFile(env), `${name}\n`);
}

/** Forgets it with its token. What was in use by that name is the server of this machine again. */
export async function removeContext(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  await rm(fileOf(name, env), { force: true });
  const used = (await readFile(usedFile(env), 'utf8').catch(() => '')).trim();
  if (used === name) await rm(usedFile(env), { force: true });
}

function folderOf(env: NodeJS.ProcessEnv): string {
  return path.join(settingsFolder(env), 'contexts');
}

function fileOf(name: string, env: NodeJS.ProcessEnv): string {
  return path.join(folderOf(env), `${name}.json`);
}

function usedFile(env: NodeJS.ProcessEnv): string {
  return path.join(settingsFolder(env), 'context');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
