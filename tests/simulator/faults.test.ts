import { afterEach, describe, expect, test } from 'vitest';
import type { CheckUpdateRequest, InstallWindow } from '#protocol/device/api.ts';
import { PinnedAgent } from '#protocol/pinned-https.ts';
import { type Board, newBoard } from '#simulator/device/board.ts';
import { DeviceClient } from '#simulator/device/client.ts';
import type { Habits } from '#simulator/device/life.ts';
import { SimulatedDevice } from '#simulator/device/device.ts';
import { type BuildFault, drawFault, FAULT_NAMES, heapLeft } from '#simulator/device/faults.ts';
import { NO_CHANCES } from '#simulator/device/chances.ts';
import { Random } from '#simulator/random.ts';
import { habitsOf } from '#simulator/simulate.ts';
import { hashOnlySlot } from '#simulator/device/slot.ts';
import { Semaphore } from '#simulator/semaphore.ts';
import { FLEET_TOKEN, NOTHING_NEW, offerOf, type ScriptedServer, startScriptedServer } from './scripted-server.ts';

const IMAGE = Buffer.alloc(2_000, 7);
const MINUTE_MS = 60_000;
const NOON_MS = Date.parse('2026-11-23T12:00:00Z');

let server: ScriptedServer | undefined;
let device: SimulatedDevice | undefined;
let nowMs = NOON_MS;

afterEach(async () => {
  await device?.stop();
  await server?.close();
});

/** A board on 1.0.0 at a server that offers 1.1.0 to it whenever it runs 1.0.0; the clock of the board is `nowMs`. */
async function start(change: {
  readonly faults?: readonly BuildFault[];
  readonly habits?: Habits;
  readonly board?: Partial<Board>;
  readonly window?: InstallWindow;
  readonly assignment?: () => number;
}): Promise<{ readonly device: SimulatedDevice; readonly server: ScriptedServer }> {
  nowMs = NOON_MS;
  server = await startScriptedServer({
    image: IMAGE,
    checkIn: (body) =>
      body.current_version === '1.0.0'
        ? { ...offerOf(IMAGE), install_window: change.window, assignment_id: change.assignment?.() ?? 7 }
        : NOTHING_NEW,
  });
  const made = { mac: '02:07:00:00:00:01', product: 'thermostat', chip: 'esp32', slotBytes: 2_000_000, labels: [] };
  device = new SimulatedDevice({
    board: { ...newBoard({ ...made, version: '1.0.0' }), ...change.board },
    client: new DeviceClient({
      server: server.url,
      agent: new PinnedAgent(server.pin, { keepAlive: false }),
      fleetToken: FLEET_TOKEN,
      semaphore: new Semaphore(4),
    }),
    slot: hashOnlySlot,
    random: new Random(1),
    chances: NO_CHANCES,
    faults: change.faults ?? [],
    habits: change.habits ?? {},
    pace: { pollIntervalS: 0.02, scale: 0.0005 },
    clock: () => nowMs,
  });
  return { device, server };
}

const bad = (kind: BuildFault['kind'], delayMs?: number): { readonly faults: readonly BuildFault[] } => ({
  faults: [delayMs === undefined ? { kind, share: 1 } : { kind, share: 1, delayMs }],
});
const statuses = (): readonly (string | undefined)[] =>
  (server?.reports ?? []).map(({ status, error_code }) => error_code ?? status);
const lastCheckIn = (): CheckUpdateRequest | undefined => server?.checkIns.at(-1);

/** Lets so much time pass on the board, then polls. */
async function pollAfter(waitMs: number): Promise<unknown> {
  nowMs += waitMs;
  return device?.poll();
}

describe('a build that fails on trial', () => {
  test('fails_trial: says why', async () => {
    await start(bad('fails_trial'));
    expect(await device?.poll()).toMatchObject({ kind: 'rolled_back' });
    expect(server?.reports.at(-1)).toMatchObject({ status: 'rolled_back' });
  });

  test('hangs_on_trial: asks nothing until its watchdog comes, then says watchdog', async () => {
    await start(bad('hangs_on_trial'));
    expect(await device?.poll()).toEqual({ kind: 'hanging', waitMs: 5 * MINUTE_MS });
    const asked = server?.checkIns.length;
    expect(await pollAfter(2 * MINUTE_MS)).toEqual({ kind: 'hanging', waitMs: 3 * MINUTE_MS });
    expect(server?.checkIns).toHaveLength(asked ?? -1);
    expect(statuses()).toEqual(['downloading', 'downloaded', 'installing']);
    expect(await pollAfter(3 * MINUTE_MS)).toMatchObject({ kind: 'rolled_back', code: 'watchdog' });
    expect(statuses().at(-1)).toBe('watchdog');
    expect(await pollAfter(MINUTE_MS)).toMatchObject({ kind: 'rejected', code: 'known_bad' });
    expect(lastCheckIn()?.boot).toMatchObject({ reason: 'task_watchdog', rolled_back_from: '1.1.0', uptime_s: 60 });
  });

  test('bricks: is not heard of after installing', async () => {
    await start(bad('bricks'));
    expect(await device?.poll()).toEqual({ kind: 'silent' });
    const asked = server?.checkIns.length;
    expect(await pollAfter(MINUTE_MS)).toEqual({ kind: 'silent' });
    expect(server?.checkIns).toHaveLength(asked ?? -1);
    expect(statuses()).toEqual(['downloading', 'downloaded', 'installing']);
  });

  test('goes_back: only its check-ins say so, and it takes the build again', async () => {
    await start(bad('goes_back'));
    expect(await device?.poll()).toMatchObject({ kind: 'rolled_back' });
    expect(await pollAfter(MINUTE_MS)).toMatchObject({ kind: 'rolled_back' });
    expect(lastCheckIn()).toMatchObject({
      current_version: '1.0.0',
      boot: { state: 'confirmed', reason: 'panic', rolled_back_from: '1.1.0' },
    });
    expect(statuses()).not.toContain('rolled_back');
    expect(server?.downloads).toHaveLength(2);
  });

  test('goes_back_silently: nothing says so', async () => {
    await start(bad('goes_back_silently'));
    await device?.poll();
    await pollAfter(MINUTE_MS);
    expect(lastCheckIn()).toMatchObject({ current_version: '1.0.0', boot: { state: 'confirmed' } });
    expect(lastCheckIn()?.boot?.rolled_back_from).toBeUndefined();
    expect(new Set(statuses())).toEqual(new Set(['downloading', 'downloaded', 'installing']));
  });
});

describe('a build that confirms first', () => {
  test.each(['goes_back', 'goes_back_silently'] as const)('%s after its delay', async (kind) => {
    await start(bad(kind, 10 * MINUTE_MS));
    expect(await device?.poll()).toMatchObject({ kind: 'installed' });
    await pollAfter(9 * MINUTE_MS);
    expect(lastCheckIn()).toMatchObject({ current_version: '1.1.0', boot: { state: 'confirmed' } });
    await pollAfter(MINUTE_MS);
    expect(server?.checkIns.at(-2)?.current_version).toBe('1.0.0');
    expect(statuses()).not.toContain('rolled_back');
  });

  test('dies after its delay', async () => {
    await start(bad('dies', 10 * MINUTE_MS));
    await device?.poll();
    expect(await pollAfter(9 * MINUTE_MS)).toMatchObject({ kind: 'nothing' });
    expect(await pollAfter(MINUTE_MS)).toEqual({ kind: 'silent' });
    expect(statuses().at(-1)).toBe('confirmed');
  });

  test.each([false, true])(
    'crash_loops, and every check-in comes from a fresh start (hides uptime: %s)',
    async (hides) => {
      await start({ ...bad('crash_loops', MINUTE_MS), habits: { hidesUptime: hides } });
      await device?.poll();
      await pollAfter(30_000);
      expect(lastCheckIn()?.boot).toMatchObject({ reason: 'software' });
      for (let polls = 0; polls < 3; polls += 1) {
        await pollAfter(40_000);
        expect(lastCheckIn()).toMatchObject({
          current_version: '1.1.0',
          boot: { state: 'confirmed', reason: 'panic' },
        });
        if (hides) expect(lastCheckIn()?.boot).not.toHaveProperty('uptime_s');
        else expect(lastCheckIn()?.boot?.uptime_s).toBeLessThanOrEqual(20);
      }
    },
  );

  test('leaks_heap down to a quarter', async () => {
    await start(bad('leaks_heap', 60 * MINUTE_MS));
    await device?.poll();
    const before = Number(server?.checkIns[0]?.free_heap_bytes);
    await pollAfter(30 * MINUTE_MS);
    expect(Number(lastCheckIn()?.free_heap_bytes) / before).toBeCloseTo(0.625, 1);
    await pollAfter(90 * MINUTE_MS);
    expect(Number(lastCheckIn()?.free_heap_bytes) / before).toBeCloseTo(0.25, 1);
    expect(Number(lastCheckIn()?.largest_block_bytes)).toBeLessThan(Number(lastCheckIn()?.free_heap_bytes));
    expect([heapLeft(0, 0), heapLeft(-5, 10), heapLeft(0, 10), heapLeft(10, 10)]).toEqual([0.25, 1, 1, 0.25]);
  });
});

describe('which boards a build is bad on', () => {
  const boards = Array.from({ length: 4_000 }, (_, index) => new Random(7).fork(`board ${index}`));
  const offer = { version: '1.1.0', rollback: false };
  const kinds = (faults: readonly BuildFault[], of = offer): readonly (string | undefined)[] =>
    boards.map((random) => drawFault(faults, of, random)?.kind);
  const count = (found: readonly unknown[], kind: unknown): number => found.filter((one) => one === kind).length;

  test('is the share that was asked for, the same ones each time, and others for another build', () => {
    const faults: readonly BuildFault[] = [{ kind: 'dies', share: 0.2 }];
    expect(count(kinds(faults), 'dies') / boards.length).toBeCloseTo(0.2, 1);
    expect(kinds(faults)).toEqual(kinds(faults));
    expect(kinds(faults)).not.toEqual(kinds(faults, { version: '1.2.0', rollback: false }));
  });

  test('lies side by side for several faults, up to all boards', () => {
    const found = kinds(FAULT_NAMES.map((kind) => ({ kind, share: 1 / FAULT_NAMES.length })));
    for (const kind of FAULT_NAMES) expect(count(found, kind) / boards.length).toBeCloseTo(1 / FAULT_NAMES.length, 1);
    expect(count(found, undefined)).toBeLessThan(5);
  });

  test('leaves rollbacks alone, unless the build is named', () => {
    const back = { version: '1.0.0', rollback: true };
    expect(count(kinds([{ kind: 'dies', share: 1 }], back), 'dies')).toBe(0);
    expect(count(kinds([{ kind: 'dies', share: 1, version: '1.0.0' }], back), 'dies')).toBe(boards.length);
    expect(count(kinds([{ kind: 'dies', share: 1, version: '1.0.0' }]), 'dies')).toBe(0);
  });
});

describe('what a board says of itself', () => {
  test('is how long it is up, by its own clock, and its heap', async () => {
    await start({});
    nowMs += 61_500;
    await device?.poll();
    expect(server?.checkIns[0]?.boot?.uptime_s).toBe(61);
    expect(server?.checkIns[0]).toMatchObject({
      free_heap_bytes: expect.any(Number),
      largest_block_bytes: expect.any(Number),
    });
    expect(server?.checkIns[0]).not.toHaveProperty('next_check_s');
    expect(server?.checkIns[1]?.boot, 'the new build starts anew').toMatchObject({ state: 'trial', uptime_s: 0 });
    await pollAfter(600_000);
    expect(lastCheckIn()?.boot?.uptime_s).toBe(600);
  });

  test('a board that sleeps says for how long, and every check-in follows a restart', async () => {
    await start({
      habits: { sleepMs: 6 * 3_600_000 },
      board: { running: { version: '1.1.0', sha256: undefined, securityVersion: 0 } },
    });
    await device?.poll();
    expect(lastCheckIn()).toMatchObject({ next_check_s: 21_600, boot: { reason: 'power_on' } });
    await pollAfter(6 * 3_600_000);
    expect(lastCheckIn()).toMatchObject({ next_check_s: 21_600, boot: { reason: 'deep_sleep' } });
    expect(lastCheckIn()?.boot?.uptime_s).toBeLessThanOrEqual(20);
  });

  test('follows from the seed', () => {
    const macs = Array.from({ length: 1_000 }, (_, index) => `02:07:00:00:${index >> 8}:${index & 255}`);
    const habits = macs.map((mac) => habitsOf(mac, { seed: 7, sleeping: 0.1, sleepS: 3_600, oldClient: 0.3 }));
    expect(habits.filter(({ sleepMs }) => sleepMs === 3_600_000).length).toBeGreaterThan(60);
    expect(habits.filter(({ sleepMs }) => sleepMs === 3_600_000).length).toBeLessThan(150);
    expect(habits.filter(({ hidesUptime }) => hidesUptime === true).length).toBeGreaterThan(220);
    expect(habits).toEqual(macs.map((mac) => habitsOf(mac, { seed: 7, sleeping: 0.1, sleepS: 3_600, oldClient: 0.3 })));
    expect(habitsOf('02:07:00:00:00:01', { seed: 7 })).toEqual({
      sleepMs: undefined,
      hidesUptime: false,
      neverEnrols: false,
    });
  });
});

describe('a board that waits for its own hours', () => {
  const atNight = { from_minute: 120, duration_min: 60, utc_offset_min: 0 };

  test('keeps asking as it is told, downloads once, reports no failure, and installs when they open', async () => {
    await start({ habits: { quietHours: atNight } });
    for (let polls = 0; polls < 6; polls += 1) {
      expect(await pollAfter(600_000)).toEqual({ kind: 'waiting', pollIntervalS: 600 });
    }
    expect(server?.checkIns).toHaveLength(6);
    expect(lastCheckIn()).toMatchObject({ current_version: '1.0.0', boot: { state: 'confirmed' } });
    expect(server?.downloads).toHaveLength(1);
    expect(statuses()).toEqual(['downloading', 'downloaded']);
    nowMs = Date.parse('2026-11-24T02:30:00Z');
    expect(await device?.poll()).toMatchObject({ kind: 'installed' });
    expect(server?.downloads).toHaveLength(1);
  });

  test('says again that it has the image where the offer has a new number', async () => {
    let assignment = 7;
    await start({ habits: { quietHours: atNight }, assignment: () => assignment });
    await device?.poll();
    assignment = 8;
    await device?.poll();
    await device?.poll();
    expect(server?.reports.map(({ assignment_id, status }) => `${assignment_id} ${status}`)).toEqual([
      '7 downloading',
      '7 downloaded',
      '8 downloaded',
    ]);
    expect(server?.downloads).toHaveLength(1);
  });

  test('also keeps the window of the offer', async () => {
    await start({ habits: { quietHours: atNight }, window: { from_minute: 720, duration_min: 60, utc_offset_min: 0 } });
    expect(await device?.poll()).toMatchObject({ kind: 'waiting' });
    nowMs = Date.parse('2026-11-24T02:30:00Z');
    expect(await device?.poll()).toMatchObject({ kind: 'waiting' });
  });
});
