// What every use case needs, built once by `main.ts` and passed as first argument.

import type { Logger } from 'pino';
import type { Plan } from '#protocol/admin/plan.ts';
import type { Database } from '#server/db/database.ts';
import type { BlobStore } from '#server/storage/blob-store.ts';
import type { StoreFolders } from '#server/storage/store-folders.ts';
import type { Absences } from '#server/service/time/absences.ts';
import type { Catalog } from '#server/service/firmware/catalog.ts';
import type { ImageUpkeep } from '#server/service/firmware/image-upkeep.ts';
import type { EndedCounts } from '#server/service/rollouts/ended-counts.ts';
import type { LostBoards } from '#server/service/gates/lost-boards.ts';
import type { OtherBoards } from '#server/service/gates/other-boards.ts';
import type { PresenceBuffer } from '#server/service/device/presence.ts';
import type { WaitingBoards } from '#server/service/gates/waiting-boards.ts';
import type { Webhook } from '#server/service/events/webhooks.ts';

export interface Settings {
  readonly pollIntervalS: number;
  /** The interval sent to a device varies by this share, 0 to 0.5, so that a fleet does not poll in step. */
  readonly pollJitter: number;
  /** Label hints that become labels by themselves. */
  readonly labelsFromHints: readonly string[];
  /** Plans of the configuration, beside those that are built in. */
  readonly plans: readonly Plan[];
  /** Whom to tell of events. */
  readonly webhooks: readonly Webhook[];
  readonly maxImageBytes: number;
  readonly maxDownloads: number;
}

/** What those need that look at boards by themselves. */
export type WatchDeps = Pick<Deps, 'database' | 'catalog' | 'settings' | 'absences'>;

export interface Deps {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly presence: PresenceBuffer;
  readonly absences: Absences;
  /** Images by their content. */
  readonly store: BlobStore;
  /** Where the store is, for what people see of it. */
  readonly folders: StoreFolders;
  readonly images: ImageUpkeep;
  readonly waiting: WaitingBoards;
  readonly lost: LostBoards;
  readonly others: OtherBoards;
  readonly ended: EndedCounts;
  readonly settings: Settings;
  readonly log: Logger;
  /** A number in [0, 1), for jitter only. */
  readonly random: () => number;
}
