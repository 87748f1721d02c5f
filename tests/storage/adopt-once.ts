// A process to be killed: takes over the images of the old store named on its command line, and shows them. Their names and
// hashes come as JSON in its second argument.

import { adoptImages } from '#server/storage/adopt-images.ts';
import { type ShownImage, showImage } from '#server/storage/shown-images.ts';
import { openStoreFolders } from '#server/storage/store-folders.ts';

const [root = '', json = '[]'] = process.argv.slice(2);
const images: readonly ShownImage[] = JSON.parse(json);
const folders = await openStoreFolders(root);
process.stdout.write('under way\n');
await adoptImages(folders, images);
for (const image of images) await showImage(folders, image);
