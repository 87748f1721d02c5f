// What a board needs to get in: where the server is, which one it is, and the token that opens it.

import { isIPv4 } from 'node:net';
import type { BoardSettings } from '#protocol/admin/boards.ts';
import type { Deps } from '#server/service/deps.ts';

/** `port`: the one that is listened on. */
export function getBoardSettings({ settings: { board } }: Deps, port: number): BoardSettings {
  const servers = board.hosts().map((host) => `https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  return { servers, pin: `spki:${board.spkiPin}`, backup_pin: board.backupPin() ?? null, token: board.fleetToken };
}

/**
 * Where boards reach a server that listens on `listening`: names that somebody gave its certificate, then the addresses of the machine,
 * then the name that it has in its own network. One that is bound to one address has that alone.
 */
export function boardHosts(
  listening: string,
  certified: readonly string[],
  ofMachine: readonly string[],
): readonly string[] {
  if (listening !== '0.0.0.0' && listening !== '::') return [listening];
  const given = certified.filter(
    (host) => host.includes('.') && !isAddress(host) && !host.endsWith('.local') && !ofMachine.includes(host),
  );
  const addresses = ofMachine.filter((host) => isIPv4(host) && !host.startsWith('127.'));
  const local = ofMachine.filter((host) => host.endsWith('.local'));
  const hosts = [...given, ...addresses, ...local];
  return hosts.length === 0 ? ['localhost'] : hosts;
}

function isAddress(host: string): boolean {
  return isIPv4(host) || host.includes(':');
}
