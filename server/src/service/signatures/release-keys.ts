// Release keys for operators: which are trusted, what needs them, trust one, retire one. Trusting a key changes what boards get from
// the next check on, so it takes effect only when every build that they may need is signed.

import type { ReleaseKey, TrustedReleaseKey, UnsignedBuild } from '#protocol/admin/fleet/release-keys.ts';
import { readReleaseKey, type ReleaseKey as ReadableKey } from '#protocol/device/release-key.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_RELEASE_KEYS } from '#protocol/limits.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import {
  countKeyHolders,
  EVERY_PRODUCT,
  forgetReleaseKey,
  listKeyHolders,
  listReleaseKeys,
  type ReleaseKeyRow,
  saveReleaseKey,
  saveRetired,
} from '#server/db/firmware/release-keys.ts';
import { isForProduct } from '#server/db/firmware/signatures.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { manifestOf } from '#server/service/firmware/manifest.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';
import { listNeededBuilds, listUnsigned, type NeededBuild } from './needed-builds.ts';
import { type HeldKeys, heldKeysOf, type KeyUse, keyUseOf } from './retirement.ts';
import { signStored } from './sign-stored.ts';

/** Builds and products that one message names. */
const MAX_NAMED = 5;

/** Boards that the list of keys names. */
const MAX_EXAMPLES = 10;

/** Retired ones too, so that the list says since when. */
export async function getReleaseKeys(deps: Deps): Promise<ReleaseKey[]> {
  await deps.presence.flush();
  const { read } = deps.database;
  const view = await deps.catalog.current();
  const holders = await holdersOf(deps, read);
  const rows = await listReleaseKeys(read);
  return Promise.all(rows.map(async (row) => viewKey(deps, row, useOf(row, rows, holders, view))));
}

/** Builds that boards may be offered, and that nobody has signed whose key is trusted. `product` undefined: of every one. */
export async function getUnsignedBuilds(deps: Deps, product: string | undefined): Promise<UnsignedBuild[]> {
  const view = await deps.catalog.current();
  return productsOf(view, product ?? EVERY_PRODUCT).flatMap((name) => listUnsigned(view, name).map(viewUnsigned));
}

export interface Trust {
  readonly publicKey: string;
  readonly product: string | undefined;
  /** Signatures of builds that are stored: with them the key takes effect at once. */
  readonly signed: readonly SignedManifest[];
}

/**
 * Repeating it changes nothing. Throws `key_invalid`, `key_limit`, what `signStored` throws, and `builds_unsigned` where boards would
 * get nothing any more: then nothing is changed.
 */
export async function trustReleaseKey(
  deps: Deps,
  trust: Trust,
  by: Principal,
  nowMs: number,
): Promise<TrustedReleaseKey> {
  const key = readKey(trust.publicKey);
  const product = trust.product ?? EVERY_PRODUCT;
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    await saveTrust(trx, key, product, by, nowMs);
    for (const signed of trust.signed) await signStored(trx, signed, by, nowMs);
    const view = await deps.catalog.within(trx);
    const unsigned = productsOf(view, product).flatMap((name) => listUnsigned(view, name));
    if (unsigned.length > 0) throw buildsUnsigned(key.keyId, unsigned);
  });
  const keys = await getReleaseKeys(deps);
  const found = keys.find((one) => one.key_id === key.keyId && (one.product ?? EVERY_PRODUCT) === product);
  if (found === undefined) throw new Error('a trusted key that is not there');
  return { key: found, signed: trust.signed.length };
}

export interface Retirement {
  readonly keyId: string;
  readonly product: string | undefined;
  readonly reason: string | undefined;
  /** Also where boards or builds need it. */
  readonly isForced: boolean;
}

/** Repeating it changes nothing. Throws `key_unknown`, and `key_needed` with what needs it, unless it is forced. */
export async function retireReleaseKey(
  deps: Deps,
  { keyId, product, reason, isForced }: Retirement,
  by: Principal,
  nowMs: number,
): Promise<ReleaseKey> {
  await deps.presence.flush();
  const ofProduct = product ?? EVERY_PRODUCT;
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const rows = await listReleaseKeys(trx);
    const row = rows.find((one) => one.key_id === keyId && one.product === ofProduct);
    if (row === undefined) throw keyUnknown(keyId, product, rows);
    if (row.retired_at_ms !== null) return;
    const { reasons } = useOf(row, rows, await holdersOf(deps, trx), await deps.catalog.within(trx));
    if (reasons.length > 0 && !isForced) throw keyNeeded(row, reasons);
    await saveRetired(trx, row, { retired_at_ms: nowMs, retired_by: actorOf(by), retired_reason: reason ?? null });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'key.retire',
      subject: keyId,
      details: { product: product ?? null, reason: reason ?? null, needed_by: [...reasons] },
    });
  });
  const found = (await getReleaseKeys(deps)).find(
    (one) => one.key_id === keyId && (one.product ?? EVERY_PRODUCT) === ofProduct,
  );
  if (found === undefined) throw new Error('a retired key that is not there');
  return found;
}

async function saveTrust(trx: Trx, key: ReadableKey, product: string, by: Principal, nowMs: number): Promise<void> {
  const rows = await listReleaseKeys(trx);
  const row = rows.find((one) => one.key_id === key.keyId && one.product === product);
  if (row !== undefined && row.retired_at_ms === null) return;
  if (row === undefined && rows.length >= MAX_RELEASE_KEYS) await makeRoom(trx, rows);
  await saveReleaseKey(trx, {
    key_id: key.keyId,
    product,
    public_key: key.pem,
    trusted_at_ms: nowMs,
    trusted_by: actorOf(by),
    retired_at_ms: null,
    retired_by: null,
    retired_reason: null,
  });
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'key.trust',
    subject: key.keyId,
    details: { product: product === EVERY_PRODUCT ? null : product },
  });
}

/** For one more: a server that went from key to key for years can do so again. */
async function makeRoom(trx: Trx, rows: readonly ReleaseKeyRow[]): Promise<void> {
  const [oldest] = rows
    .filter(({ retired_at_ms }) => retired_at_ms !== null)
    .toSorted((left, right) => (left.retired_at_ms ?? 0) - (right.retired_at_ms ?? 0));
  if (oldest !== undefined) return forgetReleaseKey(trx, oldest);
  throw new OtterError(
    'key_limit',
    `there are ${rows.length} release keys, the most is ${MAX_RELEASE_KEYS}`,
    'trust one that is there for every product, and retire others: otter key list',
  );
}

async function holdersOf({ database }: Deps, db: Reader): Promise<readonly HeldKeys[]> {
  return (await countKeyHolders(db, database.dialect)).map(heldKeysOf);
}

function productsOf(view: CatalogView, product: string): readonly string[] {
  return product === EVERY_PRODUCT ? view.products : [product];
}

function useOf(
  row: ReleaseKeyRow,
  rows: readonly ReleaseKeyRow[],
  holders: readonly HeldKeys[],
  view: CatalogView,
): KeyUse {
  const needed = productsOf(view, row.product).flatMap((name) => listNeededBuilds(view, name));
  const others = (product: string): readonly string[] =>
    rows
      .filter((other) => other !== row && other.retired_at_ms === null && isForProduct(other.product, product))
      .map(({ key_id }) => key_id);
  return keyUseOf(row, holders, needed, others);
}

async function viewKey(deps: Deps, row: ReleaseKeyRow, use: KeyUse): Promise<ReleaseKey> {
  const isTrusted = row.retired_at_ms === null;
  return {
    key_id: row.key_id,
    product: row.product === EVERY_PRODUCT ? null : row.product,
    public_key: row.public_key,
    trusted_at: toInstant(row.trusted_at_ms),
    trusted_by: row.trusted_by,
    retired_at: toInstantOrNull(row.retired_at_ms),
    retired_by: row.retired_by,
    retired_reason: row.retired_reason,
    devices: use.devices,
    dependent_devices: use.dependent,
    unknown_devices: use.unknown,
    safe_to_retire: use.reasons.length === 0,
    needed_by: isTrusted ? [...use.reasons] : [],
    examples: isTrusted ? await examplesOf(deps, use) : [],
  };
}

/** First names of some boards that stand in the way of a retirement. */
async function examplesOf({ database: { read, dialect } }: Deps, { inTheWay }: KeyUse): Promise<string[]> {
  const found: string[] = [];
  for (const held of inTheWay) {
    if (found.length >= MAX_EXAMPLES) break;
    found.push(...(await listKeyHolders(read, dialect, held, MAX_EXAMPLES - found.length)));
  }
  return found;
}

function viewUnsigned({ firmware, image, use }: NeededBuild): UnsignedBuild {
  const { product, version, chip, size_bytes, sha256, security_version } = manifestOf({ ...firmware, image });
  return { product, version, chip, size_bytes, sha256, security_version, folder: image.folder, use };
}

function readKey(publicKey: string): ReadableKey {
  const key = readReleaseKey(publicKey);
  if (key !== undefined) return key;
  throw new OtterError(
    'key_invalid',
    'the public key is not P-256 in PEM (-----BEGIN PUBLIC KEY-----)',
    'send the .pub file that `otter key create` made',
  );
}

function buildsUnsigned(keyId: string, unsigned: readonly NeededBuild[]): OtterError {
  const named = unsigned
    .slice(0, MAX_NAMED)
    .map(({ firmware, image, use }) => `${firmware.product} ${firmware.version} for ${image.folder} (${use})`);
  const others = unsigned.length - named.length;
  return new OtterError(
    'builds_unsigned',
    `with key ${keyId} trusted, boards would not be offered ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''}: nobody signed that`,
    'otter key trust FILE.pub signs them on your computer; it needs the key file: --key release.key.age',
  );
}

function keyUnknown(keyId: string, product: string | undefined, rows: readonly ReleaseKeyRow[]): OtterError {
  const elsewhere = rows.filter(({ key_id }) => key_id === keyId).map((row) => row.product);
  const where = product === undefined ? 'every product' : `product ${product}`;
  const known = elsewhere.length === 0 ? '' : `; it is for ${elsewhere.join(', ')}`;
  return new OtterError('key_unknown', `release key ${keyId} is not trusted for ${where}${known}`, 'otter key list');
}

function keyNeeded({ key_id }: ReleaseKeyRow, reasons: readonly string[]): OtterError {
  const named = reasons.slice(0, MAX_NAMED).join('; ');
  const others = reasons.length - MAX_NAMED;
  return new OtterError(
    'key_needed',
    `release key ${key_id} is still needed: ${named}${others > 0 ? `; and ${others} more` : ''}`,
    'lead the boards over to another key first (docs/signing.md); of a stolen key: otter key retire --force --reason TEXT',
  );
}
