// What needs a person because of pins: a configuration that boards have to hear of, and soon do not take any more.

import type { Call } from '#protocol/admin/status.ts';
import { EXPIRY_WARN_MS } from '#protocol/limits.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { toInstant } from '#server/time/instant.ts';

/** `backup`: the pin that boards are to know; after the server went over to it the configuration has done its work. */
export function callsOfPins(view: CatalogView, backup: string | undefined, nowMs: number): readonly Call[] {
  return view.configurations.flatMap(({ configuration: { product, pins }, expiresAtMs }) => {
    if (backup === undefined || !pins.includes(backup) || nowMs < expiresAtMs - EXPIRY_WARN_MS) return [];
    const ends = nowMs < expiresAtMs ? `expires at ${toInstant(expiresAtMs)}` : 'has expired';
    const ofProduct = product === DEFAULT_PRODUCT ? '' : ` --product ${product}`;
    return [
      {
        kind: 'certificate',
        rollout: null,
        text: `the configuration that brings the backup pin to boards of ${product} ${ends}: those that hear of it later do not take it`,
        commands: [`otter cert rotate start${ofProduct}`, 'otter cert rotate status'],
      },
    ];
  });
}
