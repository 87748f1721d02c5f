// Finds the server, the token and the pin of a command: what was typed, else the environment, else the server of this
// machine. A token only ever goes to the server that it was given for, and only after the pin was checked.

import { access } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { readPin, readServerUrl } from '#cli/arguments.ts';
import { hostAndPort, type PinSource, unreachable } from './connection-error.ts';
import { CommandError } from '#cli/exit-code.ts';
import { readInputFile } from '#cli/input-file.ts';
import { findKnownPin, knownServersFile, rememberPin } from './known-servers.ts';
import { type LocalServer, readLocalServer } from './local-server.ts';
import type { GlobalOptions } from '#cli/program.ts';
import type { Shell } from '#cli/shell.ts';
import { formatPin, type Pin, readServerPins } from '#protocol/pinned-https.ts';

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
  const local = await findLocalServer(options, shell);
  // Before the first contact: without a token there is nothing to ask the server for.
  const token = await findToken(options, shell, local);
  const { url, pin, pinSource } = await findServer(options, shell, local);
  return { url, token, pin, pinSource };
}

/** The server alone, for what needs no admin token. Errors: as `findConnection`, without those of the token. */
export async function findServerIdentity(options: GlobalOptions, shell: Shell): Promise<ServerIdentity> {
  return findServer(options, shell, await findLocalServer(options, shell));
}

/** `--home`, `OTTER_HOME`, the current folder if a server was set up there, else the folder of this program. */
export async function findHome(options: Pick<GlobalOptions, 'home'>, shell: Shell): Promise<string> {
  const named = options.home ?? environment(shell, 'OTTER_HOME');
  if (named !== undefined) return path.resolve(shell.folder, named);
  const here = await access(path.join(shell.folder, 'config', 'server.yml')).then(
    () => true,
    () => false,
  );
  return here ? shell.folder : PROGRAM_FOLDER;
}

const PROGRAM_FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const MAX_TOKEN_FILE_BYTES = 4096;

/** Undefined where a server is named by its address. */
async function findLocalServer(options: GlobalOptions, shell: Shell): Promise<LocalServer | undefined> {
  if (serverUrl(options, shell) !== undefined) return undefined;
  const home = await findHome(options, shell);
  const local = await readLocalServer(home, shell.env);
  if (local !== undefined) return local;
  throw CommandError.own(
    'server_unknown',
    `no server is set up in ${home}, and none is named`,
    'run `npm start` there first, or name a server: --server https://HOST:8443 (or OTTER_SERVER)',
  );
}

/** A typed `--home` means the server of this machine, whatever the environment says. */
function serverUrl(options: GlobalOptions, shell: Shell): URL | undefined {
  if (options.server !== undefined || options.home !== undefined) return options.server;
  return fromEnvironment(shell, 'OTTER_SERVER', readServerUrl);
}

async function findServer(
  options: GlobalOptions,
  shell: Shell,
  local: LocalServer | undefined,
): Promise<ServerIdentity> {
  const url = local?.url ?? serverUrl(options, shell);
  if (url === undefined) throw new Error('neither a local nor a named server');
  const given = options.pin ?? fromEnvironment(shell, 'OTTER_PIN', readPin);
  if (given !== undefined) {
    const is = options.pin === undefined ? 'OTTER_PIN' : '--pin';
    return { url, pin: given, pinSource: { is, toChange: `change ${is}` }, local };
  }
  if (local !== undefined) {
    const pinSource = {
      is: local.certificateFile,
      toChange: 'restart the server so that it takes its new certificate',
    };
    return { url, pin: local.pin, pinSource, local };
  }
  const file = knownServersFile(shell.env);
  const pin = (await findKnownPin(url, shell.env)) ?? (await firstContact(url, shell));
  return { url, pin, pinSource: { is: file, toChange: `remove ${url.origin} from ${file}` }, local };
}

/** Asks a person to compare the pin; remembers it after a yes. Errors: `pin_needed`, `declined`, those of the network. */
async function firstContact(url: URL, shell: Shell): Promise<Pin> {
  const { terminal } = shell;
  const pin: Pin = { kind: 'spki', sha256: (await readShownPins(url)).spki };
  const message = `first contact with ${hostAndPort(url)}: it shows the pin ${formatPin(pin)}`;
  const compare = 'compare it with what `npx otter cert show` prints on the server';
  if (!terminal.canAsk) {
    throw CommandError.own('pin_needed', message, `${compare}, then pass --pin ${formatPin(pin)} (or OTTER_PIN)`);
  }
  terminal.note(`${message}\n${compare}.`);
  if (!(await terminal.confirm('Is it the same, and shall it be remembered?', shell.interrupted()))) {
    throw CommandError.own('declined', 'the server is not trusted; nothing was sent', compare);
  }
  await rememberPin(url, pin, shell.env);
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

async function findToken(options: GlobalOptions, shell: Shell, local: LocalServer | undefined): Promise<string> {
  const token =
    options.token ??
    (options.tokenFile === undefined
      ? undefined
      : await readTokenFile(path.resolve(shell.folder, options.tokenFile))) ??
    environment(shell, 'OTTER_TOKEN') ??
    local?.adminToken;
  if (token === undefined) {
    throw CommandError.own(
      'token_missing',
      'there is no admin token for this server',
      'set OTTER_TOKEN, or pass --token-file FILE; on the server it is in data/tokens/admin.token',
    );
  }
  if (!/^[\u0021-\u007E]+$/.test(token)) {
    throw CommandError.own('argument_invalid', 'the admin token holds characters that no token has', 'copy it again');
  }
  return token;
}

/**
 * A token that other users of the machine can read is no secret any more.
 * Errors: `token_file_exposed`, and those of `readInputFile`.
 */
export async function readTokenFile(file: string): Promise<string> {
  const { bytes, mode } = await readInputFile(file, { what: 'token', maxBytes: MAX_TOKEN_FILE_BYTES });
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw CommandError.own(
      'token_file_exposed',
      `others can read the token file ${file} (mode ${mode.toString(8).padStart(4, '0')})`,
      `chmod 600 ${file}`,
    );
  }
  return bytes.toString('utf8').trim();
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
