// `backup:` of server.yml: whether a person is called where no backup was made for long.

import { Type } from 'typebox';
import { parseDurationS, suggestDuration } from '#server/config/yaml/units.ts';

const MIN_REMIND_S = 3_600;

const RemindAfter = Type.Refine(
  Type.Unknown({ description: 'a duration from 1h', examples: ['7d'] }),
  (value) => (parseDurationS(value) ?? 0) >= MIN_REMIND_S,
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'use at least 1h'),
);

export const BACKUP_KEYS = { remind_after: Type.Optional(RemindAfter) } as const;

export function readRemindMs(value: { readonly remind_after?: unknown } | undefined): number | undefined {
  const seconds = parseDurationS(value?.remind_after);
  return seconds === undefined ? undefined : seconds * 1000;
}
