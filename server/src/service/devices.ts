// Devices for operators: who is there, why a device gets an update or not, its labels, its failed builds.

import type { Assignment, Device, DeviceDetail, Explanation } from '#protocol/admin-api.ts';
import { OtterError } from '#protocol/errors.ts';
import { POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import { type AssignmentView, countLoad, forgive, listAssignments, listFailed } from '#server/db/assignments.ts';
import { addAudit } from '#server/db/audit.ts';
import { findCheckInFacts } from '#server/db/check-in-facts.ts';
import { type Device as DeviceRow, findDevice, listDevices as listDeviceRows } from '#server/db/devices.ts';
import { listLabelsOf } from '#server/db/labels.ts';
import type { Reader } from '#server/db/schema.ts';
import { nextOfferAtMs } from '#engine/decision/back-off.ts';
import { explain } from '#engine/decision/decide.ts';
import { type Attempt, attemptFacts, historyOfBuild } from '#engine/decision/plan-check-in.ts';
import type { CatalogView } from './catalog.ts';
import { deviceFactsOf } from './course.ts';
import type { Deps, Settings } from './deps.ts';
import { attemptsOf, factsOf } from './device-facts.ts';
import { toInstant, toInstantOrNull } from './instant.ts';
import { type Listed, type ListQuery, readPage, toListed } from './list.ts';

export interface DeviceQuery extends ListQuery {
  readonly product?: string | undefined;
  readonly label?: string | undefined;
  readonly version?: string | undefined;
  readonly status?: Device['status'] | undefined;
  readonly mac?: string | undefined;
}

const ORDER = {
  mac: 'devices.mac',
  last_seen_at: 'presence.last_seen_at_ms',
  first_seen_at: 'devices.first_seen_at_ms',
  current_version: 'devices.current_version',
} as const;

export async function listDevices(deps: Deps, query: DeviceQuery, nowMs: number): Promise<Listed<Device>> {
  await deps.presence.flush();
  const { read } = deps.database;
  const filter = {
    product: query.product,
    label: query.label,
    version: query.version,
    status: query.status,
    macPrefix: query.mac?.toLowerCase(),
    silentBeforeMs: silentBeforeMs(deps.settings, nowMs),
  };
  const page = await listDeviceRows(read, filter, readPage(query, ORDER, 'mac'));
  return toListed(page, await viewDevices(deps, read, page.rows, nowMs));
}

/** Throws `device_unknown`. */
export async function getDevice(deps: Deps, mac: string, nowMs: number): Promise<DeviceDetail> {
  await deps.presence.flush();
  const { read } = deps.database;
  const row = await getRow(read, mac);
  const [device] = await viewDevices(deps, read, [row], nowMs);
  if (device === undefined) throw new Error('a device without a view');
  const facts = await findCheckInFacts(read, deps.database.dialect, mac);
  const view = await deps.catalog.at(facts.revision);
  const page = await listAssignments(read, { mac }, readPage({ limit: '20' }, { id: 'assignments.id' }, '-id'));
  return {
    device,
    builds: viewBuilds(attemptsOf(facts.attempts, view), view, nowMs),
    assignments: page.rows.map(viewAssignment),
  };
}

/** The rule table with what each rule sees of this device, from what it said last. Throws `device_unknown`. */
export async function explainDevice(deps: Deps, mac: string, nowMs: number): Promise<Explanation> {
  await deps.presence.flush();
  const rows = await findCheckInFacts(deps.database.read, deps.database.dialect, mac);
  if (rows.device === undefined) throw unknownDevice(mac);
  const view = await deps.catalog.at(rows.revision);
  const attempts = attemptsOf(rows.attempts, view);
  const device = deviceFactsOf(rows.device, rows.labels);
  const ofDevice = factsOf(device, view, nowMs);
  const load =
    ofDevice.rollout === undefined ? undefined : await countLoad(deps.database.read, ofDevice.rollout.id, nowMs);
  const facts = { ...ofDevice, load, ...attemptFacts(attempts, ofDevice.rollout, nowMs) };
  const { decision, trace } = explain(facts, nowMs);
  const decided = trace.find(({ matched }) => matched === true);
  return {
    mac,
    outcome: decision.outcome,
    reason: decision.reason,
    text: `${decided?.when ?? 'no rule matched'}${decided === undefined || decided.saw === '' ? '' : ` (${decided.saw})`}`,
    to_change: decided?.change ?? null,
    version: decision.outcome === 'hold' ? null : decision.firmware.version,
    rules: trace.map(({ rule, matched, saw }) => ({ rule, matched: matched ?? null, facts: saw })),
  };
}

/** Builds that failed on the device may be offered to it again. Resolves with their versions. */
export async function clearKnownBad(
  deps: Deps,
  mac: string,
  which: { readonly product?: string | undefined; readonly version?: string | undefined },
  nowMs: number,
): Promise<{ cleared: string[] }> {
  return deps.database.write(async (trx) => {
    const device = await getRow(trx, mac);
    const view = await deps.catalog.within(trx);
    const failed = (await listFailed(trx, device.id)).flatMap((row) => {
      const firmware = view.findBuild(row.firmware_id, row.image_id)?.firmware;
      const isMeant =
        (which.version === undefined || firmware?.version === which.version) &&
        (which.product === undefined || firmware?.product === which.product);
      return firmware !== undefined && isMeant ? [{ id: row.id, version: firmware.version }] : [];
    });
    await forgive(
      trx,
      failed.map(({ id }) => id),
    );
    const cleared = [...new Set(failed.map(({ version }) => version))];
    await addAudit(trx, {
      atMs: nowMs,
      actor: 'admin',
      action: 'device.clear_known_bad',
      subject: mac,
      details: { versions: cleared },
    });
    return { cleared };
  });
}

export function viewAssignment(row: AssignmentView): Assignment {
  return {
    id: row.id,
    mac: row.mac,
    rollout: row.rollout,
    stage: row.stage,
    product: row.product,
    version: row.version,
    rollback: row.is_rollback === 1,
    state: row.state,
    attempt: row.attempt,
    error_code: row.error_code ?? row.boot_cause,
    detail: row.detail,
    offered_at: toInstant(row.offered_at_ms),
    updated_at: toInstant(row.updated_at_ms),
  };
}

export async function viewDevices(
  deps: Deps,
  db: Reader,
  rows: readonly DeviceRow[],
  nowMs: number,
): Promise<Device[]> {
  const labels = await listLabelsOf(
    db,
    rows.map(({ id }) => id),
  );
  const silentBefore = silentBeforeMs(deps.settings, nowMs);
  return rows.map((row) => ({
    mac: row.mac,
    product: row.product,
    ip: row.ip,
    current_version: row.current_version,
    chip: row.chip,
    status: row.last_seen_at_ms < silentBefore ? 'silent' : row.status,
    labels: [...(labels.get(row.id) ?? [])],
    first_seen_at: toInstant(row.first_seen_at_ms),
    last_seen_at: toInstant(row.last_seen_at_ms),
    attributes: readAttributes(row),
  }));
}

export async function getRow(db: Reader, mac: string): Promise<DeviceRow> {
  const row = await findDevice(db, mac);
  if (row === undefined) throw unknownDevice(mac);
  return row;
}

/** Devices last seen before this instant have missed three polls, however seldom they were told to poll. */
export function silentBeforeMs(settings: Settings, nowMs: number): number {
  return nowMs - SILENT_POLLS * POLL_REST * settings.pollIntervalS * 1000;
}

export function unknownDevice(mac: string): OtterError {
  return new OtterError(
    'device_unknown',
    `no device ${mac} has checked in yet`,
    'look at the list of devices; a device is known from its first check-in on',
  );
}

function viewBuilds(attempts: readonly Attempt[], view: CatalogView, nowMs: number): DeviceDetail['builds'] {
  return [...Map.groupBy(attempts, ({ firmwareId }) => firmwareId)].flatMap(([firmwareId, ofBuild]) => {
    const history = historyOfBuild(attempts, firmwareId, nowMs);
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

function readAttributes(row: DeviceRow): Device['attributes'] {
  const attributes: Device['attributes'] = JSON.parse(row.attributes);
  const slotBytes = row.said_slot_bytes ?? row.slot_bytes;
  return {
    ...attributes,
    ...(row.free_heap_bytes === null ? {} : { free_heap_bytes: row.free_heap_bytes }),
    ...(row.rssi_dbm === null ? {} : { rssi_dbm: row.rssi_dbm }),
    ...(slotBytes === null ? {} : { slot_bytes: slotBytes }),
    ...(row.other_chip === null ? {} : { other_chip: row.other_chip }),
    ...(row.image_sha256 === null ? {} : { image_sha256: row.image_sha256 }),
    boot_state: row.on_trial === 1 ? 'trial' : 'confirmed',
  };
}
