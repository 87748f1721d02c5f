// `otter simulate`: a fleet against a server, for as long as asked. It chooses which devices belong to which label; the
// caller, an operator, puts the labels on. It never speaks the admin API and prints nothing.

import type { ReleaseKey } from '#protocol/device/release-key.ts';
import type { Pin } from '#protocol/pinned-https.ts';
import type { Habits } from '#simulator/device/life.ts';
import type { BuildFault } from '#simulator/device/faults.ts';
import { Fleet, type FleetSnapshot } from './fleet.ts';
import { fleetMacs } from './macs.ts';
import { type Pace, REAL_TIME, sleep } from '#simulator/device/pace.ts';
import { Random } from './random.ts';

export interface SimulateOptions {
  readonly server: URL;
  readonly pin: Pin;
  /** Of the backup key of the server, which their builds know, too. */
  readonly backupPin?: Pin | undefined;
  readonly fleetToken: string;
  readonly devices: number;
  readonly product: string;
  readonly version: string;
  readonly chip: string;
  /** Probabilities in [0, 1], see `chances.ts`. */
  readonly failTrial: number;
  readonly silent: number;
  readonly slow: number;
  readonly brokenDownload: number;
  readonly lostReport: number;
  /** Builds that are bad on a share of the devices, see `faults.ts`. */
  readonly faults?: readonly BuildFault[];
  /** Share of the devices that sleep between two checks, and for how long. */
  readonly sleeping?: number;
  readonly sleepS?: number;
  /** Share of the devices whose client is too old to say how long it is up, and to have a token of its own. */
  readonly oldClient?: number;
  /** What their builds are signed with; none: they take what nobody signed. */
  readonly releaseKeys?: readonly ReleaseKey[];
  readonly labels: readonly LabelShare[];
  readonly seed: number;
  /** Replaces the server's poll interval and shortens the boards' other waits in proportion; undefined: real time. */
  readonly pollIntervalS?: number;
  /** Undefined: until `signal` aborts. */
  readonly durationS?: number;
  /** Called once, after every device has checked in: they exist on the server now and can be labelled. */
  readonly onReady?: (macsByLabel: ReadonlyMap<string, readonly string[]>) => Promise<void>;
  /** Called about once a second. */
  readonly onProgress: (snapshot: FleetSnapshot) => void;
  readonly signal: AbortSignal;
}

interface LabelShare {
  readonly label: string;
  /** 0 to 1 */
  readonly share: number;
}

const PROGRESS_MS = 1_000;
const DEFAULT_SLEEP_S = 6 * 3_600;

/** Runs the fleet until the duration is over or the signal aborts; both end well. Rejects with what `onReady` threw. */
export async function simulate(options: SimulateOptions): Promise<FleetSnapshot> {
  const waiting = new Set(fleetMacs(options.seed, options.devices));
  const fleet = new Fleet({
    ...options,
    pace: paceOf(options.pollIntervalS),
    chances: () => options,
    habits: (mac) => habitsOf(mac, options),
    onPoll: (device, outcome) => {
      if (outcome.kind !== 'failed') waiting.delete(device.board.mac);
    },
  });
  const endsAtMs = Date.now() + (options.durationS ?? Infinity) * 1000;
  let ready = options.onReady === undefined;
  fleet.start();
  try {
    while (!options.signal.aborted && Date.now() < endsAtMs) {
      await sleep(Math.min(PROGRESS_MS, endsAtMs - Date.now()), options.signal).catch(() => undefined);
      options.onProgress(fleet.snapshot());
      if (ready || waiting.size > 0) continue;
      ready = true;
      await options.onReady?.(chooseLabels(options));
    }
    return fleet.snapshot();
  } finally {
    await fleet.stop();
  }
}

/** The devices of each label: the share of the fleet, rounded, at least one where the share is not 0; the same for a seed. */
export function chooseLabels(
  options: Pick<SimulateOptions, 'seed' | 'devices' | 'labels'>,
): ReadonlyMap<string, readonly string[]> {
  const macs = fleetMacs(options.seed, options.devices);
  const random = new Random(options.seed);
  return new Map(
    options.labels.map(({ label, share }) => {
      const count = share > 0 ? Math.max(1, Math.round(share * macs.length)) : 0;
      return [label, random.fork(`label ${label}`).shuffle(macs).slice(0, count)];
    }),
  );
}

/** How the device with this MAC lives; the same for a seed. */
export function habitsOf(
  mac: string,
  options: Pick<SimulateOptions, 'seed' | 'sleeping' | 'sleepS' | 'oldClient'>,
): Habits {
  const { sleeping = 0, sleepS = DEFAULT_SLEEP_S, oldClient = 0 } = options;
  const random = new Random(options.seed).fork(mac).fork('habits');
  const sleeps = random.chance(sleeping);
  const isOldClient = random.chance(oldClient);
  return { sleepMs: sleeps ? sleepS * 1000 : undefined, hidesUptime: isOldClient, neverEnrols: isOldClient };
}

/** A shorter poll shortens all other waits so that the first back-off, a minute, becomes one poll; never beyond real time. */
function paceOf(pollIntervalS: number | undefined): Pace {
  return pollIntervalS === undefined ? REAL_TIME : { pollIntervalS, scale: Math.min(1, pollIntervalS / 60) };
}
