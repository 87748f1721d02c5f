// Puts one image of the size and into the store named on the command line, and prints the code of the error as JSON.

import { hash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { OtterError } from '#protocol/errors.ts';
import { openBlobStore } from '#server/storage/blob-store.ts';
import { openStoreFolders } from '#server/storage/store-folders.ts';

const [root = '', size = ''] = process.argv.slice(2);
const folders = await openStoreFolders(root);
const bytes = Buffer.alloc(Number(size), 1);
const outcome = await openBlobStore(folders)
  .put(bytes, hash('sha256', bytes))
  .catch((error: unknown) => (error instanceof OtterError ? error.code : String(error)));
const left = [...(await readdir(folders.incoming)), ...(await readdir(folders.blobs))];
process.stdout.write(JSON.stringify({ outcome, left: left.length }));
