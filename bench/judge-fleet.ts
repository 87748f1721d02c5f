// A large fleet under rollouts, for `npm run bench -- judge`: one product, 20 finished rollouts that every device took, and three
// that are open. Made by SQL that SQLite and PostgreSQL both read. Bench only: what it writes no server would have written so.

import { BUILT_IN_PLANS } from '#engine/stage/built-in-plans.ts';

/** Runs one statement on either database. */
export type Run = (sql: string) => Promise<void>;

const FINISHED = 20;
const HOUR_MS = 3_600_000;

/** Devices by what is left of their number divided by 100. */
const SLICES = {
  pilot: 'n % 50 = 0',
  few: 'n % 100 in (1, 2, 3, 4, 5)',
  some: 'n % 100 between 6 and 29',
} as const;
const STAGE_OF = `case when ${SLICES.pilot} then 0 when ${SLICES.few} then 1 when ${SLICES.some} then 2 else 3 end`;

/** What became of a device in a finished rollout: nearly all are healthy. */
const FINISHED_OUTCOME = `case when n % 200 = 7 then 'failed' when n % 500 = 9 then 'lost' else 'healthy' end`;

interface OpenRollout {
  readonly version: string;
  readonly stage: 'pilot' | 'few' | 'some' | 'everyone';
  /** Of the devices that are numbered n. */
  readonly outcome: string;
}

/** Devices that install 2.0.0, so that each can report once. */
export const REPORTING = 'n % 100 in (31, 32)';

/** They fell silent with the build that they took. */
const LOST = '(n % 100 between 6 and 29 and n % 8 = 0)';

const OPEN_ROLLOUTS: readonly OpenRollout[] = [
  // Everybody: healthy, but for what is under way, some that failed and some that vanished; a fifth is still to get it.
  {
    version: '2.0.0',
    stage: 'everyone',
    outcome: `case when ${REPORTING} then 'updating' when n % 100 between 80 and 99 then null when ${LOST} then 'lost'
      when n % 400 = 33 then 'failed' when n % 100 = 35 then 'soaking' else 'healthy' end`,
  },
  // So many vanished that the silence of all the others is counted, and they are silent too: an outage.
  { version: '2.1.0', stage: 'some', outcome: `case when ${LOST} then 'lost' when n % 100 < 30 then 'healthy' end` },
  // Just opened.
  {
    version: '2.2.0',
    stage: 'few',
    outcome: `case when n % 50 = 0 then 'healthy' when n % 100 = 1 then 'soaking' end`,
  },
];

const STAGES = BUILT_IN_PLANS.find(({ name }) => name === 'careful')?.stages ?? [];

/** Fills an empty database. */
export async function fillFleet(run: Run, devices: number, nowMs: number): Promise<void> {
  await addDevices(run, devices, nowMs);
  for (let id = 1; id <= FINISHED; id += 1) {
    const startedMs = nowMs - (60 - id) * 24 * HOUR_MS;
    await addRollout(run, { id, version: `1.${id}.0`, status: 'complete', opened: STAGES.length, startedMs });
    await addAssignments(run, id, FINISHED_OUTCOME, startedMs + HOUR_MS, nowMs);
  }
  for (const [index, { version, stage, outcome }] of OPEN_ROLLOUTS.entries()) {
    const id = FINISHED + 1 + index;
    const opened = STAGES.findIndex(({ name }) => name === stage) + 1;
    await addRollout(run, { id, version, status: 'running', opened, startedMs: nowMs - 12 * HOUR_MS });
    await addAssignments(run, id, outcome, nowMs - 8 * HOUR_MS, nowMs);
  }
  await run('update catalog set revision = revision + 1');
}

async function addDevices(run: Run, devices: number, nowMs: number): Promise<void> {
  const digits = 'cast(10000000 + n as text)';
  const pair = (at: number): string => `substr(${digits}, ${at}, 2)`;
  await run('create table bench_numbers (n integer primary key)');
  await run(
    `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${devices})
     insert into bench_numbers select n from numbers`,
  );
  await run(
    `insert into devices (id, first_name, product, ip, current_version, chip, said_chip, slot_bytes, said_slot_bytes, on_trial, status, attributes, first_seen_at_ms)
     select n, '02:00:' || ${pair(1)} || ':' || ${pair(3)} || ':' || ${pair(5)} || ':' || ${pair(7)}, 'default', '127.0.0.1',
       '1.${FINISHED}.0', 'esp32', 'esp32', 1966080, 1966080, 0, 'ok', '{"boot_reason":"poweron"}', ${nowMs - 90 * 24 * HOUR_MS} from bench_numbers`,
  );
  await run(`insert into device_names (kind, name, device_id) select 'mac', first_name, id from devices`);
  // Many without the build fell silent an hour ago, as the lost ones did.
  await run(
    `insert into presence (device_id, last_seen_at_ms, free_heap_bytes, rssi_dbm, interval_s, limit_s, boot_cause)
     select n, case when ${LOST} or n % 100 between 80 and 94 then ${nowMs - HOUR_MS} else ${nowMs - 1000} - n % 600000 end, 180000, -61, 600, 1980,
       case when n % 300 = 0 then 'panic' else 'power_on' end from bench_numbers`,
  );
  await run(`insert into labels (id, name, description, created_at_ms) values (1, 'pilot', '', 0)`);
  await run(`insert into device_labels select n, 1, 0 from bench_numbers where ${SLICES.pilot}`);
}

interface NewRollout {
  readonly id: number;
  readonly version: string;
  readonly status: 'complete' | 'running';
  readonly opened: number;
  readonly startedMs: number;
}

async function addRollout(run: Run, { id, version, status, opened, startedMs }: NewRollout): Promise<void> {
  const hex = String(id).padStart(64, '0');
  await run(
    `insert into firmware (id, product, version, channel, release_notes, security_version, pilot_ready, blocked, created_at_ms)
     values (${id}, 'default', '${version}', 'stable', '', 0, 1, 0, 0)`,
  );
  await run(
    `insert into images (id, firmware_id, chip, path, size_bytes, sha256, appended_sha256, block_sha256, created_at_ms)
     values (${id}, ${id}, 'esp32', 'default/${version}/esp32/image.bin', 1048576, '${hex}', '${hex}', '[]', 0)`,
  );
  await run(
    `insert into rollouts (id, name, firmware_id, product, pilot_label, target_label, status, stage, plan, seed, created_at_ms, started_at_ms, ended_at_ms)
     values (${id}, '${version}', ${id}, 'default', 'pilot', 'general', '${status}', '${STAGES[opened - 1]?.name}', 'careful', 1, ${startedMs}, ${startedMs},
       ${status === 'complete' ? startedMs + 24 * HOUR_MS : 'null'})`,
  );
  await run(`insert into rollout_images values (${id}, ${id})`);
  for (const [at, { name, label, percentage, promotion, gate }] of STAGES.entries()) {
    const openedMs = at < opened ? startedMs + at * 60_000 : 'null';
    const closedMs = at < opened - 1 || status === 'complete' ? startedMs + (at + 1) * 60_000 : 'null';
    await run(
      `insert into stages (id, rollout_id, position, name, label, percentage, promotion, gate, opened_at_ms, closed_at_ms)
       values (${id * 10 + at}, ${id}, ${at + 1}, '${name}', '${label}', ${percentage}, '${promotion}', '${JSON.stringify(gate)}', ${openedMs}, ${closedMs})`,
    );
  }
}

async function addAssignments(run: Run, id: number, outcome: string, takenMs: number, nowMs: number): Promise<void> {
  await run(
    `insert into assignments (device_id, rollout_id, stage_id, firmware_id, image_id, is_rollback, attempt, state, ran_build, confirm_claimed,
       left_before, forgiven, offered_at_ms, updated_at_ms, exposed_at_ms, confirmed_at_ms, healthy_at_ms, lost_at_ms, has_left, fault, outcome, mark, from_version)
     select n, ${id}, ${id * 10} + ${STAGE_OF}, ${id}, ${id}, 0, 1,
       case outcome when 'failed' then 'rolled_back' when 'lost' then 'confirmed' when 'updating' then 'installing' else 'confirmed' end,
       1, 0, 0, 0, ${takenMs}, case when outcome = 'updating' then ${nowMs} else ${takenMs} end, ${takenMs},
       case when outcome in ('healthy', 'soaking', 'lost') then ${takenMs} end,
       case when outcome = 'healthy' then ${takenMs} + 3600000 end,
       case when outcome = 'lost' then ${takenMs} + 7200000 end,
       case when outcome = 'failed' then 1 else 0 end, case when outcome = 'failed' then 'firmware' end, outcome,
       case when outcome = 'updating' then 'given' when outcome = 'healthy' and n % 1000 = 11 then 'suspect' else '' end, '1.0.0'
     from (select n, ${outcome} as outcome from bench_numbers) as taken where outcome is not null`,
  );
}
