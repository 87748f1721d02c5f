// The tables as Kysely sees them; `migrations.ts` makes them. The same types on both databases: instants are UTC
// milliseconds, truth values are 0 and 1, JSON is text, so that no query has to know which database it runs on.

import type { Generated, Kysely, Transaction } from 'kysely';
import type { NotCounted } from '#engine/outcome/watch.ts';
import type { Mark, Outcome } from '#engine/outcome/outcome.ts';
import type { Fault } from '#protocol/device/errors.ts';
import type { DeviceId } from '#protocol/identity.ts';
import type {
  AuditChainTable,
  AuditTable,
  EventsTable,
  TroublesTable,
  WebhooksTable,
} from '#server/db/events/tables.ts';
import type { AssignmentState, MissedPolicy, Promotion, RolloutStatus, ScheduleAction } from '#engine/facts/model.ts';
import type {
  BudgetsTable,
  DeviceLabelsTable,
  SavedQueriesTable,
  StageMembersTable,
  DeviceNamesTable,
  DevicesTable,
  FreezesTable,
  LabelsTable,
  PresenceTable,
  RemovedDevicesTable,
} from '#server/db/fleet/tables.ts';
import type { VersionHoursTable } from '#server/db/history/tables.ts';
import type { IdentitiesTable, PendingEnrolmentsTable } from '#server/db/identity/tables.ts';
import type { CredentialsTable, LoginLinksTable, SessionsTable, TicketKeysTable } from '#server/db/access/tables.ts';
import type {
  BlobsTable,
  FirmwareTable,
  Flag,
  ImagesTable,
  ConfigurationsTable,
  ReleaseKeysTable,
} from './firmware-tables.ts';

export type { FirmwareTable, ImagesTable } from './firmware-tables.ts';

export interface Schema {
  readonly catalog: CatalogTable;
  readonly devices: DevicesTable;
  readonly device_names: DeviceNamesTable;
  readonly removed_devices: RemovedDevicesTable;
  readonly presence: PresenceTable;
  readonly labels: LabelsTable;
  readonly device_labels: DeviceLabelsTable;
  readonly stage_members: StageMembersTable;
  readonly saved_queries: SavedQueriesTable;
  readonly firmware: FirmwareTable;
  readonly images: ImagesTable;
  readonly release_keys: ReleaseKeysTable;
  readonly configurations: ConfigurationsTable;
  readonly removed_images: RemovedImagesTable;
  readonly blobs: BlobsTable;
  readonly plans: PlansTable;
  readonly rollouts: RolloutsTable;
  readonly stages: StagesTable;
  readonly assignments: AssignmentsTable;
  readonly past_boards: PastBoardsTable;
  readonly schedules: SchedulesTable;
  readonly audit: AuditTable;
  readonly audit_chain: AuditChainTable;
  readonly events: EventsTable;
  readonly webhooks: WebhooksTable;
  readonly troubles: TroublesTable;
  readonly rollout_images: RolloutImagesTable;
  readonly heartbeat: HeartbeatTable;
  readonly absences: AbsencesTable;
  readonly telemetry: TelemetryTable;
  readonly write_proof: WriteProofTable;
  readonly shared_files: SharedFilesTable;
  readonly freezes: FreezesTable;
  readonly sessions: SessionsTable;
  readonly login_links: LoginLinksTable;
  readonly ticket_keys: TicketKeysTable;
  readonly credentials: CredentialsTable;
  readonly identities: IdentitiesTable;
  readonly pending_enrolments: PendingEnrolmentsTable;
  readonly budgets: BudgetsTable;
  readonly version_hours: VersionHoursTable;
  readonly backups: BackupsTable;
  readonly restores: RestoresTable;
}

/** Any connection: enough to read. */
export type Reader = Kysely<Schema>;

/** A transaction: what a function asks for that must not run outside of one. */
export type Trx = Transaction<Schema>;

/** One row. `revision` counts every change of what decisions read beside the device itself: firmware, rollouts, schedules. */
interface CatalogTable {
  readonly id: number;
  readonly revision: number;
}

/** What an address gave, before its firmware was removed: it gives nothing else after an upload of that version. */
interface RemovedImagesTable {
  readonly product: string;
  readonly version: string;
  readonly chip: string;
  readonly sha256: string;
}

/** Plans that were made by the API. */
export interface PlansTable {
  readonly name: string;
  /** Description and stages, as JSON. */
  readonly plan: string;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

export interface RolloutsTable {
  readonly id: Generated<number>;
  readonly name: string;
  readonly firmware_id: number;
  readonly product: string;
  readonly pilot_label: string;
  readonly target_label: string;
  readonly status: RolloutStatus;
  readonly stage: string | null;
  /** The name of the plan that the stages were copied from. */
  readonly plan: string;
  /** What the buckets of devices are made with. */
  readonly seed: number;
  /** Null unless the gate of its stage has halted it. */
  readonly halted_at_ms: number | null;
  readonly halted_reason: string | null;
  /** Null unless devices that run its build are rolled back. */
  readonly reverted_at_ms: number | null;
  /** Deadlines run from here at the earliest: nothing went on before. */
  readonly resumed_at_ms: number | null;
  /** How long it is watched after it completes; null: as every rollout. */
  readonly watch_s: Generated<number | null>;
  /** Who has to agree to an update; null: nobody. */
  readonly consent: Generated<'board' | null>;
  /** Seconds after the first offer for which a board may put it off; null: for ever. */
  readonly force_after_s: Generated<number | null>;
  /** Complete, and watched until here; null: it is not watched. */
  readonly watch_until_ms: Generated<number | null>;
  readonly regressed_at_ms: Generated<number | null>;
  readonly regressed_reason: Generated<string | null>;
  /** Boards first seen before this count in its gates; null: all do. */
  readonly counts_before_ms: Generated<number | null>;
  /** 0: there were real boards at its start, so simulated ones do not count. */
  readonly counts_simulated: Generated<Flag>;
  readonly created_at_ms: number;
  readonly started_at_ms: number | null;
  readonly ended_at_ms: number | null;
  readonly ended_reason: string | null;
  readonly note: Generated<string | null>;
  readonly note_by: Generated<string | null>;
  readonly note_at_ms: Generated<number | null>;
}

export interface StagesTable {
  readonly id: Generated<number>;
  readonly rollout_id: number;
  readonly position: number;
  readonly name: string;
  readonly label: string;
  readonly percentage: number;
  readonly promotion: Promotion;
  /** JSON; null: there is none. */
  readonly gate: string | null;
  /** JSON; null: installs are allowed at any time. */
  readonly window: string | null;
  readonly max_in_flight: number | null;
  readonly max_offers_per_minute: number | null;
  /** When as many devices were confirmed as the gate asks for. */
  readonly sample_reached_at_ms: number | null;
  readonly opened_at_ms: number | null;
  readonly closed_at_ms: number | null;
}

export interface AssignmentsTable {
  readonly id: Generated<number>;
  readonly device_id: DeviceId;
  readonly rollout_id: number;
  readonly stage_id: number;
  readonly firmware_id: number;
  readonly image_id: number;
  readonly is_rollback: Flag;
  readonly attempt: number;
  readonly state: AssignmentState;
  readonly ran_build: Flag;
  readonly confirm_claimed: Flag;
  readonly left_before: Flag;
  /** The device said itself that it left the build. */
  readonly said_it_left: Generated<Flag>;
  /** The device was seen on another build after it left this one. */
  readonly seen_back: Generated<Flag>;
  readonly error_code: string | null;
  readonly boot_cause: string | null;
  readonly detail: string | null;
  /** An operator cleared it: it no longer counts against the build on this device. */
  readonly forgiven: Flag;
  /** It had failed when somebody resumed the halted rollout: it does not halt it again. */
  readonly acknowledged: Generated<Flag>;
  /** The last one of the device in this rollout (the way back apart): the one that speaks for the device. */
  readonly is_latest: Generated<Flag>;
  /** What the device ran when it was offered. */
  readonly from_version: Generated<string>;
  /** Why it is not counted in gates; null: it is. */
  readonly counted: Generated<NotCounted | null>;
  /** When the device was given the build: it reported that it installs, or was seen running it. */
  readonly exposed_at_ms: Generated<number | null>;
  readonly confirmed_at_ms: Generated<number | null>;
  /** When it was last found healthy: it ran the build for its soak, without a crash. */
  readonly healthy_at_ms: Generated<number | null>;
  readonly crashed_at_ms: Generated<number | null>;
  /** Restarts by a fault of the firmware since it confirmed. */
  readonly crashes: Generated<number>;
  /** It names a fault of the firmware as reset reason, and cannot say how often. */
  readonly suspect: Generated<Flag>;
  /** Given the build, then silent. */
  readonly lost_at_ms: Generated<number | null>;
  /** It runs neither this build nor the one before. */
  readonly moved_on_at_ms: Generated<number | null>;
  /** Whole images that were sent for it. */
  readonly downloads: Generated<number>;
  /** It ended while no server was there: no evidence. */
  readonly excused: Generated<Flag>;
  /** An operator cleared this build on this device, which has not tried it since: this offer, or the next one, says so. */
  readonly pardoned: Generated<Flag>;
  /** Whose fault the latest failure was that still counts, of this assignment or one before it. */
  readonly fault: Generated<Fault | null>;
  /** Health before the offer, as JSON: `Baseline` of engine/outcome/baseline.ts. */
  readonly baseline: Generated<string | null>;
  /** That failure came after the device had taken the build. */
  readonly has_left: Generated<Flag>;
  /** That failure is a trial that ran out, on a device that had the build since then. */
  readonly ran_out_since_ms: Generated<number | null>;
  /** What `outcomeOf` and `markOf` say of all this, for those who count. */
  readonly outcome: Generated<Outcome>;
  readonly mark: Generated<Mark>;
  /** The last reports that were taken, as they came, with commas between them: the sequence number, `:` and a digest of what was said. */
  readonly reported: Generated<string>;
  readonly offered_at_ms: number;
  readonly updated_at_ms: number;
}

/** The images that a rollout covers: those that were there at its start. */
interface RolloutImagesTable {
  readonly rollout_id: number;
  readonly image_id: number;
}

/** One row: when a server was last there. */
interface HeartbeatTable {
  readonly id: number;
  readonly alive_at_ms: number;
  /** The hour for which versions were counted last, or are just being counted; null: none. */
  readonly counted_hour: Generated<number | null>;
}

/** Times in which no server answered, or in which the clock moved more than the process did. */
export interface AbsencesTable {
  readonly id: Generated<number>;
  readonly from_ms: number;
  readonly to_ms: number;
  readonly cause: 'stopped' | 'database' | 'clock';
}

/** What the checks of one device measured in one hour; `slot` is the place of the hour in the ring. */
export interface TelemetryTable {
  readonly device_id: DeviceId;
  readonly slot: number;
  /** Whole hours since 1970. */
  readonly hour: number;
  readonly checks: number;
  readonly heap_sum_bytes: number;
  readonly heap_count: number;
  readonly heap_min_bytes: number | null;
  readonly block_sum_bytes: number;
  readonly block_count: number;
  readonly block_min_bytes: number | null;
  readonly rssi_sum_dbm: number;
  readonly rssi_count: number;
  readonly uptime_count: number;
  readonly restarts: number;
  readonly crashes: number;
  readonly boot_sum_s: number;
  readonly boot_count: number;
}

/** Boards of rollouts whose assignments are not kept any more, counted by what became of them; '' for what was null. */
interface PastBoardsTable {
  readonly rollout_id: number;
  readonly stage_id: number;
  readonly outcome: Outcome;
  readonly mark: Mark;
  readonly counted: NotCounted | '';
  readonly fault: Fault | '';
  readonly acknowledged: Flag;
  readonly boards: number;
}

export interface SchedulesTable {
  readonly id: Generated<number>;
  readonly name: string;
  /** Empty where it is for one time. */
  readonly cron: string;
  /** The one time that it is for, as `schedule-time.ts` reads it; null: it goes by its cron line. */
  readonly at: Generated<string | null>;
  readonly timezone: string;
  readonly action: ScheduleAction;
  readonly rollout: string | null;
  readonly label: string | null;
  readonly enabled: Flag;
  readonly missed: MissedPolicy;
  readonly grace_ms: number;
  readonly duration_ms: number | null;
  /** Of a window: the hours are those of the device's own day. */
  readonly device_local: Flag;
  readonly source: 'file' | 'api';
  readonly next_run_at_ms: number | null;
  readonly last_run_at_ms: number | null;
  readonly last_result: string | null;
  /** Of a promotion: the stage that it means; null while there is no such rollout. */
  readonly from_stage: Generated<string | null>;
  /** Of a promotion: since when it waits for the gate of its stage. */
  readonly pending_since_ms: Generated<number | null>;
  /** Its one time, or its stage, is over: it never runs again. */
  readonly done_at_ms: Generated<number | null>;
}

/** One row, written to prove that rows can be. */
interface WriteProofTable {
  readonly id: number;
  readonly proofs: number;
}

/** Files of the configuration that all servers of a database have in common: which version, and who brought it. */
export interface SharedFilesTable {
  readonly name: string;
  /** SHA-256 of what the file says, without its comments and layout. */
  readonly digest: string;
  readonly entries: number;
  readonly stored_at_ms: number;
  /** Host and home. */
  readonly stored_by: string;
}

/** Backups that were made of this database, the latest ones. */
export interface BackupsTable {
  readonly id: Generated<number>;
  /** The moment that it shows. */
  readonly made_at_ms: number;
  /** Host and home. */
  readonly made_by: string;
  readonly file: string;
  readonly size_bytes: number;
  readonly encrypted: Flag;
}

/** One row for each backup that this database came from. */
interface RestoresTable {
  /** Of the run that restored it. */
  readonly id: string;
  readonly restored_at_ms: number;
  /** Host and home. */
  readonly restored_by: string;
  readonly backup_made_at_ms: number;
}
