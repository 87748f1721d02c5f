// Disruption budgets: at most so many boards of one value of a label key (`site=berlin`) are in the middle of an update at a time. The
// catalog carries them; whoever makes an offer counts what is used, in the transaction of the offer.

import type { Budget, NewBudget } from '#protocol/admin/fleet/budgets.ts';
import { OtterError } from '#protocol/errors.ts';
import { allowedOf } from '#engine/facts/budget.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { type BudgetRow, deleteBudget, listBudgets, listBudgetUse, saveBudget } from '#server/db/fleet/budgets.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';

export async function getBudgets({ database: { read } }: Deps): Promise<Budget[]> {
  const rows = await listBudgets(read);
  return Promise.all(rows.map(async (row) => viewBudget(read, row)));
}

/** A key that has one has this from now on. What is under way goes on. Throws `field_invalid`. */
export async function setBudget(
  deps: Deps,
  key: string,
  asked: NewBudget,
  by: Principal,
  nowMs: number,
): Promise<Budget> {
  const { max_devices = null, max_pct = null, reason = null } = asked;
  if ((max_devices === null) === (max_pct === null))
    throw new OtterError(
      'field_invalid',
      `budget of ${key}: max_devices and max_pct are ${max_devices === null ? 'both missing' : 'both there'}`,
      'send one of them: so many devices of one value at a time, or such a share of them',
    );
  const row = { key, max_devices, max_pct, reason, set_by: actorOf(by), set_at_ms: nowMs };
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    await saveBudget(trx, row);
    const details = { max_devices, max_pct, reason };
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'budget.set', subject: key, details });
  });
  return viewBudget(deps.database.read, row);
}

/** Throws `budget_unknown`. */
export async function removeBudget(deps: Deps, key: string, by: Principal, nowMs: number): Promise<{ key: string }> {
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    if (!(await deleteBudget(trx, key)))
      throw new OtterError('budget_unknown', `label key ${key} has no budget`, 'see which have: otter budget list');
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'budget.remove', subject: key, details: {} });
  });
  return { key };
}

async function viewBudget(db: Reader, row: BudgetRow): Promise<Budget> {
  const { key, max_devices, max_pct, reason, set_by, set_at_ms } = row;
  const budget = { key, maxDevices: max_devices ?? undefined, maxPct: max_pct ?? undefined };
  const values = (await listBudgetUse(db, key)).map(({ label, devices, disrupted }) => ({
    label,
    devices,
    allowed: allowedOf(budget, devices),
    disrupted,
  }));
  return { key, max_devices, max_pct, reason, set_by, set_at: toInstant(set_at_ms), values };
}
