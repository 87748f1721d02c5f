// A device asks whether there is something for it. Load the facts, decide, save what changed, answer: a poll that changes
// nothing is one read and no write (two reads where only the pace of a stage stands in the way).

import type { CheckUpdateAnswer, Offer } from '#protocol/device-api.ts';
import { imagePath } from '#protocol/device-api.ts';
import { MAX_DEVICE_LABELS, MAX_POLL_INTERVAL_S, MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import { addAssignment, addLog, countAttempts, countLoad, saveProgress, waitForTurn } from '#server/db/assignments.ts';
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
import { hasFailed, hasLeft, startOf, type Sighting } from '#engine/assignment/assignment.ts';
import { hardwareOf, remember, type RememberedHardware } from '#engine/facts/hardware.ts';
import type { DeviceFacts, InstallWindow, Pace } from '#engine/facts/model.ts';
import { type CheckInPlan, planCheckIn } from '#engine/decision/plan-check-in.ts';
import { pollIntervalS } from '#engine/decision/poll.ts';
import type { CatalogView } from './catalog.ts';
import { rememberedOf } from './course.ts';
import type { Deps } from './deps.ts';
import { attemptsOf, factsOf, progressColumns } from './device-facts.ts';
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
      assignmentId: plan.offered?.id,
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
  const assignmentId = await savePlan(trx, deviceId, plan, known.sighting, nowMs);
  for (const { progress, rolloutId } of plan.changed)
    if (hasFailed(progress.state)) await haltIfFailed(deps, trx, rolloutId, nowMs);
  await setDeviceStatus(trx, deviceId, plan.status);
  return {
    answer: answer(deps, { product: known.product, plan, view, labels: facts.labels, assignmentId, nowMs }),
    sighting: sightingOf(deviceId, known, nowMs),
    description: describe(deviceId, known),
  };
}

async function savePlan(
  trx: Trx,
  deviceId: number,
  plan: CheckInPlan,
  sighting: Sighting,
  nowMs: number,
): Promise<number | undefined> {
  for (const attempt of plan.changed) {
    await saveProgress(trx, attempt.id, progressColumns(attempt.progress, nowMs));
    await addLog(trx, logEntry(deviceId, attempt.firmwareId, attempt.id, attempt.progress.state, nowMs));
  }
  const { decision } = plan;
  if (decision.outcome === 'hold' || plan.offered !== undefined) return plan.offered?.id;
  const firmwareId = decision.firmware.id;
  const id = await addAssignment(trx, {
    ...progressColumns(startOf({ leftBefore: false }), nowMs),
    device_id: deviceId,
    rollout_id: decision.rollout.id,
    stage_id: decision.rollout.stageId,
    firmware_id: firmwareId,
    image_id: decision.image.id,
    is_rollback: decision.outcome === 'rollback' ? 1 : 0,
    attempt: (await countAttempts(trx, deviceId, firmwareId)) + 1,
    left_before: hasLeft(sighting, decision.firmware.version) ? 1 : 0,
    forgiven: 0,
    offered_at_ms: nowMs,
  });
  await addLog(trx, logEntry(deviceId, firmwareId, id, 'offered', nowMs));
  return id;
}

async function planFor(
  db: Reader,
  request: KnownCheckIn,
  facts: CheckInFacts,
  view: CatalogView,
  nowMs: number,
): Promise<CheckInPlan> {
  const device: DeviceFacts = {
    mac: request.mac,
    product: request.product,
    currentVersion: request.sighting.version,
    imageSha256: request.sighting.imageSha256,
    ...hardwareOf(request.memory, request),
    onTrial: request.sighting.onTrial,
    labels: facts.labels,
  };
  const ofDevice = factsOf(device, view, nowMs);
  const attempts = attemptsOf(facts.attempts, view);
  const plan = planCheckIn(ofDevice, attempts, request.sighting, nowMs);
  if (ofDevice.rollout === undefined || !isHeldByPace(plan)) return plan;
  const load = await countLoad(db, ofDevice.rollout.id, nowMs);
  return planCheckIn({ ...ofDevice, load }, attempts, request.sighting, nowMs);
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

/** With what is remembered of the board, this check-in included. */
interface KnownCheckIn extends CheckIn {
  readonly memory: RememberedHardware;
}

function merge(request: CheckIn, { device }: CheckInFacts): KnownCheckIn {
  return { ...request, memory: remember(rememberedOf(device), request) };
}

/** A hint too many is ignored, as one that the configuration does not name: an update never waits for a label. */
function newLabels(deps: Deps, request: CheckIn, facts: CheckInFacts): readonly string[] {
  const allowed = deps.settings.labelsFromHints;
  if (allowed.length === 0 || request.labelHints.length === 0) return [];
  const isNew = (hint: string): boolean => allowed.includes(hint) && !facts.labels.some(({ name }) => name === hint);
  const free = Math.max(0, MAX_DEVICE_LABELS - facts.labels.length);
  return [...new Set(request.labelHints.filter(isNew))].slice(0, free);
}

async function register(trx: Trx, request: KnownCheckIn, nowMs: number): Promise<number> {
  const { id: _, ...description } = describe(0, request);
  return addDevice(trx, { ...description, mac: request.mac, status: 'ok', first_seen_at_ms: nowMs }, nowMs);
}

/** Most polls say of the device what the last one said; then only the sighting is noted. */
function notePresence(deps: Deps, device: DeviceRow, request: KnownCheckIn, nowMs: number): void {
  const described = describe(device.id, request);
  const isSame = DESCRIBED.every((name) => device[name] === described[name]);
  deps.presence.note(sightingOf(device.id, request, nowMs), isSame ? undefined : described);
}

const DESCRIBED = [
  'product',
  'ip',
  'current_version',
  'chip',
  'other_chip',
  'slot_bytes',
  'said_chip',
  'said_slot_bytes',
  'image_sha256',
  'on_trial',
  'attributes',
] as const satisfies readonly Exclude<keyof SelfDescription, 'id'>[];

function describe(id: number, request: KnownCheckIn): SelfDescription {
  const { memory } = request;
  return {
    id,
    product: request.product,
    ip: request.ip,
    current_version: request.sighting.version,
    chip: memory.chip ?? null,
    other_chip: memory.otherChip ?? null,
    slot_bytes: memory.slotBytes ?? null,
    said_chip: request.chip ?? null,
    said_slot_bytes: request.slotBytes ?? null,
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

interface Outcome {
  readonly product: string;
  readonly plan: CheckInPlan;
  readonly view: CatalogView;
  readonly labels: CheckInFacts['labels'];
  readonly assignmentId: number | undefined;
  readonly nowMs: number;
}

function answer(deps: Deps, outcome: Outcome): CheckUpdateAnswer {
  const { decision } = outcome.plan;
  const poll_interval_s = jitteredIntervalS(deps, outcome);
  if (decision.outcome === 'hold') return { update_available: false, reason: decision.reason, poll_interval_s };
  const build = outcome.view.findBuild(decision.firmware.id, decision.image.id);
  if (build === undefined || outcome.assignmentId === undefined)
    throw new Error('an offer without build or assignment');
  const manifest = offeredManifestOf({ ...build.firmware, image: build.image });
  return {
    update_available: true,
    reason: decision.reason,
    poll_interval_s,
    assignment_id: outcome.assignmentId,
    rollback: decision.outcome === 'rollback',
    labels: outcome.labels.map(({ name }) => name),
    manifest,
    url: imagePath(manifest),
    ...(decision.install === undefined ? {} : { install_window: toInstallWindow(decision.install) }),
  };
}

function toInstallWindow({ fromMinute, durationMin, utcOffsetMin }: InstallWindow): Offer['install_window'] {
  return { from_minute: fromMinute, duration_min: durationMin, utc_offset_min: utcOffsetMin };
}

/** With jitter, so that a fleet does not poll in step. */
function jitteredIntervalS({ settings, random }: Deps, { plan: { decision }, view, product, nowMs }: Outcome): number {
  const jitterS = settings.pollIntervalS * settings.pollJitter * (2 * random() - 1);
  const intervalS = pollIntervalS(decision, {
    intervalS: settings.pollIntervalS + jitterS,
    spreadS: Math.abs(jitterS),
    hasOpenRollout: view.openRolloutsOf(product).length > 0,
    nowMs,
  });
  return Math.max(MIN_POLL_INTERVAL_S, Math.min(MAX_POLL_INTERVAL_S, Math.round(intervalS)));
}
