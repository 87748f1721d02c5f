// Moves a received image with its manifest to its place, all or nothing: both files are made durable in the temporary
// folder, and one rename makes the folder visible. It cannot know whether the database says that the place is taken; the
// caller makes sure of that before, and writes the row after.

import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import type { Manifest } from '#protocol/device/manifest.ts';
import { makeFolderDurably, syncFolder, writeFileDurably } from './durable.ts';
import { type ImagePlace, MANIFEST_FILE, placeFolder } from './image-place.ts';
import type { ReceivedImage } from './receive-image.ts';
import { asStorageError, errorCode } from './storage-error.ts';

/**
 * Publishes at `<root>/<product>/<version>/<chip>`. Files that an earlier crash left there are replaced.
 * Throws `id_invalid`, `internal` when the manifest describes another image or place, `storage_full`, or the I/O error; the received
 * image is then still to be discarded, and the place holds what it held before, or nothing.
 */
export async function publishImage(
  root: string,
  received: ReceivedImage,
  place: ImagePlace,
  manifest: Manifest,
): Promise<void> {
  const target = placeFolder(root, place);
  requireMatch(received, place, manifest);
  const versionFolder = dirname(target);
  try {
    await writeFileDurably(join(received.folder, MANIFEST_FILE), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await syncFolder(received.folder);
    await makeFolderDurably(dirname(versionFolder));
    await makeFolderDurably(versionFolder);
    await moveInto(target, received.folder);
    await syncFolder(versionFolder);
  } catch (error) {
    throw asStorageError(error, versionFolder);
  }
}

/** A folder cannot be renamed over one with files: what an earlier crash left is moved out of sight first. */
async function moveInto(target: string, folder: string): Promise<void> {
  try {
    await rename(folder, target);
  } catch (error) {
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    const orphan = join(dirname(folder), `${basename(target)}-${randomUUID()}`);
    await rename(target, orphan);
    await rename(folder, target);
    await rm(orphan, { recursive: true, force: true });
  }
}

function requireMatch(received: ReceivedImage, place: ImagePlace, manifest: Manifest): void {
  const same =
    manifest.product === place.product &&
    manifest.version === place.version &&
    manifest.chip === place.chip &&
    manifest.size_bytes === received.sizeBytes &&
    manifest.sha256 === received.sha256;
  if (same) return;
  throw new OtterError(
    'internal',
    `The manifest of ${manifest.product} ${manifest.version} ${manifest.chip} (${manifest.sha256}) is not that of ${place.product} ${place.version} ${place.chip} (${received.sha256}).`,
    'This is a fault of the server: report it with the request id.',
  );
}
