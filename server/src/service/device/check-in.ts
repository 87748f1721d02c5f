// A device asks whether there is something for it. Load the facts, decide, save what changed, answer: a poll that changes
// nothing is one read and no write (two reads where only the pace of a stage stands in the way).

import type { CheckUpdateAnswer } from '#protocol/device/api.ts';
import type { DeviceId } from '#protocol/identity.ts';
import { MAX_DEVICE_LABELS } from '#protocol/limits.ts';
import {
  addAssignment,
  findLatestOf,
  overtakeLatest,
  saveAssignment,
  saveTaken,
  lockRateLimitedOffers,
} from '#server/db/device/assignments.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import { findLastAttempt } from '#server/db/device/failed-assignments.ts';
import {
  type CheckInFacts,
  findCheckInFacts,
  lockCheckInFacts,
  type PresenceRow,
} from '#server/db/device/check-in-facts.ts';
import {
  addDevice,
  type DeviceRow,
  holdDevices,
  type SelfDescription,
  setDeviceStatus,
} from '#server/db/fleet/devices.ts';
import { NOT_HELD } from '#server/db/fleet/holds.ts';
import { noteReturn, type Removal } from '#server/db/fleet/removed-devices.ts';
import { NO_ORDERS } from '#server/db/fleet/orders.ts';
import { addLabel, putLabel } from '#server/db/fleet/labels.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { hasLeft, startOf, type Sighting } from '#engine/assignment/assignment.ts';
import { absentMs } from '#engine/facts/absence.ts';
import { notCountedOf } from '#engine/outcome/vote.ts';
import type { Standing } from '#engine/facts/identity.ts';
import { hasSign, type Signs } from '#engine/outcome/shared-mac.ts';
import { isBad, startWatch } from '#engine/outcome/watch.ts';
import type { Pace } from '#engine/facts/model.ts';
import { LIMIT_RULES } from '#engine/decision/limit-rules.ts';
import { type CheckInPlan, planCheckIn } from '#engine/decision/plan-check-in.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { toInstant } from '#server/time/instant.ts';
import { answer, heldAnswer, type Offered, offeredBy } from './check-in-answer.ts';
import type { Deps } from '#server/service/deps.ts';
import { assignmentsOf, columnsOf, movingOf } from './assignment.ts';
import { deviceFactsOf, factsOf, voterOf } from './facts.ts';
import { noteContradiction } from '#server/service/fleet/counted.ts';
import { hear, hearAgain, reopenFleetToken } from '#server/service/identity/speaker.ts';
import { haltIfFailed } from '#server/service/gates/act.ts';
import { baselineOf } from '#server/service/gates/health.ts';
import { countLimits } from './limits.ts';
import { type CheckIn, DESCRIBED, type KnownCheckIn, merge } from './known.ts';
import { configurationFor } from '#server/service/pins/sent-configuration.ts';
import { type Note, noteOf, type Observation, observe } from './observation.ts';

/**
 * The answer for the device, and the decision for the log line. Throws `unavailable`, `storage_full`, `too_many_boards`, and as `hear`
 * does where a device token is not that of the board.
 */
export async function checkIn(deps: Deps, request: CheckIn, nowMs: number): Promise<CheckUpdateAnswer> {
  const { database, catalog } = deps;
  const facts = await findCheckInFacts(database.read, database.dialect, request.name);
  const standing = await hear(deps, request, facts.speaker, nowMs);
  // Nothing of what it says is kept: it may be somebody else.
  if (standing !== 'counts') return heldAnswer(deps, standing);
  const view = await catalog.at(facts.revision);
  const known = merge(request, facts, view);
  const observation = observationOf(deps, known, facts, nowMs);
  const plan = await planFor(database.read, { request: known, observation }, facts, view, nowMs);
  const isStrange = hasSign(signsOf(request, facts, plan, observation));
  if (facts.device !== undefined && !isStrange && isQuiet(facts, plan, newLabels(deps, known, facts))) {
    const { product } = known;
    const configuration = configurationFor(known, view, nowMs);
    const offered = offeredBy(plan);
    const told = answer(deps, { product, configuration, plan, view, labels: facts.labels, offered, nowMs });
    notePresence(deps, facts.device, known, noteOf(facts.device.id, known, observation, told, deps.settings, nowMs));
    return told;
  }
  deps.boardRates.takeChange(request);
  const isPaced = view.openRolloutsOf(known.product).some(({ pace }) => hasLimit(pace));
  // Which budgets apply is known only behind the lock: the device may get a label meanwhile, or bring it with this very check.
  const isLimited = isPaced || view.hasBudgets;
  const saved = await database.write(async (trx) => {
    if (isLimited) await lockRateLimitedOffers(trx, database.dialect);
    return saveCheckIn(deps, trx, request, nowMs);
  });
  if (typeof saved === 'string') return heldAnswer(deps, saved);
  // Only now: a device whose transaction was rolled back is not there, and its key may become that of another.
  deps.presence.note(saved.noted, saved.description);
  return saved.answer;
}

interface SavedCheckIn {
  readonly answer: CheckUpdateAnswer;
  readonly noted: Note;
  readonly description: SelfDescription;
}

/**
 * The same once more on locked facts, since they may have changed between the read and the lock. Answers the standing of one who is not
 * taken for the board any more: then nothing is kept.
 */
async function saveCheckIn(
  deps: Deps,
  trx: Trx,
  request: CheckIn,
  nowMs: number,
): Promise<SavedCheckIn | Exclude<Standing, 'counts'>> {
  const { dialect } = deps.database;
  const before = await lockCheckInFacts(trx, dialect, request.name);
  const standing = await hearAgain(deps, trx, request, before.speaker, nowMs);
  if (standing !== 'counts') return standing;
  const view = await deps.catalog.within(trx);
  const known = merge(request, before, view);
  const observation = observationOf(deps, known, before, nowMs);
  const deviceId =
    before.device?.id ?? (await register(deps, trx, known, { hasEnrolled: before.speaker !== undefined, nowMs }));
  const hinted = newLabels(deps, known, before);
  if (hinted.length > 0) await holdDevices(trx, [deviceId]);
  for (const name of hinted) {
    const { id, isDynamic } = await addLabel(trx, { name, description: 'from a label hint', nowMs });
    // Its query says who has it, whatever the configuration says of hints.
    if (!isDynamic) await putLabel(trx, id, [deviceId], nowMs);
  }
  const facts =
    hinted.length > 0 || before.device === undefined ? await lockCheckInFacts(trx, dialect, request.name) : before;
  const plan = await planFor(trx, { request: known, observation }, facts, view, nowMs);
  const offered = await savePlan(trx, { id: deviceId, row: facts.device }, plan, known, nowMs);
  if (plan.decision.outcome === 'rollback') await reopenFleetToken(trx, request.name, before.speaker);
  for (const { watch, rolloutId } of plan.changed) if (isBad(watch)) await haltIfFailed(deps, trx, rolloutId, nowMs);
  await setDeviceStatus(trx, deviceId, plan.status);
  if (before.device !== undefined && hasSign(signsOf(request, before, plan, observation)))
    await noteContradiction(trx, before.device, nowMs);
  const { product } = known;
  const configuration = configurationFor(known, view, nowMs);
  const told = answer(deps, { product, configuration, plan, view, labels: facts.labels, offered, nowMs });
  return {
    answer: told,
    noted: noteOf(deviceId, known, observation, told, deps.settings, nowMs),
    description: { id: deviceId, ...known.described },
  };
}

async function savePlan(
  trx: Trx,
  device: { readonly id: DeviceId; readonly row: DeviceRow | undefined },
  plan: CheckInPlan,
  { sighting }: CheckIn,
  nowMs: number,
): Promise<Offered | undefined> {
  for (const assignment of plan.changed) {
    const { id, watch } = assignment;
    await saveAssignment(trx, id, columnsOf(assignment), nowMs);
    if (watch.confirmedAtMs === nowMs) await saveTaken(trx, device.id, id);
  }
  const { decision } = plan;
  if (decision.outcome === 'hold' || plan.offered !== undefined) return offeredBy(plan);
  return offer(trx, { ...device, sighting }, decision, nowMs);
}

interface OfferedTo {
  readonly id: DeviceId;
  readonly row: DeviceRow | undefined;
  readonly sighting: Sighting;
}

async function offer(
  trx: Trx,
  device: OfferedTo,
  decision: Extract<CheckInPlan['decision'], { readonly outcome: 'install' | 'rollback' }>,
  nowMs: number,
): Promise<Offered> {
  const { rollout, firmware, stage } = decision;
  const isRollback = decision.outcome === 'rollback';
  const before = isRollback ? undefined : await findLatestOf(trx, device.id, rollout.id);
  if (before !== undefined) await overtakeLatest(trx, { deviceId: device.id, rolloutId: rollout.id, isRollback });
  const start = {
    fromVersion: device.sighting.version,
    notCounted: device.row === undefined ? undefined : notCountedOf(voterOf(device.row), rollout.votes),
    isOnTheWay: firmware.id !== rollout.firmware.id,
  };
  const watch = startWatch(start, before === undefined ? undefined : movingOf(before).watch);
  const past = await findLastAttempt(trx, device.id, firmware.id);
  const progress = startOf({ leftBefore: false, pardoned: past.pardoned });
  const id = await addAssignment(trx, {
    ...columnsOf({ progress, watch, updatedAtMs: nowMs }),
    device_id: device.id,
    rollout_id: rollout.id,
    stage_id: stage?.id ?? rollout.stageId,
    firmware_id: firmware.id,
    image_id: decision.image.id,
    is_rollback: isRollback ? 1 : 0,
    attempt: past.attempt + 1,
    left_before: hasLeft(device.sighting, firmware.version) ? 1 : 0,
    forgiven: 0,
    baseline: await baselineOf(trx, device.id, nowMs),
    offered_at_ms: nowMs,
  });
  return { assignmentId: id, isForgiven: past.pardoned };
}

async function planFor(
  db: Reader,
  { request, observation }: { readonly request: KnownCheckIn; readonly observation: Observation },
  facts: CheckInFacts,
  view: CatalogView,
  nowMs: number,
): Promise<CheckInPlan> {
  const first_name = facts.device?.first_name ?? request.name.text;
  const asked = { ...NOT_HELD, ...NO_ORDERS, ...facts.device, ...request.described, first_name };
  const ofDevice = factsOf(deviceFactsOf(asked, facts.labels, facts.memberOf), view, nowMs);
  const assignments = assignmentsOf(facts.assignments, view);
  const { crashed, suspect: isSuspect } = observation.restart;
  const { seenBeforeMs: sinceMs } = observation;
  const seen = { sighting: request.sighting, observation: { crashed, isSuspect, sinceMs } };
  const plan = planCheckIn(ofDevice, assignments, seen, nowMs);
  if (!isHeldByLimit(plan)) return plan;
  const limits = await countLimits(db, ofDevice, facts.device?.id, nowMs);
  return planCheckIn({ ...ofDevice, ...limits }, assignments, seen, nowMs);
}

/** What is not counted holds, so everything else speaks for an offer: now it is worth counting. */
function isHeldByLimit({ decision }: CheckInPlan): boolean {
  return LIMIT_RULES.some(({ id }) => id === decision.reason);
}

function hasLimit({ maxInFlight, maxOffersPerMinute }: Pace): boolean {
  return maxInFlight !== undefined || maxOffersPerMinute !== undefined;
}

function isQuiet(facts: CheckInFacts, plan: CheckInPlan, hinted: readonly string[]): boolean {
  const needsAssignment = plan.decision.outcome !== 'hold' && plan.offered === undefined;
  return plan.changed.length === 0 && !needsAssignment && hinted.length === 0 && facts.device?.status === plan.status;
}

/** A hint too many is ignored, as one that the configuration does not name: an update never waits for a label. */
function newLabels(deps: Deps, request: CheckIn, facts: CheckInFacts): readonly string[] {
  const allowed = deps.settings.labelsFromHints;
  if (allowed.length === 0 || request.labelHints.length === 0) return [];
  const isNew = (hint: string): boolean => allowed.includes(hint) && !facts.labels.some(({ name }) => name === hint);
  const free = Math.max(0, MAX_DEVICE_LABELS - facts.labels.length);
  return [...new Set(request.labelHints.filter(isNew))].slice(0, free);
}

async function register(
  deps: Deps,
  trx: Trx,
  request: KnownCheckIn,
  { hasEnrolled, nowMs }: { readonly hasEnrolled: boolean; readonly nowMs: number },
): Promise<DeviceId> {
  // One that enrolled was counted then.
  if (!hasEnrolled) await deps.newBoards.admit(trx, nowMs);
  const device = { ...request.described, status: 'ok', first_seen_at_ms: nowMs } as const;
  const id = await addDevice(trx, request.name, device, nowMs);
  const removal = await noteReturn(trx, request.name, nowMs);
  if (removal !== undefined) await tellReturn(trx, { ...device, id, name: request.name }, removal, nowMs);
  return id;
}

/** One that an operator removed goes on checking in. */
async function tellReturn(
  trx: Trx,
  { id, product, name }: Pick<DeviceRow, 'id' | 'product'> & Pick<CheckIn, 'name'>,
  { removed_at_ms, removed_by, replaced_by }: Removal,
  nowMs: number,
): Promise<void> {
  const device = { id, first_name: name.text, given_name: null };
  const data = { removed_at: toInstant(removed_at_ms), removed_by, replaced_by };
  await addHoldEvent(trx, { at_ms: nowMs, product, type: 'device.came_back', device, data });
}

/** Most polls say of the device what the last one said; then only the sighting is noted. */
function notePresence(deps: Deps, device: DeviceRow, request: KnownCheckIn, noted: Note): void {
  const { described } = request;
  const isSame = DESCRIBED.every((name) => device[name] === described[name]);
  deps.presence.note(noted, isSame ? undefined : { id: device.id, ...described });
}

/** What this check shows beside the one before, which may be too fresh to be in the database. */
function signsOf(
  request: CheckIn,
  { device }: CheckInFacts,
  { runsWhatItLeft }: CheckInPlan,
  observation: Observation,
): Signs {
  const isKnown = device !== undefined && device.chip !== null && request.chip !== undefined;
  return {
    uptimeGoesBack: observation.contradicts,
    isOtherChip: isKnown && device.chip !== request.chip,
    runsWhatItLeft,
  };
}

function observationOf(deps: Deps, request: CheckIn, { device, presence }: CheckInFacts, nowMs: number): Observation {
  const noted: PresenceRow | undefined = device === undefined ? undefined : deps.presence.peek(device.id);
  const isNewer = noted !== undefined && noted.last_seen_at_ms >= (presence?.last_seen_at_ms ?? 0);
  const { telemetry, sighting } = request;
  const before = isNewer ? noted : presence;
  const absent = before === undefined ? 0 : absentMs(deps.absences.recent(), before.last_seen_at_ms, nowMs);
  return observe(before, { telemetry, bootReason: sighting.bootReason }, deps.settings, nowMs, absent);
}
