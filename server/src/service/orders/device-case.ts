// One device with everything that the rules read of it, locked until the end of the transaction; and what they would say if it had
// another order.

import { OtterError } from '#protocol/errors.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { explain, type Decision } from '#engine/decision/decide.ts';
import { type Assignment, assignmentFacts } from '#engine/decision/plan-check-in.ts';
import { lockCheckInFacts } from '#server/db/device/check-in-facts.ts';
import type { SeenDeviceRow } from '#server/db/fleet/devices.ts';
import type { OrderColumns } from '#server/db/fleet/orders.ts';
import type { Trx } from '#server/db/schema.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import type { Deps } from '#server/service/deps.ts';
import { assignmentsOf } from '#server/service/device/assignment.ts';
import { standingsOf } from '#server/service/identity/standing.ts';
import { deviceFactsOf, factsOf, type FactsOfDevice } from '#server/service/device/facts.ts';
import { getRow, holdAll, textOfRule } from '#server/service/fleet/devices.ts';

export interface DeviceCase {
  readonly row: SeenDeviceRow;
  readonly facts: FactsOfDevice;
  /** Those that still count, the oldest first. */
  readonly assignments: readonly Assignment[];
  readonly view: CatalogView;
  /** What it would be told if its orders were these. */
  readonly decideWith: (orders: Partial<OrderColumns>) => { readonly decision: Decision; readonly text: string };
}

/** Throws `device_unknown`. */
export async function lockCase(deps: Deps, trx: Trx, ref: DeviceRef, nowMs: number): Promise<DeviceCase> {
  await holdAll(trx, [ref]);
  const row = await getRow(trx, ref);
  const { labels, memberOf, assignments: rows } = await lockCheckInFacts(trx, deps.database.dialect, row.id);
  const standing = (await standingsOf(deps, trx, [row.first_name]))(row.first_name);
  const view = await deps.catalog.within(trx);
  const assignments = assignmentsOf(rows, view);
  const factsWith = (orders: Partial<OrderColumns>) =>
    factsOf(deviceFactsOf({ ...row, ...orders }, labels, memberOf, standing), view, nowMs);
  return {
    row,
    facts: factsWith({}),
    assignments,
    view,
    decideWith: (orders) => {
      const asked = factsWith(orders);
      // Its turn is asked about when it comes: an order does not wait for a place in the pace, or in a budget.
      const load = { inFlight: 0, offersInLastMinute: 0 };
      const budgets: typeof asked.budgets = [];
      const { decision, trace } = explain(
        { ...asked, load, budgets, ...assignmentFacts(assignments, asked.rollout, nowMs) },
        nowMs,
      );
      return { decision, text: textOfRule(trace.find(({ matched }) => matched === true)) };
    },
  };
}

export function refuse(row: SeenDeviceRow, why: string, hint?: string): OtterError {
  return new OtterError(
    'invalid_transition',
    `device ${row.first_name} ${why}`,
    hint ?? `see what stands in its way: otter device explain ${row.first_name}`,
  );
}
