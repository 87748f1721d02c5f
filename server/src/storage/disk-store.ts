// The image store on a local disk: `<root>/<product>/<version>/<chip>/image.bin` and `manifest.json`. The bytes at one
// place never change once the database names it. It never decides which firmware is valid, offered or removed.

import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BLOCK_CACHE_BYTES, STALE_UPLOAD_MS } from '#protocol/limits.ts';
import type { Manifest } from '#protocol/device/manifest.ts';
import { BlockCache } from './block-cache.ts';
import { FOLDER_MODE } from './durable.ts';
import { ImageFiles } from './image-files.ts';
import type { ImagePlace } from './image-place.ts';
import { publishImage } from './publish-image.ts';
import { type ReceivedImage, receiveImage } from './receive-image.ts';
import { openStoredImage, type RecordedImage, type StoredImage } from './stored-image.ts';

/** Errors: see `receiveImage`, `publishImage`, `openStoredImage`. */
export type DiskStore = {
  readonly receive: (
    source: AsyncIterable<Uint8Array>,
    options: { readonly maxBytes: number },
  ) => Promise<ReceivedImage>;
  readonly publish: (received: ReceivedImage, place: ImagePlace, manifest: Manifest) => Promise<void>;
  readonly open: (place: ImagePlace, recorded: RecordedImage) => Promise<StoredImage>;
};

const INCOMING = '.incoming';

/** Opens the store in `root`, which is made if needed, and removes what crashed uploads left. Throws the I/O error. */
export async function openDiskStore(root: string): Promise<DiskStore> {
  const absoluteRoot = resolve(root);
  const incoming = join(absoluteRoot, INCOMING);
  await mkdir(incoming, { recursive: true, mode: FOLDER_MODE });
  await removeStaleUploads(incoming, Date.now() - STALE_UPLOAD_MS);
  const shared = { files: new ImageFiles(), cache: new BlockCache(BLOCK_CACHE_BYTES) };
  return {
    receive: (source, options) => receiveImage(incoming, source, options),
    publish: (received, place, manifest) => publishImage(absoluteRoot, received, place, manifest),
    open: (place, recorded) => openStoredImage(absoluteRoot, place, recorded, shared),
  };
}

/** Younger folders may belong to another server process on the same disk. */
async function removeStaleUploads(incoming: string, beforeMs: number): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const stats = await lstat(path).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs < beforeMs) await rm(path, { recursive: true, force: true });
  }
}
