// What those need that look after stored images.

import type { Logger } from 'pino';
import type { Database } from '#server/db/database.ts';
import type { BlobStore } from '#server/storage/blob-store.ts';
import type { StoreFolders } from '#server/storage/store-folders.ts';
import type { Catalog } from './catalog.ts';

export interface ImageDeps {
  readonly database: Database;
  readonly catalog: Catalog;
  /** Images by their content. */
  readonly store: BlobStore;
  /** Where the store is, for what people see of it. */
  readonly folders: StoreFolders;
  readonly log: Logger;
}
