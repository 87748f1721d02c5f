// Promotion by a person or a schedule: it means one stage, and it passes a gate that has not passed only where a person says
// so with a reason. The gate itself opens stages in `gates.ts`.

import type { Rollout } from '#protocol/admin/rollouts.ts';
import { OtterError } from '#protocol/errors.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { findStaged, type StagedRollout } from '#server/db/rollouts/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import type { Principal } from '#server/service/principal.ts';
import { getRollout, getStaged, moveLocked } from './rollouts.ts';
import { judge } from '#server/service/gates/judge.ts';

/** What the gate of the open stage says, with the counts that it says it of. */
export interface GateVerdict {
  readonly stage: string;
  readonly state: 'waiting' | 'passed' | 'failed';
  readonly text: string;
  readonly gateCounts: Readonly<Record<string, unknown>>;
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
  const promoted = await withGate(deps, name, nowMs, async (trx, asked) => {
    await raiseRevision(trx);
    return promote(trx, name, { ...request, asked }, nowMs);
  });
  if (!promoted.isDone) throw refuseGate(name, promoted.gate);
  const view = await getRollout(deps, name, nowMs);
  if (request.from !== undefined) return view;
  const warning = `the promotion names no stage: ${promoted.from ?? ''} was open and was taken; the next version of Otter needs it: otter rollout promote ${name} --from ${promoted.from ?? 'STAGE'}`;
  return { ...view, warnings: [...view.warnings, warning] };
}

/** What the gate said before the transaction, and of which state of the rollout. */
export interface AskedGate {
  readonly at: Pick<StagedRollout, 'id' | 'status' | 'stage' | 'resumed_at_ms'>;
  readonly gate: GateVerdict | undefined;
}

/** The rollout has moved since its gate was asked. */
class RolloutMoved extends Error {}

const MAX_TRIES = 5;

/**
 * Asks the gate of the rollout, which may look at every board, and then runs `job` in a transaction, where it promotes. Again
 * where the rollout moved in between: a failure halts it in the transaction that stores it, so what the gate said holds otherwise.
 */
export async function withGate<T>(
  deps: Deps,
  name: string | undefined,
  nowMs: number,
  job: (trx: Trx, asked: AskedGate | undefined) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const asked = name === undefined ? undefined : await askGate(deps, name, nowMs);
    try {
      return await deps.database.write(async (trx) => job(trx, asked));
    } catch (error) {
      if (!(error instanceof RolloutMoved)) throw error;
      if (tries === MAX_TRIES)
        throw new OtterError('unavailable', error.message, 'look where it stands, and try again', { retryAfterS: 5 });
    }
  }
}

/** Of a rollout that runs; any other has no gate to ask. */
async function askGate(deps: Deps, name: string, nowMs: number): Promise<AskedGate | undefined> {
  const { read } = deps.database;
  const row = await findStaged(read, { name });
  return row?.status === 'running' ? { at: row, gate: await gateVerdict(deps, row, nowMs) } : undefined;
}

/**
 * The same in the transaction of a caller who has raised the revision, without the view; a gate that has not passed is an answer
 * here.
 */
export async function promote(
  trx: Trx,
  name: string,
  { from, override, asked, ...who }: Promotion & { readonly asked: AskedGate | undefined },
  nowMs: number,
): Promise<Promoted> {
  const row = await getStaged(trx, name);
  // A rollout that is not running has no gate to ask: `moveLocked` refuses it.
  const isRunning = row.status === 'running';
  if (from !== undefined && isRunning) refuseOtherStage(row, from);
  if (override === true) refuseWithoutReason(row, who.reason);
  if (isRunning && !isAt(row, asked)) throw new RolloutMoved(`rollout ${name} moved while its gate was asked`);
  const gate = isRunning ? asked?.gate : undefined;
  const isHeld = gate !== undefined && gate.state !== 'passed';
  if (isHeld && override !== true) return { isDone: false, gate };
  const details = { ...(gate === undefined ? {} : { gate }), ...(isHeld ? { override: true } : {}) };
  await moveLocked(trx, row, { ...who, command: 'promote', details }, nowMs);
  return { isDone: true, from: row.stage };
}

function isAt({ id, status, stage, resumed_at_ms }: StagedRollout, asked: AskedGate | undefined): boolean {
  const at = asked?.at;
  return at?.id === id && at.status === status && at.stage === stage && at.resumed_at_ms === resumed_at_ms;
}

/** Of the open stage; undefined where it has no gate. */
export async function gateVerdict(deps: Deps, row: StagedRollout, nowMs: number): Promise<GateVerdict | undefined> {
  if (row.stages.find(({ name }) => name === row.stage)?.gate === null) return undefined;
  const { stages, verdicts } = await judge(deps, deps.database.read, row, nowMs);
  const open = stages.at(-1);
  const verdict = open === undefined ? undefined : verdicts.get(open.name);
  if (open === undefined || verdict === undefined) return undefined;
  return { stage: open.name, state: verdict.state, text: verdict.text, gateCounts: { ...open.gateCounts } };
}

function refuseOtherStage({ name, stage, stages }: StagedRollout, from: string): void {
  if (from === stage) return;
  const names = stages.map((one) => one.name);
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

function refuseWithoutReason({ name, stage }: StagedRollout, reason: string | undefined): void {
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
