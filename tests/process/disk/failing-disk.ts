// The library of fail-nth.c, compiled once, and the file by which a test says what is to fail.

import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const DISK_ERRORS = { ENOSPC: constants.errno.ENOSPC, EIO: constants.errno.EIO } as const;
type DiskError = keyof typeof DISK_ERRORS;

/** Which calls count. */
const KINDS = { write: 1, sync: 2 } as const;
export type DiskCall = keyof typeof KINDS;

export interface Failure {
  readonly call: DiskCall;
  /** Counted from 1, from now on. */
  readonly nth: number;
  readonly error: DiskError;
  /** Every later one fails, too. */
  readonly goesOn: boolean;
}

const FIELD_BYTES = 4;
const FAILED_AT = 3 * FIELD_BYTES;
const FIELDS = 5;

const COMPILER = process.env['CC'] ?? 'cc';

let compiled: string | undefined;

/** The path of the library; undefined where there is no C compiler, or no Linux. */
export function compileLibrary(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  if (compiled !== undefined) return compiled;
  const library = join(mkdtempSync(join(tmpdir(), 'otter-disk-')), 'fail-nth.so');
  const source = join(import.meta.dirname, 'fail-nth.c');
  const { status } = spawnSync(COMPILER, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  if (status === 0) compiled = library;
  return compiled;
}

export class FailingDisk {
  readonly #control: string;
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
    this.#control = `${home}.control`;
    this.#write(Buffer.alloc(FIELDS * FIELD_BYTES), 'w');
  }

  /** What a server needs in its environment, so that its disk can be made to fail. */
  env(library: string): Readonly<Record<string, string>> {
    return { LD_PRELOAD: library, FAIL_NTH_HOME: this.#home, FAIL_NTH_CONTROL: this.#control };
  }

  fail({ call, nth, error, goesOn }: Failure): void {
    const fields = Buffer.alloc(FIELDS * FIELD_BYTES);
    for (const [index, value] of [KINDS[call], nth, DISK_ERRORS[error], 0, goesOn ? 1 : 0].entries())
      fields.writeInt32LE(value, index * FIELD_BYTES);
    this.#write(fields, 'r+');
  }

  heal(): void {
    this.#write(Buffer.alloc(FIELD_BYTES), 'r+');
  }

  /** How many calls failed since `fail`. */
  get failed(): number {
    const file = openSync(this.#control, 'r');
    const field = Buffer.alloc(FIELD_BYTES);
    readSync(file, field, 0, FIELD_BYTES, FAILED_AT);
    closeSync(file);
    return field.readInt32LE();
  }

  #write(fields: Buffer, flags: 'w' | 'r+'): void {
    const file = openSync(this.#control, flags);
    writeSync(file, fields, 0, fields.length, 0);
    closeSync(file);
  }
}
