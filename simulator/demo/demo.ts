// `npm run demo`: Otter in a minute. A real server, the real command line, 25 simulated boards over real TLS, one board that
// runs the real Arduino library, and three accidents. Where there is no C++ compiler, the simulated boards play alone. Plays
// the acts in order and checks after each, through the admin API, that every device is where it should be; exit code 0 only
// if all are. It works in a temporary home and touches no other server.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Act,
  ACTS,
  BAD,
  type Demo,
  DEVICES,
  type Expected,
  LATE,
  LATE_FAULT,
  LIBRARY_MAC,
  MACS,
  NEW,
  OLD,
  PILOTS,
  PRODUCT,
  SEED,
  UNLUCKY,
  waitUntil,
} from './acts.ts';
import { DemoScreen } from './screen.ts';
import { DemoFailure, DemoServer, type Whereabouts } from './server.ts';
import { exampleImage } from '#simulator/images/example-image.ts';
import { Fleet } from '#simulator/fleet.ts';
import { LibraryBoard } from './library-board.ts';
import { NO_CHANCES } from '#simulator/device/chances.ts';

/** Its clock: 30 s, the shortest interval that the server asks for, pass in one. */
const LIBRARY_SPEED = 30;
const PACE = { pollIntervalS: 1, scale: 0.1 } as const;
/** Time for a person to read; a log needs none. */
const READING_MS = 1_500;

/**
 * Resolves with the exit code: 0 everybody is where they should be, 1 somebody is not; else as shells count it, 130 after Ctrl-C,
 * 129 where the terminal was closed, 141 where nobody reads what it says.
 */
async function runDemo(): Promise<number> {
  const interrupted = new AbortController();
  const leave = (exitCode: number) => () => interrupted.abort(exitCode);
  process.once('SIGINT', leave(130)).once('SIGTERM', leave(130));
  // More than once: a closed terminal may say so again, and each line into a closed pipe fails anew.
  process.on('SIGHUP', leave(129));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', leave(141));
  const screen = new DemoScreen(process.stdout);
  const startedAtMs = Date.now();
  try {
    await play(screen, interrupted.signal);
    screen.title(`Done in ${Math.round((Date.now() - startedAtMs) / 1000)} s: every device is where it should be.`);
    screen.say('Now run your own: npm start');
    return 0;
  } catch (error) {
    if (interrupted.signal.aborted) return Number(interrupted.signal.reason);
    if (!(error instanceof DemoFailure)) throw error;
    screen.bad(error.message);
    return 1;
  }
}

async function play(screen: DemoScreen, signal: AbortSignal): Promise<void> {
  screen.title(`Otter in a minute: a server, ${DEVICES} simulated ESP32 boards, and builds that crash`);
  const server = await DemoServer.start(signal);
  screen.say(`The server listens on ${server.url.origin}; its home ${server.folder} is removed at the end.`);
  const clock = { aheadMs: 0 };
  const fleet = newFleet(server, () => Date.now() + clock.aheadMs);
  const libraryBoard = LibraryBoard.isBuilt() ? newLibraryBoard(server) : undefined;
  try {
    await writeImages(server.folder);
    fleet.start();
    libraryBoard?.start();
    screen.say(
      `${DEVICES} boards poll it every second (real ones: every 10 minutes) over TLS, with its certificate pinned.`,
    );
    if (libraryBoard !== undefined)
      screen.say(`One more, ${LIBRARY_MAC}, runs the Arduino library itself, with flash and bootloader of its own.`);
    const boards = libraryBoard === undefined ? fleet.devices : [...fleet.devices, libraryBoard];
    screen.watch({ devices: boards, pilots: PILOTS, oldVersion: OLD, newVersion: NEW });
    const otter = async (...args: readonly string[]): Promise<void> => {
      screen.command(args);
      screen.output(await server.otter(args, { color: screen.hasColor }));
    };
    const passTime = (ms: number): void => {
      clock.aheadMs += ms;
    };
    const demo: Demo = { server, screen, otter, signal, libraryBoard, passTime };
    await waitForFleet(demo, { expected: () => ({ version: OLD, state: 'none' }) });
    for (const act of ACTS) await playAct(demo, act);
  } finally {
    screen.close();
    await libraryBoard?.stop();
    await fleet.stop();
    await server.stop();
  }
}

async function playAct(demo: Demo, act: Act): Promise<void> {
  const { screen, signal } = demo;
  screen.title(act.title);
  await act.play(demo);
  await waitForFleet(demo, act);
  screen.good(await act.done(demo));
  if (screen.isLive) await delay(READING_MS, undefined, { signal });
}

/** Waits until the server sees every device where it should be. Throws DemoFailure that names those that are elsewhere. */
async function waitForFleet(
  { server, signal, libraryBoard }: Demo,
  { expected, expectedOfLibrary = expected(0) }: Pick<Act, 'expected' | 'expectedOfLibrary'>,
): Promise<void> {
  const everybody = [
    ...MACS.map((mac, index) => ({ mac, wanted: expected(index) })),
    ...(libraryBoard === undefined ? [] : [{ mac: LIBRARY_MAC, wanted: expectedOfLibrary }]),
  ];
  await waitUntil(signal, async () => {
    const found = new Map((await server.whereabouts()).map((device) => [device.mac, device]));
    const astray = everybody.flatMap(({ mac, wanted }) => describeAstray(mac, found.get(mac), wanted));
    return astray.length === 0 ? undefined : `not every device is where it should be:\n${astray.join('\n')}`;
  });
}

/** One line for a device that is not where it should be, none for one that is. */
function describeAstray(mac: string, found: Whereabouts | undefined, expected: Expected): readonly string[] {
  const wanted = `expected ${expected.version}${expected.state === undefined ? '' : `, ${expected.state}`}`;
  if (found === undefined) return [`  ${mac} is unknown to the server, ${wanted}`];
  const state = found.state ?? 'none';
  if (found.version === expected.version && (expected.state ?? state) === state) return [];
  return [`  ${mac} runs ${found.version}, assignment: ${state}; ${wanted}`];
}

function newFleet(server: DemoServer, clock: () => number): Fleet {
  return new Fleet({
    server: server.url,
    pin: server.pin,
    fleetToken: server.fleetToken,
    devices: DEVICES,
    product: PRODUCT,
    version: OLD,
    chip: 'esp32',
    seed: SEED,
    pace: PACE,
    // Slow links, so that a person sees the downloads; some break, some reports get lost, and nobody needs to care.
    chances: (index) => ({
      ...NO_CHANCES,
      slow: 1,
      brokenDownload: 0.1,
      lostReport: 0.05,
      failTrial: index === UNLUCKY ? 1 : 0,
    }),
    faults: [LATE_FAULT],
    // They tell no uptime: it would not fit their clock, which goes on by an hour at once.
    habits: () => ({ hidesUptime: true }),
    clock,
    slotFolder: server.folder,
  });
}

function newLibraryBoard(server: DemoServer): LibraryBoard {
  return new LibraryBoard({
    folder: path.join(server.folder, 'library-board'),
    image: path.join(server.folder, `${PRODUCT}-${OLD}.bin`),
    version: OLD,
    mac: LIBRARY_MAC,
    server: server.url,
    pin: server.pin,
    fleetToken: server.fleetToken,
    speed: LIBRARY_SPEED,
  });
}

/**
 * A real ESP32 image in four versions: each with the marker that `OTTER_FIRMWARE` leaves, and with a word for
 * `otter-device`, which cannot run its code, on how to behave.
 */
async function writeImages(folder: string): Promise<void> {
  for (const version of [OLD, NEW, BAD, LATE]) {
    const behaviour = `otter-device:${version === BAD ? 'crash' : 'healthy'};`;
    const image = await exampleImage({ product: PRODUCT, version }, behaviour);
    await writeFile(path.join(folder, `${PRODUCT}-${version}.bin`), image);
  }
}

process.exitCode = await runDemo();
