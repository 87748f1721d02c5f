// The devices of a list: a page of those that pass its filter.

import { sql } from 'kysely';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { SilenceRule } from '#server/db/device/presence-sql.ts';
import type { Reader } from '#server/db/schema.ts';
import { type SeenDeviceRow, withPresence } from './devices.ts';
import { hasLabel, hasMac, hasStatus, type Where } from './where.ts';

/** How many devices a query means. */
export async function countDevices(db: Reader, where: Where): Promise<number> {
  const { total } = await withPresence(db)
    .clearSelect()
    .select((e) => e.fn.countAll<number>().as('total'))
    .where(where)
    .executeTakeFirstOrThrow();
  return total;
}

/** All of these that are there must hold. */
export interface DeviceFilter {
  readonly product: string | undefined;
  readonly label: string | undefined;
  readonly version: string | undefined;
  readonly status: SeenDeviceRow['status'] | 'silent' | undefined;
  readonly macPrefix: string | undefined;
  /** What a query says. */
  readonly where: Where | undefined;
  readonly silence: SilenceRule;
}

export async function listDevices(db: Reader, filter: DeviceFilter, page: Page): Promise<Paged<SeenDeviceRow>> {
  return runPage(withPresence(db).where(passes(filter)), page, { id: 'devices.id' });
}

function passes({ product, label, version, status, macPrefix, where, silence }: DeviceFilter): Where {
  const conditions: Where[] = [sql`1 = 1`];
  if (product !== undefined) conditions.push(sql`devices.product = ${product}`);
  if (version !== undefined) conditions.push(sql`devices.current_version = ${version}`);
  if (status !== undefined) conditions.push(hasStatus(status, silence));
  if (macPrefix !== undefined) conditions.push(hasMac(macPrefix));
  if (label !== undefined) conditions.push(hasLabel(label));
  if (where !== undefined) conditions.push(where);
  return sql`${sql.join(conditions, sql` and `)}`;
}
