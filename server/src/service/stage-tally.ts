// What the gate of the open stage says now: counts the devices of the stage and asks the pure rules. It only reads.

import { Value } from 'typebox/value';
import { Gate } from '#protocol/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { listStages, type Rollout, type Stage } from '#server/db/rollouts.ts';
import type { Reader } from '#server/db/schema.ts';
import { type AnswerCount, countAnswers, countOpen, listAboutMacs } from '#server/db/stage-answers.ts';
import { faultOf } from '#server/rollout/assignment.ts';
import { isWithinPercentage } from '#server/rollout/bucket.ts';
import { hasSample, judgeStage, type Tally, type Verdict } from '#server/rollout/gate.ts';
import type { Settings } from './deps.ts';
import { silentBeforeMs } from './devices.ts';

export interface Judged {
  readonly stage: Stage;
  readonly tally: Tally;
  readonly verdict: Verdict;
  readonly hasSample: boolean;
}

/** Undefined where no stage is open, or the open one has no gate. */
export async function judgeRollout(
  settings: Settings,
  db: Reader,
  row: Rollout,
  nowMs: number,
): Promise<Judged | undefined> {
  const opened = (await listStages(db, [row.id])).filter((stage) => stage.opened_at_ms !== null);
  const stage = opened.at(-1);
  const gate = stage === undefined ? undefined : gateOf(stage);
  if (stage === undefined || gate === undefined) return undefined;
  const counts = tallyOf(await countAnswers(db, stage.id));
  // Once there are enough, it does not matter how many more are about: spares the one count that reads every device.
  const available =
    counts.confirmed >= gate.min_confirmed
      ? counts.confirmed
      : await countAvailable(settings, db, row, { opened, stage, nowMs });
  const tally = { ...counts, open: await countOpen(db, stage.id), available };
  const reached = hasSample(gate, tally);
  const sampleReachedAtMs = reached ? (stage.sample_reached_at_ms ?? undefined) : undefined;
  const whole = { ...tally, sampleReachedAtMs };
  return { stage, tally: whole, verdict: judgeStage(gate, whole, nowMs), hasSample: reached };
}

/** What was stored has passed the schema when it came in; what has not is no gate that could pass. */
export function gateOf(stage: Stage): Gate | undefined {
  return stage.gate === null ? undefined : Value.Parse(Gate, JSON.parse(stage.gate));
}

function tallyOf(counts: readonly AnswerCount[]): Pick<Tally, 'confirmed' | 'failed' | 'otherFailures' | 'silent'> {
  const sum = (column: keyof Tally): number =>
    counts.filter((row) => columnOf(row) === column).reduce((total, { count }) => total + count, 0);
  return {
    confirmed: sum('confirmed'),
    failed: sum('failed'),
    otherFailures: sum('otherFailures'),
    silent: sum('silent'),
  };
}

function columnOf(row: AnswerCount): keyof Tally {
  if (row.state === 'confirmed') return 'confirmed';
  if (row.state === 'timed_out') return 'silent';
  const isFirmware = faultOf(row.error_code ?? row.boot_cause ?? undefined) === 'firmware';
  return isFirmware && row.is_acknowledged === 0 ? 'failed' : 'otherFailures';
}

/**
 * Devices that can be part of the sample: they belong to an opened stage, did not get the build in an earlier one, did not
 * roll it back or refuse it, and were seen since the stage opened or are at least not silent. One that was never seen since
 * does not hold the stage up, and neither does one that cannot confirm any more.
 */
async function countAvailable(
  settings: Settings,
  db: Reader,
  row: Rollout,
  at: { readonly opened: readonly Stage[]; readonly stage: Stage; readonly nowMs: number },
): Promise<number> {
  const openedAtMs = at.stage.opened_at_ms ?? at.nowMs;
  const seenSinceMs = Math.min(openedAtMs, silentBeforeMs(settings, at.nowMs));
  const macs = new Set<string>();
  for (const { label, percentage } of at.opened) {
    const who = { label, product: row.product, isGeneral: label === GENERAL_LABEL, labelledUntilMs: openedAtMs };
    const about = await listAboutMacs(db, who, {
      id: at.stage.id,
      rolloutId: row.id,
      version: row.version,
      seenSinceMs,
    });
    for (const mac of about) if (isWithinPercentage(row.seed, mac, percentage)) macs.add(mac);
  }
  return macs.size;
}
