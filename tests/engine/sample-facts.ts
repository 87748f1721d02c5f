// Facts for the tables of rules: a board on 1.0.0 in the open stage of a rollout of 1.1.0, with nothing in the way. Each
// test changes what it is about.

import type {
  DeviceFacts,
  Facts,
  FirmwareFacts,
  ImageFacts,
  LabelOnDevice,
  RolloutFacts,
  OpenedStage,
} from '#engine/facts/model.ts';
import { NO_HISTORY } from '#engine/facts/model.ts';

/** The instant of every decision, UTC milliseconds. */
export const NOW_MS = Date.UTC(2026, 10, 23, 10);
export const STAGE_OPENED_MS = NOW_MS - 3_600_000;
export const IMAGE_BYTES = 1_000_000;

export const device: DeviceFacts = {
  firstName: '24:6f:28:00:00:01',
  product: 'thermostat',
  currentVersion: '1.0.0',
  imageSha256: undefined,
  chip: 'esp32',
  rememberedChips: ['esp32'],
  slotBytes: 1_900_544,
  chipRevision: 300,
  flashBytes: 4 * 1_048_576,
  library: undefined,
  releaseKeys: undefined,
  signaturesNeeded: 1,
  onTrial: false,
  labels: [],
  memberOf: [],
  hold: undefined,
  cancelled: undefined,
  offerNowAtMs: undefined,
  standing: 'counts',
};

export function imageFor(chip: string, change: Partial<ImageFacts> = {}): ImageFacts {
  return {
    id: 1,
    chip,
    minChipRevision: 0,
    maxChipRevision: undefined,
    flashBytes: undefined,
    sizeBytes: IMAGE_BYTES,
    sha256: 'a'.repeat(64),
    elfSha256: 'e'.repeat(64),
    appendedSha256: 'd'.repeat(64),
    signedBy: [],
    signatureEndsAtMs: undefined,
    ...change,
  };
}

export function firmware(version: string, change: Partial<FirmwareFacts> = {}): FirmwareFacts {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return {
    id: major * 10_000 + minor * 100 + patch,
    product: 'thermostat',
    version,
    securityVersion: 0,
    pilotReady: true,
    blocked: false,
    reverted: false,
    isRequired: false,
    images: [imageFor('esp32')],
    ...change,
  };
}

/** A stage without a gate. */
export function stage(name: string, percentage = 100): OpenedStage {
  return { id: 1, label: name, percentage, soakMs: 0 };
}

/** Running, open to every device. */
export function rollout(version: string, change: Partial<RolloutFacts> = {}): RolloutFacts {
  const build = change.firmware ?? firmware(version);
  const opened = change.opened ?? [stage('general', 100)];
  return {
    id: 1,
    name: `thermostat-${version}`,
    status: 'running',
    stageId: 2,
    stage: 'expand',
    stageOpenedAtMs: STAGE_OPENED_MS,
    opened,
    planned: opened,
    pace: { maxInFlight: undefined, maxOffersPerMinute: undefined },
    consent: undefined,
    seed: 0,
    votes: { countsBeforeMs: undefined, countsSimulated: true },
    firmware: build,
    imageIds: build.images.map(({ id }) => id),
    ...change,
  };
}

/** At its pilot stage, for boards that wore the label `pilot` when it opened. */
export function pilotRollout(version: string, change: Partial<RolloutFacts> = {}): RolloutFacts {
  return rollout(version, { stageId: 1, stage: 'pilot', opened: [stage('pilot', 100)], ...change });
}

/** Completed: what late boards follow. */
export function stable(version: string, change: Partial<RolloutFacts> = {}): RolloutFacts {
  return rollout(version, { id: 9, stageId: 9, status: 'complete', ...change });
}

export function label(name: string, putAtMs = STAGE_OPENED_MS): LabelOnDevice {
  return { name, putAtMs };
}

export function facts(change: Omit<Partial<Facts>, 'device'> & { readonly device?: Partial<DeviceFacts> } = {}): Facts {
  return {
    running: firmware('1.0.0'),
    rollout: rollout('1.1.0'),
    stable: undefined,
    requiredVersions: [],
    takesUnsigned: true,
    window: undefined,
    freeze: undefined,
    historyOf: () => NO_HISTORY,
    holdsOffer: false,
    isUnderWay: false,
    lastEndedAtMs: undefined,
    firstOffers: new Map(),
    budgets: [],
    load: undefined,
    ...change,
    device: { ...device, ...change.device },
  };
}
