// Promotions that a schedule was due to make while the gate of their stage had not passed. Each tick looks whether it passes
// now; until its next run the schedule promotes then, and never passes the gate itself.

import { OtterError } from '#protocol/errors.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { findStaged } from '#server/db/rollouts/rollouts.ts';
import {
  findSchedule,
  listPending,
  saveSchedule,
  type Schedule as ScheduleRow,
} from '#server/db/schedules/schedules.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant } from '#server/time/instant.ts';
import { type AskedGate, gateVerdict, promote, withGate } from './promote.ts';

/** What a pending promotion waits for now. */
export interface Pending {
  readonly isHeld: boolean;
  /** With the numbers of the gate. */
  readonly text: string;
  readonly what: string;
}

/** Carries out the pending promotions whose gate passes now. */
export async function promotePending(deps: Deps, nowMs: number): Promise<void> {
  for (const row of await listPending(deps.database.read)) {
    const pending = await describePending(deps, row, nowMs);
    if (pending === undefined || pending.isHeld || row.rollout === null) continue;
    await withGate(deps, row.rollout, nowMs, async (trx, asked) => act(trx, row, asked, nowMs));
  }
}

/** For the status: what schedules wait for, and since when. */
export async function warnOfPending(deps: Deps, nowMs: number): Promise<readonly string[]> {
  const { database } = deps;
  const rows = await listPending(database.read);
  return Promise.all(
    rows.map(async (row) => {
      const what = (await describePending(deps, row, nowMs))?.what ?? '';
      return `schedule ${row.name} is pending since ${toInstant(row.pending_since_ms ?? nowMs)}: ${what}`;
    }),
  );
}

/** Undefined where the schedule is not pending. */
export async function describePending(
  deps: Deps,
  { pending_since_ms, rollout, from_stage }: ScheduleRow,
  nowMs: number,
): Promise<Pending | undefined> {
  if (pending_since_ms === null || rollout === null) return undefined;
  const { read } = deps.database;
  const row = await findStaged(read, { name: rollout });
  if (row?.status !== 'running' || row.stage !== from_stage) {
    const text = `rollout ${rollout} is ${row?.status ?? 'gone'}`;
    return { isHeld: true, text, what: text };
  }
  const gate = await gateVerdict(deps, row, nowMs);
  if (gate === undefined) return { isHeld: false, text: 'the stage has no gate', what: 'the stage has no gate' };
  const isHeld = gate.state !== 'passed';
  const what = `the gate of stage ${gate.stage} of rollout ${rollout} has ${isHeld ? 'not ' : ''}passed: ${gate.text}`;
  return { isHeld, text: gate.text, what };
}

/** On locked facts: another process, or a person, may have acted since they were read. */
async function act(
  trx: Trx,
  { name, rollout }: ScheduleRow,
  asked: AskedGate | undefined,
  nowMs: number,
): Promise<void> {
  await raiseRevision(trx);
  const row = await findSchedule(trx, name);
  if (row === undefined || row.enabled !== 1 || row.pending_since_ms === null) return;
  if (row.rollout === null || row.rollout !== rollout) return;
  const request = { by: { kind: 'schedule', name } as const, from: row.from_stage ?? '', asked };
  const promoted = await tryPromote(trx, row.rollout, request, nowMs);
  // The promotion itself has ended every schedule that means its stage.
  if (promoted) await saveSchedule(trx, row.id, { last_run_at_ms: nowMs });
}

/** A refusal leaves it pending: its next run says why. `promote` refuses before it writes anything. */
async function tryPromote(
  trx: Trx,
  rollout: string,
  request: Parameters<typeof promote>[2],
  nowMs: number,
): Promise<boolean> {
  try {
    return (await promote(trx, rollout, request, nowMs)).isDone;
  } catch (error) {
    if (error instanceof OtterError) return false;
    throw error;
  }
}
