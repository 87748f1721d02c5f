// Windows on the days when clocks change, every 15 minutes, against an oracle that walks through every minute of them.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { Schedule } from '#server/db/schedules/schedules.ts';
import { WindowClock } from '#server/service/schedules/windows.ts';
import { walkCron } from '../../support/time/cron-oracle.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer } from '../../support/server/server.ts';

const MINUTE_MS = 60_000;
const STEP_MS = 15 * MINUTE_MS;
const WEEK_MS = 7 * 86_400_000;

/** The instants at which clocks change: an hour in Berlin and New York, half an hour on Lord Howe. */
const CHANGES = [
  ['Europe/Berlin', '2027-03-28T01:00:00Z'],
  ['Europe/Berlin', '2027-10-31T01:00:00Z'],
  ['America/New_York', '2027-03-14T07:00:00Z'],
  ['America/New_York', '2027-11-07T06:00:00Z'],
  ['Australia/Lord_Howe', '2027-04-03T15:00:00Z'],
  ['Australia/Lord_Howe', '2027-10-02T15:30:00Z'],
] as const;

/** With how many minutes each is open. */
const WINDOWS = [
  // Skipped in one season in all three zones, or repeated in the other.
  { cron: '30 1 * * *', minutes: 45 },
  { cron: '0 2 * * *', minutes: 30 },
  { cron: '15 2 * * *', minutes: 15 },
  { cron: '30 2 * * *', minutes: 60 },
  // Over midnight, and over the change.
  { cron: '0 22 * * *', minutes: 360 },
  { cron: '45 23 * * 6', minutes: 150 },
  // Several times in the hours of the change.
  { cron: '0,30 0-4 * * *', minutes: 15 },
  // One follows the other without a pause, and one overlaps the next.
  { cron: '0 * * * *', minutes: 60 },
  { cron: '0 */2 * * *', minutes: 180 },
] as const;
type Window = (typeof WINDOWS)[number];

/** The oracle: whether the window is open at an instant within a few days of the change. */
function oracleOf(window: Window, timezone: string, change: string) {
  const changeMs = Date.parse(change);
  const runs = walkCron(window.cron, timezone, changeMs - WEEK_MS, changeMs + 2 * WEEK_MS);
  return {
    isOpen: (atMs: number) => runs.some((runMs) => runMs <= atMs && atMs < runMs + window.minutes * MINUTE_MS),
    nextMs: (atMs: number) => runs.find((runMs) => runMs >= atMs),
  };
}

/** Every 15 minutes from `hours` before the change to as much after it. */
function listInstants(change: string, hours: number): readonly number[] {
  const changeMs = Date.parse(change);
  const steps = (2 * hours * 60 * MINUTE_MS) / STEP_MS;
  return Array.from({ length: steps + 1 }, (_, index) => changeMs + (index - steps / 2) * STEP_MS);
}

/** Whom no rollout and no label is about. */
const ANYONE = { rollout: undefined, stage: undefined, labels: [] };

function clockOf(window: Window, timezone: string): WindowClock {
  return new WindowClock({ windows: [rowOf(window, timezone)], zones: [] });
}

function rowOf(window: Window, timezone: string): Schedule {
  return {
    id: 1,
    name: 'window',
    cron: window.cron,
    timezone,
    action: 'window',
    rollout: null,
    label: null,
    enabled: 1,
    missed: 'skip',
    grace_ms: 0,
    duration_ms: window.minutes * MINUTE_MS,
    device_local: 0,
    source: 'api',
    next_run_at_ms: null,
    last_run_at_ms: null,
    last_result: null,
    at: null,
    from_stage: null,
    pending_since_ms: null,
    done_at_ms: null,
  };
}

describe.each(CHANGES)('in %s around %s', (timezone, change) => {
  test.each(WINDOWS)('$cron for $minutes minutes is open when it should be', (window) => {
    const forwards = clockOf(window, timezone);
    const backwards = clockOf(window, timezone);
    const instants = listInstants(change, 36);
    const oracle = oracleOf(window, timezone, change);
    const seen = (clock: WindowClock, atMs: number) =>
      `${new Date(atMs).toISOString()} ${clock.find(ANYONE, atMs)?.open}`;
    const expected = instants.map((atMs) => `${new Date(atMs).toISOString()} ${oracle.isOpen(atMs)}`);
    expect(instants.map((atMs) => seen(forwards, atMs))).toEqual(expected);
    // The last second before each instant belongs to what was before it.
    expect(instants.map((atMs) => forwards.find(ANYONE, atMs - 1)?.open).slice(1)).toEqual(
      instants.map((atMs) => oracle.isOpen(atMs)).slice(0, -1),
    );
    // What it remembers of one instant is not taken for another when the clock goes back.
    expect(instants.toReversed().map((atMs) => seen(backwards, atMs))).toEqual(expected.toReversed());
  });

  test('a closed window says when it opens', () => {
    for (const window of WINDOWS) {
      const clock = clockOf(window, timezone);
      const oracle = oracleOf(window, timezone, change);
      for (const atMs of listInstants(change, 12)) {
        const found = clock.find(ANYONE, atMs);
        if (found?.open !== false) continue;
        expect(found.opensAtMs).toBe(oracle.nextMs(atMs));
      }
    }
  });
});

describe.each(DIALECTS)('on %s', (dialect) => {
  test.each(CHANGES)('devices in %s are offered a build while their window is open around %s', async (zone, change) => {
    const server = await startTestServer({ dialect });
    onTestFinished(async () => server.end());
    const line = new ProductLine(server);
    server.clock.nowMs = Date.parse(change) - 86_400_000;
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const shops: { readonly mac: string; readonly cron: string; readonly oracle: ReturnType<typeof oracleOf> }[] = [];
    for (const [index, window] of WINDOWS.slice(0, 6).entries()) {
      const label = `shop-${index}`;
      const { cron, minutes } = window;
      const rest = { action: 'window', label, timezone: zone, duration_s: minutes * 60 };
      await server.admin('createSchedule', { body: { name: label, cron, ...rest } });
      const mac = line.newMac();
      shops.push({ mac, cron, oracle: oracleOf(window, zone, change) });
      await line.checkIn(mac, '1.1.0');
      await server.admin('labelDevice', { params: { device: mac, name: label } });
    }
    for (const atMs of listInstants(change, 3)) {
      server.clock.nowMs = atMs;
      const seen: string[] = [];
      for (const { mac, cron } of shops) {
        const { reason } = await line.checkIn(mac, '1.0.0');
        seen.push(`${cron} ${reason !== 'window_closed'}`);
      }
      expect(seen, new Date(atMs).toISOString()).toEqual(
        shops.map(({ cron, oracle }) => `${cron} ${oracle.isOpen(atMs)}`),
      );
    }
  });
});
