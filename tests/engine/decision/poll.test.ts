// How soon a device asks again: what it was told decides.

import { describe, expect, test } from 'vitest';
import { decide } from '#engine/decision/decide.ts';
import { NO_HISTORY } from '#engine/facts/model.ts';
import { pollIntervalS } from '#engine/decision/poll.ts';
import { facts, NOW_MS, pilotRollout, rollout, stable } from '../sample-facts.ts';

const at = { intervalS: 600, spreadS: 10, hasOpenRollout: true, nowMs: NOW_MS, soakMs: undefined };
const closed = (inS: number) => ({ open: false, name: 'night', opensAtMs: NOW_MS + inS * 1000, install: undefined });
const paced = rollout('1.1.0', { pace: { maxInFlight: 1, maxOffersPerMinute: undefined } });
const upToDate = facts({ device: { currentVersion: '1.1.0' } });
const failed = { ...NO_HISTORY, failedAttempts: 1, lastFailedAtMs: NOW_MS - 10_000 };

describe('a device polls', () => {
  test.each([
    { what: 'a quarter as long with an offer', of: facts(), seconds: 150 },
    { what: 'a quarter as long on trial', of: facts({ device: { onTrial: true } }), seconds: 150 },
    {
      what: 'a quarter as long where only the pace holds it',
      of: facts({ rollout: paced, load: { inFlight: 1, offersInLastMinute: 0 } }),
      seconds: 150,
    },
    { what: 'as ever while a rollout is open', of: upToDate, seconds: 600 },
    { what: 'as ever outside of the open stage', of: facts({ rollout: pilotRollout('1.1.0') }), seconds: 600 },
    { what: 'when its rest is over', of: facts({ historyOf: () => failed }), seconds: 50 },
    { what: 'a little after its window opens', of: facts({ window: closed(100) }), seconds: 110 },
    { what: 'as ever until a window that opens later', of: facts({ window: closed(5_000) }), seconds: 600 },
  ])('$what', ({ of, seconds }) => {
    expect(pollIntervalS(decide(of, NOW_MS), at)).toBe(seconds);
  });

  test('twice as long where nothing is due', () => {
    const idle = { ...at, hasOpenRollout: false };
    const done = facts({ rollout: undefined, stable: stable('1.0.0') });
    expect(pollIntervalS(decide(done, NOW_MS), idle)).toBe(1_200);
    expect(pollIntervalS(decide(facts({ rollout: undefined }), NOW_MS), idle)).toBe(1_200);
    // Late for a completed rollout: something is due.
    expect(pollIntervalS(decide(facts({ rollout: undefined, stable: stable('1.1.0') }), NOW_MS), idle)).toBe(150);
  });
});
