// What is left on disk when the process is killed, and when the disk is full. Both are real: SIGKILL, and a small tmpfs.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { Manifest } from '#protocol/device/manifest.ts';
import { newStore } from '../support/image-store.ts';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

test('a process killed at any moment of publishing leaves whole images with their manifests, or nothing', async () => {
  expect.hasAssertions();
  const { root } = await newStore();
  for (let round = 0; round < 6; round += 1) {
    const publisher = spawn(process.execPath, [script('publish-for-ever.ts'), root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(publisher.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, round * 3));
    publisher.kill('SIGKILL');
    await once(publisher, 'exit');
    for (const version of await readdir(join(root, 'thermostat'))) await expectWhole(join(root, 'thermostat', version));
  }
});

async function expectWhole(versionFolder: string): Promise<void> {
  for (const chip of await readdir(versionFolder)) {
    const bytes = await readFile(join(versionFolder, chip, 'image.bin'));
    const manifest = Value.Parse(
      Manifest,
      JSON.parse(await readFile(join(versionFolder, chip, 'manifest.json'), 'utf8')),
    );
    expect(manifest).toMatchObject({ chip, size_bytes: bytes.length, sha256: hash('sha256', bytes) });
  }
}

const MOUNT = 'mount -t tmpfs -o size=400k none "$0"';
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, '/tmp']).status === 0;

test.skipIf(!canMount)(
  'a full disk is storage_full and keeps nothing (skipped: no right to mount a tmpfs)',
  async () => {
    const { root } = await newStore();
    const receive = (sizeBytes: number): unknown => {
      const command = `${MOUNT} && exec "$@"`;
      const node = [process.execPath, script('receive-once.ts'), root, String(sizeBytes)];
      const { stdout } = spawnSync('unshare', ['-rm', 'sh', '-c', command, root, ...node], { encoding: 'utf8' });
      return JSON.parse(stdout);
    };
    expect(receive(900_000)).toEqual({ outcome: 'storage_full', left: [] });
    expect(receive(100_000)).toMatchObject({ outcome: 'received' });
  },
);
