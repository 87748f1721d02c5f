// The tables of devices, their labels, and what is known of those that were removed; the others are in `db/schema.ts`.

import type { Generated } from 'kysely';
import type { DeviceId, DeviceName } from '#protocol/identity.ts';
import type { Flag } from '#server/db/firmware-tables.ts';

/** At most so many devices of one value of a label key are in the middle of an update; one of the two limits is there. */
export interface BudgetsTable {
  readonly key: string;
  readonly max_devices: number | null;
  readonly max_pct: number | null;
  readonly reason: string | null;
  readonly set_by: string;
  readonly set_at_ms: number;
}

/** By each of its names, the removal of the device that had it last. */
export interface RemovedDevicesTable {
  readonly kind: DeviceName['kind'];
  readonly name: string;
  readonly device_id: DeviceId;
  readonly removed_at_ms: number;
  readonly removed_by: string;
  /** The device that took its place, and the first name of that one; null: it was just removed. */
  readonly replaced_by_id: DeviceId | null;
  readonly replaced_by: string | null;
  /** When a board of this name checked in again, as a new device; null: not since. */
  readonly back_at_ms: number | null;
}

export interface DevicesTable {
  readonly id: Generated<DeviceId>;
  /** The text of the name that it was first known by: its buckets are made with it, for ever, and people call it so. */
  readonly first_name: string;
  readonly product: string;
  readonly ip: string | null;
  readonly current_version: string;
  /** What it named last, in whichever check-in. */
  readonly chip: string | null;
  /** The last one that an image could fit. */
  readonly slot_bytes: number | null;
  /** What the latest check-in said of both; null: it left it out. */
  readonly said_chip: Generated<string | null>;
  readonly said_slot_bytes: Generated<number | null>;
  readonly image_sha256: string | null;
  readonly on_trial: Flag;
  readonly status: 'ok' | 'updating' | 'trial' | 'failed';
  readonly attributes: string;
  readonly first_seen_at_ms: number;
  /** A chip that it named before and that contradicts `chip`: until it names one, none is taken for granted. */
  readonly other_chip: Generated<string | null>;
  /** It says that it is a simulated board. */
  readonly is_simulated: Generated<Flag>;
  /** An operator says whether it counts in gates; null: the rules do. */
  readonly counted: Generated<'yes' | 'no' | null>;
  readonly counted_reason: Generated<string | null>;
  /** How often what it says could not be true of one board alone. */
  readonly contradictions: Generated<number>;
  /** Since when it is taken for two boards with one MAC. */
  readonly shared_mac_at_ms: Generated<number | null>;
  /** When a report that repeats a number last said something else than the first one; noted once an hour. */
  readonly reports_differ_at_ms: Generated<number | null>;
  /** The assignment by which it took the build that it confirmed last. */
  readonly taken_assignment_id: Generated<number | null>;
  /** Since when an operator holds it; null: nobody does. */
  readonly held_at_ms: Generated<number | null>;
  /** Null: until somebody releases it. */
  readonly held_until_ms: Generated<number | null>;
  readonly held_reason: Generated<string | null>;
  readonly held_by: Generated<string | null>;
  readonly holds_way_back: Generated<Flag>;
  /** What an operator calls it, as it was typed; null: nothing. */
  readonly given_name: Generated<string | null>;
  /** The same as it is compared: no two devices have one. */
  readonly given_key: Generated<string | null>;
  /** By which devices are sorted by name (`sortNameOf`). */
  readonly sort_name: Generated<string>;
  readonly note: Generated<string | null>;
  readonly note_by: Generated<string | null>;
  readonly note_at_ms: Generated<number | null>;
  /** The firmware that an operator cancelled on it; null: none. */
  readonly cancelled_firmware_id: Generated<number | null>;
  readonly cancelled_at_ms: Generated<number | null>;
  readonly cancelled_reason: Generated<string | null>;
  readonly cancelled_by: Generated<string | null>;
  /** It leaves that firmware where it runs it. */
  readonly goes_back: Generated<Flag>;
  /** The firmware that it ran before; null: it goes to the stable build before. */
  readonly goes_back_to_id: Generated<number | null>;
  /** Since when it is to be offered what there is for it at once; null: nobody said so. */
  readonly offer_now_at_ms: Generated<number | null>;
  readonly offer_now_by: Generated<string | null>;
}

/** Every name of every device, the first one too: by these it is found. */
export interface DeviceNamesTable {
  readonly kind: DeviceName['kind'];
  readonly name: string;
  readonly device_id: DeviceId;
}

/** What every poll changes, apart from the device: short rows, so that a batch of polls writes few pages. */
export interface PresenceTable {
  readonly device_id: DeviceId;
  readonly last_seen_at_ms: number;
  readonly free_heap_bytes: number | null;
  readonly rssi_dbm: number | null;
  /** Seconds after which it was told to ask again, or after which it said that it will where that is longer. */
  readonly interval_s: Generated<number | null>;
  /** Seconds between its last checks, the latest first, with commas between them; at most four. */
  readonly gaps: Generated<string>;
  readonly uptime_s: Generated<number | null>;
  /** What its reset reason means. */
  readonly boot_cause: Generated<string | null>;
  readonly largest_block_bytes: Generated<number | null>;
  /** Seconds without a check after which it is silent: what its rhythm at the last check says. */
  readonly limit_s: Generated<number | null>;
  /** When it was heard of again last, after a check had not come. */
  readonly back_at_ms: Generated<number | null>;
  /** By its last four checks it comes and goes. */
  readonly is_flapping: Generated<Flag>;
}

export interface LabelsTable {
  readonly id: Generated<number>;
  readonly name: string;
  readonly description: string;
  /** Of the devices that have it; null: it says nothing of that. */
  readonly timezone: string | null;
  /** Which devices have it; null: those that operators put it on. */
  readonly query: Generated<string | null>;
  readonly created_at_ms: number;
}

/** Queries that operators keep by a name. */
export interface SavedQueriesTable {
  readonly name: string;
  readonly query: string;
  readonly saved_by: string;
  readonly saved_at_ms: number;
}

/** Devices that belong to a stage for a dynamic label since it opened. */
export interface StageMembersTable {
  readonly device_id: DeviceId;
  readonly stage_id: number;
}

export interface DeviceLabelsTable {
  readonly device_id: DeviceId;
  readonly label_id: number;
  readonly put_at_ms: number;
}

/** Products that an operator has frozen; part of the catalog. */
export interface FreezesTable {
  readonly product: string;
  readonly frozen_at_ms: number;
  /** Null: until somebody ends it. */
  readonly until_ms: number | null;
  readonly reason: string;
  readonly frozen_by: string;
  readonly holds_way_back: Flag;
}
