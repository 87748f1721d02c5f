// `npm run demo`: Otter in a minute. A real server, the real command line, 25 simulated boards over real TLS, one board that
// runs the real Arduino library, and two accidents. Where there is no C++ compiler, the simulated boards play alone. Plays
// the acts in order and checks after each, through the admin API, that every device is where it should be; exit code 0 only
// if all are. It works in a temporary home and touches no other server.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Assignment } from '#protocol/admin-api.ts';
import { DemoScreen } from '#simulator/demo-screen.ts';
import { DemoFailure, DemoServer, type Whereabouts } from '#simulator/demo-server.ts';
import { exampleImage } from '#simulator/example-image.ts';
import { Fleet } from '#simulator/fleet.ts';
import { fleetMacs } from '#simulator/macs.ts';
import { LibraryBoard } from '#simulator/library-board.ts';
import { NO_MISHAPS } from '#simulator/mishaps.ts';

const DEVICES = 25;
const PILOTS = 5;
/** Index of the board on which the new build fails its trial: one of the last stage, where it hurts. */
const UNLUCKY = 17;
/** Chosen so that the unlucky board's build crashes; another seed is another accident. */
const SEED = 12;
const MACS = fleetMacs(SEED, DEVICES);
/** The board with the Arduino library: one of the pilot. */
const LIBRARY_MAC = '24:6f:28:0a:0b:0c';
/** Its clock: 30 s, the shortest interval that the server asks for, pass in one. */
const LIBRARY_SPEED = 30;
const PRODUCT = 'thermostat';
const OLD = '1.0.0';
const NEW = '1.1.0';
const BAD = '1.2.0';
/** The rollout of the bad build, as it is called by itself. */
const CAREFUL = `${PRODUCT}-${BAD}-careful`;
const PACE = { pollIntervalS: 1, scale: 0.1 } as const;
/** Ten times what an act takes: a test run beside it leaves it little of the machine. */
const ACT_TIMEOUT_MS = 120_000;
const CHECK_INTERVAL_MS = 250;
/** Time for a person to read; a log needs none. */
const READING_MS = 1_500;

interface Demo {
  readonly server: DemoServer;
  readonly screen: DemoScreen;
  readonly otter: (...args: readonly string[]) => Promise<void>;
  readonly signal: AbortSignal;
  /** Undefined where it could not be built. */
  readonly libraryBoard: LibraryBoard | undefined;
}

/** Where a device should be after an act; a state that is left out may be any. */
interface Expected {
  readonly version: string;
  readonly state?: Assignment['state'] | 'none';
}

interface Act {
  readonly title: string;
  readonly play: (demo: Demo) => Promise<void>;
  readonly expected: (index: number) => Expected;
  /** Of the board with the Arduino library; left out: as the pilot boards. */
  readonly expectedOfLibrary?: Expected;
  readonly done: string;
}

const ACTS: readonly Act[] = [
  {
    title: `1/6  Make ${PILOTS} boards the pilot, and ${OLD}, which all run, the release to fall back to`,
    play: async ({ otter, server, screen, libraryBoard }) => {
      const [first = '', ...others] = [...MACS.slice(0, PILOTS), ...(libraryBoard === undefined ? [] : [LIBRARY_MAC])];
      await otter('label', 'create', 'pilot', '--description', 'boards that get everything first');
      await otter('device', 'label', first, 'pilot');
      screen.say(`... and the same for ${others.length} more boards`);
      await Promise.all(others.map((mac) => server.otter(['device', 'label', mac, 'pilot'])));
      await otter('firmware', 'add', `${PRODUCT}-${OLD}.bin`);
      await otter('firmware', 'ready', OLD);
      await otter('rollout', 'create', '--firmware', OLD, '--name', 'first');
      await otter('rollout', 'start', 'first');
      await otter('rollout', 'promote', 'first', '--from', 'pilot');
      await otter('rollout', 'promote', 'first', '--from', 'expand');
    },
    expected: () => ({ version: OLD, state: 'none' }),
    done: `${OLD} is complete: the stable release; nobody had to download it`,
  },
  {
    title: `2/6  Pilot: ${NEW} goes to ${PILOTS} boards`,
    play: async ({ otter, screen }) => {
      await otter('firmware', 'add', `${PRODUCT}-${NEW}.bin`);
      await otter('firmware', 'ready', NEW);
      await otter('rollout', 'create', '--firmware', NEW, '--name', 'second');
      await otter('rollout', 'start', 'second');
      screen.say(
        'Each pilot board downloads, restarts into the new build on trial, checks in, and only then keeps it.',
      );
    },
    expected: (index) => (index < PILOTS ? { version: NEW, state: 'confirmed' } : { version: OLD, state: 'none' }),
    done: `${PILOTS} pilots confirmed ${NEW}; the other ${DEVICES - PILOTS} were not even asked`,
  },
  {
    title: '3/6  Expand: every board; on one of them the new build crashes',
    play: async ({ otter, screen }) => {
      await otter('rollout', 'promote', 'second', '--from', 'pilot');
      screen.say(`Watch board ${UNLUCKY + 1}: the new build never reaches the server, so its bootloader goes back.`);
    },
    expected: (index) =>
      index === UNLUCKY ? { version: OLD, state: 'rolled_back' } : { version: NEW, state: 'confirmed' },
    done: `${DEVICES - 1} boards confirmed ${NEW}; board ${UNLUCKY + 1}, ${MACS[UNLUCKY]}, went back to ${OLD} by itself`,
  },
  {
    title: `4/6  Complete, and ask why board ${UNLUCKY + 1} did not get it`,
    play: async ({ otter }) => {
      await otter('rollout', 'promote', 'second', '--from', 'expand');
      await otter('device', 'explain', MACS[UNLUCKY] ?? '');
    },
    expected: (index) => ({ version: index === UNLUCKY ? OLD : NEW }),
    done: 'the server knows of every device why',
  },
  {
    title: `5/6  Second act: ${BAD} is bad, and nobody watches; the plan \`careful\` does`,
    play: async (demo) => {
      const { otter, screen, libraryBoard } = demo;
      // Without the library board the unlucky one plays its part: every new build crashes on it.
      if (libraryBoard === undefined) await otter('device', 'label', MACS[UNLUCKY] ?? '', 'pilot');
      await otter('firmware', 'add', `${PRODUCT}-${BAD}.bin`, '--ready');
      await otter('rollout', 'create', '--firmware', BAD, '--plan', 'careful');
      await otter('rollout', 'preview', CAREFUL);
      await otter('rollout', 'start', CAREFUL);
      screen.say(
        'It crashes on one board, whose bootloader goes back. At its next check the server halts the rollout.',
      );
      await waitForHalt(demo);
      await otter('rollout', 'show', CAREFUL);
      screen.say(`The boards of the pilot on which ${BAD} seemed to work are sent home all the same.`);
    },
    expected: (index) => (index === UNLUCKY ? { version: OLD } : { version: NEW, state: 'confirmed' }),
    expectedOfLibrary: { version: NEW, state: 'rolled_back' },
    done: `${BAD} never left the pilot, and nobody runs it any more`,
  },
  {
    title: '6/6  In the morning somebody asks what happened',
    play: async ({ otter, libraryBoard }) => {
      const crashed = libraryBoard === undefined ? (MACS[UNLUCKY] ?? '') : LIBRARY_MAC;
      await otter('device', 'show', crashed);
      await otter('device', 'explain', crashed);
      await otter('rollout', 'abort', CAREFUL, '--reason', 'crashes at start, fixed in 1.2.1', '--yes');
    },
    expected: (index) => ({ version: index === UNLUCKY ? OLD : NEW }),
    expectedOfLibrary: { version: NEW },
    done: 'the server knows of every device what it did and why',
  },
];

/** Resolves with the exit code: 0 everybody is where they should be, 1 somebody is not, 130 after Ctrl-C. */
async function runDemo(): Promise<number> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  const screen = new DemoScreen(process.stdout);
  const startedAtMs = Date.now();
  try {
    await play(screen, interrupted.signal);
    screen.title(`Done in ${Math.round((Date.now() - startedAtMs) / 1000)} s: every device is where it should be.`);
    screen.say('Now run your own: npm start');
    return 0;
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    if (!(error instanceof DemoFailure)) throw error;
    screen.bad(error.message);
    return 1;
  }
}

async function play(screen: DemoScreen, signal: AbortSignal): Promise<void> {
  screen.title(`Otter in a minute: a server, ${DEVICES} simulated ESP32 boards, and a build that crashes`);
  const server = await DemoServer.start(signal);
  screen.say(`The server listens on ${server.url.origin}; its home ${server.folder} is removed at the end.`);
  const fleet = newFleet(server);
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
    const demo: Demo = { server, screen, otter, signal, libraryBoard };
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
  screen.good(act.done);
  if (screen.isLive) await delay(READING_MS, undefined, { signal });
}

/** Waits until the server sees every device where it should be. Throws DemoFailure that names those that are elsewhere. */
async function waitForFleet(
  { server, signal, libraryBoard }: Demo,
  { expected, expectedOfLibrary = expected(0) }: Pick<Act, 'expected' | 'expectedOfLibrary'>,
): Promise<void> {
  const endsAtMs = Date.now() + ACT_TIMEOUT_MS;
  const everybody = [
    ...MACS.map((mac, index) => ({ mac, wanted: expected(index) })),
    ...(libraryBoard === undefined ? [] : [{ mac: LIBRARY_MAC, wanted: expectedOfLibrary }]),
  ];
  for (;;) {
    const found = new Map((await server.whereabouts()).map((device) => [device.mac, device]));
    const astray = everybody.flatMap(({ mac, wanted }) => describeAstray(mac, found.get(mac), wanted));
    if (astray.length === 0) return;
    if (Date.now() >= endsAtMs) {
      throw new DemoFailure(
        `after ${ACT_TIMEOUT_MS / 1000} s not every device is where it should be:\n${astray.join('\n')}`,
      );
    }
    await delay(CHECK_INTERVAL_MS, undefined, { signal });
  }
}

/** Waits until the gate has halted the rollout of the bad build. */
async function waitForHalt({ server, signal }: Demo): Promise<void> {
  const endsAtMs = Date.now() + ACT_TIMEOUT_MS;
  for (;;) {
    const { status } = await server.rollout(CAREFUL);
    if (status === 'halted') return;
    if (Date.now() >= endsAtMs)
      throw new DemoFailure(`after ${ACT_TIMEOUT_MS / 1000} s rollout ${CAREFUL} is ${status}, expected halted`);
    await delay(CHECK_INTERVAL_MS, undefined, { signal });
  }
}

/** One line for a device that is not where it should be, none for one that is. */
function describeAstray(mac: string, found: Whereabouts | undefined, expected: Expected): readonly string[] {
  const wanted = `expected ${expected.version}${expected.state === undefined ? '' : `, ${expected.state}`}`;
  if (found === undefined) return [`  ${mac} is unknown to the server, ${wanted}`];
  const state = found.state ?? 'none';
  if (found.version === expected.version && (expected.state ?? state) === state) return [];
  return [`  ${mac} runs ${found.version}, assignment: ${state}; ${wanted}`];
}

function newFleet(server: DemoServer): Fleet {
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
      ...NO_MISHAPS,
      slow: 1,
      brokenDownload: 0.1,
      lostReport: 0.05,
      failTrial: index === UNLUCKY ? 1 : 0,
    }),
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
 * A real ESP32 image in three versions: each with the marker that `OTTER_FIRMWARE` leaves, and with a word for
 * `otter-device`, which cannot run its code, on how to behave.
 */
async function writeImages(folder: string): Promise<void> {
  for (const version of [OLD, NEW, BAD]) {
    const behaviour = `otter-device:${version === BAD ? 'crash' : 'healthy'};`;
    const image = await exampleImage({ product: PRODUCT, version }, behaviour);
    await writeFile(path.join(folder, `${PRODUCT}-${version}.bin`), image);
  }
}

process.exitCode = await runDemo();
