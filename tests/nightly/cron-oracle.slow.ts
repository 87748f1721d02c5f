// 400 days of each cron line against the oracle, in every kind of zone there is; the short version is tests/time/cron.test.ts.

import { describe, expect, test } from 'vitest';
import { CRON_LINES, FREQUENT_CRON_LINES, walkCron } from '../support/time/cron-oracle.ts';
import { listRuns } from '../support/time/cron-runs.ts';

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Europe/Dublin',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Etc/GMT+12',
  'Asia/Kathmandu',
  // Clocks change at midnight there: a day begins at 01:00, or its first hour comes twice.
  'America/Santiago',
  'Asia/Beirut',
  'Africa/Cairo',
  'Atlantic/Azores',
  // Back for Ramadan.
  'Africa/Casablanca',
  // Had no 30 December 2011.
  'Pacific/Apia',
];

describe.each(['2011-06-01', '2027-01-01'])('from %s on', (day) => {
  const fromMs = Date.parse(day);
  const toMs = fromMs + 400 * 86_400_000;
  describe.each(ZONES)('in %s', (timezone) => {
    test.each([...CRON_LINES, ...FREQUENT_CRON_LINES])('"%s" runs when it should', (cron) => {
      expect(listRuns({ cron, timezone }, fromMs, toMs)).toEqual(walkCron(cron, timezone, fromMs, toMs));
    });
  });
});
