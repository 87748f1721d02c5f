// Takes an upload: the bytes into memory, then whole into a folder of its own in `.incoming`. Nothing is written before
// the last byte has come, so an aborted upload leaves nothing. It does not know what an image is.

import { hash, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { CHUNK_BYTES } from '#protocol/limits.ts';
import { FOLDER_MODE, writeFileDurably } from './durable.ts';
import { IMAGE_FILE } from './image-place.ts';
import { asStorageError } from './storage-error.ts';

/** An upload that is on disk but has no place yet. */
export type ReceivedImage = {
  readonly bytes: Buffer;
  readonly sizeBytes: number;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
  /** SHA-256 of every block of `CHUNK_BYTES`, the last one shorter, hex. */
  readonly chunkSha256: readonly string[];
  /** The temporary folder; `publish` moves it. */
  readonly folder: string;
  /** Removes what is left in `.incoming`. Does nothing after `publish` or a second time. */
  readonly discard: () => Promise<void>;
};

/**
 * Reads `source` to its end. Throws `image_too_large` at the first byte above `maxBytes` (this ends the source),
 * `storage_full`, and what the source throws; nothing is left on disk then.
 */
export async function receiveImage(
  incoming: string,
  source: AsyncIterable<Uint8Array>,
  { maxBytes }: { readonly maxBytes: number },
): Promise<ReceivedImage> {
  const bytes = await collect(source, maxBytes);
  const folder = join(incoming, randomUUID());
  const discard = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(folder, { mode: FOLDER_MODE });
    await writeFileDurably(join(folder, IMAGE_FILE), bytes);
  } catch (error) {
    await discard();
    throw asStorageError(error, incoming);
  }
  return {
    bytes,
    sizeBytes: bytes.length,
    sha256: hash('sha256', bytes),
    chunkSha256: blockHashes(bytes),
    folder,
    discard,
  };
}

/** One buffer for the largest size, so that an upload in one-byte pieces costs no more memory than another. */
async function collect(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(maxBytes);
  let length = 0;
  for await (const piece of source) {
    if (piece.length > maxBytes - length) {
      throw new OtterError(
        'image_too_large',
        `The upload has more than ${maxBytes} bytes, the most that an image may have.`,
        'Upload the application image (firmware.bin), not the .elf and not a merged flash image.',
      );
    }
    buffer.set(piece, length);
    length += piece.length;
  }
  return buffer.subarray(0, length);
}

function blockHashes(bytes: Buffer): readonly string[] {
  const count = Math.ceil(bytes.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, index) =>
    hash('sha256', bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)),
  );
}
