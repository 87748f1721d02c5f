// Reads a published image in blocks, each checked against the SHA-256 that was recorded at upload before it is handed
// out. Nothing unverified leaves this file, and no verified block outlives a change of the file on disk.

import { hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { CHUNK_BYTES } from '#protocol/limits.ts';
import type { BlockCache } from './block-cache.ts';
import type { HeldFile, ImageFiles } from './image-files.ts';
import { IMAGE_FILE, type ImagePlace, placeFolder } from './image-place.ts';
import { errorCode } from './storage-error.ts';

/** What the database recorded at upload. */
export type RecordedImage = { readonly sizeBytes: number; readonly chunkSha256: readonly string[] };

export type StoredImage = {
  /**
   * The verified block `index`, `CHUNK_BYTES` long, the last one shorter. The buffer is shared with other readers and must
   * not be changed. Throws `blob_corrupt` when the file changed or a byte is wrong, and the I/O error of a failed read.
   */
  readonly readBlock: (index: number) => Promise<Buffer>;
  /** Lets the file go; may be called twice. */
  readonly close: () => Promise<void>;
};

/**
 * Opens the image at `place`. Throws `blob_corrupt` when it is missing or its size is not the recorded one, `id_invalid`
 * for a place that cannot be, and the I/O error. Messages name the place, not the path: devices read them.
 */
export async function openStoredImage(
  root: string,
  place: ImagePlace,
  recorded: RecordedImage,
  { files, cache }: { readonly files: ImageFiles; readonly cache: BlockCache },
): Promise<StoredImage> {
  const path = join(placeFolder(root, place), IMAGE_FILE);
  const blockCount = Math.ceil(recorded.sizeBytes / CHUNK_BYTES);
  if (recorded.chunkSha256.length !== blockCount) {
    throw corrupt(place, `${recorded.chunkSha256.length} block hashes are recorded for ${blockCount} blocks`);
  }
  const file = await holdFile(path, place, files);
  try {
    requireSize(place, recorded, await file.handle.stat({ bigint: true }));
  } catch (error) {
    await file.release();
    throw error;
  }
  const readBlock = async (index: number): Promise<Buffer> => {
    const sha256 = recorded.chunkSha256[index];
    if (sha256 === undefined) throw new RangeError(`${path} has ${blockCount} blocks, not one with index ${index}`);
    const stats = await file.handle.stat({ bigint: true });
    requireSize(place, recorded, stats);
    // A block that was verified under this key is right as long as all of this is the same.
    const key = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs, index, sha256].join('/');
    return (
      cache.get(key) ?? (await readOnce(file, key, cache, () => readVerified(place, file.handle, recorded, index)))
    );
  };
  return { readBlock, close: file.release };
}

async function holdFile(path: string, place: ImagePlace, files: ImageFiles): Promise<HeldFile> {
  try {
    return await files.hold(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw corrupt(place, 'the file is missing', error);
    throw error;
  }
}

function requireSize(place: ImagePlace, recorded: RecordedImage, stats: BigIntStats): void {
  if (stats.isFile() && stats.size === BigInt(recorded.sizeBytes)) return;
  throw corrupt(place, `it has ${stats.size} bytes, recorded are ${recorded.sizeBytes}`);
}

/** Readers that want a block which is just being read wait for that one read. */
async function readOnce(file: HeldFile, key: string, cache: BlockCache, read: () => Promise<Buffer>): Promise<Buffer> {
  const underWay = file.reading.get(key);
  if (underWay !== undefined) return underWay;
  const reading = read();
  file.reading.set(key, reading);
  try {
    const block = await reading;
    cache.put(key, block);
    return block;
  } finally {
    file.reading.delete(key);
  }
}

async function readVerified(
  place: ImagePlace,
  handle: FileHandle,
  recorded: RecordedImage,
  index: number,
): Promise<Buffer> {
  const start = index * CHUNK_BYTES;
  const block = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, recorded.sizeBytes - start));
  let length = 0;
  while (length < block.length) {
    const { bytesRead } = await handle.read(block, length, block.length - length, start + length);
    if (bytesRead === 0) throw corrupt(place, `it ends at byte ${start + length}, recorded are ${recorded.sizeBytes}`);
    length += bytesRead;
  }
  const sha256 = hash('sha256', block);
  if (sha256 === recorded.chunkSha256[index]) return block;
  throw corrupt(place, `block ${index} (from byte ${start}) has SHA-256 ${sha256}, not ${recorded.chunkSha256[index]}`);
}

function corrupt({ product, version, chip }: ImagePlace, fault: string, cause?: unknown): OtterError {
  return new OtterError(
    'blob_corrupt',
    `The stored image of ${product} ${version} for ${chip} is damaged: ${fault}.`,
    'Restore the file from a backup, or upload the firmware again under a new version. Check the disk.',
    { cause },
  );
}
