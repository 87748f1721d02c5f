// Finds the server, the token and the pin of a command: what was typed, else the environment, else the context in use, else the
// server of this machine. A token only ever goes to the server that it was given for, and only after the pin was checked.

import { access } from 'node:fs/promises';
import path from 'node:path';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { readPin, readServerUrl } from '#cli/arguments.ts';
import { hostAndPort, type PinSource, unreachable } from './connection-error.ts';
import { CommandError } from '#cli/exit-code.ts';
import { findKnownPin, knownServersFile, rememberPin } from './known-servers.ts';
import { type LocalServer, readLocalServer } from './local-server.ts';
import type { GlobalOptions } from '#cli/program.ts';
import type { Shell } from '#cli/shell.ts';
import { formatPin, type Pin, readServerPins } from '#protocol/pinned-https.ts';
import { OTTER, ownHome, START } from '#cli/program-place.ts';
import { type Context, findContextOf, findUsedContext } from './contexts.ts';
import { readPrivateFile } from './private-file.ts';

export interface Connection {
  readonly url: URL;
  /** The admin token. */
  readonly token: string;
  readonly pin: Pin;
  readonly pinSource: PinSource;
}

export interface ServerIdentity {
  readonly url: URL;
  readonly pin: Pin;
  readonly pinSource: PinSource;
  /** The server of this machine, if it is that one. */
  readonly local: LocalServer | undefined;
}

/**
 * Everything a request to the admin API needs.
 * Errors: `server_unknown`, `token_missing`, `token_file_exposed`, `pin_needed`, `file_unreadable`, `config_invalid`.
 */
export async function findConnection(options: GlobalOptions, shell: Shell): Promise<Connection> {
  const named = await findNamed(options, shell);
  // Before the first contact: without a token there is nothing to ask the server for.
  const token = await findToken(options, shell, named);
  const { url, pin, pinSource } = await findServer(options, shell, named);
  return { url, token, pin, pinSource };
}

/** The server alone, for what needs no admin token. Errors: as `findConnection`, without those of the token. */
export async function findServerIdentity(options: GlobalOptions, shell: Shell): Promise<ServerIdentity> {
  return findServer(options, shell, await findNamed(options, shell));
}

/** `--home`, `OTTER_HOME`, the current folder if a server was set up there, else the clone or, of a package, the user's folder for data. */
export async function findHome(options: Pick<GlobalOptions, 'home'>, shell: Shell): Promise<string> {
  const named = options.home ?? environment(shell, 'OTTER_HOME');
  if (named !== undefined) return path.resolve(shell.folder, named);
  const here = await access(path.join(shell.folder, 'config', 'server.yml')).then(
    () => true,
    () => false,
  );
  return here ? shell.folder : ownHome(shell.env);
}

/** Makes a command of the words after its name, as it is typed for this home: `otter status --home /srv/otter`. */
export function typedFor(home: string, shell: Shell): (words: string) => string {
  const isFound = home === shell.folder || home === ownHome(shell.env);
  return (words) => `${OTTER} ${words}${isFound ? '' : ` --home ${home}`}`;
}

/** Which server is meant, and who knows it. */
interface Named {
  readonly url: URL;
  readonly local: LocalServer | undefined;
  readonly context: Context | undefined;
}

async function findNamed(options: GlobalOptions, shell: Shell): Promise<Named> {
  const url = serverUrl(options, shell);
  if (url !== undefined) return { url, local: undefined, context: await findContextOf(url, shell.env) };
  const isHomeNamed = options.home !== undefined || environment(shell, 'OTTER_HOME') !== undefined;
  const context = isHomeNamed ? undefined : await findUsedContext(shell.env);
  if (context !== undefined) return { url: context.url, local: undefined, context };
  const home = await findHome(options, shell);
  const local = await readLocalServer(home, shell.env);
  if (local !== undefined) return { url: local.url, local, context };
  throw CommandError.own(
    'server_unknown',
    `no server is set up in ${home}, and none is named`,
    `run \`${START}\` there first, or name a server: \`${OTTER} login URL\`, --server https://HOST:8443 (or OTTER_SERVER)`,
  );
}

/** A typed `--home` means the server of this machine, whatever the environment says. */
function serverUrl(options: GlobalOptions, shell: Shell): URL | undefined {
  if (options.server !== undefined || options.home !== undefined) return options.server;
  return fromEnvironment(shell, 'OTTER_SERVER', readServerUrl);
}

async function findServer(options: GlobalOptions, shell: Shell, named: Named): Promise<ServerIdentity> {
  const { url, local, context } = named;
  const given = findGivenPin(options, shell);
  if (given !== undefined) return { url, ...given, local };
  if (local !== undefined) {
    const pinSource = {
      is: local.certificateFile,
      toChange: 'restart the server so that it takes its new certificate',
    };
    return { url, pin: local.pin, pinSource, local };
  }
  if (context !== undefined) {
    const pinSource = { is: context.file, toChange: `log in again: ${OTTER} login ${url.origin}` };
    return { url, pin: context.pin, pinSource, local };
  }
  const file = knownServersFile(shell.env);
  const known = await findKnownPin(url, shell.env);
  const pin = known ?? (await firstContact(url, shell));
  if (known === undefined) await rememberPin(url, pin, shell.env);
  return { url, pin, pinSource: { is: file, toChange: `remove ${url.origin} from ${file}` }, local };
}

/** `--pin`, else `OTTER_PIN`. */
export function findGivenPin(
  options: GlobalOptions,
  shell: Shell,
): { readonly pin: Pin; readonly pinSource: PinSource } | undefined {
  const pin = options.pin ?? fromEnvironment(shell, 'OTTER_PIN', readPin);
  if (pin === undefined) return undefined;
  const is = options.pin === undefined ? 'OTTER_PIN' : '--pin';
  return { pin, pinSource: { is, toChange: `change ${is}` } };
}

/** The pin that the server shows, after a person has compared it. Errors: `pin_needed`, `declined`, those of the network. */
export async function firstContact(url: URL, shell: Shell): Promise<Pin> {
  const { terminal } = shell;
  const pin: Pin = { kind: 'spki', sha256: (await readShownPins(url)).spki };
  const message = `first contact with ${hostAndPort(url)}: it shows the pin ${formatPin(pin)}`;
  const compare = `compare it with what \`${OTTER} cert show\` prints on the server`;
  if (!terminal.canAsk) {
    throw CommandError.own('pin_needed', message, `${compare}, then pass --pin ${formatPin(pin)} (or OTTER_PIN)`);
  }
  terminal.note(`${message}\n${compare}.`);
  if (!(await terminal.confirm('Is it the same, and shall it be remembered?', shell.interrupted()))) {
    throw CommandError.own('declined', 'the server is not trusted; nothing was sent', compare);
  }
  return pin;
}

/** What the server shows to anybody, unproven: SHA-256 in hex of its certificate and of its public key. Errors: those of the network. */
export async function readShownPins(url: URL): Promise<{ readonly cert: string; readonly spki: string }> {
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  try {
    return await readServerPins({ host, port: url.port === '' ? 443 : Number(url.port) });
  } catch (error) {
    throw unreachable(error, url);
  }
}

async function findToken(options: GlobalOptions, shell: Shell, { local, context }: Named): Promise<string> {
  const token = (await findGivenToken(options, shell)) ?? context?.token ?? local?.adminToken;
  if (token === undefined) {
    throw CommandError.own(
      'token_missing',
      'there is no admin token for this server',
      `\`${OTTER} login URL\` keeps one; else set OTTER_TOKEN, or pass --token-file FILE; on the server it is in data/tokens/admin.token`,
    );
  }
  return checkToken(token);
}

/** `--token`, `--token-file`, else `OTTER_TOKEN`. Errors: those of the file. */
export async function findGivenToken(options: GlobalOptions, shell: Shell): Promise<string | undefined> {
  if (options.token !== undefined) return options.token;
  if (options.tokenFile !== undefined) return readPrivateFile(path.resolve(shell.folder, options.tokenFile));
  return environment(shell, 'OTTER_TOKEN');
}

/** Errors: `argument_invalid`. */
export function checkToken(token: string): string {
  if (!/^[\u0021-\u007E]+$/.test(token)) {
    throw CommandError.own('argument_invalid', 'the admin token holds characters that no token has', 'copy it again');
  }
  return token;
}

function fromEnvironment<T>(shell: Shell, name: string, read: (text: string) => T): T | undefined {
  const text = environment(shell, name);
  if (text === undefined) return undefined;
  try {
    return read(text);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw CommandError.usage(`${name} is "${text}"`, error.message);
    throw error;
  }
}

/** An empty variable counts as none, as shells treat it. */
export function environment(shell: Shell, name: string): string | undefined {
  const value = shell.env[name];
  return value === undefined || value === '' ? undefined : value;
}
