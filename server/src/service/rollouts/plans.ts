// The plans of this server: those that are built in, those of config/plans.yaml, and those that were made by the API. A
// plan does nothing until a rollout is made from it; the rollout keeps a copy, so no change here reaches it.

import { Value } from 'typebox/value';
import type { ListedPlan, NewPlan } from '#protocol/admin/rollouts.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_PLANS } from '#protocol/limits.ts';
import { Plan } from '#protocol/admin/plan.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import {
  deletePlan as deleteRow,
  listPlans as listRows,
  savePlan,
  type StoredPlan,
} from '#server/db/rollouts/plans.ts';
import type { Reader } from '#server/db/schema.ts';
import { ASK_FIRST, findPlanFaults, NO_CONSENT } from '#server/values/plan-faults.ts';
import { BUILT_IN_PLANS } from '#engine/stage/built-in-plans.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { versionOf } from '#server/service/schedules/shared-files.ts';
import type { Settings } from '#server/service/settings.ts';

export async function listPlans(deps: Deps): Promise<{ items: ListedPlan[] }> {
  return { items: await listAll(deps, deps.database.read) };
}

const PLAN_FILE = 'config/plans.yaml';

/** Throws `plan_unknown`, and `file_differs` for a plan of the file where another server has changed that file. */
export async function getPlan(deps: Deps, name: string): Promise<ListedPlan> {
  const plan = getOne(await listAll(deps, deps.database.read), name);
  if (plan.source === 'file') await deps.sharedFiles.assertCurrent(PLAN_FILE);
  return plan;
}

/** At the start: the plans of the file are those of every server of this database. Throws `file_differs`. */
export async function sharePlanFile(deps: Deps, nowMs: number): Promise<void> {
  const version = versionOf(PLAN_FILE, deps.settings.plans);
  await deps.database.write(async (trx) => deps.sharedFiles.take(trx, version, { drops: false }, nowMs));
  deps.sharedFiles.taken(version);
}

/**
 * Makes the plan, or puts it in the place of that with its name. Throws `name_reserved` for one that is built in,
 * `plan_from_file`, `plan_limit`, and `field_invalid` where its stages cannot follow one another.
 */
export async function setPlan(
  deps: Deps,
  name: string,
  request: NewPlan,
  by: Principal,
  nowMs: number,
): Promise<ListedPlan> {
  refuseFixed(deps.settings, name);
  refuseFaults(request);
  const { description = '', stages, watch_s, consent, force_after_s } = request;
  const plan = JSON.stringify({ description, stages, watch_s, consent, force_after_s });
  return deps.database.write(async (trx) => {
    // No decision reads plans; it makes those who change them wait for each other, so that the limit holds.
    await raiseRevision(trx);
    const rows = await listRows(trx);
    const before = rows.find((row) => row.name === name);
    if (before === undefined && rows.length >= MAX_PLANS)
      throw new OtterError(
        'plan_limit',
        `there are ${rows.length} plans of the API already, the most that there may be`,
        'remove one first: otter plan remove NAME',
      );
    const row = { name, plan, created_at_ms: before?.created_at_ms ?? nowMs, updated_at_ms: nowMs };
    if (before?.plan === plan) return viewRow(before);
    await savePlan(trx, row);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'plan.set',
      subject: name,
      details: { new: before === undefined, stages: request.stages.map((stage) => stage.name) },
    });
    return viewRow(row);
  });
}

/** Throws `plan_unknown`, `name_reserved` for one that is built in, `plan_from_file`. */
export async function deletePlan(deps: Deps, name: string, by: Principal, nowMs: number): Promise<{ name: string }> {
  refuseFixed(deps.settings, name);
  return deps.database.write(async (trx) => {
    await raiseRevision(trx);
    getOne(await listAll(deps, trx), name);
    await deleteRow(trx, name);
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'plan.delete', subject: name });
    return { name };
  });
}

/** Where the file came to name a plan that the API had made, the file counts. */
async function listAll({ settings }: Deps, db: Reader): Promise<ListedPlan[]> {
  const fixed: readonly ListedPlan[] = [
    ...BUILT_IN_PLANS.map((plan) => ({ ...plan, source: 'built_in' as const })),
    ...settings.plans.map((plan) => ({ ...plan, source: 'file' as const })),
  ];
  const stored = (await listRows(db)).filter((row) => !fixed.some(({ name }) => name === row.name));
  return [...fixed, ...stored.map(viewRow)];
}

/** What is stored has passed the schema when it came in. */
function viewRow({ name, plan }: StoredPlan): ListedPlan {
  const written: object = JSON.parse(plan);
  return { ...Value.Parse(Plan, { ...written, name }), source: 'api' };
}

function getOne(plans: readonly ListedPlan[], name: string): ListedPlan {
  const plan = plans.find((item) => item.name === name);
  if (plan !== undefined) return plan;
  const known = plans.map((item) => item.name).join(', ');
  throw new OtterError(
    'plan_unknown',
    `there is no plan ${name}`,
    `the plans are ${known}; make one: otter plan set FILE`,
  );
}

function refuseFixed({ plans }: Settings, name: string): void {
  if (BUILT_IN_PLANS.some((plan) => plan.name === name))
    throw new OtterError('name_reserved', `the plan ${name} is built in`, 'choose another name');
  if (plans.some((plan) => plan.name === name))
    throw new OtterError(
      'plan_from_file',
      `the plan ${name} comes from config/plans.yaml`,
      'change it there; the file is read at the start',
    );
}

function refuseFaults({ stages, consent, force_after_s }: NewPlan): void {
  if (force_after_s !== undefined && consent === undefined)
    throw new OtterError('field_invalid', `force_after_s: ${NO_CONSENT}`, ASK_FIRST);
  const [first] = findPlanFaults(stages);
  if (first === undefined) return;
  throw new OtterError('field_invalid', `stages.${first.stage}.${first.member}: ${first.message}`, first.hint);
}
