// By which keys boards know the server, and who would be lost if it went over to its backup key. Instants are ISO 8601 UTC.

import { type Static, Type } from 'typebox';
import { SpkiPin } from '#protocol/device/configuration.ts';
import { Instant, KeyId, Name } from '#protocol/words.ts';
import { Count, Nullable } from '#protocol/admin/shapes.ts';

const StoredConfiguration = Type.Object({
  sequence: Type.Integer({ minimum: 1 }),
  pins: Type.Array(SpkiPin),
  expires_at: Nullable(Instant, { description: 'null: never' }),
  key_ids: Type.Array(KeyId, { description: 'of the release keys that signed it and are trusted' }),
  sent_by: Type.String(),
  sent_at: Instant,
});

/** Every device of the product is counted in one of the four. */
const counts = {
  ready: {
    ...Count,
    description: 'their build has the backup pin; those that have a release key acknowledged the configuration, too',
  },
  unacknowledged: {
    ...Count,
    description: 'their build has it, but they did not acknowledge: an older build may not have it',
  },
  by_configuration: {
    ...Count,
    description: 'they know it by configuration alone: lost when their memory is erased',
  },
  lost: { ...Count, description: 'they do not know it, or do not say so' },
};

export const PinsOfProduct = Type.Object(
  {
    product: Name,
    takes_configurations: Type.Boolean({ description: 'a release key is trusted for it' }),
    configuration: Nullable(StoredConfiguration, { description: 'that boards are sent; null: none' }),
    devices: Count,
    ...counts,
    refused: { ...Count, description: 'they said that they did not take the configuration' },
    ahead: {
      ...Count,
      description:
        'they hold a later configuration than the one of this server, which was restored perhaps: they take none but a new one',
    },
    examples: Type.Array(Type.String(), { description: 'first names of up to 10 that are not ready' }),
  },
  { $id: 'PinsOfProduct' },
);
export type PinsOfProduct = Static<typeof PinsOfProduct>;

export const Pins = Type.Object(
  {
    live: SpkiPin,
    backup: Nullable(SpkiPin, { description: 'null: this server has no backup key' }),
    products: Type.Array(Type.Unsafe<PinsOfProduct>(Type.Ref('PinsOfProduct'))),
  },
  { $id: 'Pins' },
);
export type Pins = Static<typeof Pins>;
