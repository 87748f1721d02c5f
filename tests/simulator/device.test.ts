import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CheckUpdateAnswer, InstallWindow } from '#protocol/device/api.ts';
import { KNOWN_BAD_FAILURES } from '#protocol/limits.ts';
import { type Pin, PinnedAgent } from '#protocol/pinned-https.ts';
import { type Board, newBoard, waitForWindowMs } from '#simulator/device/board.ts';
import { DeviceClient } from '#simulator/device/client.ts';
import type { PollOutcome } from '#simulator/device/life.ts';
import { SimulatedDevice } from '#simulator/device/device.ts';
import { type Chances, NO_CHANCES } from '#simulator/device/chances.ts';
import { Random } from '#simulator/random.ts';
import { fileSlot } from '#simulator/device/slot.ts';
import { Semaphore } from '#simulator/semaphore.ts';
import {
  FLEET_TOKEN,
  makeCertificate,
  NOTHING_NEW,
  offerOf,
  type Script,
  type ScriptedServer,
  sha256Of,
  startScriptedServer,
} from './scripted-server.ts';

const IMAGE = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 251));
const MAC = '02:07:00:00:00:01';

let folder: string;
const open: { close: () => Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'otter-device-'));
});

afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource.close();
  await rm(folder, { recursive: true, force: true });
});

/** A server that offers the image to a board running 1.0.0 and has nothing for any other. */
async function serve(script: Partial<Script> = {}): Promise<ScriptedServer> {
  const server = await startScriptedServer({
    image: IMAGE,
    checkIn: (body) => (body.current_version === '1.0.0' ? offerOf(IMAGE) : NOTHING_NEW),
    ...script,
  });
  open.push(server);
  return server;
}

function makeDevice(
  server: { readonly url: URL; readonly pin: Pin },
  change: {
    readonly chances?: Partial<Chances>;
    readonly seed?: number;
    readonly board?: Partial<Board>;
    readonly clock?: () => number;
    readonly onPoll?: (outcome: PollOutcome) => void;
  } = {},
): SimulatedDevice {
  const agent = new PinnedAgent(server.pin, { keepAlive: false });
  const made = { mac: MAC, product: 'thermostat', chip: 'esp32', slotBytes: 2_000_000, labels: [], version: '1.0.0' };
  const device = new SimulatedDevice({
    board: { ...newBoard(made), ...change.board },
    client: new DeviceClient({ server: server.url, agent, fleetToken: FLEET_TOKEN, semaphore: new Semaphore(4) }),
    slot: fileSlot(path.join(folder, 'slot.bin')),
    random: new Random(change.seed ?? 1),
    chances: { ...NO_CHANCES, ...change.chances },
    pace: { pollIntervalS: 0.02, scale: 0.0005 },
    ...(change.clock === undefined ? {} : { clock: change.clock }),
    ...(change.onPoll === undefined ? {} : { onPoll: change.onPoll }),
  });
  open.push({ close: () => device.stop() });
  return device;
}

const statusesOf = (server: ScriptedServer): readonly string[] => server.reports.map(({ status }) => status);

describe('a good update', () => {
  test('is streamed into the slot, tried out, confirmed and reported step by step', async () => {
    const server = await serve();
    const device = makeDevice(server);

    expect(await device.poll()).toMatchObject({ kind: 'installed', version: '1.1.0' });

    expect(sha256Of(await readFile(path.join(folder, 'slot.bin')))).toBe(sha256Of(IMAGE));
    expect(statusesOf(server)).toEqual(['downloading', 'downloaded', 'installing', 'confirmed']);
    expect(server.reports.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    expect(server.checkIns).toMatchObject([
      { mac: MAC, current_version: '1.0.0', boot: { state: 'confirmed', reason: 'power_on' } },
      { mac: MAC, current_version: '1.1.0', image_sha256: sha256Of(IMAGE), boot: { state: 'trial' } },
    ]);
    await device.poll();
    expect(server.checkIns.at(-1)).toMatchObject({ current_version: '1.1.0', boot: { state: 'confirmed' } });
  });

  test('leaves no slot file when the board is switched off', async () => {
    const device = makeDevice(await serve());
    await device.poll();
    await device.stop();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a broken download', () => {
  test('by the server is resumed where it stopped, on condition that the image is the same', async () => {
    const server = await serve({ breakFirstDownloadAt: 100_000 });
    expect(await makeDevice(server).poll()).toMatchObject({ kind: 'installed' });
    expect(server.downloads).toHaveLength(2);
    const { url } = offerOf(IMAGE);
    expect(server.downloads[0]).toEqual({ url, range: undefined, ifRange: undefined });
    expect(server.downloads[1]?.ifRange).toBe(`"${sha256Of(IMAGE)}"`);
    const resumedAt = Number(/^bytes=(\d+)-$/.exec(server.downloads[1]?.range ?? '')?.[1]);
    expect(resumedAt).toBeGreaterThan(0);
    expect(resumedAt).toBeLessThanOrEqual(100_000);
  });

  test('goes on at the address of the offer as it stands there, with its query', async () => {
    const url = '/firmware/thermostat/1.1.0%2Bb1/esp32/image.bin?assignment=7&x=%41';
    const server = await serve({ checkIn: () => ({ ...offerOf(IMAGE), url }), breakFirstDownloadAt: 100_000 });
    await makeDevice(server).poll();
    expect(server.downloads.map((download) => download.url)).toEqual([url, url]);
    expect(server.downloads[1]?.range).toMatch(/^bytes=\d+-$/);
  });

  test('by a bad link is resumed too', async () => {
    const server = await serve();
    expect(await makeDevice(server, { chances: { brokenDownload: 1 } }).poll()).toMatchObject({ kind: 'installed' });
    expect(server.downloads).toHaveLength(2);
  });
});

describe('bytes that are not those of the manifest', () => {
  test.each([
    ['another SHA-256', { sha256: 'a'.repeat(64) }, 'hash'],
    ['more bytes', { size_bytes: IMAGE.length - 1 }, 'too_large'],
    ['fewer bytes', { size_bytes: IMAGE.length + 1 }, 'connection_lost'],
  ])('%s: are never booted', async (_, change, code) => {
    const server = await serve({ checkIn: () => offerOf(IMAGE, change) });
    const device = makeDevice(server);
    expect(await device.poll()).toMatchObject({ kind: 'failed', error: { code } });
    expect(device.board.running.version).toBe('1.0.0');
    expect(server.reports.at(-1)).toMatchObject({ status: 'failed', error_code: code });
  });
});

describe('an offer that a board cannot take', () => {
  test.each([
    ['product', { product: 'doorbell' }, {}],
    ['chip', { chip: 'esp32s3' }, {}],
    ['downgrade', { version: '0.9.0' }, {}],
    ['downgrade', { version: '1.0.0' }, {}],
    ['size', {}, { slotBytes: IMAGE.length - 1 }],
    ['known_bad', {}, { failures: new Map([[sha256Of(IMAGE), KNOWN_BAD_FAILURES]]) }],
  ])('is rejected with its reason: %s %o %o', async (code, manifest, board) => {
    const server = await serve({ checkIn: () => offerOf(IMAGE, manifest) });
    expect(await makeDevice(server, { board }).poll()).toMatchObject({ kind: 'rejected', code });
    expect(server.reports).toMatchObject([{ status: 'rejected', error_code: code }]);
    expect(server.downloads).toEqual([]);
  });

  test.each(['https://example.org/image.bin', '//example.org/image.bin', 'image.bin', ''])(
    'is not fetched when its url is no path: "%s"',
    async (url) => {
      const server = await serve({ checkIn: () => ({ ...offerOf(IMAGE), url }) });
      expect(await makeDevice(server).poll()).toMatchObject({ kind: 'failed', error: { code: 'manifest_syntax' } });
      expect(server.downloads).toEqual([]);
    },
  );

  test('a lower version is taken when it is a rollback', async () => {
    const server = await serve({ checkIn: () => offerOf(IMAGE, { version: '0.9.0' }, true) });
    expect(await makeDevice(server).poll()).toMatchObject({ kind: 'installed', version: '0.9.0' });
  });
});

describe('a window of the server', () => {
  const atNight = { from_minute: 120, duration_min: 60, utc_offset_min: 120 };
  const noonMs = Date.parse('2026-11-23T12:00:00Z');
  const nightMs = Date.parse('2026-11-24T00:59:00Z');

  test('is waited for with the image in the slot, and the build is installed when it is open', async () => {
    let nowMs = noonMs;
    let window: InstallWindow | undefined = atNight;
    const server = await serve({
      checkIn: ({ current_version }) =>
        current_version === '1.0.0' ? { ...offerOf(IMAGE), install_window: window } : NOTHING_NEW,
    });
    const device = makeDevice(server, { clock: () => nowMs });
    expect(await device.poll()).toEqual({ kind: 'waiting', pollIntervalS: 600 });
    expect(await device.poll()).toMatchObject({ kind: 'waiting' });
    expect(device.phase).toBe('waiting');
    expect(statusesOf(server)).toEqual(['downloading', 'downloaded']);
    nowMs = Date.parse('2026-11-23T23:58:00Z');
    expect(await device.poll(), 'the next poll is when it opens').toEqual({ kind: 'waiting', pollIntervalS: 120 });
    window = { ...atNight, from_minute: 720 };
    nowMs = nightMs;
    expect(await device.poll(), 'the latest one counts').toMatchObject({ kind: 'waiting' });
    window = atNight;
    expect(await device.poll()).toMatchObject({ kind: 'installed', version: '1.1.0' });
    expect(statusesOf(server)).toEqual(['downloading', 'downloaded', 'installing', 'confirmed']);
    expect(server.downloads).toHaveLength(1);
  });

  test('is of no more use when nothing is offered any more', async () => {
    let offers = true;
    const server = await serve({
      checkIn: () => (offers ? { ...offerOf(IMAGE), install_window: atNight } : NOTHING_NEW),
    });
    let nowMs = noonMs;
    const device = makeDevice(server, { clock: () => nowMs });
    await device.poll();
    offers = false;
    nowMs = nightMs;
    expect(await device.poll()).toMatchObject({ kind: 'nothing' });
    expect(statusesOf(server)).toEqual(['downloading', 'downloaded']);
  });

  test.each([
    [{ from_minute: 120, duration_min: 180, utc_offset_min: 0 }, '01:59:59', 1],
    [{ from_minute: 120, duration_min: 180, utc_offset_min: 0 }, '02:00:00', 0],
    [{ from_minute: 120, duration_min: 180, utc_offset_min: 0 }, '04:59:59', 0],
    [{ from_minute: 120, duration_min: 180, utc_offset_min: 0 }, '05:00:00', 21 * 3_600],
    [{ from_minute: 1_320, duration_min: 240, utc_offset_min: 0 }, '21:59:59', 1],
    [{ from_minute: 1_320, duration_min: 240, utc_offset_min: 0 }, '00:00:00', 0],
    [{ from_minute: 1_320, duration_min: 240, utc_offset_min: 0 }, '02:00:00', 20 * 3_600],
    [{ from_minute: 0, duration_min: 1_440, utc_offset_min: 0 }, '23:59:59', 0],
    [{ from_minute: 0, duration_min: 60, utc_offset_min: 840 }, '10:00:00', 0],
    [{ from_minute: 0, duration_min: 60, utc_offset_min: -840 }, '13:59:59', 1],
    [{ from_minute: 120, duration_min: 180, utc_offset_min: 330 }, '20:30:00', 0],
    [undefined, '12:00:00', 0],
  ])('%j at %s (UTC) makes the board wait %i s', (window, time, waitS) => {
    expect(waitForWindowMs(window, Date.parse(`2026-11-23T${time}Z`))).toBe(waitS * 1000);
  });
});

describe('a lost report', () => {
  test('is repeated with the same sequence number before the next check-in', async () => {
    const server = await serve();
    const device = makeDevice(server, { chances: { lostReport: 0.5 }, seed: 3 });
    await device.poll();
    for (let polls = 0; device.unsentReports.length > 0 && polls < 30; polls += 1) await device.poll();

    const sequences = server.reports.map(({ sequence }) => sequence);
    expect(sequences.length).toBeGreaterThan(4);
    expect([...new Set(sequences)]).toEqual([1, 2, 3, 4]);
    for (const { sequence, status } of server.reports) {
      expect(status).toBe(['downloading', 'downloaded', 'installing', 'confirmed'][sequence - 1]);
    }
  });
});

describe('a failed trial', () => {
  test('goes back to the previous build, says so, and does not take the build again', async () => {
    const server = await serve();
    const device = makeDevice(server, { chances: { failTrial: 1 } });

    const outcome = await device.poll();
    expect(outcome).toMatchObject({ kind: 'rolled_back' });
    expect(device.board).toMatchObject({ running: { version: '1.0.0' }, trial: false, rolledBackFrom: '1.1.0' });
    const code = outcome.kind === 'rolled_back' ? outcome.code : '';
    expect(['crash', 'watchdog', 'self_test', 'trial_timeout']).toContain(code);
    expect(server.reports.at(-1)).toMatchObject({ status: 'rolled_back', error_code: code });
    expect(statusesOf(server)).not.toContain('confirmed');

    expect(await device.poll()).toMatchObject({ kind: 'rejected', code: 'known_bad' });
    expect(server.checkIns.at(-1)).toMatchObject({
      current_version: '1.0.0',
      boot: { state: 'confirmed', rolled_back_from: '1.1.0' },
    });
  });
});

describe('a build that an operator cleared on this board', () => {
  const failedBefore = { failures: new Map([[sha256Of(IMAGE), KNOWN_BAD_FAILURES]]) };

  test('is tried once more for each assignment, and kept when it works', async () => {
    const server = await serve({ checkIn: () => ({ ...offerOf(IMAGE), forgiven: true }) });
    const device = makeDevice(server, { board: failedBefore });
    expect(await device.poll()).toMatchObject({ kind: 'installed', version: '1.1.0' });
    expect(device.board.failures.size).toBe(0);
  });

  test('is known bad again when it fails again, whatever the same offer says', async () => {
    let assignment = 7;
    const server = await serve({
      checkIn: (body) =>
        body.current_version === '1.0.0'
          ? { ...offerOf(IMAGE), assignment_id: assignment, forgiven: true }
          : NOTHING_NEW,
    });
    const device = makeDevice(server, { board: failedBefore, chances: { failTrial: 1 } });
    for (assignment of [7, 8]) {
      expect(await device.poll()).toMatchObject({ kind: 'rolled_back' });
      expect(await device.poll()).toMatchObject({ kind: 'rejected', code: 'known_bad' });
      expect(await device.poll()).toMatchObject({ kind: 'rejected', code: 'known_bad' });
    }
    expect(server.downloads).toHaveLength(2);
  });
});

describe('the pin', () => {
  test('a server with another certificate gets not one byte of a request', async () => {
    const { cert, key } = await makeCertificate();
    let requestBytes = 0;
    const closed = Promise.withResolvers<void>();
    const impostor = tls.createServer({ cert, key }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        requestBytes += bytes.length;
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
    });
    impostor.on('connection', (socket) => socket.once('close', closed.resolve));
    await new Promise<void>((listening) => impostor.listen(0, '127.0.0.1', listening));
    open.push({ close: () => new Promise((done) => impostor.close(() => done())) });
    const address = impostor.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const url = new URL(`https://127.0.0.1:${port}`);
    const device = makeDevice({ url, pin: { kind: 'spki', sha256: 'b'.repeat(64) } });

    expect(await device.poll()).toMatchObject({ kind: 'failed', error: { code: 'pin_mismatch' } });
    await closed.promise;
    expect(requestBytes).toBe(0);
  });
});

describe('a running device', () => {
  test('polls by itself, backs off after errors and leaves nothing running after stop', async () => {
    const answers: CheckUpdateAnswer[] = [NOTHING_NEW, NOTHING_NEW, offerOf(IMAGE)];
    const server = await serve({ checkIn: (_, index) => answers[index] ?? NOTHING_NEW });
    const outcomes: PollOutcome[] = [];
    const done = Promise.withResolvers<void>();
    const device = makeDevice(server, {
      onPoll: (outcome) => {
        outcomes.push(outcome);
        if (outcome.kind === 'installed') void server.close();
        if (outcome.kind === 'failed') done.resolve();
      },
    });
    device.start();
    await done.promise;
    await device.stop();

    expect(outcomes.map(({ kind }) => kind).slice(0, 4)).toEqual(['nothing', 'nothing', 'installed', 'failed']);
    const polls = outcomes.length;
    await new Promise((later) => setTimeout(later, 100));
    expect(outcomes).toHaveLength(polls);
    expect(device.phase).toBe('off');
  });

  test('falls silent after an offer when its luck says so', async () => {
    const server = await serve();
    expect(await makeDevice(server, { chances: { silent: 1 } }).poll()).toEqual({ kind: 'silent' });
    expect(server.reports).toEqual([]);
  });
});
