// Removes stored bytes that no image has: of uploads that were refused or broke off after they were stored, and of images that
// were removed. It never takes those of an upload that is under way: whoever adds an image holds the catalog's revision, and
// so does whoever removes bytes, so that one of them sees what the other did.

import { UNNAMED_BLOB_MS, UNNAMED_BLOBS_AT_ONCE } from '#protocol/limits.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { isBlobNamed } from '#server/db/firmware/image-checks.ts';
import type { ImageDeps } from './image-deps.ts';

export class UnnamedBlobs {
  readonly #deps: Pick<ImageDeps, 'database' | 'catalog' | 'store' | 'log'>;
  /** Since when (steady) this process has found no image with these bytes. A start begins anew: nothing goes too early. */
  #sinceMs: ReadonlyMap<string, number> = new Map();

  constructor(deps: Pick<ImageDeps, 'database' | 'catalog' | 'store' | 'log'>) {
    this.#deps = deps;
  }

  /** Throws what database and storage throw. */
  async sweep(steadyMs: number): Promise<void> {
    const stored = await this.#deps.store.list();
    const images = (await this.#deps.catalog.current()).listImages();
    const named = new Set(images.map(({ image }) => image.sha256));
    const unnamed = stored.filter((sha256) => !named.has(sha256));
    this.#sinceMs = new Map(unnamed.map((sha256) => [sha256, this.#sinceMs.get(sha256) ?? steadyMs]));
    const due = [...this.#sinceMs].filter(([, sinceMs]) => steadyMs - sinceMs >= UNNAMED_BLOB_MS);
    for (const [sha256] of due.slice(0, UNNAMED_BLOBS_AT_ONCE)) await this.#remove(sha256);
  }

  async #remove(sha256: string): Promise<void> {
    const { database, store, log } = this.#deps;
    const isRemoved = await database.write(async (trx) => {
      await raiseRevision(trx);
      if (await isBlobNamed(trx, sha256)) return false;
      // Inside, while no upload can add it; one that waits looks whether its bytes are there. Run again, it does nothing.
      await store.delete(sha256);
      return true;
    });
    if (isRemoved) log.info({ sha256 }, 'removed a stored image that no firmware has');
  }
}
