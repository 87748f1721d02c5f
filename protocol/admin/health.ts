// What the admin API says of the health of boards: a history for each, and before against now for a stage.

import { type Static, Type } from 'typebox';
import { Mac } from '#protocol/words.ts';
import { Count, Nullable } from './shapes.ts';

const TelemetryHour = Type.Object({
  hour: Type.String({ format: 'date-time', description: 'when the hour began, UTC' }),
  checks: Count,
  heap_bytes: Nullable(Type.Number({ description: 'free heap on average; null: no check said it' })),
  heap_min_bytes: Nullable(Count),
  block_bytes: Nullable(Type.Number({ description: 'largest free block on average' })),
  block_min_bytes: Nullable(Count),
  rssi_dbm: Nullable(Type.Number()),
  restarts: Nullable(Type.Integer({ minimum: 0, description: 'null: the board does not say its uptime' })),
  crashes: Type.Integer({ minimum: 0, description: 'restarts by a fault of the firmware' }),
  boot_s: Nullable(Type.Number({ description: 'seconds from a restart to the first check after it, on average' })),
});

export const Telemetry = Type.Object(
  {
    mac: Mac,
    hours: Type.Array(TelemetryHour, { description: 'hours in which the board checked in, the earliest first' }),
  },
  { $id: 'Telemetry' },
);
export type Telemetry = Static<typeof Telemetry>;

const Delta = Type.Object({
  before: Type.Number(),
  now: Type.Number(),
  boards: Type.Integer({ minimum: 1, description: 'that told it before and now, over equal times' }),
});

/** A measure that is left out has no baseline. */
export const StageHealth = Type.Object({
  text: Type.Array(Type.String(), { description: 'a line for each measure, or `no baseline`' }),
  heap_bytes: Type.Optional(Delta),
  block_bytes: Type.Optional(Delta),
  rssi_dbm: Type.Optional(Delta),
  boot_s: Type.Optional(Delta),
  restarts_per_day: Type.Optional(Delta),
  crashes_per_day: Type.Optional(Delta),
});
export type StageHealth = Static<typeof StageHealth>;
