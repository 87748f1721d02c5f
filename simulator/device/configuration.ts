// A configuration as a board judges it: which pins it trusts beside those of its build. Pure. The order of the checks is that of the client
// (`ConfiguredPins::take` in client/src/core/memory).

import { type Configuration, configurationTextOf } from '#protocol/device/configuration.ts';
import { NO_EXPIRY, readSignedInstant } from '#protocol/device/canonical-text.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { isSignedBy } from '#protocol/device/release-key.ts';
import type { Board } from './board.ts';

/** The board after an answer with this configuration. Without a release key it looks at none; what it refuses changes no pin. */
export function takeConfiguration(board: Board, configuration: Configuration, nowMs: number): Board {
  if (board.releaseKeys.length === 0 || configuration.sequence === board.configuration?.sequence) return board;
  const refusedConfiguration = refusalOf(board, configuration, nowMs);
  return refusedConfiguration === undefined
    ? { ...board, configuration, refusedConfiguration }
    : { ...board, refusedConfiguration };
}

function refusalOf(board: Board, configuration: Configuration, nowMs: number): DeviceErrorName | undefined {
  const text = configurationTextOf(configuration);
  if (text === undefined) return 'configuration';
  if (configuration.product !== board.product) return 'product';
  const held = board.configuration?.sequence ?? 0;
  if (configuration.sequence < held) return 'sequence';
  const { expires_at, signatures } = configuration;
  if (expires_at !== NO_EXPIRY && !((readSignedInstant(expires_at) ?? 0) > nowMs)) return 'expired';
  const isSigned = signatures.some(({ key_id, signature }) =>
    board.releaseKeys.some((key) => key.keyId === key_id && isSignedBy(key, text, signature)),
  );
  return isSigned ? undefined : 'signature';
}
