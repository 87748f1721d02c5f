// Short sentences for tests that need firmware, rollouts and devices.

import type { Firmware } from '#protocol/admin/firmware.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { buildEspImage } from './esp-image-builder.ts';
import type { ServerClient } from './server/client.ts';

const CHIP_IDS = { esp32: 0x0000, esp32c3: 0x0005, esp32s3: 0x0009 } as const;
export type TestChip = keyof typeof CHIP_IDS;

/** MAC of device `index` of the test fleet. */
export function mac(index: number): string {
  const byte = (value: number): string => value.toString(16).padStart(2, '0');
  return `24:6f:28:00:${byte(Math.floor(index / 256))}:${byte(index % 256)}`;
}

/** A valid image whose bytes differ by version, so that digests tell builds apart. */
export function imageOf(version: string, chip: TestChip = 'esp32'): Buffer {
  return buildEspImage({ chipId: CHIP_IDS[chip], descriptor: { version }, marker: { product: 'default', version } });
}

/** Uploads a build and marks it ready for the pilot. */
export async function addFirmware(
  server: ServerClient,
  version: string,
  options: { readonly ready?: boolean; readonly chip?: TestChip } = {},
): Promise<Firmware> {
  const { firmware } = await server.admin('uploadFirmware', {
    query: { version, pilot_ready: options.ready === false ? 'false' : 'true' },
    body: imageOf(version, options.chip),
  });
  return firmware;
}

/** A rollout of this version taken to where it is wanted. */
export async function rollOut(
  server: ServerClient,
  version: string,
  until: 'draft' | 'pilot' | 'expand' | 'complete' = 'pilot',
): Promise<Rollout> {
  let rollout = await server.admin('createRollout', { body: { version } });
  const steps = {
    draft: [],
    pilot: ['startRollout'],
    expand: ['startRollout', 'promoteRollout'],
    complete: ['startRollout', 'promoteRollout', 'promoteRollout'],
  } as const;
  for (const step of steps[until]) rollout = await server.admin(step, { params: { name: rollout.name }, body: {} });
  return rollout;
}

/** Starts a rollout of a build that is ready, and ends it: its images are released from then on, so that the fleet token fetches them. */
export async function release(server: ServerClient, version: string, product = 'default'): Promise<void> {
  const { name } = await server.admin('createRollout', { body: { product, version } });
  for (const step of ['startRollout', 'abortRollout'] as const)
    await server.admin(step, { params: { name }, body: {} });
}

/** Devices that have checked in once on this version. */
export async function addDevices(server: ServerClient, count: number, version: string): Promise<readonly string[]> {
  const macs = Array.from({ length: count }, (_, index) => mac(index + 1));
  for (const device of macs) await server.checkIn(device, version);
  return macs;
}
