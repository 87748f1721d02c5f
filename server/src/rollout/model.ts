// The facts that a decision is made from, as plain values. Whoever loads them says nothing of rules; the rules know
// nothing of where the facts come from.

import type { ASSIGNMENT_STATES, MISSED_POLICIES, ROLLOUT_STATUSES, SCHEDULE_ACTIONS } from '#protocol/admin-api.ts';
import type { PROMOTIONS } from '#protocol/plan.ts';

export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];
export type AssignmentState = (typeof ASSIGNMENT_STATES)[number];
export type ScheduleAction = (typeof SCHEDULE_ACTIONS)[number];
export type Promotion = (typeof PROMOTIONS)[number];
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** What a device says of itself, and what the operator put on it. */
export interface DeviceFacts {
  readonly mac: string;
  readonly product: string;
  readonly currentVersion: string;
  /** Undefined where the device does not say it. */
  readonly chip: string | undefined;
  readonly slotBytes: number | undefined;
  /** The running image is not yet marked valid. */
  readonly onTrial: boolean;
  readonly labels: readonly LabelOnDevice[];
}

export interface LabelOnDevice {
  readonly name: string;
  readonly putAtMs: number;
}

export interface ImageFacts {
  readonly id: number;
  readonly chip: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `app_elf_sha256` of the descriptor, where the image has one. */
  readonly elfSha256: string | undefined;
}

export interface FirmwareFacts {
  readonly id: number;
  readonly product: string;
  readonly version: string;
  readonly pilotReady: boolean;
  readonly blocked: boolean;
  readonly images: readonly ImageFacts[];
}

/** `general` is every device. */
export interface OpenedStage {
  readonly label: string;
  readonly percentage: number;
}

/** A rollout that is open (running, paused or halted), at its open stage; or a completed one that late devices still follow. */
export interface RolloutFacts {
  readonly id: number;
  readonly name: string;
  readonly status: RolloutStatus;
  readonly stageId: number;
  /** The name of the stage that opened last. */
  readonly stage: string;
  readonly stageOpenedAtMs: number;
  /** Every stage that has opened, in their order: whoever belongs to one of them belongs to the rollout. */
  readonly opened: readonly OpenedStage[];
  /** What the buckets of devices are made with. */
  readonly seed: number;
  readonly firmware: FirmwareFacts;
}

/** A window in which installs are allowed; undefined where none applies. */
export interface WindowFacts {
  readonly open: boolean;
  readonly schedule: string;
  readonly opensAtMs: number | undefined;
}

/** What happened to one build on one device, counted from its assignments that no operator has forgiven. */
export interface BuildHistory {
  /** Attempts that ended badly for any reason: they set the back-off. */
  readonly failedAttempts: number;
  readonly lastFailedAtMs: number | undefined;
  readonly lastError: string | undefined;
  readonly knownBad: boolean;
}

export interface Facts {
  readonly device: DeviceFacts;
  /** The firmware that the device runs, where the server knows it. */
  readonly running: FirmwareFacts | undefined;
  /** The open rollout of the device's product. */
  readonly rollout: RolloutFacts | undefined;
  /** The completed rollout of the newest firmware of the product that is not blocked. */
  readonly stable: RolloutFacts | undefined;
  readonly window: WindowFacts | undefined;
  /** History of one build on this device. */
  readonly historyOf: (firmwareId: number) => BuildHistory;
}

export const NO_HISTORY: BuildHistory = {
  failedAttempts: 0,
  lastFailedAtMs: undefined,
  lastError: undefined,
  knownBad: false,
};
