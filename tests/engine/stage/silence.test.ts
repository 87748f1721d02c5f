// Whether silence speaks against a build: what boards without it say of an outage, and when a board is back from one.

import { describe, expect, test } from 'vitest';
import { type LastHeard, outageOf, silenceOf, type Witness } from '#engine/stage/silence.ts';
import { observe, type Presence, presenceAfter } from '#engine/outcome/presence.ts';

const MINUTE_MS = 60_000;
const LIMIT_MS = 30 * MINUTE_MS;
/** When the last of the lost boards was heard of; half an hour later it is lost. */
const LOST_AT_MS = 100 * MINUTE_MS;
const NOW_MS = LOST_AT_MS + LIMIT_MS + 1;

function heard(minutesAgo: number, change: Partial<LastHeard> = {}): LastHeard {
  return { seenAtMs: NOW_MS - minutesAgo * MINUTE_MS, limitMs: LIMIT_MS, absentMs: 0, backAtMs: undefined, ...change };
}

function without(of: LastHeard): Witness {
  return { ...of, isExposed: false, hasVanished: false };
}

function say(witness: LastHeard) {
  const silence = silenceOf([without(witness)], { lastHeardAtMs: LOST_AT_MS, stageOpenedAtMs: 0 }, NOW_MS);
  return Object.entries(silence.without).flatMap(([what, boards]) => (boards === 1 ? [what] : []));
}

describe('of an outage a board without the build says', () => {
  test.each([
    { of: 'that there is none, when it checks in as ever', heard: heard(5), says: ['alive'] },
    { of: 'that there is one, when its check has not come', heard: heard(40), says: ['overdue'] },
    { of: 'the same when it was heard of a little later than the lost ones', heard: heard(25), says: ['overdue'] },
    {
      of: 'the same when it is back: some come back before the others',
      heard: heard(1, { backAtMs: NOW_MS - MINUTE_MS }),
      says: ['overdue'],
    },
    {
      of: 'that there is none, when it was back before',
      heard: heard(1, { backAtMs: LOST_AT_MS - MINUTE_MS }),
      says: ['alive'],
    },
    { of: 'nothing, while it is not to check in yet', heard: heard(60, { limitMs: 6 * LIMIT_MS }), says: ['notDue'] },
    { of: 'nothing, when it was silent before', heard: heard(90), says: [] },
    { of: 'nothing of time in which no server was there', heard: heard(40, { absentMs: LIMIT_MS }), says: ['notDue'] },
  ])('$of', ({ heard: witness, says }) => {
    expect(say(witness)).toEqual(says);
  });
});

test('boards come back from an outage one after the other, and it is one until all are back', () => {
  const back = Array.from({ length: 9 }, () => without(heard(1, { backAtMs: NOW_MS - MINUTE_MS })));
  const others = Array.from({ length: 21 }, () => without(heard(5)));
  const silence = silenceOf([...back, ...others], { lastHeardAtMs: LOST_AT_MS, stageOpenedAtMs: 0 }, NOW_MS);
  expect(silence.without).toEqual({ alive: 21, overdue: 9, notDue: 0 });
  expect(outageOf(silence)).toBe('outage');
});

describe('a check-in keeps when the board was back', () => {
  const POLL = { intervalS: 600, isOffer: false };
  const says = { bootReason: undefined, uptimeS: undefined, nextCheckS: undefined };

  function check(before: Presence | undefined, afterS: number, absentMs = 0) {
    const nowMs = (before?.seenAtMs ?? 0) + afterS * 1000;
    return presenceAfter(observe(before, says, nowMs, absentMs), says, POLL, 600, nowMs);
  }

  test('after a check that did not come, until the next such one', () => {
    const first = check(undefined, 0);
    const steady = check(first, 600);
    expect([first.backAtMs, steady.backAtMs]).toEqual([undefined, undefined]);
    const back = check(steady, 3_600);
    expect(back.backAtMs).toBe(back.seenAtMs);
    expect(check(back, 600).backAtMs).toBe(back.seenAtMs);
  });

  test('not where it was only a little late, and not for time in which no server was there', () => {
    const first = check(undefined, 0);
    expect(check(first, 780).backAtMs).toBeUndefined();
    expect(check(first, 3_600, 3_000_000).backAtMs).toBeUndefined();
  });
});
