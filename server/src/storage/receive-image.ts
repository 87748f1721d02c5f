// Takes an upload: the bytes into memory and their hashes. Nothing is written, so an upload that breaks off or is refused
// leaves nothing. It does not know what an image is.

import { hash } from 'node:crypto';
import { OtterError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';

/** An upload that has come whole, and is not on disk yet. */
export type ReceivedImage = {
  readonly bytes: Buffer;
  readonly sizeBytes: number;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
  /** SHA-256 of every block of `BLOCK_BYTES`, the last one shorter, hex. */
  readonly blockSha256: readonly string[];
};

/**
 * Reads `source` to its end. Throws `image_too_large` at the first byte above `maxBytes` (this ends the source), and what the
 * source throws.
 */
export async function receiveImage(
  source: AsyncIterable<Uint8Array>,
  { maxBytes }: { readonly maxBytes: number },
): Promise<ReceivedImage> {
  const bytes = await collect(source, maxBytes);
  return { bytes, sizeBytes: bytes.length, sha256: hash('sha256', bytes), blockSha256: blockHashes(bytes) };
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
  const count = Math.ceil(bytes.length / BLOCK_BYTES);
  return Array.from({ length: count }, (_, index) =>
    hash('sha256', bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)),
  );
}
