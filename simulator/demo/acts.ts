// The acts of the demo, in their order: what is typed, what a person is told, and where every device is afterwards. They know
// the names of boards and builds; `demo.ts` plays them.

import { setTimeout as delay } from 'node:timers/promises';
import type { Assignment } from '#protocol/admin/devices.ts';
import type { DemoScreen } from './screen.ts';
import { DemoFailure, type DemoServer } from './server.ts';
import type { BuildFault } from '#simulator/device/faults.ts';
import type { LibraryBoard } from './library-board.ts';
import { fleetMacs } from '#simulator/macs.ts';

export const DEVICES = 25;
export const PILOTS = 5;
/** Index of the board on which the new build fails its trial: one of the last stage. */
export const UNLUCKY = 17;
/** Chosen so that the unlucky board's build crashes; another seed is another accident. */
export const SEED = 12;
export const MACS = fleetMacs(SEED, DEVICES);
/** The board with the Arduino library: one of the pilot. */
export const LIBRARY_MAC = '24:6f:28:0a:0b:0c';
export const PRODUCT = 'thermostat';
export const OLD = '1.0.0';
export const NEW = '1.1.0';
/** Crashes on its trial, on the board with the library. */
export const BAD = '1.2.0';
/** Passes its trial everywhere, and crashes afterwards on the simulated boards. */
export const LATE = '1.3.0';
const LATE_AFTER_MS = 3_600_000;
export const LATE_FAULT: BuildFault = { kind: 'crash_loops', share: 1, delayMs: LATE_AFTER_MS, version: LATE };
/** Rollouts of the bad builds, as they are called by themselves. */
const CAREFUL = `${PRODUCT}-${BAD}-careful`;
const CAREFUL_LATE = `${PRODUCT}-${LATE}-careful`;
/** Ten times what an act takes: a test run beside it leaves it little of the machine. */
const ACT_TIMEOUT_MS = 600_000;
const CHECK_INTERVAL_MS = 250;

export interface Demo {
  readonly server: DemoServer;
  readonly screen: DemoScreen;
  readonly otter: (...args: readonly string[]) => Promise<void>;
  readonly signal: AbortSignal;
  /** Undefined where it could not be built. */
  readonly libraryBoard: LibraryBoard | undefined;
  /** Lets this time pass on the simulated boards at once. */
  readonly passTime: (ms: number) => void;
}

/** Where a device should be after an act; a state that is left out may be any. */
export interface Expected {
  readonly version: string;
  readonly state?: Assignment['state'] | 'none';
}

export interface Act {
  readonly title: string;
  readonly play: (demo: Demo) => Promise<void>;
  readonly expected: (index: number) => Expected;
  /** Of the board with the Arduino library; left out: as the pilot boards. */
  readonly expectedOfLibrary?: Expected;
  readonly done: (demo: Demo) => string | Promise<string>;
}

export const ACTS: readonly Act[] = [
  {
    title: `1/7  Make some boards the pilot, and ${OLD}, which all run, the release to fall back to`,
    play: async (demo) => {
      const { otter, server, screen, libraryBoard } = demo;
      const [first = '', ...others] = [...MACS.slice(0, PILOTS), ...(libraryBoard === undefined ? [] : [LIBRARY_MAC])];
      await otter('label', 'create', 'pilot', '--description', 'boards that get everything first');
      await otter('device', 'label', first, 'pilot');
      screen.say(`... and the same for ${others.length} more boards`);
      await Promise.all(others.map((mac) => server.otter(['device', 'label', mac, 'pilot'])));
      if (libraryBoard !== undefined) await countSimulated(demo, first);
      await otter('firmware', 'add', `${PRODUCT}-${OLD}.bin`);
      await otter('firmware', 'ready', OLD);
      await otter('rollout', 'create', '--firmware', OLD, '--name', 'first');
      await otter('rollout', 'start', 'first');
      await otter('rollout', 'promote', 'first', '--from', 'pilot');
      await otter('rollout', 'promote', 'first', '--from', 'expand');
    },
    expected: () => ({ version: OLD, state: 'none' }),
    done: () => `${OLD} is complete: the stable release; nobody had to download it`,
  },
  {
    title: `2/7  Pilot: ${NEW} goes to the boards with the label`,
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
    done: ({ libraryBoard }) =>
      `${pilotsOf(libraryBoard)} pilots confirmed ${NEW}; nothing was offered to the other ${DEVICES - PILOTS}`,
  },
  {
    title: '3/7  Expand: every board; on one of them the new build crashes',
    play: async ({ otter, screen }) => {
      await otter('rollout', 'promote', 'second', '--from', 'pilot');
      screen.say(`Watch board ${UNLUCKY + 1}: the new build never reaches the server, so its bootloader goes back.`);
    },
    expected: (index) =>
      index === UNLUCKY ? { version: OLD, state: 'rolled_back' } : { version: NEW, state: 'confirmed' },
    done: ({ libraryBoard }) =>
      `${DEVICES - 1 + (libraryBoard === undefined ? 0 : 1)} boards confirmed ${NEW}; board ${UNLUCKY + 1}, ${MACS[UNLUCKY]}, went back to ${OLD} by itself`,
  },
  {
    title: `4/7  Complete, and ask why board ${UNLUCKY + 1} did not get it`,
    play: async ({ otter }) => {
      await otter('rollout', 'promote', 'second', '--from', 'expand');
      await otter('device', 'explain', MACS[UNLUCKY] ?? '');
    },
    expected: (index) => ({ version: index === UNLUCKY ? OLD : NEW }),
    done: () => 'the server knows of every device why',
  },
  {
    title: `5/7  ${BAD} crashes on its trial, and no person watches; the plan \`careful\` does`,
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
      await waitForHalt(demo, CAREFUL);
      await otter('rollout', 'show', CAREFUL);
      screen.say(`The boards of the pilot on which ${BAD} works are offered ${NEW} all the same.`);
    },
    expected: (index) => (index === UNLUCKY ? { version: OLD } : { version: NEW, state: 'confirmed' }),
    expectedOfLibrary: { version: NEW, state: 'rolled_back' },
    done: () => `${BAD} never left the pilot, and nobody runs it any more`,
  },
  {
    title: '6/7  In the morning somebody asks what happened',
    play: async ({ otter, libraryBoard }) => {
      const crashed = libraryBoard === undefined ? (MACS[UNLUCKY] ?? '') : LIBRARY_MAC;
      await otter('device', 'show', crashed);
      await otter('device', 'explain', crashed);
      await otter('rollout', 'abort', CAREFUL, '--reason', 'crashes at start, fixed in 1.2.1', '--yes');
    },
    expected: (index) => ({ version: index === UNLUCKY ? OLD : NEW }),
    expectedOfLibrary: { version: NEW },
    done: () => 'the server knows of every device what it did and why',
  },
  {
    title: `7/7  Second act: ${LATE} passes its trial on every pilot, and crashes afterwards`,
    play: async (demo) => {
      const { otter, screen, libraryBoard, passTime } = demo;
      if (libraryBoard === undefined) await otter('device', 'unlabel', MACS[UNLUCKY] ?? '', 'pilot');
      await otter('firmware', 'add', `${PRODUCT}-${LATE}.bin`, '--ready');
      await otter('rollout', 'create', '--firmware', LATE, '--plan', 'careful');
      await otter('rollout', 'start', CAREFUL_LATE);
      await waitForPilots(demo);
      screen.good(`all ${pilotsOf(libraryBoard)} pilots confirmed ${LATE}; the gate watches them for an hour more`);
      await otter('rollout', 'show', CAREFUL_LATE);
      screen.say(`The clocks of the simulated boards go on by an hour. There, ${LATE} crashes again and again.`);
      passTime(LATE_AFTER_MS);
      await waitForHalt(demo, CAREFUL_LATE);
      await otter('rollout', 'show', CAREFUL_LATE);
      await otter('status');
      screen.say(`The server halted it and offers ${NEW} to every board that runs ${LATE}; the boards fetch it.`);
    },
    expected: (index) => (index === UNLUCKY ? { version: OLD } : { version: NEW, state: 'confirmed' }),
    done: tellAffected,
  },
];

/** How many boards have the label of the pilot. */
function pilotsOf(libraryBoard: LibraryBoard | undefined): number {
  return PILOTS + (libraryBoard === undefined ? 0 : 1);
}

/** Beside a real board simulated ones prove nothing, unless somebody says so. */
async function countSimulated({ otter, server, screen }: Demo, first: string): Promise<void> {
  const count = (mac: string) => ['device', 'count', mac, 'yes', '--reason', 'pilot of the demo'];
  screen.say('Beside a real board simulated ones do not count in gates. Here they shall:');
  await otter(...count(first));
  await Promise.all(MACS.slice(1, PILOTS).map((mac) => server.otter(count(mac))));
  screen.say(`... and the same for ${PILOTS - 1} more boards`);
}

/** What the bad build did, in the numbers of the server. Throws DemoFailure where it got farther than the pilot. */
async function tellAffected({ server, libraryBoard }: Demo): Promise<string> {
  const affected = new Set((await server.boardsUnder(CAREFUL_LATE)).map(({ mac }) => mac)).size;
  const crashed = await server.countCrashing(CAREFUL_LATE);
  const everybody = DEVICES + (libraryBoard === undefined ? 0 : 1);
  if (affected !== pilotsOf(libraryBoard) || crashed === 0)
    throw new DemoFailure(`${affected} boards got ${LATE}, and it crashed on ${crashed} of them`);
  return `${affected} of ${everybody} boards were affected: they confirmed ${LATE}, it crashed on ${crashed} of them, and all ${affected} run ${NEW} again; the other ${everybody - affected} never got it`;
}

/** Waits until every board of the pilot has confirmed the build that crashes afterwards. */
async function waitForPilots({ server, signal, libraryBoard }: Demo): Promise<void> {
  await waitUntil(signal, async () => {
    const boards = await server.boardsUnder(CAREFUL_LATE);
    const confirmed = boards.filter(({ state }) => state === 'confirmed').length;
    return confirmed === pilotsOf(libraryBoard) ? undefined : `${confirmed} pilots confirmed ${LATE}`;
  });
}

/** Waits until the gate has halted the rollout of a bad build. */
async function waitForHalt({ server, signal }: Demo, name: string): Promise<void> {
  await waitUntil(signal, async () => {
    const { status } = await server.rollout(name);
    return status === 'halted' ? undefined : `rollout ${name} is ${status}, expected halted`;
  });
}

/** `look` says what is not yet as it should be; undefined: all is. Throws DemoFailure with that after `ACT_TIMEOUT_MS`. */
export async function waitUntil(signal: AbortSignal, look: () => Promise<string | undefined>): Promise<void> {
  const endsAtMs = Date.now() + ACT_TIMEOUT_MS;
  for (;;) {
    const missing = await look();
    if (missing === undefined) return;
    if (Date.now() >= endsAtMs) throw new DemoFailure(`after ${ACT_TIMEOUT_MS / 1000} s ${missing}`);
    await delay(CHECK_INTERVAL_MS, undefined, { signal });
  }
}
