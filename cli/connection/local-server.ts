// The server of this machine: where it listens, how it is recognised, which tokens it takes. All of it is read from the
// server's own configuration by the server's own reader, so the command line needs no settings there.

import { access } from 'node:fs/promises';
import path from 'node:path';
import type { Pin } from '#protocol/pinned-https.ts';

export interface LocalServer {
  readonly url: URL;
  readonly adminToken: string;
  readonly fleetToken: string;
  readonly certificateFile: string;
  readonly pin: Pin;
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
  const { config } = loadConfig({ home, env });
  return {
    url: new URL(`https://${localHost(config.host)}:${findPort(home) ?? config.port}`),
    adminToken: config.tokens.admin,
    fleetToken: config.tokens.fleet,
    certificateFile: config.certificate.certFile,
    pin: { kind: 'spki', sha256: readCertificate(config.certificate.certPem).spkiPin },
  };
}

/** A server that listens on every address is asked on the loopback one. */
function localHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
