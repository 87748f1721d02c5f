// Which keys are trusted for a product now, inside of a transaction or beside one.

import { listReleaseKeys, type ReleaseKeyRow } from '#server/db/firmware/release-keys.ts';
import { isForProduct } from '#server/db/firmware/signatures.ts';
import type { Reader } from '#server/db/schema.ts';

export async function listTrusted(db: Reader, product: string): Promise<readonly ReleaseKeyRow[]> {
  return (await listReleaseKeys(db)).filter((key) => key.retired_at_ms === null && isForProduct(key.product, product));
}
