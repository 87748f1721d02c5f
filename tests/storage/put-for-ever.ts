// A process to be killed: puts image after image into the store named on its command line, and the same ones again.

import { hash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { openBlobStore } from '#server/storage/blob-store.ts';
import { openStoreFolders } from '#server/storage/store-folders.ts';

const [root = ''] = process.argv.slice(2);
const folders = await openStoreFolders(root);
const store = openBlobStore(folders);
for (let round = 0; ; round += 1) {
  const bytes = Buffer.alloc(100_000, `image ${round % 7}`);
  const sha256 = hash('sha256', bytes);
  await store.put(bytes, sha256);
  if (round % 7 === 6) for (const stored of await readdir(folders.blobs)) await store.delete(stored);
  if (round === 5) process.stdout.write('under way\n');
}
