// What a tick may have to see to, in one statement: most ticks find nothing, and ask nothing more. It may say more than there is
// to do, never less; the services look themselves, by the rules.

import { sql } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import { type Pulse, pulseColumns, pulseOf } from '#server/db/device/absences.ts';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import type { Reader } from '#server/db/schema.ts';

export interface Due extends Pulse {
  /** A schedule is due. */
  readonly hasRun: boolean;
  /** A device holds an offer of a rollout that runs or is complete. */
  readonly hasInFlight: boolean;
  /** A rollout is open, regressed, or watched after it completed; or such a watch is to end. */
  readonly hasWatched: boolean;
  /** A promotion waits for its gate. */
  readonly hasPending: boolean;
  /** A hold of a device, or a freeze of a product, has ended. */
  readonly hasEndedHold: boolean;
  /** There is a label with a query. */
  readonly hasDynamicLabel: boolean;
}

export async function findDue(db: Reader, nowMs: number): Promise<Due> {
  const row = await db
    .selectNoFrom((e) => {
      const has = (query: Parameters<typeof e.exists>[0]) =>
        e.case().when(e.exists(query)).then(sql.lit(1)).else(sql.lit(0)).end();
      const enabled = e.selectFrom('schedules').select('id').where('enabled', '=', 1);
      const rollouts = e.selectFrom('rollouts').select('rollouts.id');
      return [
        ...pulseColumns(e),
        has(enabled.where('next_run_at_ms', '<=', nowMs)).as('has_run'),
        has(enabled.where('pending_since_ms', 'is not', null)).as('has_pending'),
        has(e.selectFrom('labels').select('labels.id').where('query', 'is not', null)).as('has_dynamic_label'),
        has(
          rollouts
            .where('status', 'in', ['running', 'complete'])
            .where((nested) =>
              nested.exists(
                nested
                  .selectFrom('assignments')
                  .select('assignments.id')
                  .whereRef('assignments.rollout_id', '=', 'rollouts.id')
                  .where(IS_IN_FLIGHT),
              ),
            ),
        ).as('has_in_flight'),
        has(
          rollouts.where((nested) =>
            nested.or([
              nested('status', 'in', ['running', 'paused', 'halted', 'regressed']),
              nested.and([nested('status', '=', 'complete'), nested('watch_until_ms', 'is not', null)]),
            ]),
          ),
        ).as('has_watched'),
        has(
          e
            .selectFrom('devices')
            .select('devices.id')
            .where('held_until_ms', '<=', nowMs)
            .unionAll(
              e
                .selectFrom('freezes')
                .select(sql<DeviceId>`0`.as('id'))
                .where('until_ms', '<=', nowMs),
            ),
        ).as('has_ended_hold'),
      ];
    })
    .executeTakeFirstOrThrow();
  return {
    ...pulseOf(row),
    hasRun: row.has_run === 1,
    hasInFlight: row.has_in_flight === 1,
    hasWatched: row.has_watched === 1,
    hasPending: row.has_pending === 1,
    hasEndedHold: row.has_ended_hold === 1,
    hasDynamicLabel: row.has_dynamic_label === 1,
  };
}
