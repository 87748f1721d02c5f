// The tables of firmware, its images and their stored bytes; a part of `schema.ts`.

import type { Generated } from 'kysely';

export type Flag = 0 | 1;

export interface FirmwareTable {
  readonly id: Generated<number>;
  readonly product: string;
  readonly version: string;
  readonly channel: string;
  readonly release_notes: string;
  readonly security_version: number;
  readonly pilot_ready: Flag;
  /** A required version: devices that are older do not skip it. */
  readonly required: Generated<Flag>;
  readonly blocked: Flag;
  readonly blocked_reason: string | null;
  readonly created_at_ms: number;
  readonly note: Generated<string | null>;
  readonly note_by: Generated<string | null>;
  readonly note_at_ms: Generated<number | null>;
}

export interface ImagesTable {
  readonly id: Generated<number>;
  readonly firmware_id: number;
  /** Its chip; of a second image of one chip, with its lowest chip revision: `imageFolder`. */
  readonly folder: string;
  /** Where people see it in the store, relative to its root. */
  readonly path: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly elf_sha256: string | null;
  /** The SHA-256 at the end of the image; null: not read yet, which a start of the server does. */
  readonly appended_sha256: Generated<string | null>;
  /** Which program it says that it is; null: it does not say it, or was stored before this was kept. */
  readonly project: Generated<string | null>;
  /** `ImageInfo` as JSON; null: not read yet, which a start of the server does. */
  readonly info: Generated<string | null>;
  /** SHA-256 of each 64 KiB block, as a JSON array of hex texts. */
  readonly block_sha256: string;
  readonly created_at_ms: number;
  /** When its stored bytes were read and compared last; null: not since the store was left without a stop. */
  readonly checked_at_ms: Generated<number | null>;
  /** What was wrong with them then; null: nothing. */
  readonly damage: Generated<string | null>;
  /** `StoredSignatures` as JSON; null: nobody has signed it. */
  readonly signed: Generated<string | null>;
}

/** A public key whose signatures count, for one product or for all (`EVERY_PRODUCT`). */
export interface ReleaseKeysTable {
  readonly key_id: string;
  readonly product: string;
  /** In PEM. */
  readonly public_key: string;
  readonly trusted_at_ms: number;
  readonly trusted_by: string;
  /** Since when it counts no more; null: it does. */
  readonly retired_at_ms: number | null;
  readonly retired_by: string | null;
  readonly retired_reason: string | null;
}

/** Which pins boards of a product are to trust, as a release key signed it: the latest. */
export interface ConfigurationsTable {
  readonly product: string;
  /** `Configuration` as JSON. */
  readonly configuration: string;
  readonly sent_at_ms: number;
  readonly sent_by: string;
}

/**
 * Bytes that were put into the store for this database, from before they were put until they are removed. What stands in the
 * store and not here is of somebody else.
 */
export interface BlobsTable {
  readonly sha256: string;
  readonly put_at_ms: number;
}
