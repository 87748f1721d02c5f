// What a board is and how an update changes it: pure functions from one state of the board to the next, and the check of
// an offer that a board makes for itself. It never talks to a server, draws no chance and knows nothing of rollouts.

import type { CheckUpdateRequest, InstallWindow, Offer } from '#protocol/device/api.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { type Configuration, pinIdOf } from '#protocol/device/configuration.ts';
import { canonicalTextOf } from '#protocol/device/canonical-text.ts';
import { isSignedBy, type ReleaseKey } from '#protocol/device/release-key.ts';
import { matchesLabelRule } from '#protocol/device/label-rule.ts';
import { KNOWN_BAD_FAILURES, MAX_IMAGE_BYTES, MAX_SECURITY_VERSION_STEP, MIN_IMAGE_BYTES } from '#protocol/limits.ts';
import type { Manifest } from '#protocol/device/manifest.ts';
import { compareVersions, isOrdered, isVersion } from '#protocol/device/version.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/** One program in a slot. The digest of the first one is unknown: it was flashed by cable. */
interface Build {
  readonly version: string;
  readonly sha256: string | undefined;
  readonly securityVersion: number;
}

export interface Board {
  readonly mac: string;
  readonly product: string;
  readonly chip: string;
  /** 0: there is no second slot. */
  readonly slotBytes: number;
  readonly labels: readonly string[];
  /** Which offers it takes, by the labels in them; see `label-rule.ts`. */
  readonly labelRule: string;
  /** Where it has any, it takes only what one of them signed. */
  readonly releaseKeys: readonly ReleaseKey[];
  /** Of its build, `spki:` and hex. */
  readonly pins: readonly string[];
  /** Whose pins it trusts besides, and why it did not take the last one that was sent. */
  readonly configuration: Configuration | undefined;
  readonly refusedConfiguration: DeviceErrorName | undefined;
  /** The highest security version that was ever confirmed here. */
  readonly securityFloor: number;
  readonly running: Build;
  /** The other slot: what the bootloader goes back to while `running` is on trial. */
  readonly previous: Build | undefined;
  readonly trial: boolean;
  readonly resetReason: string;
  readonly rolledBackFrom: string | undefined;
  /** How often images failed here, by their SHA-256. */
  readonly failures: ReadonlyMap<string, number>;
  /** The offers that cleared their build here, each once: assignment and SHA-256. */
  readonly forgiven: ReadonlySet<string>;
}

/** What a board reads of an offer before it takes it. */
export type CheckedOffer = Pick<Offer, 'assignment_id' | 'manifest' | 'rollback' | 'labels' | 'forgiven'>;

/** What a board measures of itself. A client that is too old to say one leaves it out. */
export interface Vitals {
  readonly uptimeS?: number;
  readonly nextCheckS?: number;
  readonly freeHeapBytes?: number;
  readonly largestBlockBytes?: number;
}

/** A board as it leaves the bench: one confirmed program, nothing learnt yet. */
export function newBoard(
  made: Pick<Board, 'mac' | 'product' | 'chip' | 'slotBytes' | 'labels'> &
    Partial<Pick<Board, 'releaseKeys' | 'pins'>> & { readonly version: string },
): Board {
  const { version, releaseKeys = [], pins = [], ...rest } = made;
  return {
    ...rest,
    releaseKeys,
    pins,
    configuration: undefined,
    refusedConfiguration: undefined,
    labelRule: '',
    securityFloor: 0,
    running: { version, sha256: undefined, securityVersion: 0 },
    previous: undefined,
    trial: false,
    resetReason: 'power_on',
    rolledBackFrom: undefined,
    failures: new Map(),
    forgiven: new Set(),
  };
}

/** Its NVS was erased: what it runs stays, what it learnt is gone. */
export function loseMemory(board: Board): Board {
  const { securityVersion } = board.running;
  return {
    ...board,
    securityFloor: securityVersion,
    failures: new Map(),
    forgiven: new Set(),
    rolledBackFrom: undefined,
    configuration: undefined,
    refusedConfiguration: undefined,
  };
}

/** The body of a check-in. */
export function checkInOf(board: Board, vitals: Vitals = {}): CheckUpdateRequest {
  const { uptimeS, nextCheckS, freeHeapBytes, largestBlockBytes } = vitals;
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
      ...(uptimeS === undefined ? {} : { uptime_s: uptimeS }),
    },
    ...(nextCheckS === undefined ? {} : { next_check_s: nextCheckS }),
    ...(freeHeapBytes === undefined ? {} : { free_heap_bytes: freeHeapBytes }),
    ...(largestBlockBytes === undefined ? {} : { largest_block_bytes: largestBlockBytes }),
    release_keys: board.releaseKeys.map(({ keyId }) => keyId),
    pins: board.pins.map(pinIdOf),
    ...(board.releaseKeys.length === 0 ? {} : { configuration_sequence: board.configuration?.sequence ?? 0 }),
    ...(board.refusedConfiguration === undefined ? {} : { configuration_refused: board.refusedConfiguration }),
    library: 'otter-simulator',
  };
}

/**
 * Why this board does not take the offer; undefined: it takes it. A board trusts its own facts over the server's. The order
 * is that of the client (`validateOffer` in client/src/core), without the dates of the manifest: a simulated board has no clock.
 */
export function validateOffer(board: Board, offer: CheckedOffer): DeviceErrorName | undefined {
  const { manifest } = offer;
  if (manifest.product !== board.product) return 'product';
  if (manifest.chip !== board.chip) return 'chip';
  if (!isVersion(manifest.version)) return 'version_invalid';
  if (!offer.rollback && !isHigher(manifest.version, board.running.version)) return 'downgrade';
  if (!matchesLabelRule(board.labelRule, offer.labels)) return 'label';
  if (board.slotBytes === 0) return 'no_ota_slot';
  if (!(manifest.size_bytes >= MIN_IMAGE_BYTES)) return 'size';
  if (!(manifest.size_bytes <= Math.min(board.slotBytes, MAX_IMAGE_BYTES))) return 'size';
  if (isKnownBad(board, manifest) && !isForgivenNow(board, offer)) return 'known_bad';
  const step = manifest.security_version - board.securityFloor;
  if (!(step >= 0 && step <= MAX_SECURITY_VERSION_STEP)) return 'security_version';
  return isSignedFor(board, manifest) ? undefined : 'signature';
}

function isSignedFor({ releaseKeys }: Board, manifest: Manifest): boolean {
  if (releaseKeys.length === 0) return true;
  const text = canonicalTextOf(manifest);
  return (
    text !== undefined &&
    manifest.signatures?.some(({ key_id, signature }) =>
      releaseKeys.some((key) => key.keyId === key_id && isSignedBy(key, text, signature)),
    ) === true
  );
}

/**
 * How long the board waits until it may install, in milliseconds; 0: now. Follows docs/device-protocol.md, as
 * `isInInstallWindow` in client/src/core does.
 */
export function waitForWindowMs(window: InstallWindow | undefined, nowMs: number): number {
  if (window === undefined) return 0;
  const localMs = nowMs + window.utc_offset_min * MINUTE_MS;
  const sinceOpenMs = (((localMs - window.from_minute * MINUTE_MS) % DAY_MS) + DAY_MS) % DAY_MS;
  return sinceOpenMs < window.duration_min * MINUTE_MS ? 0 : DAY_MS - sinceOpenMs;
}

/** The board takes an offer that clears its build: one attempt more, once for each assignment, as the client does. */
export function forgive(board: Board, offer: CheckedOffer): Board {
  if (!isForgivenNow(board, offer)) return board;
  const { sha256 } = offer.manifest;
  const failures = Math.min(board.failures.get(sha256) ?? 0, KNOWN_BAD_FAILURES - 1);
  return {
    ...board,
    failures: new Map([...board.failures, [sha256, failures]]),
    forgiven: new Set([...board.forgiven, forgivenKey(offer)]),
  };
}

/** The bootloader starts the new image; until `confirm` the next reset goes back. */
export function bootTrial(board: Board, manifest: Manifest): Board {
  return {
    ...board,
    running: {
      version: manifest.version,
      sha256: manifest.sha256,
      securityVersion: manifest.security_version,
    },
    previous: board.running,
    trial: true,
    resetReason: 'software',
    rolledBackFrom: undefined,
  };
}

/** The application marks its image valid. From now on a lower security version is refused. */
export function confirm(board: Board): Board {
  return {
    ...board,
    trial: false,
    securityFloor: Math.max(board.securityFloor, board.running.securityVersion),
    failures: new Map([...board.failures].filter(([sha256]) => sha256 !== board.running.sha256)),
  };
}

/** The same program starts again. */
export function restart(board: Board, resetReason: string): Board {
  return { ...board, resetReason };
}

/** The trial ended badly: the bootloader starts the previous image and the board remembers the build. */
export function rollBack(
  board: Board,
  failure: { readonly code: DeviceErrorName; readonly resetReason: string },
): Board {
  const { sha256 } = board.running;
  const back = goBack(board, { resetReason: failure.resetReason, saysSo: true });
  if (sha256 === undefined) return back;
  const failures = (board.failures.get(sha256) ?? 0) + weightOf(failure.code);
  return { ...back, failures: new Map([...board.failures, [sha256, failures]]) };
}

/** The previous image runs again, and no journal remembers why. `saysSo`: the check-ins name the build that was left. */
export function goBack(board: Board, how: { readonly resetReason: string; readonly saysSo: boolean }): Board {
  return {
    ...board,
    running: board.previous ?? board.running,
    previous: undefined,
    trial: false,
    resetReason: how.resetReason,
    rolledBackFrom: how.saysSo ? board.running.version : undefined,
  };
}

/** What a rollback adds to the failures of a build. One that did not reach the server may have met one that was down. */
function weightOf(code: DeviceErrorName): number {
  return code === 'trial_timeout' ? 1 : KNOWN_BAD_FAILURES;
}

function isKnownBad(board: Board, { sha256 }: Manifest): boolean {
  return (board.failures.get(sha256) ?? 0) >= KNOWN_BAD_FAILURES;
}

function isForgivenNow(board: Board, offer: CheckedOffer): boolean {
  return offer.forgiven === true && !board.forgiven.has(forgivenKey(offer));
}

function forgivenKey({ assignment_id, manifest }: CheckedOffer): string {
  return `${assignment_id} ${manifest.sha256}`;
}

/** A running version that is not SemVer cannot be ordered; any release may replace it. */
function isHigher(offered: string, running: string): boolean {
  const order = compareVersions(offered, running);
  return !isOrdered(running) || (order !== undefined && order > 0);
}
