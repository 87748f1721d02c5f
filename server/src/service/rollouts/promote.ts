// Promotion by a person or a schedule: it means one stage, and it passes a gate that has not passed only where a person says
// so with a reason. The gate itself opens stages in `gates.ts`.

import type { Rollout } from '#protocol/admin/api.ts';
import { OtterError } from '#protocol/errors.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { listStages, type Rollout as RolloutRow } from '#server/db/rollouts/rollouts.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import type { Principal } from '#server/service/principal.ts';
import { getRollout, getRow, moveRollout } from './rollouts.ts';
import { judge } from '#server/service/gates/judge.ts';

/** What the gate of the open stage says, with the counts that it says it of. */
export interface GateVerdict {
  readonly stage: string;
  readonly state: 'waiting' | 'passed' | 'failed';
  readonly text: string;
  readonly tally: Readonly<Record<string, unknown>>;
}

export interface Promotion {
  readonly by: Principal;
  readonly reason?: string | undefined;
  /** The stage that is meant; undefined means the one that is open. */
  readonly from?: string | undefined;
  /** Passes a gate that has not passed. */
  readonly override?: boolean | undefined;
}

/** `isDone` false: the gate has not passed, and nothing was changed. */
export type Promoted =
  { readonly isDone: true; readonly from: string | null } | { readonly isDone: false; readonly gate: GateVerdict };

/**
 * Opens the next stage, or completes the rollout after the last one.
 * Throws `rollout_unknown`, `invalid_transition`, `field_invalid` for a stage that it does not have, `stage_moved`,
 * `reason_missing`, `gate_not_passed`.
 */
export async function promoteRollout(deps: Deps, name: string, request: Promotion, nowMs: number): Promise<Rollout> {
  await deps.presence.flush();
  const promoted = await deps.database.write(async (trx) => promote(deps, trx, name, request, nowMs));
  if (!promoted.isDone) throw refuseGate(name, promoted.gate);
  const view = await getRollout(deps, name, nowMs);
  if (request.from !== undefined) return view;
  const warning = `the promotion names no stage: ${promoted.from ?? ''} was open and was taken; the next version of Otter needs it: otter rollout promote ${name} --from ${promoted.from ?? 'STAGE'}`;
  return { ...view, warnings: [...view.warnings, warning] };
}

/** The same in the transaction of a caller, without the view; a gate that has not passed is an answer here. */
export async function promote(
  deps: Deps,
  trx: Trx,
  name: string,
  { from, override, ...who }: Promotion,
  nowMs: number,
): Promise<Promoted> {
  await raiseRevision(trx);
  const row = await getRow(trx, name);
  // A rollout that is not running has no gate to ask: `moveRollout` refuses it.
  const isRunning = row.status === 'running';
  if (from !== undefined && isRunning) await refuseOtherStage(trx, row, from);
  if (override === true) refuseWithoutReason(row, who.reason);
  const gate = isRunning ? await gateVerdict(deps, trx, row, nowMs) : undefined;
  const isHeld = gate !== undefined && gate.state !== 'passed';
  if (isHeld && override !== true) return { isDone: false, gate };
  const details = { ...(gate === undefined ? {} : { gate }), ...(isHeld ? { override: true } : {}) };
  await moveRollout(trx, name, { ...who, command: 'promote', details }, nowMs);
  return { isDone: true, from: row.stage };
}

/** Of the open stage; undefined where it has no gate. */
export async function gateVerdict(
  deps: Deps,
  db: Reader,
  row: RolloutRow,
  nowMs: number,
): Promise<GateVerdict | undefined> {
  const { stages, verdicts } = await judge(deps, db, row, nowMs);
  const open = stages.at(-1);
  const verdict = open === undefined ? undefined : verdicts.get(open.name);
  if (open === undefined || verdict === undefined) return undefined;
  return { stage: open.name, state: verdict.state, text: verdict.text, tally: { ...open.tally } };
}

async function refuseOtherStage(trx: Trx, { id, name, stage }: RolloutRow, from: string): Promise<void> {
  if (from === stage) return;
  const names = (await listStages(trx, [id])).map((one) => one.name);
  if (!names.includes(from))
    throw new OtterError(
      'field_invalid',
      `from: rollout ${name} has no stage ${from}`,
      `its stages are ${names.join(', ')}`,
    );
  throw new OtterError(
    'stage_moved',
    `rollout ${name} is at stage ${stage ?? ''}, not at ${from}`,
    `look at it first (otter rollout show ${name}); to promote the stage that is open: otter rollout promote ${name} --from ${stage ?? ''}`,
  );
}

function refuseWithoutReason({ name, stage }: RolloutRow, reason: string | undefined): void {
  if (reason !== undefined && reason.trim() !== '') return;
  throw new OtterError(
    'reason_missing',
    `rollout ${name} is to be promoted whatever the gate of stage ${stage ?? ''} says, without a reason`,
    'say why; the audit keeps it: --override --reason TEXT',
  );
}

/** The error that a promotion which the gate holds is for a person. */
export function refuseGate(name: string, { stage, state, text }: GateVerdict): OtterError {
  return new OtterError(
    'gate_not_passed',
    `the gate of stage ${stage} of rollout ${name} ${state === 'failed' ? 'has failed' : 'has not passed'}: ${text}`,
    `wait for it, or open the next stage all the same: otter rollout promote ${name} --from ${stage} --override --reason TEXT`,
  );
}
