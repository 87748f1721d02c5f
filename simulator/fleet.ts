// Many simulated devices in one process, made from one seed. Each has its own connection per request, as boards have; only
// the number of connections that open at the same time is bounded. It never tells the devices about each other.

import path from 'node:path';
import { formatPin, type Pin, PinnedAgent } from '#protocol/pinned-https.ts';
import type { ReleaseKey } from '#protocol/device/release-key.ts';
import { newBoard } from '#simulator/device/board.ts';
import { DeviceClient } from '#simulator/device/client.ts';
import type { Habits, PollOutcome } from '#simulator/device/life.ts';
import { SimulatedDevice } from '#simulator/device/device.ts';
import type { BuildFault } from '#simulator/device/faults.ts';
import { fleetMacs } from './macs.ts';
import type { Chances } from '#simulator/device/chances.ts';
import type { Pace } from '#simulator/device/pace.ts';
import { Random } from './random.ts';
import { fileSlot, hashOnlySlot } from '#simulator/device/slot.ts';
import { Semaphore } from './semaphore.ts';

export interface FleetOptions {
  readonly server: URL;
  readonly pin: Pin;
  /** Of the backup key of the server, which their builds know, too. */
  readonly backupPin?: Pin | undefined;
  readonly fleetToken: string;
  readonly devices: number;
  readonly product: string;
  readonly version: string;
  readonly chip: string;
  readonly seed: number;
  readonly pace: Pace;
  /** What their builds are signed with; left out: they take what nobody signed. */
  readonly releaseKeys?: readonly ReleaseKey[] | undefined;
  /** The chances of the device with this index. */
  readonly chances: (index: number) => Chances;
  /** Builds that are bad on a share of the devices. */
  readonly faults?: readonly BuildFault[] | undefined;
  /** How the device with this MAC lives; left out: awake, with all hours open. */
  readonly habits?: ((mac: string) => Habits) | undefined;
  /** UTC milliseconds; the clock of this computer unless it is given. */
  readonly clock?: () => number;
  /** Folder for the slots, one file per device; undefined: bytes are hashed and forgotten. */
  readonly slotFolder?: string;
  readonly onPoll?: (device: SimulatedDevice, outcome: PollOutcome) => void;
}

export interface FleetSnapshot {
  readonly total: number;
  readonly byState: Readonly<Record<string, number>>;
  readonly byVersion: Readonly<Record<string, number>>;
  readonly polls: number;
  readonly errors: number;
  /** Why the latest poll failed, for the person who typed a wrong token; undefined: none failed. */
  readonly lastError: string | undefined;
}

/** Connections that may be opening at once: a handshake costs both sides about a millisecond of processor time. */
const MAX_OPENING = 32;

/** The largest OTA slot of a stock partition table (8 MB flash): every image that the server accepts fits. */
const SLOT_BYTES = 0x3e_d000;

export class Fleet {
  readonly devices: readonly SimulatedDevice[];
  readonly #agent: PinnedAgent;
  #polls = 0;
  #errors = 0;
  #lastError: string | undefined;

  constructor(options: FleetOptions) {
    const { pin, backupPin } = options;
    const pins: readonly [Pin, ...(readonly Pin[])] = backupPin === undefined ? [pin] : [pin, backupPin];
    this.#agent = new PinnedAgent(pins, { keepAlive: false });
    const client = new DeviceClient({
      server: options.server,
      agent: this.#agent,
      fleetToken: options.fleetToken,
      semaphore: new Semaphore(MAX_OPENING),
    });
    const random = new Random(options.seed);
    this.devices = fleetMacs(options.seed, options.devices).map((mac, index) => {
      const device: SimulatedDevice = new SimulatedDevice({
        board: newBoard({
          mac,
          product: options.product,
          version: options.version,
          chip: options.chip,
          slotBytes: SLOT_BYTES,
          releaseKeys: options.releaseKeys ?? [],
          pins: pins.filter(({ kind }) => kind === 'spki').map(formatPin),
          labels: [],
        }),
        client,
        slot: options.slotFolder === undefined ? hashOnlySlot : fileSlot(slotPath(options.slotFolder, mac)),
        random: random.fork(mac),
        chances: options.chances(index),
        faults: options.faults ?? [],
        habits: options.habits?.(mac) ?? {},
        ...(options.clock === undefined ? {} : { clock: options.clock }),
        pace: options.pace,
        onPoll: (outcome) => {
          this.#count(outcome);
          options.onPoll?.(device, outcome);
        },
      });
      return device;
    });
  }

  start(): void {
    for (const device of this.devices) device.start();
  }

  /** Switches every board off. Resolves when no timer, file or connection of the fleet is left. */
  async stop(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.stop()));
    this.#agent.destroy();
  }

  snapshot(): FleetSnapshot {
    return {
      total: this.devices.length,
      byState: countBy(this.devices, (device) => device.phase),
      byVersion: countBy(this.devices, (device) => device.board.running.version),
      polls: this.#polls,
      errors: this.#errors,
      lastError: this.#lastError,
    };
  }

  #count(outcome: PollOutcome): void {
    if (outcome.kind === 'hanging') return;
    this.#polls += 1;
    if (outcome.kind !== 'failed') return;
    this.#errors += 1;
    this.#lastError = `${outcome.error.code}: ${outcome.error.message}`;
  }
}

function slotPath(folder: string, mac: string): string {
  return path.join(folder, `${mac.replaceAll(':', '')}.bin`);
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b)));
}
