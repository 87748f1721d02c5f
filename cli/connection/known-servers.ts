// The pins of servers that a person has trusted, one JSON object in `~/.config/otter/known-servers.json`: origin to pin.
// Only this user can read it; it is replaced whole, so that a crash never leaves half a file.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { CommandError } from '#cli/exit-code.ts';
import { settingsFolder } from '#cli/shell.ts';
import { writePrivateFile } from './private-file.ts';
import { formatPin, parsePin, type Pin } from '#protocol/pinned-https.ts';

const KnownServers = Type.Record(Type.String(), Type.String());

export function knownServersFile(env: NodeJS.ProcessEnv): string {
  return path.join(settingsFolder(env), 'known-servers.json');
}

/** The remembered pin of `url`; undefined before the first contact. A damaged file is an error, not a first contact. */
export async function findKnownPin(url: URL, env: NodeJS.ProcessEnv): Promise<Pin | undefined> {
  const file = knownServersFile(env);
  const text = (await readKnownServers(file))[url.origin];
  if (text === undefined) return undefined;
  const pin = parsePin(text);
  if (pin === undefined) throw damaged(file, `the pin of ${url.origin} is not one`);
  return pin;
}

export async function rememberPin(url: URL, pin: Pin, env: NodeJS.ProcessEnv): Promise<void> {
  const file = knownServersFile(env);
  const servers = { ...(await readKnownServers(file)), [url.origin]: formatPin(pin) };
  await writePrivateFile(file, `${JSON.stringify(servers, null, 2)}\n`);
}

async function readKnownServers(file: string): Promise<Readonly<Record<string, string>>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw CommandError.own('file_unreadable', `cannot read ${file}`, 'make it readable for you, or remove it', {
      cause: error,
    });
  }
  let servers: unknown;
  try {
    servers = JSON.parse(text);
  } catch (error) {
    throw damaged(file, 'it is not JSON', error);
  }
  if (!Value.Check(KnownServers, servers)) throw damaged(file, 'it is not an object of texts');
  return servers;
}

function damaged(file: string, what: string, cause?: unknown): CommandError {
  return CommandError.own(
    'file_unreadable',
    `the list of known servers ${file} is damaged: ${what}`,
    'mend it, or remove it and compare the pins of your servers again',
    { cause },
  );
}
