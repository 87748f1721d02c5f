// What SQLite says when it cannot go on, as the errors that people are told (sqlite.org/rescode.html). Damage, once found, is
// remembered: what is read from now on may be wrong.

import { dirname } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { findReadOnly } from '#server/disk/write-proof.ts';
import { damaged, readOnly, unavailable } from './trouble.ts';

const SQLITE = {
  perm: 3,
  busy: 5,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notDatabase: 26,
} as const;

/** Extended codes of `readOnly` and `ioError`. */
const READONLY_DBMOVED = 1032;

const BUSY_RETRY_S = 5;
const DISK_RETRY_S = 60;

const GIVE_RIGHT = 'give the folder to the user that runs Otter: chown -R otter: data';

export class SqliteTrouble {
  readonly #file: string;
  #damage: OtterError | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Found by a statement; undefined while none met any. */
  get damage(): OtterError | undefined {
    return this.#damage;
  }

  /** Found by reading all pages. */
  noteDamage(why: string): void {
    this.#damage ??= damaged(why);
  }

  /** The error as it is told; what is no trouble of the database comes back as it is. */
  explain(error: unknown): unknown {
    switch (resultCodeOf(error)) {
      case SQLITE.busy:
        return unavailable(
          'the database is locked by another program',
          'try again in a few seconds',
          BUSY_RETRY_S,
          error,
        );
      case SQLITE.full:
        return new OtterError('storage_full', 'the disk of the database is full', 'free some space', { cause: error });
      case SQLITE.corrupt:
      case SQLITE.notDatabase:
        return (this.#damage = damaged(messageOf(error), error));
      case SQLITE.readOnly:
        return extendedCodeOf(error) === READONLY_DBMOVED
          ? readOnly('its file was moved or removed under the server', 'put it back and restart the server', error)
          : (this.#findReadOnly() ?? readOnly(messageOf(error), GIVE_RIGHT, error));
      case SQLITE.perm:
      case SQLITE.cannotOpen:
        return this.#findReadOnly() ?? readOnly(messageOf(error), GIVE_RIGHT, error);
      case SQLITE.ioError:
        // SQLite calls it an I/O error too where the kernel has turned the disk read-only.
        return (
          this.#findReadOnly() ??
          unavailable(
            'the disk of the database fails',
            'look at the disk of the server: dmesg | tail',
            DISK_RETRY_S,
            error,
          )
        );
      case undefined:
      default:
        return error;
    }
  }

  #findReadOnly(): OtterError | undefined {
    return findReadOnly(dirname(this.#file), 'the disk of the database');
  }
}

/** Whether another program holds the database. */
export function isLocked(error: unknown): boolean {
  return error instanceof OtterError && resultCodeOf(error.cause) === SQLITE.busy;
}

/** The primary result code; undefined for what SQLite did not say. */
function resultCodeOf(error: unknown): number | undefined {
  const code = extendedCodeOf(error);
  return code === undefined ? undefined : code & 0xff;
}

/** The bits above the lowest eight say more. */
function extendedCodeOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
