// The server of this machine: where it listens, how it is recognised, which tokens it takes. All of it is read from the
// server's own configuration by the server's own reader, so the command line needs no settings there.

import { access } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import { OTTER, START } from '#cli/program-place.ts';
import { parsePin, type Pin } from '#protocol/pinned-https.ts';

export interface LocalServer {
  readonly url: URL;
  /** What it was told to listen on. */
  readonly host: string;
  readonly adminToken: string;
  readonly fleetToken: string;
  /** Undefined: it does not come from a file. */
  readonly fleetTokenFile: string | undefined;
  readonly adminTokenFile: string | undefined;
  readonly certificateFile: string;
  readonly certificateKeyFile: string;
  readonly pin: Pin;
  /** Of its backup key. */
  readonly backupPin: Pin | undefined;
}

/** Undefined where no server was set up in `home`. Errors: `config_invalid` with every problem of the configuration. */
export async function readLocalServer(home: string, env: NodeJS.ProcessEnv): Promise<LocalServer | undefined> {
  try {
    await access(path.join(home, 'config', 'server.yml'));
  } catch {
    return undefined;
  }
  // Loaded here, because a command for a remote server needs none of it.
  const { findPort } = await import('#server/home/port-file.ts');
  const { loadConfig } = await import('#server/config/config.ts');
  const { readCertificate } = await import('#server/certs/certificate.ts');
  const { findBackupKey } = await import('#server/home/backup-key.ts');
  const { config } = loadConfig({ home, env });
  return {
    url: new URL(`https://${localHost(config.host)}:${findPort(home) ?? config.port}`),
    host: config.host,
    adminToken: config.tokens.admin,
    fleetToken: config.tokens.fleet,
    fleetTokenFile: config.tokens.fleetFile,
    adminTokenFile: config.tokens.adminFile,
    certificateFile: config.certificate.certFile,
    certificateKeyFile: config.certificate.keyFile,
    pin: { kind: 'spki', sha256: readCertificate(config.certificate.certPem).spkiPin },
    backupPin: parsePin(findBackupKey(home)?.pin ?? ''),
  };
}

/** Errors: `server_unknown` where none was set up, and those of `readLocalServer`. */
export async function getLocalServer(home: string, env: NodeJS.ProcessEnv): Promise<LocalServer> {
  const local = await readLocalServer(home, env);
  if (local !== undefined) return local;
  const hint = `run \`${START}\` or \`${OTTER} init\` there first, or name another folder: --home FOLDER`;
  throw CommandError.own('server_unknown', `no server is set up in ${home}`, hint);
}

/** A server that listens on every address is asked on the loopback one. */
function localHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
