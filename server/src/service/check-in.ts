// A device asks whether there is something for it. Load the facts, decide, save what changed, answer: a poll that changes
// nothing is one read and no write (two reads where only the pace of a stage stands in the way).

import type { CheckUpdateAnswer, Offer } from '#protocol/device-api.ts';
import { imagePath } from '#protocol/device-api.ts';
import { MAX_DEVICE_LABELS, MAX_POLL_INTERVAL_S, MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import {
  addAssignment,
  addLog,
  countAttempts,
  countLoad,
  findLatestOf,
  overtakeLatest,
  saveProgress,
  saveTaken,
  waitForTurn,
} from '#server/db/assignments.ts';
import { type CheckInFacts, type DeviceRow, findCheckInFacts, lockCheckInFacts } from '#server/db/check-in-facts.ts';
import {
  addDevice,
  holdDevices,
  type SelfDescription,
  setDeviceStatus,
  type Sighting as DeviceSighting,
} from '#server/db/devices.ts';
import { addLabel, putLabel } from '#server/db/labels.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { hasLeft, startOf, type Sighting } from '#engine/assignment/assignment.ts';
import { notCountedOf } from '#engine/outcome/vote.ts';
import { isBad, startWatch } from '#engine/outcome/watch.ts';
import type { DeviceFacts, InstallWindow, Pace } from '#engine/facts/model.ts';
import { type CheckInPlan, planCheckIn } from '#engine/decision/plan-check-in.ts';
import { pollIntervalS } from '#engine/decision/poll.ts';
import type { CatalogView } from './catalog.ts';
import type { Deps } from './deps.ts';
import { attemptsOf, factsOf, progressColumns, voterOf, watchColumns, watchOf } from './device-facts.ts';
import { haltIfFailed } from './gates.ts';
import { offeredManifestOf } from './manifest.ts';

/** A check-in as the edge read it: names canonical, telemetry already reduced to what makes sense. */
export interface CheckIn {
  readonly mac: string;
  readonly ip: string;
  readonly product: string;
  readonly chip: string | undefined;
  readonly slotBytes: number | undefined;
  readonly sighting: Sighting;
  readonly labelHints: readonly string[];
  /** What differs with every poll. */
  readonly telemetry: { readonly freeHeapBytes: number | undefined; readonly rssiDbm: number | undefined };
  /** Everything else that the device says of itself, shown to operators as it is. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The answer for the device, and the decision for the log line. Throws `unavailable`, `storage_full`. */
export async function checkIn(deps: Deps, request: CheckIn, nowMs: number): Promise<CheckUpdateAnswer> {
  const { database, catalog } = deps;
  const facts = await findCheckInFacts(database.read, database.dialect, request.mac);
  const known = merge(request, facts);
  const view = await catalog.at(facts.revision);
  const plan = await planFor(database.read, known, facts, view, nowMs);
  if (facts.device !== undefined && isQuiet(facts, plan, newLabels(deps, known, facts))) {
    notePresence(deps, facts.device, known, nowMs);
    return answer(deps, {
      product: known.product,
      plan,
      view,
      labels: facts.labels,
      offered: offeredBy(plan),
      nowMs,
    });
  }
  const isPaced = view.openRolloutsOf(known.product).some(({ pace }) => hasLimit(pace));
  const saved = await database.write(async (trx) => {
    if (isPaced) await waitForTurn(trx, database.dialect);
    return saveCheckIn(deps, trx, request, nowMs);
  });
  // Only now: a device whose transaction was rolled back is not there, and its key may become that of another.
  deps.presence.note(saved.sighting, saved.description);
  return saved.answer;
}

interface SavedCheckIn {
  readonly answer: CheckUpdateAnswer;
  readonly sighting: ReturnType<typeof sightingOf>;
  readonly description: ReturnType<typeof describe>;
}

/** The same once more on locked facts, since they may have changed between the read and the lock. */
async function saveCheckIn(deps: Deps, trx: Trx, request: CheckIn, nowMs: number): Promise<SavedCheckIn> {
  const { dialect } = deps.database;
  const before = await lockCheckInFacts(trx, dialect, request.mac);
  const known = merge(request, before);
  const deviceId = before.device?.id ?? (await register(trx, known, nowMs));
  const hinted = newLabels(deps, known, before);
  if (hinted.length > 0) await holdDevices(trx, [request.mac]);
  for (const name of hinted) {
    const { id } = await addLabel(trx, { name, description: 'from a label hint', nowMs });
    await putLabel(trx, id, [deviceId], nowMs);
  }
  const facts =
    hinted.length > 0 || before.device === undefined ? await lockCheckInFacts(trx, dialect, request.mac) : before;
  const view = await deps.catalog.within(trx);
  const plan = await planFor(trx, known, facts, view, nowMs);
  const offered = await savePlan(trx, { id: deviceId, row: facts.device }, plan, known, nowMs);
  for (const { watch, rolloutId } of plan.changed) if (isBad(watch)) await haltIfFailed(deps, trx, rolloutId, nowMs);
  await setDeviceStatus(trx, deviceId, plan.status);
  return {
    answer: answer(deps, { product: known.product, plan, view, labels: facts.labels, offered, nowMs }),
    sighting: sightingOf(deviceId, known, nowMs),
    description: describe(deviceId, known),
  };
}

async function savePlan(
  trx: Trx,
  device: { readonly id: number; readonly row: DeviceRow | undefined },
  plan: CheckInPlan,
  { mac, sighting }: CheckIn,
  nowMs: number,
): Promise<Offered | undefined> {
  for (const attempt of plan.changed) {
    const { id, progress, watch } = attempt;
    await saveProgress(
      trx,
      id,
      { ...progressColumns(progress, attempt.updatedAtMs), ...watchColumns(watch, progress) },
      nowMs,
    );
    await addLog(trx, logEntry(device.id, attempt.firmwareId, id, progress.state, nowMs));
    if (watch.confirmedAtMs === nowMs) await saveTaken(trx, device.id, id);
  }
  const { decision } = plan;
  if (decision.outcome === 'hold' || plan.offered !== undefined) return offeredBy(plan);
  return offer(trx, { ...device, mac, sighting }, decision, nowMs);
}

interface OfferedTo {
  readonly id: number;
  readonly row: DeviceRow | undefined;
  readonly mac: string;
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
  const watch = startWatch(start, before === undefined ? undefined : watchOf(before));
  const past = await countAttempts(trx, device.id, firmware.id);
  const progress = startOf({ leftBefore: false, pardoned: past.pardoned });
  const id = await addAssignment(trx, {
    ...progressColumns(progress, nowMs),
    ...watchColumns(watch, progress),
    device_id: device.id,
    rollout_id: rollout.id,
    stage_id: stage?.id ?? rollout.stageId,
    firmware_id: firmware.id,
    image_id: decision.image.id,
    is_rollback: isRollback ? 1 : 0,
    attempt: past.count + 1,
    left_before: hasLeft(device.sighting, firmware.version) ? 1 : 0,
    forgiven: 0,
    offered_at_ms: nowMs,
  });
  await addLog(trx, logEntry(device.id, firmware.id, id, 'offered', nowMs));
  return { assignmentId: id, isForgiven: past.pardoned };
}

async function planFor(
  db: Reader,
  request: CheckIn,
  facts: CheckInFacts,
  view: CatalogView,
  nowMs: number,
): Promise<CheckInPlan> {
  const device: DeviceFacts = {
    mac: request.mac,
    product: request.product,
    currentVersion: request.sighting.version,
    imageSha256: request.sighting.imageSha256,
    chip: request.chip,
    slotBytes: request.slotBytes,
    onTrial: request.sighting.onTrial,
    labels: facts.labels,
  };
  const ofDevice = factsOf(device, view, nowMs);
  const attempts = attemptsOf(facts.attempts, view);
  const seen = { sighting: request.sighting, observation: { crashed: false, isSuspect: false } };
  const plan = planCheckIn(ofDevice, attempts, seen, nowMs);
  if (ofDevice.rollout === undefined || !isHeldByPace(plan)) return plan;
  const load = await countLoad(db, ofDevice.rollout.id, nowMs);
  return planCheckIn({ ...ofDevice, load }, attempts, seen, nowMs);
}

/** What is not counted holds, so everything else speaks for an offer: now it is worth counting. */
function isHeldByPace({ decision }: CheckInPlan): boolean {
  return decision.reason === 'in_flight_limit' || decision.reason === 'offers_per_minute';
}

function hasLimit({ maxInFlight, maxOffersPerMinute }: Pace): boolean {
  return maxInFlight !== undefined || maxOffersPerMinute !== undefined;
}

function isQuiet(facts: CheckInFacts, plan: CheckInPlan, hinted: readonly string[]): boolean {
  const needsAssignment = plan.decision.outcome !== 'hold' && plan.offered === undefined;
  return plan.changed.length === 0 && !needsAssignment && hinted.length === 0 && facts.device?.status === plan.status;
}

/** A board that leaves out its chip or slot this time has not changed them. */
function merge(request: CheckIn, { device }: CheckInFacts): CheckIn {
  return {
    ...request,
    chip: request.chip ?? device?.chip ?? undefined,
    slotBytes: request.slotBytes ?? device?.slot_bytes ?? undefined,
  };
}

/** A hint too many is ignored, as one that the configuration does not name: an update never waits for a label. */
function newLabels(deps: Deps, request: CheckIn, facts: CheckInFacts): readonly string[] {
  const allowed = deps.settings.labelsFromHints;
  if (allowed.length === 0 || request.labelHints.length === 0) return [];
  const isNew = (hint: string): boolean => allowed.includes(hint) && !facts.labels.some(({ name }) => name === hint);
  const free = Math.max(0, MAX_DEVICE_LABELS - facts.labels.length);
  return [...new Set(request.labelHints.filter(isNew))].slice(0, free);
}

async function register(trx: Trx, request: CheckIn, nowMs: number): Promise<number> {
  const { id: _, ...description } = describe(0, request);
  return addDevice(trx, { ...description, mac: request.mac, status: 'ok', first_seen_at_ms: nowMs }, nowMs);
}

/** Most polls say of the device what the last one said; then only the sighting is noted. */
function notePresence(deps: Deps, device: DeviceRow, request: CheckIn, nowMs: number): void {
  const isSame =
    device.current_version === request.sighting.version &&
    device.ip === request.ip &&
    device.product === request.product &&
    device.chip === (request.chip ?? null) &&
    device.slot_bytes === (request.slotBytes ?? null) &&
    device.image_sha256 === (request.sighting.imageSha256 ?? null) &&
    (device.on_trial === 1) === request.sighting.onTrial &&
    device.attributes === JSON.stringify(request.attributes);
  deps.presence.note(sightingOf(device.id, request, nowMs), isSame ? undefined : describe(device.id, request));
}

function describe(id: number, request: CheckIn): SelfDescription {
  return {
    id,
    product: request.product,
    ip: request.ip,
    current_version: request.sighting.version,
    chip: request.chip ?? null,
    slot_bytes: request.slotBytes ?? null,
    image_sha256: request.sighting.imageSha256 ?? null,
    on_trial: request.sighting.onTrial ? 1 : 0,
    attributes: JSON.stringify(request.attributes),
  };
}

function sightingOf(deviceId: number, { telemetry }: CheckIn, nowMs: number): DeviceSighting {
  return {
    device_id: deviceId,
    last_seen_at_ms: nowMs,
    free_heap_bytes: telemetry.freeHeapBytes ?? null,
    rssi_dbm: telemetry.rssiDbm ?? null,
  };
}

function logEntry(deviceId: number, firmwareId: number, assignmentId: number, status: string, nowMs: number) {
  return {
    at_ms: nowMs,
    device_id: deviceId,
    firmware_id: firmwareId,
    assignment_id: assignmentId,
    sequence: null,
    status,
    error: null,
    detail: null,
  };
}

/** The assignment that the answer offers. */
interface Offered {
  readonly assignmentId: number;
  readonly isForgiven: boolean;
}

function offeredBy({ offered }: CheckInPlan): Offered | undefined {
  return offered === undefined ? undefined : { assignmentId: offered.id, isForgiven: offered.progress.pardoned };
}

interface Outcome {
  readonly product: string;
  readonly plan: CheckInPlan;
  readonly view: CatalogView;
  readonly labels: CheckInFacts['labels'];
  readonly offered: Offered | undefined;
  readonly nowMs: number;
}

function answer(deps: Deps, outcome: Outcome): CheckUpdateAnswer {
  const { decision } = outcome.plan;
  const poll_interval_s = jitteredIntervalS(deps, outcome);
  if (decision.outcome === 'hold') return { update_available: false, reason: decision.reason, poll_interval_s };
  const { offered } = outcome;
  const build = outcome.view.findBuild(decision.firmware.id, decision.image.id);
  if (build === undefined || offered === undefined) throw new Error('an offer without build or assignment');
  const manifest = offeredManifestOf({ ...build.firmware, image: build.image });
  return {
    update_available: true,
    reason: decision.reason,
    poll_interval_s,
    assignment_id: offered.assignmentId,
    rollback: decision.outcome === 'rollback',
    labels: outcome.labels.map(({ name }) => name),
    manifest,
    url: imagePath(manifest),
    ...(decision.install === undefined ? {} : { install_window: toInstallWindow(decision.install) }),
    ...(offered.isForgiven ? { forgiven: true } : {}),
  };
}

function toInstallWindow({ fromMinute, durationMin, utcOffsetMin }: InstallWindow): Offer['install_window'] {
  return { from_minute: fromMinute, duration_min: durationMin, utc_offset_min: utcOffsetMin };
}

/** With jitter, so that a fleet does not poll in step. */
function jitteredIntervalS(
  { settings, random }: Deps,
  { plan: { decision, soakMs }, view, product, nowMs }: Outcome,
): number {
  const jitterS = settings.pollIntervalS * settings.pollJitter * (2 * random() - 1);
  const intervalS = pollIntervalS(decision, {
    intervalS: settings.pollIntervalS + jitterS,
    spreadS: Math.abs(jitterS),
    hasOpenRollout: view.openRolloutsOf(product).length > 0,
    nowMs,
    soakMs,
  });
  return Math.max(MIN_POLL_INTERVAL_S, Math.min(MAX_POLL_INTERVAL_S, Math.round(intervalS)));
}
