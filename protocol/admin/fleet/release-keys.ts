// Release keys and unsigned builds as operators see them. Instants are ISO 8601 UTC.

import { type Static, Type } from 'typebox';
import { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { MAX_PUBLIC_KEY_CHARS, MAX_SIGNED_AT_ONCE } from '#protocol/limits.ts';
import { Chip, ImageFolder, Instant, KeyId, Name, Sha256, Version } from '#protocol/words.ts';
import { Count, Line, Nullable, oneOf } from '#protocol/admin/shapes.ts';

const strict = { additionalProperties: false } as const;

export const ReleaseKey = Type.Object(
  {
    key_id: KeyId,
    product: Nullable(Type.String(), { description: 'null: for every product' }),
    public_key: Type.String({ description: 'in PEM' }),
    trusted_at: Instant,
    trusted_by: Type.String(),
    retired_at: Nullable(Instant, { description: 'null: its signatures count' }),
    retired_by: Nullable(Type.String()),
    retired_reason: Nullable(Type.String()),
    devices: Type.Integer({ minimum: 0, description: 'devices that say that they know it' }),
    dependent_devices: Type.Integer({ minimum: 0, description: 'of them, those that no other trusted key can reach' }),
    unknown_devices: Type.Integer({ minimum: 0, description: 'devices that do not say which keys they know' }),
    safe_to_retire: Type.Boolean(),
    needed_by: Type.Array(Type.String(), { description: 'why it is not, in sentences' }),
    examples: Type.Array(Type.String(), { description: 'up to 10 of the devices that stand in the way' }),
  },
  { $id: 'ReleaseKey' },
);
export type ReleaseKey = Static<typeof ReleaseKey>;

export const NewTrust = Type.Object(
  {
    public_key: Type.String({ maxLength: MAX_PUBLIC_KEY_CHARS, description: 'P-256 in PEM' }),
    product: Type.Optional(Type.Unsafe<string>({ ...Name, description: 'left out: for every product' })),
    signed: Type.Optional(
      Type.Array(SignedManifest, {
        maxItems: MAX_SIGNED_AT_ONCE,
        description: 'of the builds that boards may be offered and that nobody has signed yet',
      }),
    ),
  },
  strict,
);

export const TrustedReleaseKey = Type.Object(
  {
    key: Type.Unsafe<ReleaseKey>(Type.Ref('ReleaseKey')),
    signed: Count,
  },
  { $id: 'TrustedReleaseKey' },
);
export type TrustedReleaseKey = Static<typeof TrustedReleaseKey>;

export const NewRetirement = Type.Object(
  {
    product: Type.Optional(
      Type.Unsafe<string>({ ...Name, description: 'left out: the key that counts for every product' }),
    ),
    reason: Type.Optional(Line),
    force: Type.Optional(Type.Boolean({ description: 'also where boards or builds need it' })),
  },
  strict,
);

export const UnsignedBuild = Type.Object(
  {
    product: Name,
    version: Version,
    chip: Chip,
    folder: ImageFolder,
    size_bytes: Type.Integer({ minimum: 1 }),
    sha256: Sha256,
    security_version: Type.Integer({ minimum: 0 }),
    use: Type.Unsafe<'rollout' | 'stable' | 'prior_stable' | 'required'>({
      ...oneOf(['rollout', 'stable', 'prior_stable', 'required']),
      description: 'what boards may be offered it for',
    }),
  },
  { $id: 'UnsignedBuild' },
);
export type UnsignedBuild = Static<typeof UnsignedBuild>;
