// `retention:` of server.yml: how long what is kept. `forever` keeps it all.

import { type Static, Type } from 'typebox';
import { MIN_RETENTION_S } from '#protocol/limits.ts';
import { parseDurationS, suggestDuration } from '#server/config/yaml/units.ts';

const FOREVER = 'forever';

const Kept = Type.Refine(
  Type.Unknown({ description: `a duration from ${MIN_RETENTION_S / 86_400}d, or ${FOREVER}`, examples: ['90d'] }),
  (value) => value === FOREVER || (parseDurationS(value) ?? 0) >= MIN_RETENTION_S,
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'use at least 1d'),
);

export const RETENTION_KEYS = {
  events: Type.Optional(Kept),
  audit: Type.Optional(Kept),
  assignments: Type.Optional(Kept),
  telemetry: Type.Optional(Kept),
  presence: Type.Optional(Kept),
} as const;

type RetentionValue = { readonly [Key in keyof typeof RETENTION_KEYS]?: Static<typeof Kept> };

/** In milliseconds; infinity: for ever. */
export interface RetentionConfig {
  readonly eventsMs: number;
  readonly auditMs: number;
  readonly assignmentsMs: number;
  readonly telemetryMs: number;
  readonly presenceMs: number;
}

const DAY_MS = 86_400_000;

/** Where server.yml says nothing: a year of history, two for who did what, and a season for what changes every day. */
const DEFAULT: RetentionConfig = {
  eventsMs: 90 * DAY_MS,
  auditMs: 730 * DAY_MS,
  assignmentsMs: 365 * DAY_MS,
  telemetryMs: 30 * DAY_MS,
  presenceMs: 90 * DAY_MS,
};

export function readRetention(value: RetentionValue | undefined): RetentionConfig {
  const read = (key: keyof RetentionValue, fallbackMs: number): number => {
    if (value?.[key] === FOREVER) return Number.POSITIVE_INFINITY;
    const seconds = parseDurationS(value?.[key]);
    return seconds === undefined ? fallbackMs : seconds * 1000;
  };
  return {
    eventsMs: read('events', DEFAULT.eventsMs),
    auditMs: read('audit', DEFAULT.auditMs),
    assignmentsMs: read('assignments', DEFAULT.assignmentsMs),
    telemetryMs: read('telemetry', DEFAULT.telemetryMs),
    presenceMs: read('presence', DEFAULT.presenceMs),
  };
}
