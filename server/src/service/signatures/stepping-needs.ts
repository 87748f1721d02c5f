// Stepping releases of a rotation of keys: boards that know none of the keys of the stable build get this one first, and learn the next
// key with it. While such boards are there, it stays.

import { isSignedFor } from '#engine/facts/signatures.ts';
import { isForEveryone } from '#engine/decision/target.ts';
import { countKeyHolders, type KeyHolders } from '#server/db/firmware/release-keys.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Reader } from '#server/db/schema.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { heldKeysOf } from './retirement.ts';

/** How many boards of its product are led on by this firmware alone. */
export async function countLedOn(
  db: Reader,
  dialect: Dialect,
  view: CatalogView,
  { id, product }: { readonly id: number; readonly product: string },
): Promise<number> {
  // Nothing of it is signed: it leads no board on.
  if (view.getFirmware(id).images.every(({ signedBy }) => signedBy.length === 0)) return 0;
  const holders = (await countKeyHolders(db, dialect)).filter((held) => held.product === product);
  return holders
    .filter((held) => isLedOnBy(view, product, held, id))
    .reduce((total, { devices }) => total + devices, 0);
}

/** The newest build that these boards take is this one, and there is a newer one that they do not take. */
function isLedOnBy(view: CatalogView, product: string, held: KeyHolders, firmwareId: number): boolean {
  const { keys, needed: signaturesNeeded } = heldKeysOf(held);
  if (keys === undefined || keys.length === 0) return false;
  const device = { releaseKeys: keys, signaturesNeeded };
  const builds = view.completedOf(product).filter(isForEveryone);
  const at = builds.findIndex(({ firmware, imageIds }) =>
    firmware.images.some(
      (image) =>
        imageIds.includes(image.id) && (held.chip === null || image.chip === held.chip) && isSignedFor(image, device),
    ),
  );
  return at > 0 && builds[at]?.firmware.id === firmwareId;
}
