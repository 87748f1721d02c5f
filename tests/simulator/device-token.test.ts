// A simulated board and its tokens, against a server that says whatever the test wants.

import { afterEach, describe, expect, test } from 'vitest';
import { PinnedAgent } from '#protocol/pinned-https.ts';
import { newBoard } from '#simulator/device/board.ts';
import { NO_CHANCES } from '#simulator/device/chances.ts';
import { DeviceClient } from '#simulator/device/client.ts';
import { SimulatedDevice } from '#simulator/device/device.ts';
import type { Habits } from '#simulator/device/life.ts';
import { hashOnlySlot } from '#simulator/device/slot.ts';
import { Random } from '#simulator/random.ts';
import { Semaphore } from '#simulator/semaphore.ts';
import {
  FLEET_TOKEN,
  NOTHING_NEW,
  offerOf,
  type Refusal,
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from './scripted-server.ts';

const IMAGE = Buffer.from(Array.from({ length: 30_000 }, (_, index) => (index * 31) % 251));
const MAC = '02:07:00:00:00:01';
const CHECK = '/api/v1/check-update';
const ENROL = '/api/v1/enrol';
const HOUR_MS = 3_600_000;

let nowMs = Date.UTC(2026, 10, 30, 12);
const open: { close: () => Promise<void> }[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource.close();
});

async function serve(script: Partial<Script> = {}): Promise<ScriptedServer> {
  const server = await startScriptedServer({
    image: IMAGE,
    checkIn: () => NOTHING_NEW,
    enrol: () => 'accepted',
    ...script,
  });
  open.push(server);
  return server;
}

function makeDevice(server: ScriptedServer, habits: Habits = {}, mac = MAC): SimulatedDevice {
  const made = { mac, product: 'thermostat', chip: 'esp32', slotBytes: 2_000_000, labels: [], version: '1.0.0' };
  const agent = new PinnedAgent(server.pin, { keepAlive: false });
  const device = new SimulatedDevice({
    board: newBoard(made),
    client: new DeviceClient({ server: server.url, agent, fleetToken: FLEET_TOKEN, semaphore: new Semaphore(4) }),
    slot: hashOnlySlot,
    random: new Random(1),
    chances: NO_CHANCES,
    habits,
    pace: { pollIntervalS: 0.02, scale: 0.0005 },
    clock: () => nowMs,
  });
  open.push({ close: () => device.stop() });
  return device;
}

/** `f`: with the fleet token, `o`: with another. */
const tokensOf = ({ requests }: ScriptedServer, at: string): string =>
  requests.map(({ path, token }) => (path !== at ? '' : token === FLEET_TOKEN ? 'f' : 'o')).join('');

describe('a simulated board', () => {
  test('enrols by itself, and uses its token for checks, reports and downloads', async () => {
    const server = await serve({
      checkIn: ({ current_version }) => (current_version === '1.0.0' ? offerOf(IMAGE) : NOTHING_NEW),
    });
    const device = makeDevice(server);
    expect(await device.poll()).toMatchObject({ kind: 'installed' });
    expect(server.enrolments).toEqual([{ mac: MAC, token: expect.stringMatching(/^otd_[\w-]{43}$/) }]);
    const [first, ...others] = server.requests;
    expect(first).toEqual({ path: ENROL, token: FLEET_TOKEN });
    expect(new Set(others.map(({ token }) => token))).toEqual(new Set([server.enrolments[0]?.token]));
    expect(server.downloads).toHaveLength(1);
  });

  test('has the token of the run before, and no two boards or fleets have one token', async () => {
    const server = await serve();
    await makeDevice(server).poll();
    await makeDevice(server).poll();
    await makeDevice(server, {}, '02:07:00:00:00:02').poll();
    const [first, again, other] = server.enrolments.map(({ token }) => token);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(tokensOf(server, CHECK)).toBe('ooo');
  });

  test('with an old client goes on with the fleet token', async () => {
    const server = await serve();
    const device = makeDevice(server, { neverEnrols: true });
    for (let poll = 0; poll < 3; poll += 1) await device.poll();
    expect(server.enrolments).toEqual([]);
    expect(tokensOf(server, CHECK)).toBe('fff');
  });

  test('waits for a person, and asks once an hour with the same token', async () => {
    const server = await serve({ enrol: (_asked, index) => (index < 2 ? 'pending' : 'accepted') });
    const device = makeDevice(server);
    for (let poll = 0; poll < 5; poll += 1) await device.poll();
    nowMs += HOUR_MS;
    for (let poll = 0; poll < 5; poll += 1) await device.poll();
    nowMs += HOUR_MS;
    await device.poll();
    expect(server.enrolments).toHaveLength(3);
    expect(new Set(server.enrolments.map(({ token }) => token)).size).toBe(1);
    expect(tokensOf(server, CHECK)).toBe('ffffffffffo');
  });

  test.each<readonly [string, Refusal]>([
    ['an old server', { status: 404, code: 'not_found' }],
    ['a server that wants no new boards', { status: 429, code: 'too_many_boards' }],
    ['a server in trouble', { status: 500, code: 'internal' }],
    ['a token that may not', { status: 403, code: 'wrong_scope' }],
  ])('goes on as before with %s', async (_name, refusal) => {
    const server = await serve({ enrol: () => refusal });
    const device = makeDevice(server);
    for (let poll = 0; poll < 3; poll += 1)
      expect(await device.poll()).toMatchObject({ kind: 'nothing', reason: 'up_to_date' });
    expect(server.enrolments).toHaveLength(1);
    expect(tokensOf(server, CHECK)).toBe('fff');
  });

  test.each<Refusal>([
    { status: 401, code: 'token_invalid' },
    { status: 401, code: 'token_revoked' },
    { status: 403, code: 'other_board' },
    { status: 500, code: 'internal' },
  ])('is heard in the same check where its token gets $status $code', async (refusal) => {
    const server = await serve({
      refuse: ({ path, token }) => (path === CHECK && token !== FLEET_TOKEN ? refusal : undefined),
    });
    const device = makeDevice(server);
    expect(await device.poll()).toMatchObject({ kind: 'nothing', reason: 'up_to_date' });
    expect(tokensOf(server, CHECK)).toBe('of');
    nowMs += HOUR_MS;
    await device.poll();
    const tokens = new Set(server.enrolments.map(({ token }) => token));
    expect(server.enrolments).toHaveLength(refusal.status === 500 ? 1 : 2);
    expect(tokens.size).toBe(refusal.code === 'other_board' ? 2 : 1);
  });

  test('obeys a server that has no time', async () => {
    const server = await serve({
      refuse: ({ path }) => (path === CHECK ? { status: 503, code: 'busy' } : undefined),
    });
    expect(await makeDevice(server).poll()).toMatchObject({ kind: 'failed' });
    expect(tokensOf(server, CHECK)).toBe('o');
  });

  test('that lost its memory asks with another token', async () => {
    const server = await serve();
    const device = makeDevice(server);
    await device.poll();
    device.loseMemory();
    await device.poll();
    expect(new Set(server.enrolments.map(({ token }) => token)).size).toBe(2);
  });

  test('drops a report that is not its own any more', async () => {
    const server = await serve({
      enrol: () => 'pending',
      checkIn: ({ current_version }) => (current_version === '1.0.0' ? offerOf(IMAGE) : NOTHING_NEW),
      refuse: ({ path }) => (path === '/api/v1/report-status' ? { status: 403, code: 'not_this_board' } : undefined),
    });
    const device = makeDevice(server);
    expect(await device.poll()).toMatchObject({ kind: 'installed' });
    expect(device.unsentReports).toEqual([]);
  });
});
