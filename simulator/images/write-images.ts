// `npx otter dev images 1.0.0 1.1.0`: a file to upload for each version, for people who have no build of their own at hand.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { exampleImage } from './example-image.ts';

const FOLDER = path.join('data', 'images');

const versions = process.argv.slice(2);
if (versions.length === 0) {
  process.stderr.write('usage: otter dev images VERSION...\n');
  process.exitCode = 2;
}
await mkdir(FOLDER, { recursive: true });
for (const version of versions) {
  const file = path.join(FOLDER, `${version}.bin`);
  await writeFile(file, await exampleImage({ product: DEFAULT_PRODUCT, version }));
  process.stdout.write(`${file}\n`);
}
