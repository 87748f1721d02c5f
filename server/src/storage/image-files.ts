// Open image files, one handle per file however many read it: a thousand downloads of one build need one descriptor. A
// handle is closed when its last reader lets go. It reads nothing.

import { constants, type BigIntStats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** A hold on a shared handle. `release` may be called twice; after it the handle must not be used. */
export type HeldFile = {
  readonly handle: FileHandle;
  /** Reads under way on this handle, by block, so that readers of the same block wait for one read. */
  readonly reading: Map<string, Promise<Buffer>>;
  readonly release: () => Promise<void>;
};

type SharedFile = { readonly handle: FileHandle; readonly stats: BigIntStats };
type Entry = {
  readonly path: string;
  readonly file: Promise<SharedFile>;
  readonly reading: Map<string, Promise<Buffer>>;
  readonly readers: Set<symbol>;
};

export class ImageFiles {
  readonly #entries = new Map<string, Entry>();

  /**
   * Holds the file that is at `path` now. When another file has taken the place of the open one, that one is left to its
   * readers and a new handle is opened. Throws the I/O error (`ENOENT` when there is no file).
   */
  async hold(path: string): Promise<HeldFile> {
    for (;;) {
      const entry = this.#entries.get(path) ?? this.#add(path);
      const reader = Symbol(path);
      entry.readers.add(reader);
      const release = (): Promise<void> => this.#release(entry, reader);
      try {
        const { handle, stats } = await entry.file;
        const now = await stat(path, { bigint: true });
        if (now.ino === stats.ino && now.dev === stats.dev) return { handle, reading: entry.reading, release };
      } catch (error) {
        await release();
        throw error;
      }
      this.#forget(entry);
      await release();
    }
  }

  #add(path: string): Entry {
    const entry: Entry = { path, file: openFile(path), reading: new Map(), readers: new Set() };
    this.#entries.set(path, entry);
    return entry;
  }

  async #release(entry: Entry, reader: symbol): Promise<void> {
    if (!entry.readers.delete(reader) || entry.readers.size > 0) return;
    this.#forget(entry);
    // A file that could not be opened was reported to its reader; there is nothing to close.
    const file = await entry.file.catch(() => undefined);
    await file?.handle.close();
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.path) === entry) this.#entries.delete(entry.path);
  }
}

async function openFile(path: string): Promise<SharedFile> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return { handle, stats: await handle.stat({ bigint: true }) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
