// The address that a server listens on.

import type { AddressInfo } from 'node:net';
import { OtterError } from '#protocol/errors.ts';

/** What kept a server from listening, and what to do; anything else as it is. */
export function explainListen(
  error: unknown,
  { host, port }: { readonly host: string; readonly port: number },
): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return new OtterError(
        'start_refused',
        `${host}:${port} is in use by another program`,
        'stop that one, or choose another port with --port',
        { cause: error },
      );
    case 'EACCES':
      return new OtterError(
        'start_refused',
        `${host}:${port} needs rights that this user does not have`,
        'use a port above 1023, such as 8443',
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new OtterError(
        'start_refused',
        `${host} is no address of this machine`,
        'set host: 0.0.0.0 in config/server.yml to listen on all',
        { cause: error },
      );
    default:
      return error;
  }
}

/** The same of `plain_http`; `at` is an address with its port, or a file. */
export function explainPlain(error: unknown, at: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (code === undefined) return error;
  return new OtterError(
    'start_refused',
    `plain_http: nobody can listen at ${at} (${code})`,
    'is another program there? The folder of a socket has to be there, and writable for the user of the server',
    { cause: error },
  );
}

/** The port that is listened on, also where 0 asked for a free one. */
export function portOf(address: AddressInfo | string | null, fallback: number): number {
  return typeof address === 'object' && address !== null ? address.port : fallback;
}
