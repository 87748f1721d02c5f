// Images by their content (docs/decisions/0021-storage-by-content.md): one file for each SHA-256, `<root>/.blobs/<sha256>`.
// What stands under one name is those bytes or is damaged, and damage is never handed out. It does not know which firmware an
// image is of, and never decides which one is removed.

import { rm } from 'node:fs/promises';
import { BLOCK_CACHE_BYTES } from '#protocol/limits.ts';
import { blobPath, findFault, isStored } from './blob-file.ts';
import { BlockCache } from './block-cache.ts';
import { ImageFiles } from './image-files.ts';
import { putBlob } from './put-blob.ts';
import type { StoreFolders } from './store-folders.ts';
import { openStoredImage, type RecordedImage, type StoredImage } from './stored-image.ts';

export type BlobStore = {
  /**
   * Durable when it resolves. Bytes that are there whole are not written again; a damaged file is replaced. Throws
   * `storage_full` or the I/O error; then nothing new is there.
   */
  readonly put: (bytes: Uint8Array, sha256: string) => Promise<'written' | 'already_there'>;
  /** See `openStoredImage`: it reads ranges, every block verified before it is handed out. */
  readonly open: (recorded: RecordedImage) => Promise<StoredImage>;
  /** Whether a file of this size is there. It does not read it: `check` does. */
  readonly has: (sha256: string, sizeBytes: number) => Promise<boolean>;
  /** Does nothing where there is none. Those who read it read on. */
  readonly delete: (sha256: string) => Promise<void>;
  /** Reads the whole file anew, past every cache of this process: what is wrong with it, or undefined. */
  readonly check: (sha256: string, sizeBytes: number) => Promise<string | undefined>;
};

/** The store on a local disk, in folders that `openStoreFolders` made. */
export function openBlobStore(folders: StoreFolders): BlobStore {
  const shared = { files: new ImageFiles(), cache: new BlockCache(BLOCK_CACHE_BYTES) };
  return {
    put: async (bytes, sha256) => putBlob(folders, bytes, sha256),
    open: async (recorded) => openStoredImage(blobPath(folders, recorded.sha256), recorded, shared),
    has: async (sha256, sizeBytes) => isStored(blobPath(folders, sha256), sizeBytes),
    delete: async (sha256) => rm(blobPath(folders, sha256), { recursive: true, force: true }),
    check: async (sha256, sizeBytes) => findFault(blobPath(folders, sha256), sha256, sizeBytes),
  };
}
