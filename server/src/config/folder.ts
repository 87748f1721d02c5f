// Whether a folder can hold the data that Otter writes. It asks the operating system and writes nothing.

import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { errorAt, type Place, type Problem } from '#server/config/yaml/problem.ts';

/** `f_type` of statfs(2) for file systems whose locks or mappings do not carry SQLite's WAL (sqlite.org/wal.html). */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
]);

/** Problems of `folder`: missing, not a folder, not writable, and with `localDisk` also on a network file system. */
export function checkFolder(folder: string, place: Place, needs: { readonly localDisk: boolean }): readonly Problem[] {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) {
    return [errorAt(place, `the folder ${folder} does not exist`, 'run `otter init` or make it')];
  }
  if (!stat.isDirectory()) return [errorAt(place, `${folder} is not a folder`, 'give the path of a folder')];
  if (!isWritable(folder)) {
    return [errorAt(place, `the folder ${folder} is not writable`, 'let the user that runs Otter write to it')];
  }
  const network = needs.localDisk ? findNetworkFileSystem(statfsSync(folder).type) : undefined;
  if (network === undefined) return [];
  return [
    errorAt(
      place,
      `the folder ${folder} is on ${network}, where SQLite can lose data`,
      'put the database on a disk of this machine, or use PostgreSQL',
    ),
  ];
}

/** The name of a network file system by its `f_type`; undefined for a local one. */
export function findNetworkFileSystem(type: number): string | undefined {
  return NETWORK_FILE_SYSTEMS.get(type >>> 0); // some systems give the 32 bits as a signed number
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
