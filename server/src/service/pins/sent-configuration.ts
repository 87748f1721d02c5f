// The configuration that goes with the answer to a check-in. From memory: a check-in asks the database nothing more for it.

import type { Configuration } from '#protocol/device/configuration.ts';
import { isSignedFor, knowsKeys } from '#engine/facts/signatures.ts';
import type { CheckIn } from '#server/service/device/known.ts';
import { saidOf } from '#server/service/device/facts.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';

/**
 * Undefined: there is nothing to send. A board that says nothing of configurations takes none, one that holds it has acknowledged it, and
 * one that no key could convince of it would only refuse it.
 */
export function configurationFor(
  { product, attributes }: Pick<CheckIn, 'product' | 'attributes'>,
  view: CatalogView,
  nowMs: number,
): Configuration | undefined {
  const held = attributes['configuration_sequence'];
  const stored = view.configurationOf(product);
  if (stored === undefined || typeof held !== 'number' || held >= stored.configuration.sequence) return undefined;
  const device = saidOf(attributes);
  if (stored.expiresAtMs <= nowMs || !knowsKeys(device) || !isSignedFor(stored, device)) return undefined;
  return stored.configuration;
}
