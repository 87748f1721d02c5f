// Everything of one device that a decision needs, in one statement, compiled once: this is the query that every poll of
// every device runs.

import { CompiledQuery, type Selectable } from 'kysely';
import type { DeviceRef } from '#protocol/identity.ts';
import { findGiven, idOf } from '#server/db/fleet/device-names.ts';
import type { Dialect } from '#server/db/database.ts';
import { IDENTITY_COLUMNS, type SpeakerRow } from '#server/db/identity/identities.ts';
import type { DeviceRow } from '#server/db/fleet/devices.ts';
import type { PresenceTable } from '#server/db/fleet/tables.ts';
import type { AssignmentsTable, Reader, Trx } from '#server/db/schema.ts';

type CheckInAssignmentRow = Pick<Selectable<AssignmentsTable>, (typeof ASSIGNMENT_COLUMNS)[number]>;

/** What is kept of the check before. */
export type PresenceRow = Pick<Selectable<PresenceTable>, (typeof PRESENCE_COLUMNS)[number]>;

export interface CheckInFacts {
  readonly revision: number;
  /** Undefined: never seen before. */
  readonly device: DeviceRow | undefined;
  readonly presence: PresenceRow | undefined;
  /** Undefined: it never enrolled. */
  readonly speaker: SpeakerRow | undefined;
  readonly labels: readonly { readonly name: string; readonly putAtMs: number }[];
  /** Stages that it belongs to since they opened. */
  readonly memberOf: readonly number[];
  /**
   * Assignments that are open or ended badly and were not forgiven, and the one that brought the build which the device
   * confirmed last; the oldest first.
   */
  readonly assignments: readonly CheckInAssignmentRow[];
}

interface Row extends Partial<DeviceRow>, Partial<PresenceRow>, Partial<SpeakerRow> {
  readonly revision: number;
  readonly labels_json: string;
  readonly members_json: string;
  readonly assignments_json: string;
  readonly taken_json: string | null;
}

/** Reads the facts of this device as they are committed. */
export async function findCheckInFacts(db: Reader, dialect: Dialect, device: DeviceRef): Promise<CheckInFacts> {
  const { byId, byName } = STATEMENTS[dialect];
  const query = await queryOf(db, device, { byId, byName });
  const { rows } = await db.executeQuery<Row>(query);
  const row = rows[0];
  if (row === undefined) throw new Error('the catalog row is missing');
  return {
    revision: row.revision,
    device: isDevice(row) ? row : undefined,
    presence: hasPresence(row) ? row : undefined,
    speaker: hasSpeaker(row) ? row : undefined,
    labels: row.labels_json === NOTHING ? [] : readLabels(row.labels_json),
    memberOf: row.members_json === NOTHING ? [] : readStages(row.members_json),
    assignments: readAssignments(row.assignments_json, row.taken_json),
  };
}

/** Only operators name a device by a name that it was given, so that may cost a statement more. */
async function queryOf(
  db: Reader,
  device: DeviceRef,
  { byId, byName }: (typeof STATEMENTS)[Dialect],
): Promise<CompiledQuery<Row>> {
  if (typeof device === 'number') return raw(byId, device);
  if (device.kind === 'given') return raw(byId, (await findGiven(db, device))?.id ?? NO_DEVICE);
  return raw(byName, device.kind, device.text);
}

/** The key of no row. */
const NO_DEVICE = 0;

/** The same, with the device held until the end of the transaction: two check-ins of one device follow one another. */
export async function lockCheckInFacts(trx: Trx, dialect: Dialect, device: DeviceRef): Promise<CheckInFacts> {
  // SQLite has one writer at a time, so there the transaction itself is the lock.
  if (dialect === 'postgres')
    await trx.selectFrom('devices').select('id').where('id', '=', idOf(device)).forUpdate().execute();
  return findCheckInFacts(trx, dialect, device);
}

const ASSIGNMENT_COLUMNS = [
  'id',
  'rollout_id',
  'stage_id',
  'firmware_id',
  'image_id',
  'is_rollback',
  'attempt',
  'state',
  'ran_build',
  'confirm_claimed',
  'left_before',
  'said_it_left',
  'seen_back',
  'pardoned',
  'error_code',
  'boot_cause',
  'detail',
  'excused',
  'offered_at_ms',
  'updated_at_ms',
  'counted',
  'mark',
  'from_version',
  'exposed_at_ms',
  'confirmed_at_ms',
  'healthy_at_ms',
  'crashed_at_ms',
  'crashes',
  'suspect',
  'lost_at_ms',
  'moved_on_at_ms',
  'downloads',
  'fault',
  'has_left',
  'ran_out_since_ms',
  'acknowledged',
  'baseline',
] as const satisfies readonly (keyof AssignmentsTable)[];

const PRESENCE_COLUMNS = [
  'last_seen_at_ms',
  'gaps',
  'uptime_s',
  'boot_cause',
  'limit_s',
  'interval_s',
  'back_at_ms',
] as const satisfies readonly (keyof PresenceTable)[];

/** What both statements give where there is no row. */
const NOTHING = '[]';

/** A check-in knows a name; whoever asks about a device may know its id. */
const STATEMENTS: Readonly<Record<Dialect, { readonly byId: string; readonly byName: string }>> = {
  sqlite: statementsFor({
    parameters: ['?1', '?2'],
    list: (item) => `json_group_array(${item})`,
    object: 'json_object',
    text: '',
  }),
  postgres: statementsFor({
    parameters: ['$1', '$2'],
    list: (item) => `coalesce(json_agg(${item})::text, '${NOTHING}')`,
    object: 'json_build_object',
    text: '::text',
  }),
};

function statementsFor(sql: {
  readonly parameters: readonly [string, string];
  readonly list: (item: string) => string;
  readonly object: string;
  readonly text: string;
}) {
  const fields = ASSIGNMENT_COLUMNS.map((column) => `'${column}', a.${column}`).join(', ');
  const presence = PRESENCE_COLUMNS.map((column) => `p.${column}`).join(', ');
  const speaker = IDENTITY_COLUMNS.map((column) => `i.${column}`).join(', ');
  const select = `select c.revision, d.*, ${presence}, ${speaker},
    (select ${sql.list(`${sql.object}('name', l.name, 'putAtMs', dl.put_at_ms)`)}
       from device_labels dl join labels l on l.id = dl.label_id where dl.device_id = d.id) as labels_json,
    (select ${sql.list('sm.stage_id')} from stage_members sm where sm.device_id = d.id) as members_json,
    (select ${sql.list(`${sql.object}(${fields})`)}
       from assignments a where a.device_id = d.id and a.state not in ('confirmed', 'superseded') and a.forgiven = 0) as assignments_json,
    (select ${sql.object}(${fields})${sql.text}
       from assignments a where a.id = d.taken_assignment_id and a.state = 'confirmed') as taken_json
    from catalog c`;
  const [first, second] = sql.parameters;
  const found = 'left join presence p on p.device_id = d.id';
  return {
    byId: `${select} left join devices d on d.id = ${first} ${found}
      left join identities i on i.kind = 'mac' and i.name = d.first_name`,
    byName: `${select} left join device_names n on n.kind = ${first} and n.name = ${second}
      left join devices d on d.id = n.device_id ${found}
      left join identities i on i.kind = ${first} and i.name = ${second}`,
  };
}

function raw(statement: string, ...parameters: readonly (string | number)[]): CompiledQuery {
  return CompiledQuery.raw(statement, [...parameters]);
}

function isDevice(row: Row): row is Row & DeviceRow {
  return typeof row.id === 'number';
}

function hasSpeaker(row: Row): row is Row & SpeakerRow {
  return typeof row.side_since_ms === 'number';
}

function hasPresence(row: Row): row is Row & PresenceRow {
  return typeof row.last_seen_at_ms === 'number';
}

// The two readers trust their text: it was made by the statement above from typed columns.
function readLabels(json: string): CheckInFacts['labels'] {
  const labels: CheckInFacts['labels'] = JSON.parse(json);
  return labels;
}

function readStages(json: string): readonly number[] {
  const stages: readonly number[] = JSON.parse(json);
  return stages;
}

function readAssignments(json: string, takenJson: string | null): readonly CheckInAssignmentRow[] {
  if (json === NOTHING && takenJson === null) return [];
  const assignments: CheckInAssignmentRow[] = JSON.parse(json);
  const taken: CheckInAssignmentRow | null = takenJson === null ? null : JSON.parse(takenJson);
  return (taken === null ? assignments : [...assignments, taken]).toSorted((left, right) => left.id - right.id);
}
