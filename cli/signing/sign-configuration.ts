// Signs which pins boards are to trust. What is signed was shown to a person: it comes from a server.

import { CommandError } from '#cli/exit-code.ts';
import { type Configuration, CONFIGURATION_FORMAT, configurationTextOf } from '#protocol/device/configuration.ts';
import { signText } from '#protocol/device/release-key.ts';
import type { OpenedKey } from './key-file.ts';

/** Each key once. Errors: `argument_invalid`. */
export function signConfiguration(
  fields: {
    readonly product: string;
    readonly sequence: number;
    readonly pins: readonly string[];
    /** `-`: never. */
    readonly expiresAt: string;
  },
  keys: readonly OpenedKey[],
): Configuration {
  const { product, sequence, pins, expiresAt } = fields;
  const unsigned = { product, sequence, pins: [...pins], expires_at: expiresAt };
  const text = configurationTextOf(unsigned);
  if (text === undefined)
    throw CommandError.own(
      'argument_invalid',
      `a field of the configuration is malformed, so there is nothing to sign: ${JSON.stringify(unsigned)}`,
      'look at the product and the pins',
    );
  const signatures = new Map(
    keys.map(({ releaseKey: { keyId }, privateKey }) => [
      keyId,
      { key_id: keyId, signature: signText(privateKey, text) },
    ]),
  );
  return { format: CONFIGURATION_FORMAT, ...unsigned, signatures: [...signatures.values()] };
}
