// What the gate of the open stage says now: counts the devices of the stage and asks the pure rules. It only reads.

import { Value } from 'typebox/value';
import { Gate } from '#protocol/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { listStages, type Rollout, type Stage } from '#server/db/rollouts.ts';
import { listRunVersions } from '#server/db/devices.ts';
import type { Reader } from '#server/db/schema.ts';
import { type AnswerCount, countAnswers, countOpen, listAboutMacs } from '#server/db/stage-answers.ts';
import { isWithinPercentage } from '#engine/facts/bucket.ts';
import { type Answer, type Answers, hasAnswers, sumAnswers } from '#engine/stage/tally.ts';
import { type GatedStage, judge, type Judgement, mayFail, nextStep, type Step } from '#engine/stage/tend.ts';
import { compareVersions } from '#engine/facts/version.ts';
import type { Deps } from './deps.ts';
import { silentBeforeMs } from './devices.ts';

export interface Judged extends Judgement {
  readonly stage: Stage;
  /** What is done now. */
  readonly step: Step;
}

interface Counted {
  readonly opened: readonly Stage[];
  readonly stage: Stage;
  readonly gated: GatedStage;
  readonly answers: Answers;
}

/** Undefined where no stage is open, or the open one has no gate. */
export async function judgeRollout(
  deps: Pick<Deps, 'settings' | 'absences'>,
  db: Reader,
  row: Rollout,
  nowMs: number,
): Promise<Judged | undefined> {
  const counted = await countStage(db, row);
  return counted === undefined ? undefined : judgeCounted(deps, db, row, counted, nowMs);
}

/** The same after a failure; undefined also where it cannot be one too many, which most of them are not. */
export async function judgeFailure(
  deps: Pick<Deps, 'settings' | 'absences'>,
  db: Reader,
  row: Rollout,
  nowMs: number,
): Promise<Judged | undefined> {
  const counted = await countStage(db, row);
  if (counted === undefined || !mayFail(counted.gated, counted.answers, nowMs)) return undefined;
  return judgeCounted(deps, db, row, counted, nowMs);
}

async function countStage(db: Reader, row: Rollout): Promise<Counted | undefined> {
  const opened = (await listStages(db, [row.id])).filter((stage) => stage.opened_at_ms !== null);
  const stage = opened.at(-1);
  const gated = stage === undefined ? undefined : gatedStageOf(stage);
  if (stage === undefined || gated === undefined) return undefined;
  const answers = sumAnswers(gated.gate, (await countAnswers(db, stage.id, row.firmware_id)).map(toAnswer));
  return { opened, stage, gated, answers };
}

async function judgeCounted(
  deps: Pick<Deps, 'settings' | 'absences'>,
  db: Reader,
  row: Rollout,
  { opened, stage, gated, answers }: Counted,
  nowMs: number,
): Promise<Judged> {
  // Once there are enough, it does not matter how many more are about: spares the one count that reads every device.
  const available =
    answers.confirmed >= gated.gate.min_confirmed
      ? answers.confirmed
      : await countAvailable(deps, db, row, { opened, stage, nowMs });
  const open = await countOpen(db, stage.id);
  const isQuiet = available + open === 0 && !hasAnswers(answers) && opened.length > 1;
  const isNobodyLeft = isQuiet && (await listNeeding(db, row, { opened, stage, seenSinceMs: 0 })).size === 0;
  const judgement = judge(gated, { ...answers, open, available, isNobodyLeft }, nowMs);
  return { ...judgement, stage, step: nextStep(gated, judgement) };
}

/** What was stored has passed the schema when it came in; what has not is no gate that could pass. */
export function gateOf(stage: Stage): Gate | undefined {
  return stage.gate === null ? undefined : Value.Parse(Gate, JSON.parse(stage.gate));
}

function gatedStageOf(stage: Stage): GatedStage | undefined {
  const gate = gateOf(stage);
  const { name, promotion, sample_reached_at_ms } = stage;
  return gate === undefined
    ? undefined
    : { name, promotion, gate, sampleReachedAtMs: sample_reached_at_ms ?? undefined };
}

function toAnswer(row: AnswerCount): Answer & { readonly devices: number } {
  return {
    state: row.state,
    cause: row.error_code ?? row.boot_cause ?? undefined,
    excused: row.excused === 1,
    isOwnFirmware: row.is_own_firmware === 1,
    isAcknowledged: row.is_acknowledged === 1,
    devices: row.count,
  };
}

/**
 * Devices that can be part of the sample: they belong to an opened stage, did not get the build in an earlier one, did not
 * roll it back or refuse it, are not past the deadline of their offer, and were seen since the stage opened or are at least
 * not silent. One that was never seen since does not hold the stage up, and neither does one that cannot confirm any more.
 */
async function countAvailable(
  deps: Pick<Deps, 'settings' | 'absences'>,
  db: Reader,
  row: Rollout,
  at: { readonly opened: readonly Stage[]; readonly stage: Stage; readonly nowMs: number },
): Promise<number> {
  const openedAtMs = at.stage.opened_at_ms ?? at.nowMs;
  const seenSinceMs = Math.min(openedAtMs, silentBeforeMs(deps.settings, deps.absences.recent(), at.nowMs));
  return (await listNeeding(db, row, { ...at, seenSinceMs })).size;
}

/** Devices of the opened stages that were seen since then and still need the build, or got it in this stage. */
async function listNeeding(
  db: Reader,
  row: Rollout,
  at: { readonly opened: readonly Stage[]; readonly stage: Stage; readonly seenSinceMs: number },
): Promise<ReadonlySet<string>> {
  const labelledUntilMs = at.stage.opened_at_ms ?? Number.MAX_SAFE_INTEGER;
  const behind = (await listRunVersions(db, row.product)).filter((version) => {
    const order = compareVersions(version, row.version);
    return order !== undefined && order < 0;
  });
  const macs = new Set<string>();
  for (const { label, percentage } of at.opened) {
    const who = { label, product: row.product, isGeneral: label === GENERAL_LABEL, labelledUntilMs };
    const { seenSinceMs } = at;
    const about = await listAboutMacs(db, who, { id: at.stage.id, rolloutId: row.id, behind, seenSinceMs });
    for (const mac of about) if (isWithinPercentage(row.seed, mac, percentage)) macs.add(mac);
  }
  return macs;
}
