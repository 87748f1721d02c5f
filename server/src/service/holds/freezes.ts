// Freezes a product: none of its devices is offered anything new until somebody ends it, or until the end that was said. Its rollouts
// stay as they are; the time that they wait counts against no device.

import type { NewHold, Product } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import { findNearest } from '#protocol/nearest.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import {
  countDevicesByProduct,
  deleteFreeze,
  type FreezeRow,
  type HoldColumns,
  listFreezes,
  saveFreeze,
} from '#server/db/fleet/holds.ts';
import { restartDeadlines } from '#server/db/rollouts/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, CLOCK, type Principal } from '#server/service/principal.ts';
import { detailsOf, readHold, viewHold } from './stored-hold.ts';

/** Products that have firmware, devices or a freeze, by name. */
export async function listProducts(deps: Deps, nowMs: number): Promise<Product[]> {
  const { read } = deps.database;
  const { products } = await deps.catalog.current();
  const freezes = new Map((await listFreezes(read)).map((row) => [row.product, row]));
  const devices = new Map((await countDevicesByProduct(read)).map((row) => [row.product, row.devices]));
  return [...new Set([...products, ...devices.keys(), ...freezes.keys()])].toSorted().map((product) => ({
    product,
    devices: devices.get(product) ?? 0,
    freeze: viewFreeze(freezes.get(product), nowMs),
  }));
}

/** One that is frozen already is frozen by this from now on. Throws `product_unknown`, `reason_missing`, `field_invalid`. */
export async function freezeProduct(
  deps: Deps,
  product: string,
  asked: NewHold,
  by: Principal,
  nowMs: number,
): Promise<Product> {
  const hold = readHold(asked, by, nowMs);
  const known = await listProducts(deps, nowMs);
  if (!known.some((one) => one.product === product))
    throw unknownProduct(
      product,
      known.map((one) => one.product),
    );
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    await saveFreeze(trx, {
      product,
      frozen_at_ms: nowMs,
      until_ms: hold.held_until_ms,
      reason: hold.held_reason,
      frozen_by: actorOf(by),
      holds_way_back: hold.holds_way_back,
    });
    const data = { actor: actorOf(by), ...detailsOf(hold) };
    await addHoldEvent(trx, { at_ms: nowMs, product, type: 'product.frozen', data });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'product.freeze',
      subject: product,
      details: detailsOf(hold),
    });
  });
  return getProduct(deps, product, nowMs);
}

/** Throws `invalid_transition` where it is not frozen. */
export async function unfreezeProduct(deps: Deps, product: string, by: Principal, nowMs: number): Promise<Product> {
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const row = (await listFreezes(trx)).find((one) => one.product === product);
    if (row === undefined || viewFreeze(row, nowMs) === null)
      throw new OtterError('invalid_transition', `product ${product} is not frozen`, 'see: otter product list');
    await end(trx, row, by, nowMs);
  });
  return getProduct(deps, product, nowMs);
}

/** Of those whose end has passed; several servers may look at once. */
export async function endFreezes(deps: Deps, nowMs: number): Promise<void> {
  const isOver = ({ until_ms }: FreezeRow): boolean => until_ms !== null && until_ms <= nowMs;
  if (!(await listFreezes(deps.database.read)).some(isOver)) return;
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    for (const row of (await listFreezes(trx)).filter(isOver)) await end(trx, row, CLOCK, nowMs);
  });
}

async function end(trx: Trx, { product, reason }: FreezeRow, by: Principal, nowMs: number): Promise<void> {
  await deleteFreeze(trx, product);
  await restartDeadlines(trx, product, nowMs);
  await addHoldEvent(trx, { at_ms: nowMs, product, type: 'product.unfrozen', data: { actor: actorOf(by) } });
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'product.unfreeze',
    subject: product,
    details: { frozen_for: reason },
  });
}

async function getProduct(deps: Deps, product: string, nowMs: number): Promise<Product> {
  const found = (await listProducts(deps, nowMs)).find((one) => one.product === product);
  return found ?? { product, devices: 0, freeze: null };
}

/** Those that are frozen now, for the status. */
export async function listFrozen(deps: Deps, nowMs: number): Promise<Product[]> {
  if ((await listFreezes(deps.database.read)).length === 0) return [];
  return (await listProducts(deps, nowMs)).filter(({ freeze }) => freeze !== null);
}

function viewFreeze(row: FreezeRow | undefined, nowMs: number): Product['freeze'] {
  return row === undefined ? null : viewHold(columnsOf(row), nowMs);
}

function columnsOf(row: FreezeRow): HoldColumns {
  return {
    held_at_ms: row.frozen_at_ms,
    held_until_ms: row.until_ms,
    held_reason: row.reason,
    held_by: row.frozen_by,
    holds_way_back: row.holds_way_back,
  };
}

function unknownProduct(product: string, known: readonly string[]): OtterError {
  const near = findNearest(product, known);
  const hint = near === undefined ? 'see which there are: otter product list' : `did you mean ${near}?`;
  return new OtterError('product_unknown', `no device and no firmware is of product ${product}`, hint);
}
