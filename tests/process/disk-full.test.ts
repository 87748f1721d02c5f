// A full disk: what is new is refused with 507, what is there is still served, nothing is half there, and with room again
// everything goes on. The disk is a real one, a small tmpfs in a mount namespace of the server's own, which goes with it.

import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { addDevices, addFirmware, imageOf, mac, rollOut } from '../support/fleet.ts';
import { newHome, type ServerProcess, startServerProcess } from '../support/server/process.ts';
import { largeImage } from './support/large-image.ts';
import { untilReadyz } from './support/readyz.ts';

const MOUNT = 'mount -t tmpfs -o size=4m none "$0"';
const CAN_MOUNT = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, '/tmp']).status === 0;
const SKIPPED = CAN_MOUNT ? '' : ' (skipped: no right to mount a tmpfs)';

test.skipIf(!CAN_MOUNT)(`a full disk of images refuses uploads and serves what it has${SKIPPED}`, async () => {
  const { server, disk } = await startOnSmallDisk((folder) => ({ OTTER_STORAGE_ROOT: folder }));
  const [device = ''] = await addDevices(server, 1, '1.0.0');
  await addFirmware(server, '1.1.0');
  await rollOut(server, '1.1.0', 'expand');
  disk.fillUp({ leaveBytes: 0 });
  await untilReadyz(server, 507, 'storage_full');
  disk.free();
  await untilReadyz(server, 200);
  disk.fillUp({ leaveBytes: 100_000 });
  const body = largeImage('1.2.0', 400_000);
  const { status, body: refusal } = await server.tryAdmin('uploadFirmware', { body });
  expect(status).toBe(507);
  expect(refusal).toMatchObject({ error: { code: 'storage_full', hint: expect.stringContaining('Free some space') } });
  expect(await server.tryAdmin('getFirmware', { params: { version: '1.2.0' } })).toMatchObject({ status: 404 });
  const kept = hash('sha256', imageOf('1.1.0'));
  const stored = ['.blobs', `.blobs/${kept}`, '.incoming', '.lock', 'ballast', 'default', 'default/1.1.0'];
  expect(disk.list()).toEqual(stored);
  await expectServed(server, device);
  disk.free();
  expect(await server.admin('uploadFirmware', { body })).toMatchObject({ already_there: false });
  expect(await server.stop()).toMatchObject({ code: 0 });
});

test.skipIf(!CAN_MOUNT)(`a full disk of the database refuses what it cannot keep${SKIPPED}`, async () => {
  const { server, disk } = await startOnSmallDisk((folder) => ({ OTTER_DATABASE: `sqlite:${folder}/otter.db` }));
  const [device = ''] = await addDevices(server, 1, '1.0.0');
  await addFirmware(server, '1.1.0');
  await rollOut(server, '1.1.0', 'expand');
  const { assignment_id } = await server.checkIn(device, '1.0.0');
  disk.fillUp({ leaveBytes: 0 });
  const registered = await registerUntilRefused(server);
  const report = { mac: device, assignment_id, sequence: 1, status: 'downloading' };
  expect(await server.device('report-status', report)).toMatchObject({
    status: 507,
    body: { error: { code: 'storage_full' } },
  });
  expect(await server.tryAdmin('uploadFirmware', { body: imageOf('1.2.0') })).toMatchObject({ status: 507 });
  await expectServed(server, device);
  await untilReadyz(server, 507, 'storage_full');
  disk.free();
  await untilReadyz(server, 200);
  expect(await server.device('report-status', report)).toMatchObject({ status: 200, body: { duplicate: false } });
  expect(await server.admin('uploadFirmware', { body: imageOf('1.2.0') })).toMatchObject({ already_there: false });
  const { devices } = await server.admin('getStatus');
  // One more where a registration was kept and could not be answered.
  expect(devices.total - 1 - registered).toBeLessThanOrEqual(1);
  expect(devices.total - 1 - registered).toBeGreaterThanOrEqual(0);
  expect(disk.checkCopy(server.home)).toBe('ok');
  expect(await server.stop()).toMatchObject({ code: 0 });
});

/** A known device is offered the image that is there, and gets it whole. */
async function expectServed(server: ServerProcess, device: string): Promise<void> {
  const offer = await server.checkIn(device, '1.0.0');
  expect(offer).toMatchObject({ update_available: true, manifest: { version: '1.1.0' } });
  const { status, body } = await server.fetch('GET', offer.url ?? '', { token: server.fleetToken });
  expect(status).toBe(200);
  expect(body.equals(imageOf('1.1.0'))).toBe(true);
  expect(await server.json('GET', '/healthz')).toMatchObject({ status: 200 });
}

/** Checks in new devices until there is no room for the next; resolves with how many were taken. */
async function registerUntilRefused(server: ServerProcess): Promise<number> {
  for (let count = 0; count < 5_000; count += 1) {
    const { status, body } = await server.device('check-update', { mac: mac(1_000 + count), current_version: '9.0.0' });
    if (status === 200) continue;
    expect({ status, body }).toMatchObject({ status: 507, body: { error: { code: 'storage_full' } } });
    return count;
  }
  throw new Error('the disk never got full');
}

class SmallDisk {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes until nothing fits any more, then gives back `leaveBytes`. */
  fillUp({ leaveBytes }: { readonly leaveBytes: number }): void {
    const reserve = join(this.#folder, 'reserve');
    if (leaveBytes > 0) appendFileSync(reserve, Buffer.alloc(leaveBytes));
    const fits = (): boolean => statfsSync(this.#folder).bavail > 0;
    while (fits()) appendFileSync(join(this.#folder, 'ballast'), Buffer.alloc(4_096));
    rmSync(reserve, { force: true });
  }

  free(): void {
    rmSync(join(this.#folder, 'ballast'));
  }

  /** Files and folders down to those of versions. */
  list(): readonly string[] {
    const depth = (name: string): number => name.split('/').length;
    return readdirSync(this.#folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.startsWith('.incoming') || depth(name) <= 2)
      .toSorted();
  }

  /** Of a copy: SQLite would look for the file outside of the namespace. */
  checkCopy(folder: string): unknown {
    const copy = join(folder, 'copy.db');
    for (const end of ['', '-wal']) copyFileSync(join(this.#folder, `otter.db${end}`), copy + end);
    const database = new DatabaseSync(copy);
    try {
      return database.prepare('pragma integrity_check').get()?.['integrity_check'];
    } finally {
      database.close();
    }
  }
}

async function startOnSmallDisk(
  env: (folder: string) => Readonly<Record<string, string>>,
): Promise<{ readonly server: ServerProcess; readonly disk: SmallDisk }> {
  const home = await newHome();
  const folder = join(home, 'small');
  mkdirSync(folder);
  const server = await startServerProcess(home, {
    env: env(folder),
    through: ['unshare', '-rm', 'sh', '-c', `${MOUNT} && exec "$@"`, folder],
  });
  // What the server sees at this path, seen from outside of its namespace.
  return { server, disk: new SmallDisk(`/proc/${server.process.child.pid}/root${folder}`) };
}
