// The words for a simulated device: what it is made of, what it is doing, what a poll came to, how it lives. No behaviour.

import type { InstallWindow } from '#protocol/device/api.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import type { Board } from './board.ts';
import type { BoardError, DeviceClient } from './client.ts';
import type { BuildFault } from './faults.ts';
import type { Chances } from './chances.ts';
import type { Pace } from './pace.ts';
import type { Random } from '#simulator/random.ts';
import type { Slot } from './slot.ts';

/** What the board is doing, for people who watch. `waiting`: for the hours in which it may install a build that it has. `offline`: the last poll or download failed. */
export type Phase =
  'off' | 'idle' | 'downloading' | 'waiting' | 'installing' | 'trial' | 'rolled_back' | 'offline' | 'silent';

/** What one poll came to. */
export type PollOutcome =
  | { readonly kind: 'nothing'; readonly reason: string; readonly pollIntervalS: number }
  /** The build is in the slot; its hours come later. The next poll is due when they do, or as the server says. */
  | { readonly kind: 'waiting'; readonly pollIntervalS: number }
  | { readonly kind: 'installed'; readonly version: string; readonly pollIntervalS: number }
  | { readonly kind: 'rejected' | 'rolled_back'; readonly code: DeviceErrorName; readonly pollIntervalS: number }
  | { readonly kind: 'failed'; readonly error: BoardError }
  /** It asked nothing: the build on trial hangs, and the watchdog comes after this time. */
  | { readonly kind: 'hanging'; readonly waitMs: number }
  | { readonly kind: 'silent' };

/** How a board lives, whatever it runs. */
export interface Habits {
  /** It sleeps so long between two checks, whatever the server says, and every check-in follows a restart. */
  readonly sleepMs?: number | undefined;
  /** Its own hours: it installs only while they are open, and in the window of the offer. */
  readonly quietHours?: InstallWindow | undefined;
  /** Its client is too old to say how long it is up. */
  readonly hidesUptime?: boolean | undefined;
  /** Its client is too old to have a token of its own. */
  readonly neverEnrols?: boolean | undefined;
}

export interface SimulatedDeviceOptions {
  readonly board: Board;
  readonly client: DeviceClient;
  readonly slot: Slot;
  readonly random: Random;
  readonly chances: Chances;
  readonly faults?: readonly BuildFault[];
  readonly habits?: Habits;
  readonly pace: Pace;
  /** UTC milliseconds, for windows, uptime and the delays of faults; the clock of this computer unless it is given. */
  readonly clock?: () => number;
  /** Called after every poll. */
  readonly onPoll?: (outcome: PollOutcome) => void;
}
