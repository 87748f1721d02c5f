// Reads a stored image in blocks, each checked against the SHA-256 that was recorded at upload before it is handed
// out. Nothing unverified leaves this file, and no verified block outlives a change of the file on disk.

import { hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { OtterError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { BlockCache } from './block-cache.ts';
import type { HeldFile, ImageFiles } from './image-files.ts';
import { errorCode } from './storage-error.ts';

/** What the database recorded at upload. */
export type RecordedImage = {
  /** What messages call it: product, version and chip. */
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly blockSha256: readonly string[];
};

/** Offsets of the first and the last byte. */
type ByteRange = { readonly start: number; readonly end: number };

export type StoredImage = {
  /**
   * The verified block `index`, `BLOCK_BYTES` long, the last one shorter. The buffer is shared with other readers and must
   * not be changed. Throws `blob_corrupt` when the file changed or a byte is wrong, and the I/O error of a failed read.
   */
  readonly readBlock: (index: number) => Promise<Buffer>;
  /** The bytes of a range in pieces of one block; the next block is read when the piece before it was taken. */
  readonly read: (range: ByteRange) => AsyncGenerator<Buffer, void>;
  /** Lets the file go; may be called twice. */
  readonly close: () => Promise<void>;
};

/**
 * Opens the image at `path`. Throws `blob_corrupt` when it is missing or its size is not the recorded one, and the I/O error.
 * Messages name the image, not the path: devices read them.
 */
export async function openStoredImage(
  path: string,
  recorded: RecordedImage,
  { files, cache }: { readonly files: ImageFiles; readonly cache: BlockCache },
): Promise<StoredImage> {
  const blockCount = Math.ceil(recorded.sizeBytes / BLOCK_BYTES);
  if (recorded.blockSha256.length !== blockCount) {
    throw corrupt(recorded.name, `${recorded.blockSha256.length} block hashes are recorded for ${blockCount} blocks`);
  }
  const file = await holdFile(path, recorded.name, files);
  try {
    requireSize(recorded, await file.handle.stat({ bigint: true }));
  } catch (error) {
    await file.release();
    throw error;
  }
  const readBlock = async (index: number): Promise<Buffer> => {
    const sha256 = recorded.blockSha256[index];
    if (sha256 === undefined) throw new RangeError(`${path} has ${blockCount} blocks, not one with index ${index}`);
    const stats = await file.handle.stat({ bigint: true });
    requireSize(recorded, stats);
    // A block that was verified under this key is right as long as all of this is the same.
    const key = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs, index, sha256].join('/');
    return cache.get(key) ?? (await readOnce(file, key, cache, () => readVerified(file.handle, recorded, index)));
  };
  return { readBlock, read: (range) => readRange(range, readBlock), close: file.release };
}

async function* readRange(
  { start, end }: ByteRange,
  readBlock: StoredImage['readBlock'],
): AsyncGenerator<Buffer, void> {
  for (let index = Math.floor(start / BLOCK_BYTES); index * BLOCK_BYTES <= end; index += 1) {
    const block = await readBlock(index);
    yield block.subarray(Math.max(0, start - index * BLOCK_BYTES), end + 1 - index * BLOCK_BYTES);
  }
}

async function holdFile(path: string, name: string, files: ImageFiles): Promise<HeldFile> {
  try {
    return await files.hold(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw corrupt(name, 'the file is missing', error);
    throw error;
  }
}

function requireSize(recorded: RecordedImage, stats: BigIntStats): void {
  if (stats.isFile() && stats.size === BigInt(recorded.sizeBytes)) return;
  throw corrupt(recorded.name, `it has ${stats.size} bytes, recorded are ${recorded.sizeBytes}`);
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

async function readVerified(handle: FileHandle, recorded: RecordedImage, index: number): Promise<Buffer> {
  const start = index * BLOCK_BYTES;
  const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, recorded.sizeBytes - start));
  let length = 0;
  while (length < block.length) {
    const { bytesRead } = await handle.read(block, length, block.length - length, start + length);
    if (bytesRead === 0)
      throw corrupt(recorded.name, `it ends at byte ${start + length}, recorded are ${recorded.sizeBytes}`);
    length += bytesRead;
  }
  const sha256 = hash('sha256', block);
  if (sha256 === recorded.blockSha256[index]) return block;
  throw corrupt(
    recorded.name,
    `block ${index} (from byte ${start}) has SHA-256 ${sha256}, not ${recorded.blockSha256[index]}`,
  );
}

function corrupt(name: string, fault: string, cause?: unknown): OtterError {
  return new OtterError(
    'blob_corrupt',
    `The stored image of ${name} is damaged: ${fault}.`,
    'Upload the same file again (otter firmware add): that repairs it. Check the disk.',
    { cause },
  );
}
