// What a person needs next when a server runs: where it is, how it is recognised, where its tokens lie. Printed at the start,
// and again by `otter status --banner`.

import { join } from 'node:path';
import { localHosts } from '#server/certs/self-signed.ts';

export interface Banner {
  readonly url: string;
  /** Where boards and people in the network find it; empty where it listens to this machine alone. */
  readonly addresses: readonly string[];
  /** SHA-256 of the certificate, as people compare it. */
  readonly certificate_sha256: string;
  readonly pin: string;
  readonly fleet_token_file: string;
  readonly admin_token_file: string;
}

export function bannerOf(server: {
  readonly home: string;
  /** The address that it was told to listen on. */
  readonly host: string;
  readonly port: number;
  readonly certificate: { readonly fingerprint256: string; readonly spkiPin: string };
}): Banner {
  const { home, host, port, certificate } = server;
  const others = localHosts().filter((name) => /^[0-9.]+$/.test(name) && !name.startsWith('127.'));
  const isForAll = host === '0.0.0.0' || host === '::';
  return {
    url: `https://localhost:${port}`,
    addresses: (isForAll ? others : others.filter((name) => name === host)).map((name) => `https://${name}:${port}`),
    certificate_sha256: certificate.fingerprint256,
    pin: `spki:${certificate.spkiPin}`,
    fleet_token_file: join(home, 'data/tokens/fleet.token'),
    admin_token_file: join(home, 'data/tokens/admin.token'),
  };
}

/** `typed` makes a command of the words after its name: `otter status --home /srv/otter` of `status`. */
export function formatBanner(banner: Banner, typed: (words: string) => string): string {
  const { url, addresses, certificate_sha256, pin, fleet_token_file, admin_token_file } = banner;
  return `
Otter is ready at ${url}${addresses.length === 0 ? '' : `  (for boards: ${addresses.join('  ')})`}

  certificate  ${certificate_sha256}  (SHA-256)
  pin          ${pin}
  fleet token  ${fleet_token_file}  (for boards)
  admin token  ${admin_token_file}  (for operators; on this machine the command line finds it)

Next, in another terminal:
  ${typed('dashboard')}
  ${typed('status')}
  ${typed('firmware add firmware.bin --version 1.0.0')}
  ${typed('simulate --devices 10')}

`;
}
