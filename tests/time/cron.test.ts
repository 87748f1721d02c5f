// When schedules run, against an oracle that walks through every minute. More zones and years: tests/nightly/cron-oracle.slow.ts.

import { describe, expect, test } from 'vitest';
import { nextRunMs } from '#server/time/cron.ts';
import { sizeOf } from '../support/scope.ts';
import { CRON_LINES, FREQUENT_CRON_LINES, walkCron } from '../support/time/cron-oracle.ts';
import { listRuns } from '../support/time/cron-runs.ts';

const DAY_MS = 86_400_000;
const FROM_MS = Date.UTC(2027, 0, 1);

// Half an hour of daylight-saving time on Lord Howe.
const ZONES = sizeOf({
  push: ['Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu'],
  whole: ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kathmandu'],
});

describe.each(ZONES)('in %s', (timezone) => {
  test.each(CRON_LINES)('"%s" runs for 400 days when it should', (cron) => {
    const toMs = FROM_MS + 400 * DAY_MS;
    expect(listRuns({ cron, timezone }, FROM_MS, toMs)).toEqual(walkCron(cron, timezone, FROM_MS, toMs));
  });
});

test.each([
  ['Europe/Berlin', '2027-03-28'],
  ['Europe/Berlin', '2027-10-31'],
  ['America/New_York', '2027-03-14'],
  ['America/New_York', '2027-11-07'],
  ['Australia/Lord_Howe', '2027-04-04'],
  ['Australia/Lord_Howe', '2027-10-03'],
])('lines that run all day follow the clocks in %s around %s', (timezone, day) => {
  const fromMs = Date.parse(day) - 2 * DAY_MS;
  const toMs = fromMs + 4 * DAY_MS;
  for (const cron of FREQUENT_CRON_LINES)
    expect(listRuns({ cron, timezone }, fromMs, toMs), cron).toEqual(walkCron(cron, timezone, fromMs, toMs));
});

test('the next run is the same from every second since the one before, in the middle of a clock change too', () => {
  // Europe/Berlin, 31 October 2027: at 03:00 (01:00 UTC) clocks go back to 02:00.
  const line = { cron: '30 2 * * *', timezone: 'Europe/Berlin' };
  const firstMs = Date.parse('2027-10-31T00:30:00Z');
  expect(nextRunMs(line, firstMs - 1)).toBe(firstMs);
  for (let afterMs = firstMs; afterMs < firstMs + 3 * 3_600_000; afterMs += 59_999)
    expect(nextRunMs(line, afterMs)).toBe(Date.parse('2027-11-01T01:30:00Z'));
});

test.each([
  ['2027-02-28T23:59:59.999Z', '2028-02-29T02:00:00Z'],
  ['1969-12-31T23:59:59Z', '1972-02-29T02:00:00Z'],
  ['2038-01-19T03:14:08Z', '2040-02-29T02:00:00Z'],
  // 2100 is no leap year.
  ['2096-02-29T02:00:00Z', '2104-02-29T02:00:00Z'],
  ['2106-02-07T06:28:16Z', '2108-02-29T02:00:00Z'],
])('29 February after %s is %s', (after, next) => {
  expect(nextRunMs({ cron: '0 2 29 2 *', timezone: 'UTC' }, Date.parse(after))).toBe(Date.parse(next));
});
