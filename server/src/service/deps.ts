// What every use case needs, built once by `main.ts` and passed as first argument.

import type { Logger } from 'pino';
import type { BoardProblems } from '#server/service/fleet/board-problems.ts';
import type { Credentials } from '#server/service/access/credentials.ts';
import type { TicketKeys } from '#server/service/access/ticket-keys.ts';
import type { KnownTokens } from '#server/service/identity/known-tokens.ts';
import type { BoardRates } from '#server/service/device/board-rates.ts';
import type { NewBoards } from '#server/service/identity/new-boards.ts';
import type { Readiness } from '#server/service/fleet/readiness.ts';
import type { ImageDeps } from '#server/service/firmware/image-deps.ts';
import type { ImageUpkeep } from '#server/service/firmware/image-upkeep.ts';
import type { SharedFiles } from '#server/service/schedules/shared-files.ts';
import type { VersionCensus } from '#server/service/history/version-census.ts';
import type { Regrouping } from '#server/service/groups/regrouping.ts';
import type { EndedCounts } from '#server/service/rollouts/ended-counts.ts';
import type { LostBoards } from '#server/service/gates/lost-boards.ts';
import type { OtherBoards } from '#server/service/gates/other-boards.ts';
import type { PresenceBuffer } from '#server/service/device/presence.ts';
import type { WaitingBoards } from '#server/service/gates/waiting-boards.ts';
import type { Retention } from '#server/service/retention/retention.ts';
import type { WatchDeps } from './watch-deps.ts';

export interface Deps extends WatchDeps, ImageDeps {
  readonly presence: PresenceBuffer;
  readonly images: ImageUpkeep;
  readonly waiting: WaitingBoards;
  readonly regrouping: Regrouping;
  readonly census: VersionCensus;
  readonly lost: LostBoards;
  readonly others: OtherBoards;
  readonly ended: EndedCounts;
  readonly retention: Retention;
  readonly readiness: Readiness;
  readonly sharedFiles: SharedFiles;
  readonly boardProblems: BoardProblems;
  readonly newBoards: NewBoards;
  readonly boardRates: BoardRates;
  readonly knownTokens: KnownTokens;
  readonly ticketKeys: TicketKeys;
  readonly credentials: Credentials;
  /** SHA-256 of the admin token, hex: sessions end with the token. */
  readonly adminTokenDigest: string;
  readonly log: Logger;
  /** A number in [0, 1), for jitter only. */
  readonly random: () => number;
}
