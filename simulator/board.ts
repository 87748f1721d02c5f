// What a board is and how an update changes it: pure functions from one state of the board to the next, and the check of
// an offer that a board makes for itself. It never talks to a server, draws no chance and knows nothing of rollouts.

import semver from 'semver';
import type { CheckUpdateRequest, Offer } from '#protocol/device-api.ts';
import type { DeviceErrorName } from '#protocol/device-errors.ts';
import type { Manifest } from '#protocol/manifest.ts';

/** One program in a slot. The digest of the first one is unknown: it was flashed by cable. */
interface Build {
  readonly version: string;
  readonly sha256: string | undefined;
}

export interface Board {
  readonly mac: string;
  readonly product: string;
  readonly chip: string;
  readonly slotBytes: number;
  readonly labels: readonly string[];
  readonly running: Build;
  /** The other slot: what the bootloader goes back to while `running` is on trial. */
  readonly previous: Build | undefined;
  readonly trial: boolean;
  readonly resetReason: string;
  readonly rolledBackFrom: string | undefined;
  /** SHA-256 of images that failed their trial here. */
  readonly knownBad: ReadonlySet<string>;
}

/** A board as it leaves the bench: one confirmed program, nothing learnt yet. */
export function newBoard(
  made: Pick<Board, 'mac' | 'product' | 'chip' | 'slotBytes' | 'labels'> & { readonly version: string },
): Board {
  const { version, ...rest } = made;
  return {
    ...rest,
    running: { version, sha256: undefined },
    previous: undefined,
    trial: false,
    resetReason: 'power_on',
    rolledBackFrom: undefined,
    knownBad: new Set(),
  };
}

/** The body of a check-in. */
export function checkInOf(board: Board): CheckUpdateRequest {
  return {
    mac: board.mac,
    current_version: board.running.version,
    labels: [...board.labels],
    product: board.product,
    chip: board.chip,
    slot_bytes: board.slotBytes,
    ...(board.running.sha256 === undefined ? {} : { image_sha256: board.running.sha256 }),
    boot: {
      state: board.trial ? 'trial' : 'confirmed',
      reason: board.resetReason,
      ...(board.rolledBackFrom === undefined ? {} : { rolled_back_from: board.rolledBackFrom }),
      rollback_capable: true,
    },
    library: 'otter-simulator',
  };
}

/** Why this board does not take the offer; undefined: it takes it. A board trusts its own facts over the server's. */
export function vetOffer(board: Board, offer: Pick<Offer, 'manifest' | 'rollback'>): DeviceErrorName | undefined {
  const { manifest } = offer;
  if (manifest.product !== board.product) return 'product';
  if (manifest.chip !== board.chip) return 'chip';
  if (semver.valid(manifest.version) === null) return 'version_invalid';
  if (!offer.rollback && !isHigher(manifest.version, board.running.version)) return 'downgrade';
  if (!(manifest.size_bytes <= board.slotBytes)) return 'size';
  if (board.knownBad.has(manifest.sha256)) return 'known_bad';
  return undefined;
}

/** The bootloader starts the new image; until `confirm` the next reset goes back. */
export function bootTrial(board: Board, manifest: Manifest): Board {
  return {
    ...board,
    running: { version: manifest.version, sha256: manifest.sha256 },
    previous: board.running,
    trial: true,
    resetReason: 'software',
    rolledBackFrom: undefined,
  };
}

/** The application marks its image valid. */
export function confirm(board: Board): Board {
  return { ...board, trial: false };
}

/** The trial ended badly: the bootloader starts the previous image and the board remembers the build. */
export function rollBack(board: Board, resetReason: string): Board {
  const failed = board.running;
  return {
    ...board,
    running: board.previous ?? failed,
    previous: undefined,
    trial: false,
    resetReason,
    rolledBackFrom: failed.version,
    knownBad: failed.sha256 === undefined ? board.knownBad : new Set([...board.knownBad, failed.sha256]),
  };
}

/** A running version that is not SemVer cannot be ordered; any release may replace it. */
function isHigher(offered: string, running: string): boolean {
  return semver.valid(running) === null || semver.gt(offered, running);
}
