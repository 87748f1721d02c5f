// Who would be lost if the server went over to its backup key now: every device is counted in one of four, by what it said at its last
// check-in. What is not known counts as lost.

import type { Pins, PinsOfProduct } from '#protocol/admin/fleet/pins.ts';
import { pinIdOf } from '#protocol/device/configuration.ts';
import {
  countPinHolders,
  listPinHolders,
  type PinHolders,
  type StoredConfiguration,
} from '#server/db/firmware/configurations.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant } from '#server/time/instant.ts';

const MAX_EXAMPLES = 10;

type Readiness = 'ready' | 'unacknowledged' | 'by_configuration' | 'lost';

/** Counts every device. */
export async function getPins(deps: Deps): Promise<Pins> {
  const { board } = deps.settings;
  await deps.presence.flush();
  const view = await deps.catalog.current();
  const backup = board.backupPin() ?? null;
  const holders = await countPinHolders(deps.database.read, deps.database.dialect);
  const products = [...new Set([...holders.map(({ product }) => product), ...view.products])].toSorted();
  return {
    live: `spki:${board.spkiPin}`,
    backup,
    products: await Promise.all(
      products.map(async (product) => {
        const ofProduct = holders.filter((held) => held.product === product);
        return viewProduct(deps, view, product, backup, ofProduct);
      }),
    ),
  };
}

async function viewProduct(
  deps: Deps,
  view: CatalogView,
  product: string,
  backup: string | null,
  holders: readonly PinHolders[],
): Promise<PinsOfProduct> {
  const stored = view.configurationOf(product);
  const judged = holders.map((held) => ({ held, readiness: readinessOf(held, backup, stored) }));
  const count = (readiness: Readiness): number => sum(judged.filter((one) => one.readiness === readiness));
  return {
    product,
    takes_configurations: view.trustedKeysOf(product).length > 0,
    configuration: stored === undefined ? null : viewConfiguration(stored),
    devices: sum(judged),
    ready: count('ready'),
    unacknowledged: count('unacknowledged'),
    by_configuration: count('by_configuration'),
    lost: count('lost'),
    refused: sum(judged.filter(({ held }) => held.refused !== null)),
    ahead: sum(judged.filter(({ held }) => (held.sequence ?? 0) > (stored?.configuration.sequence ?? 0))),
    examples: await examplesOf(
      deps,
      judged.filter(({ readiness }) => readiness !== 'ready').map(({ held }) => held),
    ),
  };
}

/** A board without a release key cannot acknowledge: what its build has is all that it will ever know. */
function readinessOf(
  { pins, sequence }: Pick<PinHolders, 'pins' | 'sequence'>,
  backup: string | null,
  stored: StoredConfiguration | undefined,
): Readiness {
  if (backup === null) return 'lost';
  const said: unknown = pins === null ? [] : JSON.parse(pins);
  const isBuiltIn = Array.isArray(said) && said.includes(pinIdOf(backup));
  const isConfigured =
    sequence !== null &&
    stored !== undefined &&
    sequence === stored.configuration.sequence &&
    stored.configuration.pins.includes(backup);
  if (isBuiltIn) return isConfigured || sequence === null ? 'ready' : 'unacknowledged';
  return isConfigured ? 'by_configuration' : 'lost';
}

function viewConfiguration(stored: StoredConfiguration): NonNullable<PinsOfProduct['configuration']> {
  const { configuration, signedBy, expiresAtMs, sentAtMs, sentBy } = stored;
  return {
    sequence: configuration.sequence,
    pins: [...configuration.pins],
    expires_at: Number.isFinite(expiresAtMs) ? toInstant(expiresAtMs) : null,
    key_ids: [...signedBy],
    sent_by: sentBy,
    sent_at: toInstant(sentAtMs),
  };
}

/** First names of some boards that are not ready. */
async function examplesOf({ database: { read, dialect } }: Deps, holders: readonly PinHolders[]): Promise<string[]> {
  const found: string[] = [];
  for (const held of holders) {
    if (found.length >= MAX_EXAMPLES) break;
    found.push(...(await listPinHolders(read, dialect, held, MAX_EXAMPLES - found.length)));
  }
  return found;
}

function sum(judged: readonly { readonly held: PinHolders }[]): number {
  return judged.reduce((total, { held }) => total + held.devices, 0);
}
