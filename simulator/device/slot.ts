// The spare OTA slot of a simulated board: a file that is erased, written in order and read back, or, for big fleets, no
// file at all. It never looks into the image; what the bytes should hash to is the download's business.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { BoardError } from './client.ts';

export interface Slot {
  /** Empties the slot: the next `write` starts at byte 0. */
  readonly erase: () => Promise<void>;
  /** Throws BoardError `flash_write`. */
  readonly write: (chunk: Buffer) => Promise<void>;
  /** Reads the slot back and compares; throws BoardError `flash_hash` when the bytes are others. */
  readonly verify: (sha256: string) => Promise<void>;
  /** Leaves nothing behind. */
  readonly remove: () => Promise<void>;
}

/** A slot in a file, which need not exist yet. */
export function fileSlot(path: string): Slot {
  return {
    erase: () => writeFile(path, ''),
    write: (chunk) =>
      appendFile(path, chunk).catch((error: unknown) => {
        throw new BoardError('flash_write', error instanceof Error ? error.message : String(error));
      }),
    verify: async (sha256) => {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(path)) hash.update(chunk);
      const found = hash.digest('hex');
      if (found !== sha256) throw new BoardError('flash_hash', `the slot reads back as ${found}, expected ${sha256}`);
    },
    remove: () => rm(path, { force: true }),
  };
}

/** No slot: the bytes are hashed on their way and then forgotten. Five thousand images would not fit a laptop. */
export const hashOnlySlot: Slot = {
  erase: () => Promise.resolve(),
  write: () => Promise.resolve(),
  verify: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};
