// Whatever the facts are, an offer is only ever made when everything speaks for it. Facts are made at random, with numbers
// that are none and members that are missing.

import fc from 'fast-check';
import semver from 'semver';
import { expect, test } from 'vitest';
import { bucketOf } from '#engine/facts/bucket.ts';
import { type Decision, decide, explain } from '#engine/decision/decide.ts';
import type { BuildHistory, DeviceFacts, Facts, FirmwareFacts, ImageFacts, RolloutFacts } from '#engine/facts/model.ts';
import { NO_HISTORY } from '#engine/facts/model.ts';
import { NOW_MS, STAGE_OPENED_MS } from '../sample-facts.ts';

const RUNS = { numRuns: 3_000 };
/** Of facts at random about one in a hundred makes an offer, and one in a thousand the way back. */
const MANY_RUNS = { numRuns: 12_000 };

const optional = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(some, { nil: undefined });
const instant = fc.constantFrom(STAGE_OPENED_MS - 1, STAGE_OPENED_MS, STAGE_OPENED_MS + 1, NOW_MS, Number.NaN);
const mostly = (value: boolean): fc.Arbitrary<boolean> => fc.constantFrom(value, value, value, !value);
const version = fc.constantFrom('1.0.0', '1.1.0', '1.2.0', '1.3.0-rc.1', '1.3.0');
const reported = fc.oneof(
  { weight: 12, arbitrary: fc.oneof(fc.constant('1.0.0'), version) },
  fc.constantFrom('v1.0.0', 'local build', 'NaN', ''),
);
const percentage = fc.constantFrom(100, 100, 100, 50, 1, Number.NaN);
const chip = fc.constantFrom('esp32', 'esp32', 'esp32', 'esp32s3');

const EVERY_IMAGE = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const image: fc.Arbitrary<ImageFacts> = fc.record({
  id: fc.nat(9),
  chip,
  sizeBytes: fc.constantFrom(1_000, 1_000, 1_000, 2_000, Number.NaN),
  sha256: fc.constant('a'.repeat(64)),
  elfSha256: fc.constant(undefined),
  appendedSha256: fc.constant(undefined),
  signedBy: fc.constantFrom(['a', 'b'], ['a', 'b'], ['a', 'b'], ['a'], []),
  signatureEndsAtMs: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    NOW_MS + 1,
    NOW_MS,
    Number.NaN,
  ),
  minChipRevision: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 300, Number.NaN),
  maxChipRevision: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, undefined, 299, Number.NaN),
  flashBytes: fc.constantFrom(undefined, undefined, undefined, 2_097_152, 4_194_304, Number.NaN),
});
const firmware: fc.Arbitrary<FirmwareFacts> = fc.record({
  id: fc.nat(3),
  product: fc.constant('thermostat'),
  version,
  securityVersion: fc.constantFrom(0, 0, 0, 1, Number.NaN),
  pilotReady: mostly(true),
  blocked: mostly(false),
  reverted: mostly(false),
  isRequired: fc.constant(false),
  images: fc.array(image, { minLength: 1, maxLength: 3 }),
});
const rolloutIn = (...statuses: readonly RolloutFacts['status'][]): fc.Arbitrary<RolloutFacts> =>
  fc.record({
    id: fc.nat(9),
    name: fc.constant('some'),
    status: fc.constantFrom(...statuses),
    stageId: fc.nat(9),
    stage: fc.constantFrom('pilot', 'expand'),
    stageOpenedAtMs: instant,
    opened: fc.array(
      fc.record({
        id: fc.nat(9),
        soakMs: fc.constant(0),
        label: fc.constantFrom('general', 'general', 'pilot'),
        percentage,
      }),
      { minLength: 1, maxLength: 3 },
    ),
    votes: fc.constant({ countsBeforeMs: undefined, countsSimulated: true }),
    planned: fc.constant([]),
    pace: fc.record({
      maxInFlight: optional(fc.constantFrom(1, 2)),
      maxOffersPerMinute: optional(fc.constantFrom(1, 2)),
    }),
    consent: fc.constantFrom(undefined, undefined, { forceAfterMs: 0 }, { forceAfterMs: undefined }),
    seed: fc.nat(9),
    firmware,
    imageIds: fc.constantFrom(...Array.from({ length: 14 }, () => EVERY_IMAGE), [0, 1, 2, 3, 4], []),
  });
const history: fc.Arbitrary<BuildHistory> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(NO_HISTORY) },
  fc.record({
    failedAttempts: fc.constantFrom(0, 1, 5, 1_000, Number.NaN),
    lastFailedAtMs: optional(fc.constantFrom(NOW_MS, NOW_MS - 60_000, NOW_MS - 86_400_000, Number.NaN)),
    lastError: fc.constant(undefined),
    knownBad: mostly(false),
  }),
);
const hold = fc.record({
  reason: fc.constant('at the fair'),
  untilMs: fc.constantFrom(undefined, NOW_MS, NOW_MS + 1, NOW_MS - 1, Number.NaN),
  holdsWayBack: fc.boolean(),
});
const cancelled = fc.record({
  firmwareId: fc.nat(3),
  reason: fc.constant('the shop is open'),
  goesBack: fc.boolean(),
  backToId: optional(fc.nat(3)),
});
const budget = fc.record({
  label: fc.constant('site=berlin'),
  budget: fc.record({
    key: fc.constant('site'),
    maxDevices: fc.constantFrom(undefined, 1, 2, Number.NaN),
    maxPct: fc.constantFrom(undefined, 10, Number.NaN),
  }),
  use: optional(
    fc.record({ devices: fc.constantFrom(1, 9, 40), disrupted: fc.constantFrom(0, 0, 0, 1, 3, Number.NaN) }),
  ),
});
type Parts = Omit<Facts, 'historyOf'> & { readonly history: BuildHistory };
const anyParts: fc.Arbitrary<Parts> = fc.record({
  device: fc.record({
    firstName: fc.constant('24:6f:28:00:00:01'),
    product: fc.constant('thermostat'),
    currentVersion: reported,
    imageSha256: fc.constantFrom(
      undefined,
      undefined,
      undefined,
      'a'.repeat(64),
      'b'.repeat(64),
      '0'.repeat(64),
      undefined,
    ),
    chip: optional(chip),
    rememberedChips: fc.constantFrom([], [], [], [], ['esp32'], ['esp32s3'], ['esp32', 'esp32s3']),
    slotBytes: optional(fc.constantFrom(999, 1_000, 1_000, 2_000, 2_000, Number.NaN)),
    chipRevision: optional(fc.constantFrom(0, 200, 200, 200, 300, Number.NaN)),
    flashBytes: optional(fc.constantFrom(2_097_152, 4_194_304, 4_194_304, 4_194_304, Number.NaN)),
    library: fc.constantFrom(undefined, 'OtterOTA 0.2.0', 'OtterOTA 0.3.0'),
    releaseKeys: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, [], ['a'], ['a', 'b'], ['c']),
    signaturesNeeded: fc.constantFrom(1, 1, 1, 1, 1, 2, Number.NaN),
    onTrial: mostly(false),
    labels: fc.array(fc.record({ name: fc.constantFrom('pilot', 'shop'), putAtMs: instant }), { maxLength: 2 }),
    memberOf: fc.constantFrom<readonly number[]>([], [], [], [1], [1, 2]),
    hold: fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, hold),
    cancelled: fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, cancelled),
    standing: fc.constantFrom(
      'counts',
      'counts',
      'counts',
      'counts',
      'claimed_twice',
      'enrolment_required',
      'token_revoked',
    ),
    offerNowAtMs: fc.constantFrom(undefined, undefined, undefined, NOW_MS, NOW_MS - 60_000, Number.NaN),
  }),
  running: optional(firmware),
  rollout: optional(rolloutIn('running', 'running', 'running', 'running', 'paused', 'halted', 'draft', 'aborted')),
  stable: optional(rolloutIn('complete')),
  requiredVersions: fc.array(
    firmware.map((requiredVersion) => Object.assign(requiredVersion, { isRequired: true })),
    { maxLength: 1 },
  ),
  takesUnsigned: mostly(true),
  window: optional(
    fc.record({
      open: mostly(true),
      name: fc.constant('night'),
      opensAtMs: optional(instant),
      install: fc.constant(undefined),
    }),
  ),
  freeze: fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, hold),
  holdsOffer: mostly(false),
  isUnderWay: mostly(false),
  budgets: fc.oneof({ weight: 30, arbitrary: fc.constant([]) }, fc.array(budget, { minLength: 1, maxLength: 2 })),
  firstOffers: fc.constantFrom(new Map(), new Map([[1, NOW_MS - 60_000]])),
  lastEndedAtMs: fc.constantFrom(undefined, undefined, NOW_MS - 60_000, NOW_MS - 30_000, Number.NaN),
  load: optional(
    fc.record({ inFlight: fc.constantFrom(0, 1, Number.NaN), offersInLastMinute: fc.constantFrom(0, 1, Number.NaN) }),
  ),
  history,
});
const anyFacts = anyParts.map(withHistory);

/** Members that a decision reads; each is taken away once in a while. */
const HOLES = [
  [],
  ['device', 'currentVersion'],
  ['running', 'blocked'],
  ['rollout', 'status'],
  ['rollout', 'opened', '0', 'label'],
  ['rollout', 'opened', '0', 'percentage'],
  ['rollout', 'seed'],
  ['rollout', 'stageOpenedAtMs'],
  ['rollout', 'firmware', 'blocked'],
  ['rollout', 'firmware', 'pilotReady'],
  ['rollout', 'firmware', 'version'],
  ['stable', 'status'],
  ['takesUnsigned'],
  ['stable', 'firmware', 'blocked'],
  ['window', 'open'],
  ['load', 'inFlight'],
  ['load', 'offersInLastMinute'],
  ['rollout', 'firmware', 'reverted'],
] as const;

const damagedFacts = fc
  .tuple(anyParts, fc.constantFrom(...HOLES), history, fc.constantFrom('none', 'knownBad', 'failedAttempts'))
  .map(([whole, path, ofBuild, historyHole]) =>
    withHistory({ ...without(whole, path), history: without(ofBuild, [historyHole]) }),
  );

function withHistory({ history: ofBuild, ...rest }: Parts): Facts {
  return { ...rest, historyOf: () => ofBuild };
}

test('an offer is only made when everything speaks for it', () => {
  const offers = { install: 0, rollback: 0 };
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const decision = decide(facts, NOW_MS);
      if (decision.outcome !== 'hold') offers[decision.outcome] += 1;
      expect(brokenPromises(facts, decision)).toEqual([]);
    }),
    MANY_RUNS,
  );
  // Otherwise this test proves nothing.
  expect(offers.install).toBeGreaterThan(MANY_RUNS.numRuns / 400);
  expect(offers.rollback).toBeGreaterThan(0);
});

test('a missing fact never makes an offer', () => {
  fc.assert(
    fc.property(damagedFacts, (facts) => {
      expect(brokenPromises(facts, decide(facts, NOW_MS))).toEqual([]);
    }),
    RUNS,
  );
});

test('an instant that is none never ends a back-off', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const decision = decide(facts, Number.NaN);
      const offered = decision.outcome === 'hold' ? undefined : facts.historyOf(decision.firmware.id);
      expect(offered?.lastFailedAtMs === undefined || offered.failedAttempts < 1).toBe(true);
    }),
    RUNS,
  );
});

test('explain makes the decision that the device gets', () => {
  fc.assert(
    fc.property(fc.oneof(anyFacts, damagedFacts), (facts) => {
      const { decision, trace } = explain(facts, NOW_MS);
      expect(decision).toEqual(decide(facts, NOW_MS));
      expect(trace.filter(({ matched }) => matched === true)).toHaveLength(1);
    }),
    RUNS,
  );
});

test('the last rule is never needed where no fact is missing', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      expect(decide(facts, NOW_MS).reason).not.toBe('unknown');
    }),
    RUNS,
  );
});

/** The promises of an offer, written without the rules: those that this one breaks. */
function brokenPromises(facts: Facts, decision: Decision): readonly string[] {
  if (decision.outcome === 'hold') return [];
  const { device, running, window, stable } = facts;
  const { outcome, rollout, image: offered } = decision;
  const { firmware: target } = decision;
  const covered = target.images.filter(({ id }) => rollout.imageIds.includes(id));
  const { cancelled: build } = device;
  const isSentBack = build?.goesBack === true && running?.id === build.firmwareId;
  const isTakenBack = running?.blocked === true || running?.reverted === true || isSentBack;
  const known = device.chip ?? (device.rememberedChips.length === 1 ? device.rememberedChips[0] : undefined);
  const isWayHome =
    isTakenBack &&
    stable !== undefined &&
    stable.firmware.id !== running.id &&
    stable.firmware.securityVersion >= running.securityVersion &&
    (known === undefined ||
      stable.firmware.images.some((one) => one.chip === known && stable.imageIds.includes(one.id)));
  const { maxInFlight = Infinity, maxOffersPerMinute = Infinity } = rollout.pace;
  const { offerNowAtMs = Number.NaN } = device;
  const isNow =
    NOW_MS < offerNowAtMs + 86_400_000 && (facts.lastEndedAtMs === undefined || facts.lastEndedAtMs <= offerNowAtMs);
  const isPaced = rollout === facts.rollout && !facts.holdsOffer && !isNow;
  const skipped = facts.requiredVersions.filter(
    ({ version: requiredVersion }) =>
      semver.lt(device.currentVersion, requiredVersion) && semver.lt(requiredVersion, target.version),
  );
  const past = facts.historyOf(target.id);
  const hasFailed = past.lastFailedAtMs !== undefined && !(past.failedAttempts < 1);
  const promises = {
    'to whoever is taken for the device': device.standing === 'counts',
    'not on trial': !device.onTrial,
    'a rollout that runs or has completed': rollout.status === 'running' || rollout.status === 'complete',
    'a build that is ready and not blocked': target.pilotReady && !target.blocked,
    'not known bad here': !past.knownBad && past.knownBad !== undefined,
    'after the back-off': isNow || !hasFailed || (past.lastFailedAtMs ?? Number.NaN) + 60_000 <= NOW_MS,
    'inside of a window': window === undefined || isWayHome || isNow || window.open,
    'of no build that was cancelled on the device':
      outcome === 'rollback' || (build?.firmwareId !== target.id && build?.firmwareId !== rollout.firmware.id),
    'past no hold of the device': mayPass(device.hold, outcome === 'rollback'),
    'past no freeze of the product': mayPass(facts.freeze, outcome === 'rollback'),
    'signed by a trusted key, where there is one': facts.takesUnsigned || offered.signedBy.length > 0,
    'before its signature expires': offered.signatureEndsAtMs === undefined || NOW_MS < offered.signatureEndsAtMs,
    'signed by keys that the board knows':
      device.releaseKeys === undefined ||
      device.releaseKeys.length === 0 ||
      device.releaseKeys.filter((key) => offered.signedBy.includes(key)).length >= device.signaturesNeeded,
    'for the chip': device.chip === undefined ? covered.length === 1 : offered.chip === device.chip,
    'not below the security version of what it runs':
      running === undefined || target.securityVersion >= running.securityVersion,
    'against no chip that it named before':
      device.chip !== undefined || device.rememberedChips.every((remembered) => remembered === offered.chip),
    'that the rollout covers': covered.includes(offered),
    'an image of this build': target.images.includes(offered),
    'for the revision of the chip':
      device.chipRevision === undefined ||
      (device.chipRevision >= offered.minChipRevision &&
        !(device.chipRevision > (offered.maxChipRevision ?? Infinity))),
    'for the flash':
      device.flashBytes === undefined || offered.flashBytes === undefined || offered.flashBytes <= device.flashBytes,
    'that fits the slot': device.slotBytes === undefined || offered.sizeBytes <= device.slotBytes,
    'up or back as it says': semver.compare(device.currentVersion, target.version) === (outcome === 'install' ? -1 : 1),
    'within the devices in flight': !isPaced || maxInFlight === Infinity || Number(facts.load?.inFlight) < maxInFlight,
    'within the offers of a minute':
      !isPaced || maxOffersPerMinute === Infinity || Number(facts.load?.offersInLastMinute) < maxOffersPerMinute,
    'within every budget': outcome === 'rollback' || facts.isUnderWay || facts.budgets.every(hasRoom),
    'no required version skipped': outcome === 'rollback' || skipped.length === 0,
    'back only from a build that was taken back': outcome === 'install' || isWayHome,
    'from a build that was taken back to the prior stable one': !isWayHome || rollout === stable,
    'only to a member of an opened stage': rollout !== facts.rollout || isMember(device, rollout),
  };
  return Object.entries(promises).flatMap(([promise, isKept]) => (isKept ? [] : [promise]));
}

function hasRoom({ budget: { maxDevices, maxPct = 0 }, use }: Facts['budgets'][number]): boolean {
  if (use === undefined) return false;
  return use.disrupted < (maxDevices ?? Math.max(1, Math.floor((use.devices * maxPct) / 100)));
}

function mayPass(held: Facts['freeze'], isWayBack: boolean): boolean {
  if (held === undefined || (held.untilMs !== undefined && held.untilMs <= NOW_MS)) return true;
  return isWayBack && !held.holdsWayBack;
}

function isMember(
  { firstName, labels, memberOf }: DeviceFacts,
  { opened, seed, stageOpenedAtMs }: RolloutFacts,
): boolean {
  return opened.some(({ id, label, percentage: share }) => {
    const had = labels.find(({ name }) => name === label);
    const isLabelled =
      label === 'general' || memberOf.includes(id) || (had !== undefined && had.putAtMs <= stageOpenedAtMs);
    return isLabelled && (share >= 100 || bucketOf(seed, firstName) / 100 < share);
  });
}

/** A copy in which the member at `path` is missing; the whole where there is no such member. */
function without<T extends object>(whole: T, path: readonly string[]): T {
  const copy = structuredClone(whole);
  const owner: unknown = path
    .slice(0, -1)
    .reduce<unknown>((at, key) => (isObject(at) ? Reflect.get(at, key) : at), copy);
  const member = path.at(-1);
  if (isObject(owner) && member !== undefined) Reflect.deleteProperty(owner, member);
  return copy;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
