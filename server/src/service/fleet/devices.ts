// Devices for operators: who is there, why a device gets an update or not, its labels, its failed builds.

import type { Assignment, Device, DeviceDetail, Explanation } from '#protocol/admin/devices.ts';
import { macName, type DeviceId, type DeviceRef, textOfDeviceId } from '#protocol/identity.ts';
import { type ListedAssignmentRow, listAssignments } from '#server/db/device/assignments.ts';
import { findCheckInFacts } from '#server/db/device/check-in-facts.ts';
import { listDevices as listDeviceRows, listLastRollouts } from '#server/db/fleet/device-list.ts';
import { findDeviceIds, findGivenIds, listNamesOf } from '#server/db/fleet/device-names.ts';
import { findDevice, holdDevices, type SeenDeviceRow } from '#server/db/fleet/devices.ts';
import { findRemovalOfNames } from '#server/db/fleet/removed-devices.ts';
import { listLabelsOf } from '#server/db/fleet/labels.ts';
import type { SilenceRule } from '#server/db/device/presence-sql.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { type Outcome, OUTCOME_TABLE } from '#engine/outcome/outcome.ts';
import { usualGapS } from '#engine/outcome/rhythm.ts';
import { notCountedOf } from '#engine/outcome/vote.ts';
import type { VoteRules } from '#engine/facts/model.ts';
import { nextOfferAtMs } from '#engine/decision/back-off.ts';
import { explain } from '#engine/decision/decide.ts';
import { isOfferedNow } from '#engine/facts/orders.ts';
import { type Assignment as AssignmentValue, assignmentFacts, historyOfBuild } from '#engine/decision/plan-check-in.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { textOfDiffering } from '#server/service/identity/differing-reports.ts';
import { viewIdentity } from '#server/service/identity/operators.ts';
import { standingOfBoard } from '#server/service/identity/speaker.ts';
import type { Deps } from '#server/service/deps.ts';
import { assignmentsOf } from '#server/service/device/assignment.ts';
import { deviceFactsOf, factsOf, voterOf } from '#server/service/device/facts.ts';
import { countLimits } from '#server/service/device/limits.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';
import { viewNote } from '#server/service/names/stored-note.ts';
import { viewHold } from '#server/service/holds/stored-hold.ts';
import { readyQuery } from '#server/service/queries/ready-query.ts';
import { unknownDevice, viewRemoval } from '#server/service/removal/unknown-device.ts';
import { viewCancelled, viewOfferNow } from '#server/service/orders/stored-orders.ts';
import { isOverdue, isSilent, readGaps, silenceAt } from '#server/service/device/observation.ts';

export interface DeviceQuery extends ListQuery {
  readonly product?: string | undefined;
  readonly label?: string | undefined;
  readonly version?: string | undefined;
  readonly status?: Device['status'] | undefined;
  readonly mac?: string | undefined;
  readonly where?: string | undefined;
}

/** What speaks against counting the board in any rollout; when it was first seen matters in each alone. */
const ANY_ROLLOUT: VoteRules = { countsBeforeMs: undefined, countsSimulated: false };

const ORDER = {
  mac: 'devices.first_name',
  name: 'devices.sort_name',
  last_seen_at: 'presence.last_seen_at_ms',
  first_seen_at: 'devices.first_seen_at_ms',
  current_version: 'devices.current_version',
} as const;

/** Throws `query_invalid`, and what `readPage` does. */
export async function listDevices(deps: Deps, query: DeviceQuery, nowMs: number): Promise<Listed<Device>> {
  const wanted = readPage(query, ORDER, 'mac');
  await deps.presence.flush();
  const { read } = deps.database;
  const filter = {
    product: query.product,
    label: query.label,
    version: query.version,
    status: query.status,
    macPrefix: query.mac?.toLowerCase(),
    where: query.where === undefined ? undefined : await readyQuery(deps, read, query.where, nowMs),
    silence: silenceAt(deps, nowMs),
  };
  const page = await listDeviceRows(read, filter, wanted);
  return toListed(page, await viewDevices(deps, read, page.rows, nowMs));
}

/** Throws `device_unknown`. */
export async function getDevice(deps: Deps, ref: DeviceRef, nowMs: number): Promise<DeviceDetail> {
  await deps.presence.flush();
  const { read } = deps.database;
  const row = await getRow(read, ref);
  const [device] = await viewDevices(deps, read, [row], nowMs);
  if (device === undefined) throw new Error('a device without a view');
  const facts = await findCheckInFacts(read, deps.database.dialect, row.id);
  const view = await deps.catalog.at(facts.revision);
  const latest = readPage({ limit: '20' }, { id: 'assignments.id' }, '-id');
  const page = await listAssignments(read, { device: row.id }, latest);
  const assignments = assignmentsOf(facts.assignments, view);
  const { lastEndedAtMs } = assignmentFacts(assignments, undefined, nowMs);
  const isNow = isOfferedNow(row.offer_now_at_ms ?? undefined, lastEndedAtMs, nowMs);
  return {
    device: isNow ? device : { ...device, offer_now: null },
    identity: await viewIdentity(read, macName(row.first_name)),
    names: (await listNamesOf(read, row.id)).map(({ kind, text }) => ({ kind, name: text })),
    removed: viewRemoval(await findRemovalOfNames(read, row.id)),
    builds: viewBuilds(assignments, view, nowMs),
    assignments: page.rows.map(viewAssignment),
  };
}

/** The rule table with what each rule sees of this device, from what it said last. Throws `device_unknown`. */
export async function explainDevice(deps: Deps, ref: DeviceRef, nowMs: number): Promise<Explanation> {
  await deps.presence.flush();
  const { device, decision, trace } = await decideFor(deps, ref, nowMs);
  const decided = trace.find(({ matched }) => matched === true);
  return {
    device_id: textOfDeviceId(device.id),
    mac: device.first_name,
    name: device.given_name,
    outcome: decision.outcome,
    reason: decision.reason,
    text: textOfRule(decided),
    to_change: decided?.change ?? null,
    version: decision.outcome === 'hold' ? null : decision.firmware.version,
    rules: trace.map(({ rule, matched, saw }) => ({ rule, matched: matched ?? null, facts: saw })),
    board: await boardOf(deps, device.id),
  };
}

/** What the device would be told now, and by which rule. Throws `device_unknown`. */
export async function decideFor(
  deps: Deps,
  ref: DeviceRef,
  nowMs: number,
): Promise<ReturnType<typeof explain> & { readonly device: Pick<SeenDeviceRow, 'id' | 'first_name' | 'given_name'> }> {
  const { read, dialect } = deps.database;
  const rows = await findCheckInFacts(read, dialect, ref);
  if (rows.device === undefined) throw await unknownDevice(read, ref);
  const view = await deps.catalog.at(rows.revision);
  const assignments = assignmentsOf(rows.assignments, view);
  const standing = await standingOfBoard(deps, rows.device.first_name, rows.speaker, nowMs);
  const device = deviceFactsOf(rows.device, rows.labels, rows.memberOf, standing);
  const ofDevice = factsOf(device, view, nowMs);
  const limits = await countLimits(read, ofDevice, rows.device.id, nowMs);
  const explained = explain(
    { ...ofDevice, ...limits, ...assignmentFacts(assignments, ofDevice.rollout, nowMs) },
    nowMs,
  );
  return { ...explained, device: rows.device };
}

/** A rule that decided, as a sentence. */
export function textOfRule(decided: { readonly when: string; readonly saw: string } | undefined): string {
  if (decided === undefined) return 'no rule matched';
  return decided.saw === '' ? decided.when : `${decided.when} (${decided.saw})`;
}

/** What became of the device under the build that it was offered last, the way back apart. */
async function boardOf({ database: { read } }: Deps, device: DeviceId): Promise<Explanation['board']> {
  const page = await listAssignments(read, { device }, readPage({ limit: '10' }, { id: 'assignments.id' }, '-id'));
  const latest = page.rows.find((row) => row.is_rollback === 0);
  if (latest === undefined) return null;
  const { rollout, version, outcome, counted } = latest;
  return { rollout, version, outcome, text: textOfOutcome(outcome), not_counted: counted };
}

export function textOfOutcome(outcome: Outcome): string {
  return OUTCOME_TABLE.find(({ id }) => id === outcome)?.says ?? outcome;
}

export function viewAssignment(row: ListedAssignmentRow): Assignment {
  return {
    id: row.id,
    device_id: textOfDeviceId(row.device_id),
    mac: row.first_name,
    name: row.given_name,
    rollout: row.rollout,
    stage: row.stage,
    product: row.product,
    version: row.version,
    rollback: row.is_rollback === 1,
    state: row.state,
    attempt: row.attempt,
    error_code: row.error_code ?? row.boot_cause,
    detail: row.detail,
    outcome: row.is_rollback === 1 ? null : row.outcome,
    not_counted: row.counted,
    offered_at: toInstant(row.offered_at_ms),
    updated_at: toInstant(row.updated_at_ms),
  };
}

async function viewDevices(deps: Deps, db: Reader, rows: readonly SeenDeviceRow[], nowMs: number): Promise<Device[]> {
  const ids = rows.map(({ id }) => id);
  const labels = await listLabelsOf(db, ids);
  const rollouts = await listLastRollouts(db, ids);
  const silence = silenceAt(deps, nowMs);
  const isAnyCancelled = rows.some((row) => row.cancelled_firmware_id !== null);
  const view = isAnyCancelled ? await deps.catalog.current() : undefined;
  return rows.map((row) => ({
    id: textOfDeviceId(row.id),
    mac: row.first_name,
    name: row.given_name,
    note: viewNote(row),
    product: row.product,
    ip: row.ip,
    current_version: row.current_version,
    chip: row.chip,
    status: isSilent(row, silence) ? 'silent' : row.status,
    labels: [...(labels.get(row.id) ?? [])],
    first_seen_at: toInstant(row.first_seen_at_ms),
    last_seen_at: toInstant(row.last_seen_at_ms),
    attributes: readAttributes(row),
    notes: notesOf(row),
    counted: row.counted ?? 'auto',
    counted_reason: row.counted_reason,
    not_counted: notCountedOf(voterOf(row), ANY_ROLLOUT) ?? null,
    rhythm: rhythmOf(row, silence),
    hold: viewHold(row, nowMs),
    cancelled: view === undefined ? null : viewCancelled(row, view),
    offer_now: viewOfferNow(row, nowMs),
    rollout: rollouts.get(row.id) ?? null,
  }));
}

function rhythmOf(row: SeenDeviceRow, silence: SilenceRule): Device['rhythm'] {
  const usual = usualGapS(readGaps(row.gaps));
  return {
    interval_s: row.interval_s,
    usual_gap_s: usual === 0 ? null : usual,
    overdue: isOverdue(row, silence),
    flapping: row.is_flapping === 1,
  };
}

/** `ff:fe` is what stands between the two halves of a MAC in an EUI-64; six of its eight bytes are the same for many boards. */
const CUT_FROM_EUI64 = /^(?:..:){3}ff:fe:/;

function notesOf(row: SeenDeviceRow): string[] {
  const { unreadable }: { readonly unreadable?: unknown } = JSON.parse(row.attributes);
  return [
    ...(CUT_FROM_EUI64.test(row.first_name)
      ? [
          'its MAC looks like the first six bytes of an EUI-64 (ff:fe in its middle): boards of one batch may send the same; take the six bytes of esp_read_mac(ESP_MAC_WIFI_STA)',
        ]
      : []),
    ...(row.shared_mac_at_ms === null
      ? []
      : ['two boards seem to use this MAC: their check-ins cannot be of one board; it counts in no gate']),
    ...(row.reports_differ_at_ms === null ? [] : [textOfDiffering(row.reports_differ_at_ms)]),
    ...(Array.isArray(unreadable)
      ? [`members of its last check-in could not be read and were dropped: ${unreadable.join(', ')}`]
      : []),
  ];
}

export async function viewOne(deps: Deps, ref: DeviceRef, nowMs: number): Promise<Device> {
  const { read } = deps.database;
  const [device] = await viewDevices(deps, read, [await getRow(read, ref)], nowMs);
  if (device === undefined) throw await unknownDevice(read, ref);
  return device;
}

export async function getRow(db: Reader, ref: DeviceRef): Promise<SeenDeviceRow> {
  const row = await findDevice(db, ref);
  if (row === undefined) throw await unknownDevice(db, ref);
  return row;
}

/** Each once, in this order, held until the end of the transaction. Throws `device_unknown` for the first that is not there. */
export async function holdAll(
  trx: Trx,
  refs: readonly DeviceRef[],
): Promise<readonly Pick<SeenDeviceRow, 'id' | 'first_name'>[]> {
  const textsOf = (kind: 'mac' | 'given') =>
    refs.flatMap((ref) => (typeof ref !== 'number' && ref.kind === kind ? [ref.text] : []));
  const byMac = await findDeviceIds(trx, 'mac', textsOf('mac'));
  const byGiven = await findGivenIds(trx, textsOf('given'));
  const ids = refs.map((ref) =>
    typeof ref === 'number' ? ref : (ref.kind === 'given' ? byGiven : byMac).get(ref.text),
  );
  const held = await holdDevices(
    trx,
    ids.filter((id) => id !== undefined),
  );
  const byId = new Map(held.map((device) => [device.id, device]));
  const inOrder = new Set<(typeof held)[number]>();
  for (const [index, ref] of refs.entries()) {
    const id = ids[index];
    const device = id === undefined ? undefined : byId.get(id);
    if (device === undefined) throw await unknownDevice(trx, ref);
    inOrder.add(device);
  }
  return [...inOrder];
}

function viewBuilds(assignments: readonly AssignmentValue[], view: CatalogView, nowMs: number): DeviceDetail['builds'] {
  return [...Map.groupBy(assignments, ({ firmwareId }) => firmwareId)].flatMap(([firmwareId, ofBuild]) => {
    const history = historyOfBuild(assignments, firmwareId, nowMs);
    const [first] = ofBuild;
    const firmware = first === undefined ? undefined : view.findBuild(firmwareId, first.image.id)?.firmware;
    if (firmware === undefined || history.lastFailedAtMs === undefined) return [];
    return [
      {
        product: firmware.product,
        version: firmware.version,
        failures: history.failedAttempts,
        known_bad: history.knownBad,
        last_error: history.lastError ?? null,
        last_failed_at: toInstant(history.lastFailedAtMs),
        next_offer_at: history.knownBad ? null : toInstantOrNull(nextOfferAtMs(history)),
      },
    ];
  });
}

function readAttributes(row: SeenDeviceRow): Device['attributes'] {
  const attributes: Device['attributes'] = JSON.parse(row.attributes);
  const slotBytes = row.said_slot_bytes ?? row.slot_bytes;
  return {
    ...attributes,
    ...(row.free_heap_bytes === null ? {} : { free_heap_bytes: row.free_heap_bytes }),
    ...(row.largest_block_bytes === null ? {} : { largest_block_bytes: row.largest_block_bytes }),
    ...(row.rssi_dbm === null ? {} : { rssi_dbm: row.rssi_dbm }),
    ...(row.uptime_s === null ? {} : { uptime_s: row.uptime_s }),
    ...(slotBytes === null ? {} : { slot_bytes: slotBytes }),
    ...(row.other_chip === null ? {} : { other_chip: row.other_chip }),
    ...(row.image_sha256 === null ? {} : { image_sha256: row.image_sha256 }),
    boot_state: row.on_trial === 1 ? 'trial' : 'confirmed',
  };
}
