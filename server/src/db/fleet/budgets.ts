// Disruption budgets, and how much of one is used: counted only where an offer depends on it.

import { type Selectable, sql } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import type { BudgetUse } from '#engine/facts/budget.ts';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { BudgetsTable } from './tables.ts';

export type BudgetRow = Selectable<BudgetsTable>;

export async function listBudgets(db: Reader): Promise<readonly BudgetRow[]> {
  return db.selectFrom('budgets').selectAll().orderBy('key').execute();
}

export async function saveBudget(trx: Trx, budget: BudgetRow): Promise<void> {
  await deleteBudget(trx, budget.key);
  await trx.insertInto('budgets').values(budget).execute();
}

/** Whether it was there. */
export async function deleteBudget(trx: Trx, key: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('budgets').where('key', '=', key).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/**
 * A board that is in the middle of an update, or of which nothing was heard after one; one that was turned away is not waited for. That it is
 * back is known by its check-in: nothing more is written into an assignment of a rollout that was aborted.
 */
const IS_DISRUPTED = sql<boolean>`(exists (select 1 from assignments where device_id = device_labels.device_id and ${IS_IN_FLIGHT})
  or exists (select 1 from assignments where device_id = device_labels.device_id and is_latest = 1 and is_rollback = 0
    and outcome = 'lost' and acknowledged = 0 and (counted is null or counted <> 'revoked')
    and lost_at_ms >= (select last_seen_at_ms from presence where presence.device_id = device_labels.device_id)))`;

export async function countBudgetUse(db: Reader, label: string, without: DeviceId): Promise<BudgetUse> {
  return db
    .selectFrom('device_labels')
    .innerJoin('labels', 'labels.id', 'device_labels.label_id')
    .select((e) => [
      e.fn.countAll<number>().as('devices'),
      e.fn
        .countAll<number>()
        .filterWhere('device_labels.device_id', '<>', without)
        .filterWhere(IS_DISRUPTED)
        .as('disrupted'),
    ])
    .where('labels.name', '=', label)
    .executeTakeFirstOrThrow();
}

export interface ValueUse extends BudgetUse {
  readonly label: string;
}

/** Of every value of a key, with all of its boards. */
export async function listBudgetUse(db: Reader, key: string): Promise<readonly ValueUse[]> {
  return db
    .selectFrom('device_labels')
    .innerJoin('labels', 'labels.id', 'device_labels.label_id')
    .select((e) => [
      'labels.name as label',
      e.fn.countAll<number>().as('devices'),
      e.fn.countAll<number>().filterWhere(IS_DISRUPTED).as('disrupted'),
    ])
    .where(sql<boolean>`substr(labels.name, 1, ${key.length + 1}) = ${`${key}=`}`)
    .groupBy('labels.name')
    .orderBy('labels.name')
    .execute();
}
