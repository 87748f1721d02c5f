// A process to be killed: publishes image after image into the store named on its command line, and over its own orphans.

import { hash } from 'node:crypto';
import { MANIFEST_FORMAT } from '#protocol/device/manifest.ts';
import { openDiskStore } from '#server/storage/disk-store.ts';

const [root = ''] = process.argv.slice(2);
const store = await openDiskStore(root);
for (let round = 0; ; round += 1) {
  const bytes = Buffer.alloc(100_000, `image ${round}`);
  const place = { product: 'thermostat', version: `1.0.${round % 5}`, chip: 'esp32' };
  const received = await store.receive(piece(bytes), { maxBytes: bytes.length });
  await store.publish(received, place, {
    format: MANIFEST_FORMAT,
    ...place,
    size_bytes: bytes.length,
    sha256: hash('sha256', bytes),
    security_version: 0,
    created_at: '2026-11-23T10:00:00Z',
    release_notes: '',
  });
  if (round === 5) process.stdout.write('under way\n');
}

async function* piece(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
