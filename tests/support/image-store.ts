// A store in a new folder, and images in it, for tests of everything that reads or writes images.

import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { type Manifest, MANIFEST_FORMAT } from '#protocol/device/manifest.ts';
import { type DiskStore, openDiskStore } from '#server/storage/disk-store.ts';
import type { ImagePlace } from '#server/storage/image-place.ts';
import type { ReceivedImage } from '#server/storage/receive-image.ts';

export const PLACE: ImagePlace = { product: 'thermostat', version: '1.4.0', chip: 'esp32s3' };

export type TestStore = { readonly root: string; readonly store: DiskStore };

/** A store in a folder that is removed after the test. */
export async function newStore(): Promise<TestStore> {
  const root = await mkdtemp(join(tmpdir(), 'otter-store-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return { root, store: await openDiskStore(root) };
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

/** Receives and publishes in one go. */
export async function publishBytes(
  store: DiskStore,
  bytes: Uint8Array,
  place: ImagePlace = PLACE,
): Promise<ReceivedImage> {
  const received = await store.receive(inPieces(bytes), { maxBytes: MAX_IMAGE_BYTES });
  await store.publish(received, place, manifestOf(bytes, place));
  return received;
}
