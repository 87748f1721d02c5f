// Plans that were made by the API, as they were written.

import type { Selectable } from 'kysely';
import type { PlansTable, Reader, Trx } from '#server/db/schema.ts';

export type StoredPlan = Selectable<PlansTable>;

/** In the order of their names. */
export async function listPlans(db: Reader): Promise<readonly StoredPlan[]> {
  return db.selectFrom('plans').selectAll().orderBy('name').execute();
}

/** Makes the plan, or puts it in the place of that with its name, which keeps the time of its making. */
export async function savePlan(trx: Trx, plan: StoredPlan): Promise<void> {
  await trx
    .insertInto('plans')
    .values(plan)
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ plan: plan.plan, updated_at_ms: plan.updated_at_ms }),
    )
    .execute();
}

export async function deletePlan(trx: Trx, name: string): Promise<void> {
  await trx.deleteFrom('plans').where('name', '=', name).execute();
}
