// A store in a new folder, and images in it, for tests of everything that reads or writes images.

import { hash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { type Manifest, MANIFEST_FORMAT } from '#protocol/device/manifest.ts';
import { type BlobStore, openBlobStore } from '#server/storage/blob-store.ts';
import type { ImagePlace } from '#server/storage/image-place.ts';
import { receiveImage } from '#server/storage/receive-image.ts';
import type { ShownImage } from '#server/storage/shown-images.ts';
import { openStoreFolders, type StoreFolders } from '#server/storage/store-folders.ts';
import type { RecordedImage } from '#server/storage/stored-image.ts';

export const PLACE: ImagePlace = { product: 'thermostat', version: '1.4.0', chip: 'esp32s3' };

export type TestStore = { readonly root: string; readonly store: BlobStore; readonly folders: StoreFolders };

/** A store in a folder that is removed after the test. */
export async function newStore(): Promise<TestStore> {
  const root = await mkdtemp(join(tmpdir(), 'otter-store-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const folders = await openStoreFolders(root);
  return { root, store: openBlobStore(folders), folders };
}

/** The bytes as a request body brings them. */
export async function* inPieces(bytes: Uint8Array, pieceBytes = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export function manifestOf(bytes: Uint8Array, place: ImagePlace = PLACE): Manifest {
  return {
    format: MANIFEST_FORMAT,
    ...place,
    size_bytes: bytes.length,
    sha256: hash('sha256', bytes),
    security_version: 0,
    created_at: '2026-11-23T10:00:00Z',
    release_notes: '',
  };
}

export function shownOf(bytes: Uint8Array, place: ImagePlace = PLACE): ShownImage {
  return { place, sha256: hash('sha256', bytes), sizeBytes: bytes.length, manifest: manifestOf(bytes, place) };
}

/** Receives and puts in one go; resolves with what the database would record. */
export async function putBytes(store: BlobStore, bytes: Uint8Array): Promise<RecordedImage> {
  const { sha256, sizeBytes, blockSha256 } = await receiveImage(inPieces(bytes), { maxBytes: MAX_IMAGE_BYTES });
  await store.put(bytes, sha256);
  return { name: 'thermostat 1.4.0 for esp32s3', sha256, sizeBytes, blockSha256 };
}

/** Lays an image where version 0.1 kept it; resolves with its path. */
export async function layOldImage(root: string, bytes: Uint8Array, place: ImagePlace = PLACE): Promise<string> {
  const folder = join(root, place.product, place.version, place.chip);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'image.bin'), bytes);
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifestOf(bytes, place), undefined, 2)}\n`);
  return join(folder, 'image.bin');
}
