// The facts that a decision is made from, as plain values. Whoever loads them says nothing of rules; the rules know
// nothing of where the facts come from.

import type { ASSIGNMENT_STATES, MISSED_POLICIES, ROLLOUT_STATUSES, SCHEDULE_ACTIONS } from '#protocol/admin/states.ts';
import type { BudgetOfDevice } from './budget.ts';
import type { Hold } from './hold.ts';
import type { Standing } from './identity.ts';
import type { Cancelled } from './orders.ts';
import type { PlanWindow, PROMOTIONS } from '#protocol/admin/plan.ts';

export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];
export type AssignmentState = (typeof ASSIGNMENT_STATES)[number];
export type ScheduleAction = (typeof SCHEDULE_ACTIONS)[number];
export type Promotion = (typeof PROMOTIONS)[number];
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** What a device says of itself, and what the operator added to it. */
export interface DeviceFacts {
  /** The name that it was first known by (a MAC, say): what its bucket follows from, and how people call it. */
  readonly firstName: string;
  readonly product: string;
  readonly currentVersion: string;
  /** The digest of the running image, where the device names one. */
  readonly imageSha256: string | undefined;
  /** As its check-in names it; undefined where it does not. */
  readonly chip: string | undefined;
  /** What it named before, at most two: these may hold an offer, never permit one. */
  readonly rememberedChips: readonly string[];
  /** As its check-in says it, else as it said it before. */
  readonly slotBytes: number | undefined;
  /** Revision of the chip, major * 100 + minor; undefined where its check-in does not say it. */
  readonly chipRevision: number | undefined;
  /** Flash of the board; undefined where its check-in does not say it. */
  readonly flashBytes: number | undefined;
  /** Name and version of its client; undefined where its check-in does not say it. */
  readonly library: string | undefined;
  /** Ids of the release keys that it knows, empty for one without; undefined where its check-in does not say it. */
  readonly releaseKeys: readonly string[] | undefined;
  /** So many of them have to sign. */
  readonly signaturesNeeded: number;
  /** The running image is not yet marked valid. */
  readonly onTrial: boolean;
  readonly labels: readonly LabelOnDevice[];
  /** Stages that it belongs to since they opened, whatever labels it has by now. */
  readonly memberOf: readonly number[];
  /** An operator keeps the device as it is. */
  readonly hold: Hold | undefined;
  /** An operator wants it off this build. */
  readonly cancelled: Cancelled | undefined;
  /** When an operator said that it is to be offered what there is for it at once. */
  readonly offerNowAtMs: number | undefined;
  /** Whether whoever speaks for it is taken for it. */
  readonly standing: Standing;
}

export interface LabelOnDevice {
  readonly name: string;
  readonly putAtMs: number;
}

export interface ImageFacts {
  readonly id: number;
  readonly chip: string;
  /** Lowest and highest revision of the chip that runs it, major * 100 + minor; undefined: no limit. */
  readonly minChipRevision: number;
  readonly maxChipRevision: number | undefined;
  /** Flash that it was built for; undefined: it does not say. */
  readonly flashBytes: number | undefined;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `app_elf_sha256` of the descriptor, where the image has one. */
  readonly elfSha256: string | undefined;
  /** The SHA-256 that stands at the end of the image: what `esp_partition_get_sha256` says. Undefined: not read yet. */
  readonly appendedSha256: string | undefined;
  /** Ids of the trusted release keys whose signature holds. */
  readonly signedBy: readonly string[];
  /** From then on no board installs it; undefined: never. */
  readonly signatureEndsAtMs: number | undefined;
}

export interface FirmwareFacts {
  readonly id: number;
  readonly product: string;
  readonly version: string;
  /** A board that confirmed a build refuses every one with a lower number. */
  readonly securityVersion: number;
  readonly pilotReady: boolean;
  readonly blocked: boolean;
  /** Its rollout was halted or aborted with the way back: devices that run it roll back. Of a running one: that of its image. */
  readonly reverted: boolean;
  /** A required version: devices that are older do not skip it. */
  readonly isRequired: boolean;
  readonly images: readonly ImageFacts[];
}

/** A share of the devices with a label; `general` is every device. */
export interface StageShare {
  readonly label: string;
  readonly percentage: number;
}

export interface OpenedStage extends StageShare {
  readonly id: number;
  /** How long a board of it runs the build before it is healthy; 0 without a gate. */
  readonly soakMs: number;
  readonly window?: PlanWindow | undefined;
}

/** How many devices may be in the middle of an update at once, and how many may begin one in a minute. */
export interface Pace {
  readonly maxInFlight: number | undefined;
  readonly maxOffersPerMinute: number | undefined;
}

/** How much of its pace a rollout uses now. */
export interface Load {
  readonly inFlight: number;
  readonly offersInLastMinute: number;
}

/** Whose boards count in the gates of a rollout, stored when it started (`engine/outcome/vote.ts`). */
export interface VoteRules {
  /** Undefined: a rollout that started before this was kept; all boards count. */
  readonly countsBeforeMs: number | undefined;
  readonly countsSimulated: boolean;
}

/** Offers that a board may put off, from its first one on for so long; undefined: for ever. */
interface Consent {
  readonly forceAfterMs: number | undefined;
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
  /** Every stage of its plan, opened or not: the devices that are its own, whatever another rollout says. */
  readonly planned: readonly (StageShare & Partial<Pick<OpenedStage, 'id'>>)[];
  /** Of the stage that opened last. */
  readonly pace: Pace;
  /** A board may put its offers off; undefined: it is not asked. */
  readonly consent: Consent | undefined;
  /** What the buckets of devices are made with. */
  readonly seed: number;
  /** Whose boards count in its gates. */
  readonly votes: VoteRules;
  readonly firmware: FirmwareFacts;
  /**
   * The images that it offers: those that its firmware had at its start, and those of the required versions then. One that was
   * added later is released by a rollout of its own.
   */
  readonly imageIds: readonly number[];
}

/** What the windows that apply to a device say now; undefined where none applies. */
export interface WindowFacts {
  readonly open: boolean;
  /** The window that keeps it shut, or that holds it open. */
  readonly name: string;
  readonly opensAtMs: number | undefined;
  /** Hours of the device's own day: it downloads when it likes and installs only then. */
  readonly install: InstallWindow | undefined;
}

/** Minutes of the device's day, from its midnight; may pass the next midnight. */
export interface InstallWindow {
  readonly fromMinute: number;
  readonly durationMin: number;
  readonly utcOffsetMin: number;
}

/** What happened to one build on one device, counted from its assignments that no operator has forgiven. */
export interface BuildHistory {
  /** Assignments that ended badly for any reason: they set the back-off. */
  readonly failedAttempts: number;
  readonly lastFailedAtMs: number | undefined;
  readonly lastError: string | undefined;
  readonly knownBad: boolean;
}

export interface Facts {
  readonly device: DeviceFacts;
  /** The firmware that the device runs, where the server knows it. */
  readonly running: FirmwareFacts | undefined;
  /** The open rollout that speaks for the device (`rolloutFor`). */
  readonly rollout: RolloutFacts | undefined;
  /** The completed rollout that the device follows (`stableFor`). */
  readonly stable: RolloutFacts | undefined;
  /** Firmware of the product that must not be skipped. */
  readonly requiredVersions: readonly FirmwareFacts[];
  /** No release key is trusted for the product; else what no such key signed is not offered. */
  readonly takesUnsigned: boolean;
  readonly window: WindowFacts | undefined;
  /** An operator keeps all devices of the product as they are. */
  readonly freeze: Hold | undefined;
  /** History of one build on this device. */
  readonly historyOf: (firmwareId: number) => BuildHistory;
  /** The device holds an open offer of the rollout already, so that another one costs nothing of its pace. */
  readonly holdsOffer: boolean;
  /** When an update of the device ended last, well or badly; undefined: none that still counts. */
  readonly lastEndedAtMs: number | undefined;
  /** By the id of a rollout, when the device was offered something of it first, as far as that still counts. */
  readonly firstOffers: ReadonlyMap<number, number>;
  /** The device is in the middle of an update, whatever brings it. */
  readonly isUnderWay: boolean;
  /** Of the open rollout, counted only where nothing but its pace stands in the way. */
  readonly load: Load | undefined;
  /** Those that apply to the device by its labels. */
  readonly budgets: readonly BudgetOfDevice[];
}

export const NO_HISTORY: BuildHistory = {
  failedAttempts: 0,
  lastFailedAtMs: undefined,
  lastError: undefined,
  knownBad: false,
};
