// A simulated fleet against a real server, twice: its boards have tokens of their own, and nobody takes the second run for thieves.
// Then the thief: somebody with the fleet token alone, beside a board that is let in.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newBoard } from '#simulator/device/board.ts';
import { NO_CHANCES } from '#simulator/device/chances.ts';
import { DeviceClient } from '#simulator/device/client.ts';
import { SimulatedDevice } from '#simulator/device/device.ts';
import type { Habits } from '#simulator/device/life.ts';
import { hashOnlySlot } from '#simulator/device/slot.ts';
import { fleetMacs } from '#simulator/macs.ts';
import { Random } from '#simulator/random.ts';
import { Semaphore } from '#simulator/semaphore.ts';
import { simulate } from '#simulator/simulate.ts';
import { DIALECTS } from '../support/scope.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

const HOUR_MS = 3_600_000;
const DEVICES = 12;
const SEED = 30;

describe.each(DIALECTS)('simulated boards and a real server on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  afterAll(async () => server.end());

  const device = (mac: string, habits: Habits = {}): SimulatedDevice =>
    new SimulatedDevice({
      board: newBoard({ mac, product: 'kettle', chip: 'esp32', slotBytes: 2_000_000, labels: [], version: '1.0.0' }),
      client: new DeviceClient({
        server: server.url,
        agent: server.agent,
        fleetToken: server.fleetToken,
        semaphore: new Semaphore(4),
      }),
      slot: hashOnlySlot,
      random: new Random(1),
      chances: NO_CHANCES,
      habits,
      pace: { pollIntervalS: 0.1, scale: 0.001 },
      clock: () => server.clock.nowMs,
    });

  const identity = async (mac: string) => (await server.admin('getDevice', { params: { device: mac } })).identity;

  test('a fleet that is simulated again is the fleet of before', async () => {
    for (let run = 0; run < 2; run += 1) {
      const enough = new AbortController();
      const last = await simulate({
        server: server.url,
        pin: server.pin,
        fleetToken: server.fleetToken,
        devices: DEVICES,
        product: 'thermostat',
        version: '1.0.0',
        chip: 'esp32',
        failTrial: 0,
        silent: 0,
        slow: 0,
        brokenDownload: 0,
        lostReport: 0,
        oldClient: 0.3,
        labels: [],
        seed: SEED,
        pollIntervalS: 0.2,
        durationS: 300,
        onProgress: ({ polls }) => {
          if (polls > DEVICES * 3) enough.abort();
        },
        signal: enough.signal,
      });
      expect(last).toMatchObject({ errors: 0, lastError: undefined });
    }
    const found = await Promise.all(fleetMacs(SEED, DEVICES).map(identity));
    const accepted = found.filter(({ token }) => token === 'accepted');
    expect(accepted.length).toBeGreaterThan(0);
    expect(accepted.length).toBeLessThan(DEVICES);
    for (const each of found) expect(each).toMatchObject({ claimed_twice_at: null, pending: [] });
    for (const each of accepted) expect(each.spoke_last).toBe('device_token');
  });

  test('a board that lost its memory waits for a person, then goes on', async () => {
    const mac = '02:07:00:00:0b:01';
    const board = device(mac);
    await board.poll();
    await board.poll();
    board.loseMemory();
    expect(await board.poll()).toMatchObject({ kind: 'nothing' });
    expect((await identity(mac)).pending).toHaveLength(1);
    await server.admin('acceptEnrolment', { params: { device: mac } });
    server.clock.nowMs += HOUR_MS;
    await board.poll();
    expect(await identity(mac)).toMatchObject({ token: 'accepted', pending: [], spoke_last: 'device_token' });
  });

  test('a thief with the fleet token plays no board that has its own for a week', async () => {
    const mac = '02:07:00:00:0b:02';
    const board = device(mac);
    await board.poll();
    server.clock.nowMs += 7 * 24 * HOUR_MS;
    const thief = device(mac, { neverEnrols: true });
    expect(await thief.poll()).toMatchObject({ kind: 'nothing', reason: 'claimed_twice' });
    expect(await board.poll()).toMatchObject({ kind: 'nothing', reason: 'nothing_to_offer' });
    expect((await identity(mac)).claimed_twice_at).not.toBeNull();
  });
});
