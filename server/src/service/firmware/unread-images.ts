// Reads from their files what images say of themselves (their digest, their descriptor, their hardware), of images that were stored
// before the database kept it: once, at the first start after an upgrade. A file that cannot be read is left for the next start; it stops nothing.

import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { listUnread, saveRead } from '#server/db/firmware/firmware.ts';
import { parseEspImage } from '#server/esp-image/esp-image.ts';
import { infoOf } from '#server/esp-image/image-info.ts';
import type { RecordedImage } from '#server/storage/stored-image.ts';
import type { Deps } from '#server/service/deps.ts';

/** Resolves with how many were read. Several servers may do it at once: each writes the same. */
export async function readUnreadImages({
  database,
  store,
  log,
}: Pick<Deps, 'database' | 'store' | 'log'>): Promise<number> {
  const missing = await listUnread(database.read);
  const found: Parameters<typeof saveRead>[1][] = [];
  for (const { id, size_bytes: sizeBytes, sha256, block_sha256, product, version, folder } of missing) {
    const name = `${product} ${version} for ${folder}`;
    try {
      const blockSha256: RecordedImage['blockSha256'] = JSON.parse(block_sha256);
      const file = await readImage(store, { name, sha256, sizeBytes, blockSha256 });
      const read = parseEspImage(file);
      found.push({ id, appendedSha256: read.appendedSha256, info: JSON.stringify(infoOf(read)) });
    } catch (error) {
      log.warn({ err: error, image: name }, 'the digest of an image could not be read; the next start tries again');
    }
  }
  if (found.length === 0) return 0;
  await database.write(async (trx) => {
    await raiseRevision(trx);
    for (const image of found) await saveRead(trx, image);
  });
  return found.length;
}

async function readImage(store: Deps['store'], recorded: RecordedImage): Promise<Buffer> {
  const image = await store.open(recorded);
  try {
    const blocks: Buffer[] = [];
    for await (const block of image.read({ start: 0, end: recorded.sizeBytes - 1 })) blocks.push(block);
    return Buffer.concat(blocks);
  } finally {
    await image.close();
  }
}
