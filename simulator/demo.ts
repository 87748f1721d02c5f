// `npm run demo`: Otter in a minute. A real server, the real command line, 25 simulated boards over real TLS, one bad build.
// Plays the acts in order and checks after each, through the admin API, that every device is where it should be; exit code
// 0 only if all are. It works in a temporary home and touches no other server.

import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Assignment } from '#protocol/admin-api.ts';
import { DemoScreen } from '#simulator/demo-screen.ts';
import { DemoFailure, DemoServer, type Whereabouts } from '#simulator/demo-server.ts';
import { resealEspImage } from '#simulator/esp-image-maker.ts';
import { Fleet, fleetMacs } from '#simulator/fleet.ts';
import { NO_MISHAPS } from '#simulator/mishaps.ts';

const DEVICES = 25;
const PILOTS = 5;
/** Index of the board on which the new build fails its trial: one of the last stage, where it hurts. */
const UNLUCKY = 17;
/** Chosen so that the unlucky board's build crashes; another seed is another accident. */
const SEED = 12;
const MACS = fleetMacs(SEED, DEVICES);
const PRODUCT = 'thermostat';
const OLD = '1.0.0';
const NEW = '1.1.0';
const PACE = { pollIntervalS: 1, scale: 0.1 } as const;
const ACT_TIMEOUT_MS = 60_000;
const CHECK_INTERVAL_MS = 250;
/** Time for a person to read; a log needs none. */
const READING_MS = 1_500;

interface Demo {
  readonly server: DemoServer;
  readonly screen: DemoScreen;
  readonly otter: (...args: readonly string[]) => Promise<void>;
  readonly signal: AbortSignal;
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
  readonly done: string;
}

const ACTS: readonly Act[] = [
  {
    title: `1/5  Make ${PILOTS} boards the pilot, and ${OLD}, which all run, the release to fall back to`,
    play: async ({ otter, server, screen }) => {
      const [first = '', ...others] = MACS.slice(0, PILOTS);
      await otter('label', 'create', 'pilot', '--description', 'boards that get everything first');
      await otter('device', 'label', first, 'pilot');
      screen.say(`... and the same for ${others.length} more boards`);
      await Promise.all(others.map((mac) => server.otter(['device', 'label', mac, 'pilot'])));
      await otter('firmware', 'add', `${PRODUCT}-${OLD}.bin`, '--product', PRODUCT, '--version', OLD);
      await otter('firmware', 'ready', OLD);
      await otter('rollout', 'create', '--firmware', OLD, '--name', 'first');
      await otter('rollout', 'start', 'first');
      await otter('rollout', 'promote', 'first');
      await otter('rollout', 'promote', 'first');
    },
    expected: () => ({ version: OLD, state: 'none' }),
    done: `${OLD} is complete: the stable release; nobody had to download it`,
  },
  {
    title: `2/5  Pilot: ${NEW} goes to ${PILOTS} boards`,
    play: async ({ otter, screen }) => {
      await otter('firmware', 'add', `${PRODUCT}-${NEW}.bin`, '--product', PRODUCT, '--version', NEW);
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
    title: '3/5  Expand: every board; on one of them the new build crashes',
    play: async ({ otter, screen }) => {
      await otter('rollout', 'promote', 'second');
      screen.say(`Watch board ${UNLUCKY + 1}: the new build never reaches the server, so its bootloader goes back.`);
    },
    expected: (index) =>
      index === UNLUCKY ? { version: OLD, state: 'rolled_back' } : { version: NEW, state: 'confirmed' },
    done: `${DEVICES - 1} boards confirmed ${NEW}; board ${UNLUCKY + 1}, ${MACS[UNLUCKY]}, went back to ${OLD} by itself`,
  },
  {
    title: `4/5  Complete, and ask why board ${UNLUCKY + 1} did not get it`,
    play: async ({ otter }) => {
      await otter('rollout', 'promote', 'second');
      await otter('device', 'explain', MACS[UNLUCKY] ?? '');
    },
    expected: (index) => ({ version: index === UNLUCKY ? OLD : NEW }),
    done: 'the server knows of every device why',
  },
  {
    title: `5/5  Block ${NEW}: everybody goes home to ${OLD}`,
    play: async ({ otter, screen }) => {
      await otter('firmware', 'block', NEW, '--reason', 'crashes on some boards', '--yes');
      screen.say(`Every board on ${NEW} is offered ${OLD} as a rollback: the same download, trial and check-in.`);
    },
    expected: (index) => (index === UNLUCKY ? { version: OLD } : { version: OLD, state: 'confirmed' }),
    done: `all ${DEVICES} boards run ${OLD} again`,
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
  try {
    await writeImages(server.folder);
    fleet.start();
    screen.say(
      `${DEVICES} boards poll it every second (real ones: every 10 minutes) over TLS, with its certificate pinned.`,
    );
    screen.watch({ devices: fleet.devices, pilots: PILOTS, oldVersion: OLD, newVersion: NEW });
    const otter = async (...args: readonly string[]): Promise<void> => {
      screen.command(args);
      screen.output(await server.otter(args, { color: screen.hasColor }));
    };
    const demo: Demo = { server, screen, otter, signal };
    await waitForFleet(demo, () => ({ version: OLD, state: 'none' }));
    for (const act of ACTS) await playAct(demo, act);
  } finally {
    screen.close();
    await fleet.stop();
    await server.stop();
  }
}

async function playAct(demo: Demo, act: Act): Promise<void> {
  const { screen, signal } = demo;
  screen.title(act.title);
  await act.play(demo);
  await waitForFleet(demo, act.expected);
  screen.good(act.done);
  if (screen.isLive) await delay(READING_MS, undefined, { signal });
}

/** Waits until the server sees every device where it should be. Throws DemoFailure that names those that are elsewhere. */
async function waitForFleet({ server, signal }: Demo, expected: Act['expected']): Promise<void> {
  const endsAtMs = Date.now() + ACT_TIMEOUT_MS;
  for (;;) {
    const found = new Map((await server.whereabouts()).map((device) => [device.mac, device]));
    const astray = MACS.flatMap((mac, index) => describeAstray(mac, found.get(mac), expected(index)));
    if (astray.length === 0) return;
    if (Date.now() >= endsAtMs) {
      throw new DemoFailure(
        `after ${ACT_TIMEOUT_MS / 1000} s not every device is where it should be:\n${astray.join('\n')}`,
      );
    }
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

/** A real ESP32 image in two versions: the second is the first with another version text, checksum and digest made anew. */
async function writeImages(folder: string): Promise<void> {
  const source = createRequire(import.meta.url).resolve('espruino-create-project/firmware/esp32/espruino_esp32.bin');
  const first = await readFile(source);
  const second = resealEspImage(replaceText(first, { from: '2v04', to: '2v05' }));
  await writeFile(path.join(folder, `${PRODUCT}-${OLD}.bin`), first);
  await writeFile(path.join(folder, `${PRODUCT}-${NEW}.bin`), second);
}

/** A copy with the text, which must be there, replaced by one of the same length. */
function replaceText(bytes: Buffer, text: { readonly from: string; readonly to: string }): Buffer {
  const changed = Buffer.from(bytes.toString('latin1').replaceAll(text.from, text.to), 'latin1');
  if (changed.equals(bytes)) throw new Error(`the image does not contain "${text.from}"`);
  return changed;
}

process.exitCode = await runDemo();
