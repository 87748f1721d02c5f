// The rule table, one rule after the other: facts where the rule decides, and facts that miss it by one step.

import { describe, expect, test } from 'vitest';
import { bucketOf } from '#engine/facts/bucket.ts';
import { decide, explain } from '#engine/decision/decide.ts';
import { type Facts, NO_HISTORY } from '#engine/facts/model.ts';
import { caseOf } from '#engine/decision/case.ts';
import { type Reason, RULES } from '#engine/decision/rules.ts';
import { stableFor } from '#engine/decision/target.ts';
import {
  device,
  facts,
  firmware,
  IMAGE_BYTES,
  imageFor,
  label,
  NOW_MS,
  pilotRollout,
  rollout,
  stable,
  STAGE_OPENED_MS,
  stage,
} from '../sample-facts.ts';

interface RuleCase {
  readonly decides: readonly Facts[];
  /** One step away: another rule decides. */
  readonly nearMiss: Facts;
  readonly next: Reason;
}

/** The largest whole percentage that does not reach the bucket of the sample board. */
const PERCENTAGE_BELOW = Math.floor(bucketOf(0, device.firstName) / 100);

const twoChips = rollout('1.1.0', {
  firmware: firmware('1.1.0', { images: [imageFor('esp32', { id: 1 }), imageFor('esp32s3', { id: 2 })] }),
});
const blocked = firmware('1.2.0', { blocked: true });
const reverted = firmware('1.2.0', { reverted: true });
const requiredVersion = firmware('1.0.5', { isRequired: true });
const failed = rollout('1.2.0', { status: 'halted' });
const paced = rollout('1.1.0', { pace: { maxInFlight: 5, maxOffersPerMinute: undefined } });
const timed = rollout('1.1.0', { pace: { maxInFlight: undefined, maxOffersPerMinute: 5 } });
const openWindow = { open: true, name: 'night', opensAtMs: undefined, install: undefined };
const closedWindow = (opensAtMs: number | undefined) => ({ open: false, name: 'night', opensAtMs, install: undefined });
const described = firmware('1.0.0', { id: 7, version: '1.0.0-2-gabcdef0' });
const fromRevision3 = firmware('1.1.0', {
  images: [imageFor('esp32', { minChipRevision: 300, maxChipRevision: 399 })],
});
const twoRevisions = rollout('1.1.0', {
  firmware: firmware('1.1.0', {
    images: [imageFor('esp32', { id: 1 }), imageFor('esp32', { id: 2, minChipRevision: 300 })],
  }),
});
const for4Mib = firmware('1.1.0', { images: [imageFor('esp32', { flashBytes: 4_194_304 })] });
const held = { reason: 'at the fair', untilMs: undefined, holdsWayBack: false };
const cancelled = (version: string) => ({
  firmwareId: firmware(version).id,
  reason: 'the shop is open',
  goesBack: false,
  backToId: undefined,
});
const sentBack = (version: string) => ({ ...cancelled(version), goesBack: true });
const tenth = { key: 'site', maxDevices: undefined, maxPct: 10 };
const atSite = (maxDevices: number, use: { readonly devices: number; readonly disrupted: number } | undefined) => ({
  label: 'site=berlin',
  budget: { key: 'site', maxDevices, maxPct: undefined },
  use,
});
const failedOnce = { ...NO_HISTORY, failedAttempts: 1, lastError: 'connection_lost' };

const signedBy = (keys: readonly string[], endsAtMs?: number) =>
  rollout('1.1.0', {
    firmware: firmware('1.1.0', { images: [imageFor('esp32', { signedBy: keys, signatureEndsAtMs: endsAtMs })] }),
  });

// `unknown` has no facts that lead to it, see below.
const CASES: Readonly<Record<Exclude<Reason, 'unknown'>, RuleCase>> = {
  token_revoked: {
    decides: [
      facts({ device: { standing: 'token_revoked' } }),
      facts({ device: { standing: 'token_revoked', onTrial: true } }),
    ],
    nearMiss: facts(),
    next: 'update',
  },
  enrolment_required: {
    decides: [
      facts({ device: { standing: 'enrolment_required' } }),
      facts({ device: { standing: 'enrolment_required', onTrial: true } }),
    ],
    nearMiss: facts(),
    next: 'update',
  },
  enrolment_pending: {
    decides: [
      facts({ device: { standing: 'enrolment_pending' } }),
      facts({ device: { standing: 'enrolment_pending', onTrial: true } }),
    ],
    nearMiss: facts(),
    next: 'update',
  },
  claimed_twice: {
    decides: [
      facts({ device: { standing: 'claimed_twice' } }),
      facts({ device: { standing: 'claimed_twice', onTrial: true } }),
    ],
    nearMiss: facts(),
    next: 'update',
  },
  trial_running: {
    decides: [facts({ device: { onTrial: true } })],
    nearMiss: facts(),
    next: 'update',
  },
  blocked_without_prior_stable: {
    decides: [
      facts({ device: { currentVersion: '1.2.0' }, running: blocked, rollout: undefined }),
      facts({ device: { currentVersion: '1.2.0' }, running: blocked, rollout: pilotRollout('1.3.0') }),
      facts({ device: { currentVersion: '1.2.0' }, running: reverted, rollout: undefined }),
      facts({ device: { currentVersion: '1.2.0' }, running: reverted, rollout: { ...failed, firmware: reverted } }),
    ],
    nearMiss: facts({ device: { currentVersion: '1.2.0' }, running: blocked, rollout: rollout('1.3.0') }),
    next: 'update',
  },
  label_after_stage_opened: {
    decides: [facts({ rollout: pilotRollout('1.1.0'), device: { labels: [label('pilot', STAGE_OPENED_MS + 1)] } })],
    nearMiss: facts({ rollout: pilotRollout('1.1.0'), device: { labels: [label('pilot', STAGE_OPENED_MS)] } }),
    next: 'update',
  },
  percentage_not_reached: {
    decides: [
      facts({ rollout: rollout('1.1.0', { opened: [stage('general', PERCENTAGE_BELOW)] }) }),
      facts({ rollout: rollout('1.1.0', { opened: [stage('general', Number.NaN)] }) }),
      facts({
        rollout: pilotRollout('1.1.0', { opened: [stage('pilot', PERCENTAGE_BELOW)] }),
        device: { labels: [label('pilot')] },
      }),
    ],
    nearMiss: facts({
      rollout: rollout('1.1.0', { opened: [stage('general', PERCENTAGE_BELOW + 1)] }),
    }),
    next: 'update',
  },
  not_in_stage: {
    decides: [
      facts({ rollout: pilotRollout('1.1.0'), device: { labels: [label('shop')] } }),
      facts({ rollout: pilotRollout('1.1.0'), stable: stable('1.0.0') }),
    ],
    nearMiss: facts({ rollout: pilotRollout('1.1.0'), stable: stable('1.0.1') }),
    next: 'update',
  },
  nothing_to_offer: {
    decides: [facts({ rollout: undefined })],
    nearMiss: facts({ rollout: undefined, stable: stable('1.1.0') }),
    next: 'update',
  },
  up_to_date: {
    decides: [
      facts({ device: { currentVersion: '1.1.0' }, running: firmware('1.1.0') }),
      facts({ device: { currentVersion: '1.1.0+local' }, running: undefined }),
      facts({ device: { currentVersion: 'v1.1.0' }, running: undefined }),
      facts({ device: { currentVersion: '1.1.0', imageSha256: 'e'.repeat(64) } }),
      facts({ device: { currentVersion: '1.1.0', imageSha256: '0'.repeat(64) } }),
      facts({ device: { currentVersion: '1.0.0', imageSha256: 'd'.repeat(64) } }),
    ],
    nearMiss: facts({ device: { currentVersion: '1.1.0-rc.1' }, running: undefined }),
    next: 'update',
  },
  other_build: {
    decides: [facts({ device: { currentVersion: '1.1.0', imageSha256: 'b'.repeat(64) }, running: undefined })],
    nearMiss: facts({ device: { currentVersion: '1.0.0', imageSha256: 'b'.repeat(64) } }),
    next: 'update',
  },
  version_unreadable: {
    decides: ['vv1.0.0', 'esp-idf: 5.5', '01.0.0', '1.0'].map((currentVersion) =>
      facts({ device: { currentVersion }, running: undefined }),
    ),
    nearMiss: facts({ device: { currentVersion: '1.0.0' } }),
    next: 'update',
  },
  versions_unordered: {
    decides: [
      facts({
        device: { currentVersion: '1.0.0-2-g0296947' },
        running: undefined,
        rollout: rollout('1.0.0-2-gabcdef0', { firmware: described }),
      }),
    ],
    nearMiss: facts({
      device: { currentVersion: '1.0.0-1-g0296947' },
      running: undefined,
      rollout: rollout('1.0.0-2-gabcdef0', { firmware: described }),
    }),
    next: 'update',
  },
  newer_than_target: {
    decides: [
      facts({ device: { currentVersion: '1.2.0' }, running: undefined, stable: stable('1.0.0') }),
      facts({ device: { currentVersion: '1.2.0' }, running: blocked }),
    ],
    nearMiss: facts({ device: { currentVersion: '1.2.0' }, running: blocked, stable: stable('1.0.0') }),
    next: 'blocked_go_back',
  },
  board_orders_otherwise: {
    decides: ['OtterOTA 0.1.0', 'OtterOTA 0.2.0', 'OtterOTA'].map((library) =>
      facts({ device: { library }, rollout: rollout('1.0.0-2-gabcdef0', { firmware: described }) }),
    ),
    nearMiss: facts({
      device: { library: 'OtterOTA 0.3.0' },
      rollout: rollout('1.0.0-2-gabcdef0', { firmware: described }),
    }),
    next: 'update',
  },
  device_held: {
    decides: [
      facts({ device: { hold: held } }),
      facts({ device: { hold: { ...held, untilMs: NOW_MS + 1 } } }),
      facts({ device: { hold: { ...held, untilMs: Number.NaN } } }),
      facts({ device: { hold: held }, freeze: held, rollout: rollout('1.1.0', { status: 'halted' }) }),
      facts({
        device: { currentVersion: '1.2.0', hold: { ...held, holdsWayBack: true } },
        running: blocked,
        stable: stable('1.0.0'),
      }),
      // Where nothing older is stable that it could go back to, the repaired build is a way forward.
      facts({
        device: { currentVersion: '1.2.0', hold: held },
        running: blocked,
        rollout: undefined,
        stable: stable('1.3.0'),
      }),
      facts({ device: { currentVersion: '1.2.0', hold: held }, running: blocked, rollout: rollout('1.3.0') }),
    ],
    nearMiss: facts({ device: { hold: { ...held, untilMs: NOW_MS } } }),
    next: 'update',
  },
  product_frozen: {
    decides: [
      facts({ freeze: held }),
      facts({ freeze: { ...held, untilMs: NOW_MS + 1 } }),
      facts({
        device: { currentVersion: '1.2.0' },
        freeze: { ...held, holdsWayBack: true },
        running: blocked,
        stable: stable('1.0.0'),
      }),
    ],
    nearMiss: facts({
      device: { currentVersion: '1.2.0' },
      freeze: held,
      running: blocked,
      stable: stable('1.0.0'),
    }),
    next: 'blocked_go_back',
  },
  update_cancelled: {
    decides: [
      facts({ device: { cancelled: cancelled('1.1.0') } }),
      facts({ device: { cancelled: { ...cancelled('1.1.0'), goesBack: true } } }),
      facts({ device: { cancelled: cancelled('1.1.0') }, rollout: undefined, stable: stable('1.1.0') }),
      // A required version on the way to it would bring the device nothing.
      facts({
        device: { cancelled: cancelled('1.1.0') },
        requiredVersions: [firmware('1.0.5', { isRequired: true })],
      }),
    ],
    nearMiss: facts({ device: { cancelled: cancelled('1.2.0') } }),
    next: 'update',
  },
  rollout_halted: {
    decides: [facts({ rollout: rollout('1.1.0', { status: 'halted' }) })],
    nearMiss: facts({ rollout: rollout('1.1.0', { status: 'paused' }) }),
    next: 'rollout_paused',
  },
  rollout_paused: {
    decides: [
      facts({ rollout: rollout('1.1.0', { status: 'paused' }) }),
      facts({ rollout: rollout('1.1.0', { status: 'draft' }) }),
      facts({ rollout: rollout('1.1.0', { status: 'aborted' }) }),
    ],
    nearMiss: facts({ rollout: rollout('1.1.0', { status: 'running' }) }),
    next: 'update',
  },
  firmware_withdrawn: {
    decides: [
      facts({ rollout: rollout('1.1.0', { firmware: firmware('1.1.0', { blocked: true }) }) }),
      facts({ rollout: rollout('1.1.0', { firmware: firmware('1.1.0', { pilotReady: false }) }) }),
      facts({ requiredVersions: [{ ...requiredVersion, blocked: true }] }),
      facts({ requiredVersions: [{ ...requiredVersion, pilotReady: false }] }),
    ],
    nearMiss: facts({ rollout: rollout('1.1.0', { firmware: firmware('1.1.0') }) }),
    next: 'update',
  },
  window_closed: {
    decides: [facts({ window: closedWindow(NOW_MS + 1) })],
    nearMiss: facts({ window: openWindow }),
    next: 'update',
  },
  chip_unknown: {
    decides: [
      facts({ device: { chip: undefined }, rollout: twoChips }),
      facts({ device: { chip: undefined, rememberedChips: [] }, rollout: twoChips }),
      facts({ device: { chip: undefined, rememberedChips: ['esp32', 'esp32s3'] }, rollout: twoChips }),
      facts({ device: { chip: undefined, rememberedChips: ['esp32s3'] } }),
      facts({ device: { chip: undefined, rememberedChips: ['esp32', 'esp32s3'] } }),
    ],
    nearMiss: facts({ device: { chip: undefined } }),
    next: 'update',
  },
  chip_revision_unknown: {
    decides: [facts({ device: { chipRevision: undefined }, rollout: twoRevisions })],
    nearMiss: facts({ device: { chipRevision: 0 }, rollout: twoRevisions }),
    next: 'update',
  },
  image_not_released: {
    decides: [
      facts({ device: { chip: 'esp32s3' }, rollout: { ...twoChips, imageIds: [1] } }),
      facts({
        device: { chip: 'esp32s3' },
        rollout: undefined,
        stable: { ...twoChips, status: 'complete', imageIds: [1] },
      }),
      facts({ rollout: { ...twoChips, imageIds: [] } }),
    ],
    nearMiss: facts({ device: { chip: 'esp32c3' }, rollout: { ...twoChips, imageIds: [1] } }),
    next: 'no_image_for_chip',
  },
  no_image_for_chip: {
    decides: [
      facts({ device: { chip: 'esp32c3' } }),
      facts({ device: { chip: 'esp32c3' }, rollout: twoChips }),
      facts({ rollout: rollout('1.1.0', { firmware: firmware('1.1.0', { images: [] }) }) }),
    ],
    nearMiss: facts({ device: { chip: 'esp32s3' }, rollout: twoChips }),
    next: 'update',
  },
  chip_revision: {
    decides: [
      facts({ device: { chipRevision: 299 }, rollout: rollout('1.1.0', { firmware: fromRevision3 }) }),
      facts({ device: { chipRevision: Number.NaN }, rollout: rollout('1.1.0', { firmware: fromRevision3 }) }),
      facts({ device: { chipRevision: 400 }, rollout: rollout('1.1.0', { firmware: fromRevision3 }) }),
    ],
    nearMiss: facts({ device: { chipRevision: 399 }, rollout: rollout('1.1.0', { firmware: fromRevision3 }) }),
    next: 'update',
  },
  flash_too_small: {
    decides: [
      facts({ device: { flashBytes: 2_097_152 }, rollout: rollout('1.1.0', { firmware: for4Mib }) }),
      facts({ device: { flashBytes: Number.NaN }, rollout: rollout('1.1.0', { firmware: for4Mib }) }),
    ],
    nearMiss: facts({ device: { flashBytes: undefined }, rollout: rollout('1.1.0', { firmware: for4Mib }) }),
    next: 'update',
  },
  unsigned: {
    decides: [facts({ takesUnsigned: false }), facts({ takesUnsigned: false, device: { releaseKeys: ['a'] } })],
    nearMiss: facts({ takesUnsigned: false, rollout: signedBy(['a']) }),
    next: 'update',
  },
  signature_expired: {
    decides: [
      facts({ rollout: signedBy(['a'], NOW_MS), takesUnsigned: false }),
      facts({ rollout: signedBy(['a'], Number.NaN) }),
    ],
    nearMiss: facts({ rollout: signedBy(['a'], NOW_MS + 1), takesUnsigned: false }),
    next: 'update',
  },
  release_key_unknown: {
    decides: [
      facts({ rollout: signedBy(['a']), takesUnsigned: false, device: { releaseKeys: ['b'] } }),
      facts({ device: { releaseKeys: ['b'] } }),
      facts({ rollout: signedBy(['a']), device: { releaseKeys: ['a', 'b'], signaturesNeeded: 2 } }),
    ],
    nearMiss: facts({ rollout: signedBy(['a', 'b']), device: { releaseKeys: ['b'] }, takesUnsigned: false }),
    next: 'update',
  },
  security_version_lower: {
    decides: [
      facts({ running: firmware('1.0.0', { securityVersion: 1 }) }),
      facts({ running: firmware('1.0.0', { securityVersion: Number.NaN }) }),
      facts({
        device: { currentVersion: '1.2.0' },
        running: { ...blocked, securityVersion: 2 },
        rollout: undefined,
        stable: stable('1.0.0', { firmware: firmware('1.0.0', { securityVersion: 1 }) }),
      }),
    ],
    nearMiss: facts({
      running: firmware('1.0.0', { securityVersion: 1 }),
      rollout: rollout('1.1.0', { firmware: firmware('1.1.0', { securityVersion: 1 }) }),
    }),
    next: 'update',
  },
  slot_too_small: {
    decides: [
      facts({ device: { slotBytes: IMAGE_BYTES - 1 } }),
      facts({ device: { slotBytes: 0 } }),
      facts({ device: { slotBytes: Number.NaN } }),
    ],
    nearMiss: facts({ device: { slotBytes: IMAGE_BYTES } }),
    next: 'update',
  },
  known_bad: {
    decides: [facts({ historyOf: () => ({ ...failedOnce, knownBad: true, lastFailedAtMs: NOW_MS - 86_400_000 }) })],
    nearMiss: facts({ historyOf: () => ({ ...failedOnce, lastFailedAtMs: NOW_MS - 86_400_000 }) }),
    next: 'update',
  },
  backing_off: {
    decides: [
      facts({ historyOf: () => ({ ...failedOnce, lastFailedAtMs: NOW_MS - 59_999 }) }),
      facts({ historyOf: () => ({ ...failedOnce, lastFailedAtMs: Number.NaN }) }),
    ],
    nearMiss: facts({ historyOf: () => ({ ...failedOnce, lastFailedAtMs: NOW_MS - 60_000 }) }),
    next: 'update',
  },
  in_flight_limit: {
    decides: [
      facts({ rollout: paced, load: { inFlight: 5, offersInLastMinute: 0 } }),
      facts({ rollout: paced, load: { inFlight: Number.NaN, offersInLastMinute: 0 } }),
      facts({ rollout: paced }),
    ],
    nearMiss: facts({ rollout: paced, load: { inFlight: 4, offersInLastMinute: 9 } }),
    next: 'update',
  },
  offers_per_minute: {
    decides: [
      facts({ rollout: timed, load: { inFlight: 0, offersInLastMinute: 5 } }),
      facts({ rollout: timed, load: { inFlight: 0, offersInLastMinute: Number.NaN } }),
      facts({ rollout: timed }),
    ],
    nearMiss: facts({ rollout: timed, load: { inFlight: 9, offersInLastMinute: 4 } }),
    next: 'update',
  },
  budget_used_up: {
    decides: [
      facts({ budgets: [atSite(1, { devices: 9, disrupted: 1 })] }),
      facts({ budgets: [atSite(2, { devices: 9, disrupted: 1 }), atSite(1, undefined)] }),
      facts({ budgets: [atSite(1, { devices: 9, disrupted: Number.NaN })] }),
      facts({ budgets: [atSite(1, { devices: 9, disrupted: 1 })], rollout: undefined, stable: stable('1.1.0') }),
      // 10 % of 29 boards are 2.
      facts({ budgets: [{ ...atSite(1, { devices: 29, disrupted: 2 }), budget: tenth }] }),
      facts({ device: { offerNowAtMs: NOW_MS }, budgets: [atSite(1, { devices: 9, disrupted: 1 })] }),
    ],
    nearMiss: facts({ budgets: [{ ...atSite(1, { devices: 9, disrupted: 0 }), budget: tenth }] }),
    next: 'update',
  },
  blocked_go_back: {
    decides: [
      facts({ device: { currentVersion: '1.2.0' }, running: blocked, stable: stable('1.0.0') }),
      facts({
        device: { currentVersion: '1.2.0' },
        running: blocked,
        stable: stable('1.0.0'),
        window: closedWindow(undefined),
      }),
      facts({
        device: { currentVersion: '1.2.0' },
        running: blocked,
        rollout: rollout('1.3.0'),
        stable: stable('1.1.0'),
      }),
    ],
    nearMiss: facts({ device: { currentVersion: '1.2.0' }, running: blocked, stable: stable('1.3.0') }),
    next: 'update',
  },
  sent_back: {
    decides: [
      facts({
        device: { currentVersion: '1.2.0', cancelled: sentBack('1.2.0') },
        running: firmware('1.2.0'),
        rollout: rollout('1.2.0'),
        stable: stable('1.0.0'),
        window: closedWindow(undefined),
      }),
    ],
    nearMiss: facts({
      device: { currentVersion: '1.2.0', cancelled: cancelled('1.2.0') },
      running: firmware('1.2.0'),
      rollout: undefined,
      stable: stable('1.0.0'),
    }),
    next: 'newer_than_target',
  },
  reverted_go_back: {
    decides: [
      facts({ device: { currentVersion: '1.2.0' }, running: reverted, rollout: failed, stable: stable('1.0.0') }),
      facts({
        device: { currentVersion: '1.2.0' },
        running: reverted,
        rollout: undefined,
        stable: stable('1.0.0'),
        window: closedWindow(undefined),
      }),
    ],
    nearMiss: facts({
      device: { currentVersion: '1.2.0' },
      running: { ...reverted, reverted: false },
      rollout: failed,
      stable: stable('1.0.0'),
    }),
    next: 'up_to_date',
  },
  required_version: {
    decides: [
      facts({ requiredVersions: [requiredVersion] }),
      facts({
        requiredVersions: [
          firmware('1.0.7', { isRequired: true }),
          requiredVersion,
          firmware('0.9.0', { isRequired: true }),
        ],
      }),
      facts({ rollout: undefined, stable: stable('1.1.0'), requiredVersions: [requiredVersion] }),
    ],
    nearMiss: facts({
      device: { currentVersion: '1.0.5' },
      requiredVersions: [requiredVersion, firmware('1.1.0', { isRequired: true })],
    }),
    next: 'update',
  },
  update: {
    decides: [
      facts(),
      facts({ running: undefined }),
      facts({ rollout: undefined, stable: stable('1.1.0') }),
      facts({ rollout: pilotRollout('1.1.0'), device: { labels: [label('pilot')] } }),
      facts({ rollout: pilotRollout('1.2.0', { status: 'paused' }), stable: stable('1.1.0') }),
      // An offer that it holds already costs nothing of the pace.
      facts({ rollout: paced, load: { inFlight: 5, offersInLastMinute: 5 }, holdsOffer: true }),
      facts({ rollout: timed, load: { inFlight: 5, offersInLastMinute: 5 }, holdsOffer: true }),
    ],
    nearMiss: facts({ device: { currentVersion: '1.1.0' } }),
    next: 'up_to_date',
  },
};

const ROWS = RULES.flatMap(({ id, outcome }) => (id === 'unknown' ? [] : [{ id, outcome, ...CASES[id] }]));

describe('the rule table', () => {
  test('has a case here for every rule', () => {
    expect(Object.keys(CASES)).toEqual(RULES.map(({ id }) => id).filter((id) => id !== 'unknown'));
  });

  test('names every rule once', () => {
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
  });

  test('ends with a rule that holds whatever comes to it', () => {
    const last = RULES.at(-1);
    expect(last).toMatchObject({ id: 'unknown', outcome: 'hold' });
    for (const { decides } of ROWS)
      for (const sample of decides) expect(last?.matches(caseOf(sample, NOW_MS))).toBe(true);
  });
});

describe.each(ROWS)('rule $id', ({ id, outcome, decides, nearMiss, next }) => {
  test(`decides: ${outcome}`, () => {
    for (const sample of decides) expect(decide(sample, NOW_MS)).toMatchObject({ reason: id, outcome });
  });

  test(`does not decide one step away: ${next} does`, () => {
    expect(decide(nearMiss, NOW_MS).reason).toBe(next);
    expect(RULES.find((rule) => rule.id === id)?.matches(caseOf(nearMiss, NOW_MS))).toBe(false);
  });

  test('is what explain names, with what each rule saw', () => {
    for (const sample of [...decides, nearMiss]) {
      const { decision, trace } = explain(sample, NOW_MS);
      expect(decision).toEqual(decide(sample, NOW_MS));
      const decidedAt = trace.findIndex(({ matched }) => matched === true);
      expect(trace[decidedAt]?.rule).toBe(decision.reason);
      expect(trace.map(({ rule }) => rule)).toEqual(RULES.map((rule) => rule.id));
      expect(trace.map(({ matched }) => matched)).toEqual(
        RULES.map((_, index) => (index > decidedAt ? undefined : index === decidedAt)),
      );
      expect(trace[decidedAt]?.saw).not.toBe('');
      expect(trace[decidedAt]?.change === undefined).toBe(decision.outcome !== 'hold');
    }
  });
});

describe('a decision', () => {
  test('to install carries the rollout and the image for the chip', () => {
    expect(decide(facts({ device: { chip: 'esp32s3' }, rollout: twoChips }), NOW_MS)).toMatchObject({
      rollout: { firmware: { version: '1.1.0' } },
      image: { id: 2, chip: 'esp32s3' },
    });
  });

  test('to go back carries the completed rollout of the prior stable build', () => {
    const back = facts({ device: { currentVersion: '1.2.0' }, running: blocked, stable: stable('1.0.0') });
    expect(decide(back, NOW_MS)).toMatchObject({ outcome: 'rollback', rollout: { id: 9, status: 'complete' } });
  });

  test('to pass a required version carries that build and the rollout on whose way it lies', () => {
    const far = facts({
      rollout: rollout('1.2.0'),
      requiredVersions: [firmware('1.1.0', { isRequired: true }), requiredVersion],
    });
    expect(decide(far, NOW_MS)).toMatchObject({
      outcome: 'install',
      firmware: { version: '1.0.5' },
      rollout: { firmware: { version: '1.2.0' } },
    });
  });

  test('to send one device back goes to what it ran before, if that is stable, else to the stable build before', () => {
    const on12 = { currentVersion: '1.2.0', cancelled: sentBack('1.2.0') };
    const completed = ['1.2.0', '1.1.0', '1.0.0'].map((version, id) =>
      stable(version, { id, planned: [stage('general', 100)] }),
    );
    const follows = (backTo?: string) => {
      const backToId = backTo === undefined ? undefined : firmware(backTo).id;
      const board = { ...device, ...on12, cancelled: { ...on12.cancelled, backToId } };
      return stableFor(completed, board, firmware('1.2.0'))?.firmware.version;
    };
    expect([follows(), follows('1.0.0'), follows('0.9.0')]).toEqual(['1.1.0', '1.0.0', '1.1.0']);
    expect(stableFor(completed, { ...device, ...on12 }, firmware('1.1.0'))?.firmware.version, 'it has left it').toBe(
      '1.2.0',
    );
  });

  test('to go back to a build that was cancelled on the device stands: the way back stays open', () => {
    const board = { currentVersion: '1.2.0', cancelled: cancelled('1.0.0') };
    const back = facts({ device: board, running: blocked, stable: stable('1.0.0') });
    expect(decide(back, NOW_MS).reason).toBe('blocked_go_back');
    const newer = { currentVersion: '1.2.0', cancelled: cancelled('1.3.0') };
    const forward = facts({ device: newer, running: blocked, rollout: undefined, stable: stable('1.3.0') });
    expect(decide(forward, NOW_MS).reason, 'away from it to a newer one is forward').toBe('update_cancelled');
  });

  test('about a device that is in the middle of an update, or on its way back, waits for no budget', () => {
    const budgets = [atSite(1, { devices: 9, disrupted: 3 })];
    expect(decide(facts({ budgets, isUnderWay: true }), NOW_MS).reason).toBe('update');
    const back = { device: { currentVersion: '1.2.0' }, running: blocked, stable: stable('1.0.0') };
    expect(decide(facts({ ...back, budgets }), NOW_MS).reason).toBe('blocked_go_back');
  });

  test('about a device that is offered now waits for no window, pace or rest, and for everything else', () => {
    const now = { offerNowAtMs: NOW_MS - 1_000 };
    const waits = {
      rollout: rollout('1.1.0', { pace: { maxInFlight: 5, maxOffersPerMinute: 5 } }),
      window: closedWindow(undefined),
      historyOf: () => ({ ...failedOnce, lastFailedAtMs: NOW_MS - 10_000 }),
      lastEndedAtMs: NOW_MS - 10_000,
    };
    const decided = (change: Parameters<typeof facts>[0]) => decide(facts(change), NOW_MS).reason;
    expect(decided({ ...waits, device: now })).toBe('update');
    expect(decided({ ...waits, device: {} })).toBe('window_closed');
    expect(decided({ ...waits, device: now, lastEndedAtMs: NOW_MS - 500 }), 'an update ended since').toBe(
      'window_closed',
    );
    expect(decided({ ...waits, device: { offerNowAtMs: NOW_MS - 86_400_000 } }), 'a day ago').toBe('window_closed');
    expect(decided({ ...waits, device: { ...now, hold: held } })).toBe('device_held');
    expect(decided({ ...waits, device: now, rollout: rollout('1.1.0', { status: 'halted' }) })).toBe('rollout_halted');
    expect(decided({ ...waits, device: now, rollout: pilotRollout('1.1.0') })).toBe('not_in_stage');
    const local = { ...openWindow, install: { fromMinute: 60, durationMin: 60, utcOffsetMin: 0 } };
    const told = (offered: object) => decide(facts({ window: local, device: offered }), NOW_MS);
    expect([told(now), told({})]).toMatchObject([{ install: undefined }, { install: local.install }]);
  });

  test('to wait for a window says when it opens', () => {
    const opensAtMs = NOW_MS + 5_000;
    expect(decide(facts({ window: closedWindow(opensAtMs) }), NOW_MS)).toMatchObject({ nextOfferAtMs: opensAtMs });
  });

  test('to back off says until when, most other holds do not', () => {
    const lastFailedAtMs = NOW_MS - 1_000;
    const backingOff = facts({ historyOf: () => ({ ...failedOnce, lastFailedAtMs }) });
    expect(decide(backingOff, NOW_MS)).toMatchObject({ nextOfferAtMs: lastFailedAtMs + 60_000 });
    const paused = facts({ ...backingOff, rollout: rollout('1.1.0', { status: 'paused' }) });
    expect(decide(paused, NOW_MS)).toMatchObject({ reason: 'rollout_paused', nextOfferAtMs: undefined });
  });

  test('to go back rests after a failed attempt like any other', () => {
    const back = { device: { currentVersion: '1.2.0' }, running: blocked, stable: stable('1.0.0') };
    const history = { ...failedOnce, lastFailedAtMs: NOW_MS - 1_000 };
    expect(decide(facts({ ...back, historyOf: () => history }), NOW_MS).reason).toBe('backing_off');
  });
});
