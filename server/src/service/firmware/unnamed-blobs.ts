// Removes stored bytes that no image has: of uploads that were refused or broke off after they were stored, and of images that
// were removed. Bytes that were not put for this database are left alone: the database may be the wrong one. It never takes
// those of an upload that is under way: whoever adds an image holds the catalog's revision, and so does whoever removes bytes,
// so that one of them sees what the other did.

import { UNNAMED_BLOB_MS, UNNAMED_BLOBS_AT_ONCE } from '#protocol/limits.ts';
import { isBlobNamed, listUnnamedBlobs, removeBlob } from '#server/db/firmware/blobs.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import type { ImageDeps } from './image-deps.ts';

type UnnamedDeps = Pick<ImageDeps, 'database' | 'store' | 'log'>;

export class UnnamedBlobs {
  readonly #deps: UnnamedDeps;
  /** Since when (steady) this process has found no image with these bytes. A start begins anew: nothing goes too early. */
  #sinceMs: ReadonlyMap<string, number> = new Map();

  constructor(deps: UnnamedDeps) {
    this.#deps = deps;
  }

  /** A few at a time. Throws what database and storage throw. */
  async sweep(steadyMs: number): Promise<void> {
    const unnamed = await listUnnamedBlobs(this.#deps.database.read, UNNAMED_BLOBS_AT_ONCE);
    this.#sinceMs = new Map(unnamed.map((sha256) => [sha256, this.#sinceMs.get(sha256) ?? steadyMs]));
    for (const [sha256, sinceMs] of this.#sinceMs)
      if (steadyMs - sinceMs >= UNNAMED_BLOB_MS) await this.#remove(sha256);
  }

  async #remove(sha256: string): Promise<void> {
    const { database, store, log } = this.#deps;
    const isRemoved = await database.write(async (trx) => {
      await raiseRevision(trx);
      if (await isBlobNamed(trx, sha256)) return false;
      // Inside, while no upload can add it; one that waits looks whether its bytes are there. Run again, it does nothing.
      await store.delete(sha256);
      await removeBlob(trx, sha256);
      return true;
    });
    if (isRemoved) log.info({ sha256 }, 'removed a stored image that no firmware has');
  }
}
