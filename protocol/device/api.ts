// Device protocol v1: what a board sends and what it is answered. Members that are not named here are ignored.
// Every business outcome is a 200; only real errors are 4xx and 5xx (see `errors.ts`).

import { type Static, Type } from 'typebox';
import {
  MAX_DETAIL_CHARS,
  MAX_LABEL_HINTS,
  MAX_POLL_INTERVAL_S,
  MAX_POSTPONED_CHARS,
  MAX_REPORTED_VERSION_CHARS,
  MAX_SEQUENCE,
  MAX_SIGNATURES,
  MAX_SKETCH_PINS,
  MIN_POLL_INTERVAL_S,
} from '#protocol/limits.ts';
import { Configuration } from './configuration.ts';
import { Manifest } from './manifest.ts';
import { Name, REPORTED_VERSION_PATTERN, Sha256 } from '#protocol/words.ts';

/** A device may spell its MAC as Arduino does (upper case) or without colons; the server stores the canonical form. */
const SpelledMac = Type.String({
  pattern: '^[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){5}$',
  description: 'MAC address of the board; colons, dashes or nothing between the pairs, any case',
  examples: ['24:6f:28:aa:bb:cc'],
});

/** As `CONFIG_IDF_TARGET` or as `ESP.getChipModel()` has it; see `canonicalChip`. */
const SpelledChip = Type.String({
  pattern: '^[A-Za-z0-9 ()/._?+-]{0,48}$',
  description: 'the chip of the board; any case, with or without dashes; `UNKNOWN` and empty say nothing',
  examples: ['esp32s3', 'ESP32-S3'],
});

const ReportedVersion = Type.String({
  minLength: 1,
  maxLength: MAX_REPORTED_VERSION_CHARS,
  pattern: REPORTED_VERSION_PATTERN,
  description: 'what the board runs; only SemVer 2.0.0 is ever ordered, any other text is compared as it is',
});

const BootState = Type.Object({
  state: Type.Optional(
    Type.Union([Type.Literal('trial'), Type.Literal('confirmed')], {
      description: 'trial: the running image is not yet marked valid',
    }),
  ),
  reason: Type.Optional(Type.String({ maxLength: 64, description: 'reset reason of the last boot' })),
  rolled_back_from: Type.Optional(
    Type.String({
      maxLength: MAX_REPORTED_VERSION_CHARS,
      description: 'version that this board left on its last rollback',
    }),
  ),
  rollback_capable: Type.Optional(Type.Boolean({ description: 'false: the bootloader cannot roll back' })),
  uptime_s: Type.Optional(Type.Unknown({ description: 'integer, seconds since the last restart' })),
});

/** Only the first two members are needed. Of the others, one that cannot be read is dropped, but for `product`. */
export const CheckUpdateRequest = Type.Object(
  {
    mac: SpelledMac,
    current_version: ReportedVersion,
    labels: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        maxItems: MAX_LABEL_HINTS,
        description: 'label hints; config decides which become labels',
      }),
    ),
    postponed: Type.Optional(
      Type.Object(
        {
          assignment_id: Type.Integer({ minimum: 1 }),
          reason: Type.String({ maxLength: MAX_POSTPONED_CHARS, description: 'in the words of the application' }),
        },
        { description: 'the offer that the application put off since its last check' },
      ),
    ),
    product: Type.Optional(Name),
    chip: Type.Optional(SpelledChip),
    chip_revision: Type.Optional(
      Type.Unknown({ description: 'integer, revision of the chip: major * 100 + minor, 301 for v3.1' }),
    ),
    slot_bytes: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 0xffff_ffff, description: 'size of the next OTA slot' }),
    ),
    image_sha256: Type.Optional(
      Type.Unsafe<string>({ ...Sha256, description: 'SHA-256 of the running image: of the file, or `app_elf_sha256`' }),
    ),
    boot: Type.Optional(BootState),
    flash_bytes: Type.Optional(Type.Unknown({ description: 'integer, bytes of flash' })),
    next_check_s: Type.Optional(
      Type.Unknown({ description: 'integer, seconds until the board intends to check again; for one that sleeps' }),
    ),
    free_heap_bytes: Type.Optional(Type.Unknown({ description: 'integer, free internal heap' })),
    largest_block_bytes: Type.Optional(Type.Unknown({ description: 'integer, largest free block of internal heap' })),
    rssi_dbm: Type.Optional(Type.Unknown({ description: 'integer, -127 to 0' })),
    release_keys: Type.Optional(
      Type.Unknown({
        description: `list of at most ${MAX_SIGNATURES} texts: ids of the release keys that the board knows; empty: it takes what nobody signed`,
      }),
    ),
    release_keys_needed: Type.Optional(
      Type.Unknown({ description: 'integer, how many of them have to sign; left out: 1' }),
    ),
    pins: Type.Optional(
      Type.Unknown({
        description: `list of at most ${MAX_SKETCH_PINS} texts: the first 16 hex digits of each \`spki:\` pin of the running build`,
      }),
    ),
    configuration_sequence: Type.Optional(
      Type.Unknown({
        description: 'integer, of the configuration that the board holds, 0: of none; left out: it takes none',
      }),
    ),
    configuration_refused: Type.Optional(
      Type.Unknown({ description: 'text, why it did not take the last one: a name of the table of device errors' }),
    ),
    library: Type.Optional(Type.Unknown({ description: 'text, name and version of the client library' })),
  },
  { $id: 'CheckUpdateRequest' },
);
export type CheckUpdateRequest = Static<typeof CheckUpdateRequest>;

const PollInterval = Type.Integer({
  minimum: MIN_POLL_INTERVAL_S,
  maximum: MAX_POLL_INTERVAL_S,
  description: 'seconds until the next check',
});

const NoUpdate = Type.Object({
  update_available: Type.Literal(false),
  reason: Type.String({ description: 'the rule that decided, see docs/rollout.md', examples: ['up_to_date'] }),
  poll_interval_s: PollInterval,
  configuration: Type.Optional(Configuration),
});

/** No board is further ahead of UTC, or behind it, than 14 hours. */
const MOST_UTC_OFFSET_MIN = 840;
const MINUTES_OF_DAY = 1_440;

export const InstallWindow = Type.Object(
  {
    from_minute: Type.Integer({
      minimum: 0,
      maximum: MINUTES_OF_DAY - 1,
      description: 'minute of the day of the board at which it opens',
    }),
    duration_min: Type.Integer({
      minimum: 1,
      maximum: MINUTES_OF_DAY,
      description: 'minutes for which it stays open; it may pass midnight',
    }),
    utc_offset_min: Type.Integer({
      minimum: -MOST_UTC_OFFSET_MIN,
      maximum: MOST_UTC_OFFSET_MIN,
      description: 'minutes that the clock of the board is ahead of UTC',
    }),
  },
  { description: 'the board downloads at once, and installs only while this window is open' },
);
export type InstallWindow = Static<typeof InstallWindow>;

export const Offer = Type.Object({
  update_available: Type.Literal(true),
  reason: Type.String(),
  poll_interval_s: PollInterval,
  assignment_id: Type.Integer({ minimum: 1 }),
  rollback: Type.Boolean({ description: 'true: the version is lower on purpose' }),
  labels: Type.Array(Type.String(), { description: 'labels that the operator added to this device' }),
  manifest: Type.Unsafe<Manifest>(Type.Ref('Manifest')),
  url: Type.String({
    description: 'path and query on the same server, to be asked for as it is: it names the assignment',
    examples: ['/firmware/thermostat/1.4.0/esp32/image.bin?assignment=17'],
  }),
  install_window: Type.Optional(InstallWindow),
  optional: Type.Optional(
    Type.Boolean({ description: 'true: the board, or a person at it, may put it off for as long as they like' }),
  ),
  forced: Type.Optional(
    Type.Boolean({ description: 'true: it was optional for long enough; the application is not asked any more' }),
  ),
  forgiven: Type.Optional(
    Type.Boolean({
      description: 'true: an operator cleared this build on this board, which may try it once more',
    }),
  ),
});

export const CheckUpdateAnswer = Type.Union([NoUpdate, Offer], { $id: 'CheckUpdateAnswer' });
export type CheckUpdateAnswer = Static<typeof CheckUpdateAnswer>;
export type Offer = Static<typeof Offer>;

/** What a device may report of an assignment. `confirmed` is a claim until the device has checked in running the version. */
export const REPORT_STATUSES = [
  'downloading',
  'downloaded',
  'installing',
  'trial',
  'confirmed',
  'failed',
  'rolled_back',
  'rejected',
] as const;
export type ReportStatus = (typeof REPORT_STATUSES)[number];

export const ReportStatusRequest = Type.Object(
  {
    mac: SpelledMac,
    assignment_id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    sequence: Type.Integer({
      minimum: 0,
      maximum: MAX_SEQUENCE,
      description: 'counts up within one assignment; a repeat is answered as a duplicate',
    }),
    status: Type.Unsafe<ReportStatus>({ type: 'string', enum: [...REPORT_STATUSES] }),
    error_code: Type.Optional(
      Type.String({ pattern: '^[a-z0-9_]{1,40}$', description: 'name from the table of device errors' }),
    ),
    detail: Type.Optional(Type.String({ maxLength: MAX_DETAIL_CHARS })),
  },
  { $id: 'ReportStatusRequest' },
);
export type ReportStatusRequest = Static<typeof ReportStatusRequest>;

export const ReportStatusAnswer = Type.Object(
  {
    state: Type.String({ description: 'state of the assignment after this report' }),
    duplicate: Type.Boolean({ description: 'this sequence was known already' }),
  },
  { $id: 'ReportStatusAnswer' },
);
export type ReportStatusAnswer = Static<typeof ReportStatusAnswer>;

export const ErrorAnswer = Type.Object(
  {
    error: Type.Object({
      code: Type.String(),
      message: Type.String(),
      hint: Type.String(),
      request_id: Type.String(),
      position: Type.Optional(
        Type.Integer({
          description: 'which character of a query is at fault, from 1; one more than there are: its end',
        }),
      ),
    }),
  },
  { $id: 'ErrorAnswer' },
);
export type ErrorAnswer = Static<typeof ErrorAnswer>;

/**
 * Under which name the image lies: the first one of a chip under the chip, another one, for other revisions of it, under that and its
 * lowest revision.
 */
export function imageFolder(chip: string, minChipRevision: number, isFirst: boolean): string {
  return isFirst ? chip : `${chip}-r${minChipRevision}`;
}

/** The chip of the image in this folder. */
export function chipOfFolder(folder: string): string {
  return folder.split('-')[0] ?? folder;
}

/** The path of an image; every version and folder has one for ever. */
export function imagePath(image: {
  readonly product: string;
  readonly version: string;
  readonly folder: string;
}): string {
  return `/firmware/${image.product}/${encodeURIComponent(image.version)}/${image.folder}/image.bin`;
}

/** Where the device of an assignment fetches its image: so the server knows that it took it from here. */
export function offerPath(image: Parameters<typeof imagePath>[0], assignmentId: number): string {
  return `${imagePath(image)}?assignment=${assignmentId}`;
}

/** What a board makes of 32 random bytes, and keeps. */
export const DEVICE_TOKEN_PATTERN = '^otd_[A-Za-z0-9_-]{43}$';

/** With the fleet token. Repeating it is answered alike. */
export const EnrolRequest = Type.Object(
  {
    mac: SpelledMac,
    token: Type.String({
      pattern: DEVICE_TOKEN_PATTERN,
      description: '`otd_` and 32 random bytes in base64url without padding; the board stores it before it asks',
    }),
  },
  { $id: 'EnrolRequest' },
);
export type EnrolRequest = Static<typeof EnrolRequest>;

export const EnrolAnswer = Type.Object(
  {
    state: Type.Union([Type.Literal('accepted'), Type.Literal('pending')], {
      description: 'accepted: the token is valid from now on; pending: a person has to accept it, ask again in an hour',
    }),
  },
  { $id: 'EnrolAnswer' },
);
export type EnrolAnswer = Static<typeof EnrolAnswer>;
