// The port that a running server listens on, left in its home for the command line of the same machine: with `--port` it
// is not the configured one. Nothing but a hint: a file that a crash left behind leads to a refused connection at worst.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const portFile = (home: string): string => join(home, 'data', 'server.port');

/** Throws the I/O error, on a full disk for one. */
export function writePort(home: string, port: number): void {
  writeFileSync(portFile(home), `${port}\n`);
}

/** Leaves the file of another server that was started in this home meanwhile. */
export function removePort(home: string, port: number): void {
  if (findPort(home) === port) rmSync(portFile(home), { force: true });
}

/** Undefined where no server runs in this home, or its file cannot be read. */
export function findPort(home: string): number | undefined {
  try {
    const port = Number(readFileSync(portFile(home), 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}
