// Firmware as operators see it, and what an upload, a block or a removal does. Instants are ISO 8601 UTC.

import { type Static, Type } from 'typebox';
import { Chip, Instant, KeyId, Mac, Name, Sha256, Version } from '#protocol/words.ts';
import { Count, Nullable, NullableNote } from './shapes.ts';

/** What the file says of itself and of the hardware that runs it. Revisions are major * 100 + minor. */
export const ImageInfo = Type.Object({
  project: Nullable(Type.String(), { description: 'project name of the app descriptor; null: none of this program' }),
  version: Nullable(Type.String(), { description: 'version of the app descriptor, as the build system wrote it' }),
  idf_version: Nullable(Type.String()),
  compiled_at: Nullable(Type.String({ description: 'as the compiler printed it, in no known time zone' })),
  min_chip_revision: Type.Integer({ minimum: 0 }),
  max_chip_revision: Nullable(Type.Integer({ minimum: 0 }), { description: 'null: no limit' }),
  flash_bytes: Nullable(Type.Integer({ minimum: 1 }), { description: 'flash that it was built for' }),
  signature: Nullable(Type.String(), { description: 'what kind of signature the file carries; null: none' }),
});
export type ImageInfo = Static<typeof ImageInfo>;

const Image = Type.Object({
  chip: Chip,
  size_bytes: Type.Integer({ minimum: 1 }),
  sha256: Sha256,
  url: Type.String(),
  created_at: Instant,
  signed: Nullable(
    Type.Object({
      created_at: Type.String({ description: 'when it was signed' }),
      expires_at: Type.String({ description: '`-`: never' }),
      key_ids: Type.Array(KeyId, { description: 'release keys that signed it, trusted or not' }),
    }),
    { description: 'null: nobody did' },
  ),
  info: Nullable(ImageInfo, { description: 'null: stored by an older server, and not read yet' }),
});

export const Firmware = Type.Object(
  {
    product: Name,
    version: Version,
    channel: Name,
    release_notes: Type.String(),
    note: NullableNote,
    security_version: Type.Integer({ minimum: 0 }),
    pilot_ready: Type.Boolean(),
    required: Type.Boolean({ description: 'a required version: older devices do not skip it' }),
    must_pass: Type.Boolean({ description: 'former name of `required`', deprecated: true }),
    blocked: Type.Boolean(),
    blocked_reason: Nullable(Type.String()),
    stable: Type.Boolean({ description: 'the newest build of its product whose rollout completed' }),
    created_at: Instant,
    images: Type.Array(Image),
    devices: Count,
  },
  { $id: 'Firmware' },
);
export type Firmware = Static<typeof Firmware>;

export const UploadAnswer = Type.Object(
  {
    firmware: Type.Unsafe<Firmware>(Type.Ref('Firmware')),
    image: Image,
    already_there: Type.Boolean({ description: 'the same bytes were uploaded before' }),
    warnings: Type.Array(Type.String()),
  },
  { $id: 'UploadAnswer' },
);
export type UploadAnswer = Static<typeof UploadAnswer>;

const wayBack = {
  devices_running: Type.Integer({ minimum: 0, description: 'devices that run the build' }),
  other_builds: Type.Integer({
    minimum: 0,
    description: 'devices that say this version with the digest of another build: nothing changes for them',
  }),
  prior_stable: Nullable(
    Type.String({ description: 'version that most devices on the build are offered; null: there is none' }),
  ),
  goes_to: Type.Array(Type.Object({ version: Type.String(), devices: Count }), {
    description: 'what the devices are offered instead',
  }),
  stays: Type.Array(
    Type.Object({
      reason: Type.String({ description: 'the rule that holds' }),
      text: Type.String({ description: 'the same as a sentence' }),
      devices: Count,
      examples: Type.Array(Mac, { description: 'up to 10 of them' }),
    }),
    { description: 'devices that stay on the build, and why' },
  ),
};

export const BlockAnswer = Type.Object(
  {
    firmware: Type.Unsafe<Firmware>(Type.Ref('Firmware')),
    aborted_rollouts: Type.Array(Type.String()),
    ...wayBack,
  },
  { $id: 'BlockAnswer' },
);
export type BlockAnswer = Static<typeof BlockAnswer>;

/** What a block or a revert would do. */
export const WayBack = Type.Object(
  {
    product: Name,
    version: Version,
    aborts: Type.Array(Type.String(), { description: 'rollouts that it ends' }),
    ...wayBack,
  },
  { $id: 'WayBack' },
);
export type WayBack = Static<typeof WayBack>;

export const RemovedFirmware = Type.Object(
  {
    product: Type.String(),
    version: Type.String(),
    images: Type.Array(Type.Object({ chip: Type.String(), size_bytes: Type.Integer(), sha256: Type.String() })),
    rollouts: Type.Array(Type.String(), { description: 'those of this firmware, which went with it' }),
    assignments: Type.Integer({ description: 'how many went with it' }),
  },
  { $id: 'RemovedFirmware' },
);
export type RemovedFirmware = Static<typeof RemovedFirmware>;
