// Who is taken for a board: its own token, the fleet token, or both in turn.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  afterSpeaking,
  FLEET_TOKEN_ENDS_MS,
  type Identity,
  NO_IDENTITY,
  reopened,
  type Side,
  standingOf,
} from '#engine/facts/identity.ts';

const DAY_MS = 86_400_000;
const enrolled: Identity = { ...NO_IDENTITY, hasToken: true };

/** `T` and `F`: the device token, the fleet token, a minute apart, or after the days that a number says. */
function played(script: string, from: Identity = enrolled) {
  let identity = from;
  let nowMs = 0;
  const standings: string[] = [];
  for (const [, days, who] of script.matchAll(/(\d*)([TF])/g)) {
    nowMs += days === '' ? 60_000 : Number(days) * DAY_MS;
    const side: Side = who === 'T' ? 'device_token' : 'fleet_token';
    standings.push(standingOf(identity, side, 'first-use', nowMs));
    identity = afterSpeaking(identity, side, nowMs);
  }
  return { identity, standings };
}

describe('first use', () => {
  test.each([
    ['FFFF', 'counts counts counts counts', 'a token that was never used claims nothing'],
    ['TTT', 'counts counts counts', 'its own token'],
    ['TFFF', 'counts counts counts counts', 'a board that went back to a build from before tokens'],
    ['TFTF', 'counts counts counts claimed_twice', 'two of them, in turn'],
    ['TFTFTF', 'counts counts counts claimed_twice counts claimed_twice', 'and on'],
    ['T6F', 'counts counts', 'open for 7 days'],
    ['T7F', 'counts claimed_twice', 'closed after that'],
    ['T7FF', 'counts claimed_twice claimed_twice', 'and it stays closed'],
    ['T7FTF', 'counts claimed_twice counts claimed_twice', 'whoever speaks between'],
    ['T7F1T7TF', 'counts claimed_twice counts counts claimed_twice', 'closed, not claimed, after 7 more days'],
    ['T3F3T3F', 'counts counts counts claimed_twice', 'days make no difference to who is there'],
  ])('%s: %s (%s)', (script, expected) => {
    expect(played(script).standings.join(' ')).toBe(expected);
  });

  test('a board that is sent to another build may use the fleet token again', () => {
    const { identity } = played('T8T');
    expect(standingOf(identity, 'fleet_token', 'first-use', 9 * DAY_MS)).toBe('claimed_twice');
    expect(standingOf(reopened(identity), 'fleet_token', 'first-use', 9 * DAY_MS)).toBe('counts');
    expect(played('TFTF').identity.claimedTwiceAtMs).toBeDefined();
    expect(played('F', reopened(played('TFTF').identity)).standings).toEqual(['counts']);
  });

  test('being claimed twice is forgotten after 7 days of the device token alone', () => {
    const { identity } = played('TFT');
    const nowMs = identity.sideSinceMs + FLEET_TOKEN_ENDS_MS;
    expect(afterSpeaking(identity, 'device_token', nowMs - 1).claimedTwiceAtMs).toBeDefined();
    expect(afterSpeaking(identity, 'device_token', nowMs).claimedTwiceAtMs).toBeUndefined();
  });
});

test.each([
  [NO_IDENTITY, 'required', 'enrolment_required'],
  [NO_IDENTITY, 'approve', 'enrolment_required'],
  [{ ...NO_IDENTITY, isPending: true }, 'approve', 'enrolment_pending'],
  [{ ...NO_IDENTITY, isPending: true }, 'first-use', 'counts'],
  [enrolled, 'required', 'enrolment_required'],
  [{ ...NO_IDENTITY, isRevoked: true }, 'first-use', 'token_revoked'],
] as const)('the fleet token for %o under %s: %s', (identity, mode, expected) => {
  expect(standingOf(identity, 'fleet_token', mode, 0)).toBe(expected);
});

test('nothing is stored while one side goes on speaking', () => {
  const side = fc.constantFrom<Side>('device_token', 'fleet_token');
  fc.assert(
    fc.property(fc.array(side, { maxLength: 12 }), side, (before, last) => {
      let identity = enrolled;
      let nowMs = 0;
      for (const one of before) identity = afterSpeaking(identity, one, (nowMs += 60_000));
      const once = afterSpeaking(identity, last, (nowMs += 60_000));
      expect(afterSpeaking(once, last, nowMs + 60_000)).toBe(once);
    }),
  );
});

test('a device token is never held by who else speaks', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('T', 'F', '3T', '3F', '8T', '8F'), { maxLength: 12 }), (script) => {
      const { standings } = played(script.join(''));
      expect(standings.every((one, at) => script[at]?.endsWith('F') === true || one === 'counts')).toBe(true);
    }),
  );
});
