// A dynamic label is on the devices that its query means. They are sorted in the transaction that changes what they say or what labels
// they have; what changes by itself, with time, is left to regrouping.ts.

import { OtterError } from '#protocol/errors.ts';
import type { DeviceId } from '#protocol/identity.ts';
import { MAX_DYNAMIC_LABELS } from '#protocol/limits.ts';
import { conditionsOf } from '#protocol/query/query.ts';
import { listDynamicLabels, placeDevices } from '#server/db/fleet/dynamic-labels.ts';
import { findLabel, type Label } from '#server/db/fleet/labels.ts';
import type { Trx } from '#server/db/schema.ts';
import { readQuery, readStandalone, readyQuery } from '#server/service/queries/ready-query.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';

/** Of these devices each has the dynamic labels that it should have by what is stored of it now. */
export async function sortDevices(
  deps: WatchDeps,
  trx: Trx,
  deviceIds: readonly DeviceId[],
  nowMs: number,
): Promise<void> {
  if (deviceIds.length === 0) return;
  for (const { id, query } of await listDynamicLabels(trx)) {
    const where = await readyQuery(deps, trx, query, nowMs, deviceIds);
    await placeDevices(trx, deps.database.dialect, { id, where }, deviceIds, nowMs);
  }
}

/**
 * Inside the transaction that stores it. Throws `query_invalid`, also where it goes by a label that is dynamic itself, and
 * `label_limit` where there are as many dynamic labels as there may be.
 */
export async function checkQuery(trx: Trx, name: string, query: string): Promise<void> {
  const others = (await listDynamicLabels(trx)).filter((one) => one.name !== name);
  if (others.length >= MAX_DYNAMIC_LABELS)
    throw new OtterError(
      'label_limit',
      `there are ${MAX_DYNAMIC_LABELS} dynamic labels already, the most that there may be`,
      'delete one that nobody needs, or find its devices with --where instead',
    );
  for (const condition of conditionsOf(readStandalone(query, 'the query of a label'))) {
    if (condition.kind !== 'label') continue;
    if (condition.name === name || others.some((one) => one.name === condition.name))
      throw new OtterError(
        'query_invalid',
        `where: label ${condition.name} is dynamic itself, and the query of a label cannot go by another query`,
        'write what that one asks for instead: otter label list shows it',
      );
  }
  const user = others.find((one) => namesLabel(one.query, name));
  if (user !== undefined) throw inUse(name, user.name);
}

/** Throws `label_in_use` where the query of another label goes by this one. */
export async function refuseInUse(trx: Trx, name: string): Promise<void> {
  const user = (await listDynamicLabels(trx)).find((one) => namesLabel(one.query, name));
  if (user !== undefined) throw inUse(name, user.name);
}

/** Throws `label_dynamic` where a query says who has the label, so that nobody else does. */
export function refuseDynamic(label: Pick<Label, 'name' | 'query'> | undefined): void {
  if (label === undefined || label.query === null) return;
  throw new OtterError(
    'label_dynamic',
    `label ${label.name} is dynamic: its query says which devices have it (${label.query})`,
    `change the query: otter label set ${label.name} --where '...'`,
  );
}

/** The same by its name, before anything is done with it. */
export async function refuseDynamicName(trx: Trx, name: string): Promise<void> {
  refuseDynamic(await findLabel(trx, name));
}

function namesLabel(query: string, name: string): boolean {
  return conditionsOf(readQuery(query)).some((one) => one.kind === 'label' && one.name === name);
}

function inUse(name: string, by: string): OtterError {
  return new OtterError(
    'label_in_use',
    `the query of label ${by} goes by label ${name}`,
    `change that query first: otter label set ${by} --where '...'`,
  );
}
