// What failed attempts amount to: which failures make a build known bad on a board, and how long a build rests there.

import { describe, expect, test } from 'vitest';
import { DEVICE_ERRORS, type Weight } from '#protocol/device/errors.ts';
import { historyOf as historyAt } from '#engine/assignment/assignment.ts';
import { forgivableOf } from '#engine/assignment/retry.ts';
import { weightOfEnd } from '#engine/assignment/weight.ts';
import { nextOfferAtMs } from '#engine/decision/back-off.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import { NO_HISTORY } from '#engine/facts/model.ts';

/** Well after all of them. */
const NOW_MS = 1e9;
const historyOf = (past: Parameters<typeof historyAt>[0]) => historyAt(past, NOW_MS);

const attempts = (count: number, state: AssignmentState, cause: string | undefined, saidItLeft = true) =>
  Array.from({ length: count }, (_, index) => ({ state, cause, saidItLeft, updatedAtMs: index * 1000 }));

const CAUSES: readonly { readonly name: string | undefined; readonly weight: Weight }[] = [
  ...DEVICE_ERRORS,
  { name: undefined, weight: 'proof' },
  { name: 'of_a_newer_client', weight: 'proof' },
];

describe.each(CAUSES)('after $name (weight: $weight)', ({ name, weight }) => {
  const isNamed = DEVICE_ERRORS.some((error) => error.name === name);
  const countsThrice = weight === 'proof' || weight === 'strike';

  test(`a rollback ${weight === 'proof' ? 'is enough' : 'alone is not enough'} for known bad`, () => {
    expect(historyOf(attempts(1, 'rolled_back', name)).knownBad).toBe(weight === 'proof');
    expect(historyOf(attempts(2, 'rolled_back', name)).knownBad).toBe(weight === 'proof');
    expect(historyOf(attempts(3, 'rolled_back', name)).knownBad).toBe(countsThrice);
  });

  test(`failures ${countsThrice ? 'make' : 'do not make'} the build known bad`, () => {
    const isProof = isNamed && weight === 'proof';
    expect(historyOf(attempts(2, 'failed', name)).knownBad).toBe(isProof);
    expect(historyOf(attempts(3, 'failed', name)).knownBad).toBe(countsThrice);
    expect(historyOf(attempts(100, 'failed', name)).knownBad).toBe(countsThrice);
  });

  test('the build rests', () => {
    expect(nextOfferAtMs(historyOf(attempts(1, 'failed', name)))).toBe(60_000);
  });
});

describe('a history', () => {
  test('of a build that the board itself refuses as known bad is known bad at once', () => {
    expect(historyOf(attempts(1, 'rejected', 'known_bad')).knownBad).toBe(true);
  });

  test('of other refusals is never known bad, but rests', () => {
    const history = historyOf(attempts(9, 'rejected', 'crash'));
    expect(history).toMatchObject({ knownBad: false, failedAttempts: 9 });
    expect(nextOfferAtMs(history)).toBeGreaterThan(8_000);
  });

  test('of a board that is merely seen on the build before is known bad the third time', () => {
    const silent = (count: number, cause?: string) => attempts(count, 'rolled_back', cause, false);
    expect(historyOf(silent(2)).knownBad).toBe(false);
    expect(historyOf(silent(3)).knownBad).toBe(true);
    expect(historyOf(silent(1, 'crash')).knownBad).toBe(true);
  });

  test('counts strikes of firmware and device together, and those of the network not', () => {
    const two = [...attempts(1, 'failed', 'flash_write'), ...attempts(1, 'failed', 'flash_hash')];
    expect(historyOf([...two, ...attempts(5, 'failed', 'connection_lost')]).knownBad).toBe(false);
    expect(historyOf([...two, ...attempts(1, 'rolled_back', 'power')]).knownBad).toBe(true);
  });

  test('of open, confirmed and superseded attempts is empty', () => {
    const states = ['offered', 'downloading', 'downloaded', 'installing', 'trial', 'confirmed', 'superseded'] as const;
    expect(historyOf(states.flatMap((state) => attempts(1, state, undefined)))).toEqual(NO_HISTORY);
  });

  test('says the last error by time, not by order', () => {
    const history = historyOf([
      { state: 'failed', cause: 'hash', saidItLeft: false, updatedAtMs: 2_000 },
      { state: 'timed_out', cause: undefined, saidItLeft: false, updatedAtMs: 1_000 },
    ]);
    expect(history).toMatchObject({ failedAttempts: 2, lastFailedAtMs: 2_000, lastError: 'hash' });
  });
});

describe('the weights', () => {
  test('are none for network and server, and never proof where another try may end otherwise', () => {
    for (const { name, fault, retryable, weight } of DEVICE_ERRORS) {
      if (fault === 'network' || fault === 'server') expect(weight, name).toBe('none');
      if (fault === 'device') expect(weight, name).not.toBe('proof');
      if (retryable) expect(weight, name).not.toBe('proof');
    }
  });

  test('of an open, confirmed or superseded attempt is none, whatever it says', () => {
    const states = ['offered', 'downloading', 'downloaded', 'installing', 'trial', 'confirmed', 'superseded'] as const;
    for (const state of [...states, 'timed_out'] as const)
      expect(weightOfEnd({ state, cause: 'crash', saidItLeft: true })).toBe('none');
  });

  test.each(['low_power', 'busy', 'deferred'])('of a refusal for %s is not now', (cause) => {
    expect(weightOfEnd({ state: 'rejected', cause, saidItLeft: false })).toBe('not_now');
  });
});

describe('a retry', () => {
  const ended = (...causes: readonly string[]) =>
    causes.map((cause, id) => ({ id, state: 'failed' as const, cause, saidItLeft: false }));

  test.each([
    { past: ['power', 'flash_write', 'connect'], forgiven: [0, 1] },
    { past: ['trial_timeout', 'flash_hash', 'http_status', 'low_power'], forgiven: [0, 1, 2] },
    { past: ['power', 'of_a_newer_client', 'connect'], forgiven: [0] },
    { past: ['power', 'connect', 'signature'], forgiven: [] },
    { past: ['power', 'crash', 'connect'], forgiven: [] },
  ])('after $past forgives $forgiven', ({ past, forgiven }) => {
    expect(forgivableOf(ended(...past)).map(({ id }) => id)).toEqual(forgiven);
  });
});

describe('the back-off', () => {
  const MINUTES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360];

  test.each(MINUTES.map((minutes, index) => ({ failures: index + 1, minutes })))(
    'is $minutes min after failure $failures',
    ({ failures, minutes }) => {
      const history = { ...NO_HISTORY, failedAttempts: failures, lastFailedAtMs: 5_000 };
      expect(nextOfferAtMs(history)).toBe(5_000 + minutes * 60_000);
    },
  );

  test('stays at 6 h however often it failed', () => {
    const history = { ...NO_HISTORY, failedAttempts: 1e9, lastFailedAtMs: 0 };
    expect(nextOfferAtMs(history)).toBe(6 * 3_600_000);
  });

  test.each([
    { failures: 1, minutes: 1 },
    { failures: 4, minutes: 8 },
    { failures: 5, minutes: 15 },
    { failures: 50, minutes: 15 },
  ])('is $minutes min after failure $failures, where it was only not the time', ({ failures, minutes }) => {
    const history = { ...NO_HISTORY, failedAttempts: failures, lastFailedAtMs: 0, lastError: 'low_power' };
    expect(nextOfferAtMs(history)).toBe(minutes * 60_000);
  });

  test('is none where nothing failed', () => {
    expect(nextOfferAtMs(NO_HISTORY)).toBeUndefined();
  });
});

describe('after a clock that went back', () => {
  const failedAt = (...instants: readonly number[]) =>
    instants.map((updatedAtMs) => ({
      state: 'failed' as const,
      cause: 'connection_lost',
      saidItLeft: false,
      updatedAtMs,
    }));

  test.each([
    ['as long as its back-off lets the build rest', 60_000, NOW_MS + 120_000],
    ['longer lets it be offered at once', 60_001, undefined],
    ['years lets it be offered at once', 80 * 365 * 86_400_000, undefined],
  ])('a failure that lies ahead %s', (_, aheadMs, expected) => {
    const history = historyOf(failedAt(NOW_MS + aheadMs));
    expect(nextOfferAtMs(history)).toBe(expected);
    expect(history).toMatchObject({ failedAttempts: 1, lastError: 'connection_lost' });
  });

  test('the back-off runs from the latest failure that can be one, and counts them all', () => {
    const history = historyOf(failedAt(NOW_MS - 1_000, NOW_MS + 1e12, NOW_MS - 2_000));
    expect(nextOfferAtMs(history)).toBe(NOW_MS - 1_000 + 240_000);
  });

  test('a strike that lies ahead counts', () => {
    const strike = { state: 'rolled_back', cause: 'crash', saidItLeft: true, updatedAtMs: NOW_MS + 1e12 } as const;
    expect(historyOf([strike]).knownBad).toBe(true);
  });
});
