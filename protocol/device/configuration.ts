// Which pins boards trust, as an operator signs it with a release key: five lines that command line, server and board each rebuild
// from the fields (docs/device-protocol.md). A board adds these pins to those that are compiled in; it never drops one of those.
// The Arduino client does the same in `client/src/core/trust/configuration.cpp`.

import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { MAX_CONFIGURATION_PINS, MAX_SIGNATURES } from '#protocol/limits.ts';
import { Name } from '#protocol/words.ts';
import { NO_EXPIRY, readSignedInstant } from './canonical-text.ts';
import { Signature } from './manifest.ts';

export const CONFIGURATION_FORMAT = 'otter-config/1';

/** Two pins are told apart by so many of their hex digits; a check-in says no more. */
const PIN_ID_CHARS = 16;

export const SpkiPin = Type.String({
  pattern: '^spki:[0-9a-f]{64}$',
  description: 'SHA-256 of the public key of a server (SubjectPublicKeyInfo, DER)',
});

const fields = {
  product: Name,
  sequence: Type.Integer({
    minimum: 1,
    maximum: 0xffff_ffff,
    description: 'only rises: a board takes none that is lower than the one it took last',
  }),
  pins: Type.Array(SpkiPin, { minItems: 1, maxItems: MAX_CONFIGURATION_PINS }),
  expires_at: Type.String({ description: 'UTC, exactly 20 characters; `-`: never' }),
};

const SignedFields = Type.Object(fields);
type SignedFields = Static<typeof SignedFields>;

export const Configuration = Type.Object({
  format: Type.Literal(CONFIGURATION_FORMAT),
  ...fields,
  signatures: Type.Array(Signature, { minItems: 1, maxItems: MAX_SIGNATURES }),
});
export type Configuration = Static<typeof Configuration>;

/** Undefined where a field is not what the grammar allows: then there is nothing to sign, and no signature holds. */
export function configurationTextOf(configuration: SignedFields): string | undefined {
  if (!Value.Check(SignedFields, configuration)) return undefined;
  const { product, sequence, pins, expires_at } = configuration;
  if (expires_at !== NO_EXPIRY && readSignedInstant(expires_at) === undefined) return undefined;
  return [
    CONFIGURATION_FORMAT,
    `product=${product}`,
    `sequence=${sequence}`,
    `pins=${pins.join(',')}`,
    `expires_at=${expires_at}`,
    '',
  ].join('\n');
}

/** As check-ins name this `spki:` pin. */
export function pinIdOf(pin: string): string {
  return pin.slice('spki:'.length).slice(0, PIN_ID_CHARS);
}
