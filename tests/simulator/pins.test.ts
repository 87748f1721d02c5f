// Simulated boards and their pins, against a real server: they take what their release key signed, say so, and follow the server to its
// backup key; what they do not take changes nothing.

import { expect, onTestFinished, test } from 'vitest';
import type { Configuration } from '#protocol/device/configuration.ts';
import { formatPin, type Pin, PinnedAgent } from '#protocol/pinned-https.ts';
import { findBackupKey } from '#server/home/backup-key.ts';
import { type Board, newBoard } from '#simulator/device/board.ts';
import { NO_CHANCES } from '#simulator/device/chances.ts';
import { DeviceClient } from '#simulator/device/client.ts';
import { takeConfiguration } from '#simulator/device/configuration.ts';
import { SimulatedDevice } from '#simulator/device/device.ts';
import { hashOnlySlot } from '#simulator/device/slot.ts';
import { Random } from '#simulator/random.ts';
import { Semaphore } from '#simulator/semaphore.ts';
import { runOtter } from '../support/otter-command.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { newKey, signPins } from '../support/signing.ts';

const [owner, thief] = [newKey(), newKey()];
const MAC = '02:07:e5:00:00:01';
const NOW_MS = Date.UTC(2026, 10, 30);
const [LIVE, NEXT] = [`spki:${'1'.repeat(64)}`, `spki:${'2'.repeat(64)}`];

function boardOf(pins: readonly string[]): Board {
  const made = { mac: MAC, product: 'default', chip: 'esp32', slotBytes: 2_000_000, labels: [], version: '1.0.0' };
  return newBoard({ ...made, releaseKeys: [owner.releaseKey], pins });
}

function deviceOf(server: TestServer, trusted: readonly [Pin, ...(readonly Pin[])]): SimulatedDevice {
  const agent = new PinnedAgent(trusted, { keepAlive: false });
  const { url, fleetToken } = server;
  const device = new SimulatedDevice({
    board: boardOf(trusted.map(formatPin)),
    client: new DeviceClient({ server: url, agent, fleetToken, semaphore: new Semaphore(1) }),
    slot: hashOnlySlot,
    random: new Random(1),
    chances: NO_CHANCES,
    pace: { pollIntervalS: 0.02, scale: 0.0005 },
    clock: () => server.clock.nowMs,
  });
  onTestFinished(async () => device.stop());
  return device;
}

test('a board follows the server to its backup key, as its build or a configuration says; erased, it knows its build alone', async () => {
  const server = await startTestServer();
  const backup = findBackupKey(server.home)?.pin ?? '';
  const device = deviceOf(server, [server.pin]);
  await server.admin('trustReleaseKey', { body: { public_key: owner.releaseKey.pem } });
  await device.poll();
  const body = signPins({ product: 'default', pins: [formatPin(server.pin), backup], sequence: 4 }, owner);
  await server.admin('configurePins', { body });
  await device.poll();
  expect(device.board.configuration).toEqual(body);
  await device.poll();
  const { products } = await server.admin('getPins', {});
  expect(products).toMatchObject([{ devices: 1, by_configuration: 1, lost: 0, refused: 0 }]);
  const home = ['--home', server.home, '--yes'];
  expect(await runOtter(server.home, ['cert', 'rotate', 'finish', '--strand', ...home])).toMatchObject({ exitCode: 0 });
  await server.stop();
  const moved = await startTestServer({ like: server, port: Number(server.url.port) });
  onTestFinished(async () => moved.end());
  expect(formatPin(moved.pin)).toBe(backup);
  expect(await device.poll()).toMatchObject({ kind: 'nothing' });
  expect(await deviceOf(moved, [server.pin, moved.pin]).poll()).toMatchObject({ kind: 'nothing' });
  device.loseMemory();
  expect(await device.poll()).toMatchObject({ kind: 'failed', error: { code: 'pin_mismatch' } });
});

test.each<readonly [string, Configuration]>([
  ['signature', signPins({ product: 'default', pins: [NEXT], sequence: 9 }, thief)],
  ['signature', { ...signPins({ product: 'default', pins: [LIVE], sequence: 9 }, owner), pins: [NEXT] }],
  ['product', signPins({ product: 'another', pins: [NEXT], sequence: 9 }, owner)],
  ['sequence', signPins({ product: 'default', pins: [NEXT], sequence: 7 }, owner)],
  ['expired', signPins({ product: 'default', pins: [NEXT], sequence: 9, expiresAt: '2026-11-29T00:00:00Z' }, owner)],
  ['configuration', { ...signPins({ product: 'default', pins: [NEXT], sequence: 9 }, owner), pins: ['spki:1'] }],
])('%s: a board does not take it, and says why', (refusedConfiguration, configuration) => {
  const good = signPins({ product: 'default', pins: [LIVE], sequence: 8 }, owner);
  const board = takeConfiguration(boardOf([LIVE]), good, NOW_MS);
  expect(board).toMatchObject({ configuration: good, refusedConfiguration: undefined });
  expect(takeConfiguration(board, configuration, NOW_MS)).toMatchObject({ configuration: good, refusedConfiguration });
});
