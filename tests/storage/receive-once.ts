// Receives one image of the size and into the store named on the command line, and prints the code of the error as JSON.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { openDiskStore } from '#server/storage/disk-store.ts';

const [root = '', size = ''] = process.argv.slice(2);
const store = await openDiskStore(root);
const outcome = await store.receive(upload(Number(size)), { maxBytes: 1_000_000 }).then(
  () => 'received',
  (error: unknown) => (error instanceof OtterError ? error.code : String(error)),
);
process.stdout.write(JSON.stringify({ outcome, left: await readdir(join(root, '.incoming')) }));

async function* upload(sizeBytes: number): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(sizeBytes, 1);
}
