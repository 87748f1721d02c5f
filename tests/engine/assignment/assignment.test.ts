// One assignment: reports in any order, repeated or late, end in the same place; what a device is seen running counts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ASSIGNMENT_STATES } from '#protocol/admin/states.ts';
import { REPORT_STATUSES, type ReportStatus } from '#protocol/device/api.ts';
import {
  afterReport,
  afterSighting,
  causeOfEnd,
  type Progress,
  type Sighting,
  startOf,
} from '#engine/assignment/assignment.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import { imageFor } from '../sample-facts.ts';

const image = imageFor('esp32', { sha256: 'a'.repeat(64), elfSha256: 'e'.repeat(64) });
const build = { version: '1.1.0', image };
const fresh = startOf({ leftBefore: false });

const onOld: Sighting = sighting({ version: '1.0.0' });
const onNew: Sighting = sighting({ version: '1.1.0' });
const onTrial: Sighting = sighting({ version: '1.1.0', onTrial: true });

function sighting(change: Partial<Sighting>): Sighting {
  return {
    version: '1.0.0',
    imageSha256: undefined,
    onTrial: false,
    rolledBackFrom: undefined,
    bootReason: undefined,
    ...change,
  };
}

function at(state: AssignmentState, change: Partial<Progress> = {}): Progress {
  return { ...fresh, state, ...change };
}

type Step = (progress: Progress) => Progress;
const apply = (steps: readonly Step[]): Progress => steps.reduce((progress, step) => step(progress), fresh);

const report: fc.Arbitrary<Step> = fc
  .record({
    status: fc.constantFrom(...REPORT_STATUSES),
    errorCode: fc.option(fc.constantFrom('connection_lost', 'crash', 'hash'), { nil: undefined }),
    detail: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
  })
  .map((said) => (progress) => afterReport(progress, said));
const sightingOfBuild: fc.Arbitrary<Step> = fc
  .constantFrom(onNew, onTrial)
  .map((seen) => (progress) => afterSighting(progress, build, seen));
const sightingOfOther: fc.Arbitrary<Step> = fc
  .constantFrom(onOld, sighting({ rolledBackFrom: '1.1.0' }), sighting({ version: '2.0.0' }))
  .map((seen) => (progress) => afterSighting(progress, build, seen));

/** A history, and the same steps once more in another order with some of them repeated. */
const historyTwice = fc
  .array(fc.oneof({ weight: 3, arbitrary: report }, sightingOfBuild), { minLength: 1, maxLength: 12 })
  .chain((steps) =>
    fc.record({
      steps: fc.constant(steps),
      repeats: fc.subarray(steps),
      keys: fc.array(fc.nat(), { minLength: steps.length * 2, maxLength: steps.length * 2 }),
    }),
  )
  .map(({ steps, repeats, keys }) => ({ steps, other: shuffled([...steps, ...repeats], keys) }));

/** What a board does from the offer to its return, with a report of each step; each report may come later. */
const lateHistory = fc
  .record({
    seenOnTrial: fc.boolean(),
    claims: fc.boolean(),
    /** It reports before it checks in, as docs/device-protocol.md asks for. */
    reportsFirst: fc.boolean(),
    back: fc.record({
      rolledBackFrom: fc.constantFrom(undefined, '1.1.0'),
      bootReason: fc.constantFrom('panic', 'brownout', 'SW', undefined),
    }),
    errorCode: fc.constantFrom('power', 'crash', 'trial_timeout', undefined),
    delays: fc.array(fc.nat(12), { minLength: 12, maxLength: 12 }),
  })
  .map(({ seenOnTrial, claims, reportsFirst, back, errorCode, delays }) => {
    const says = (status: ReportStatus, cause?: string) => ({
      isReport: true,
      step: (progress: Progress) => afterReport(progress, { status, errorCode: cause, detail: undefined }),
    });
    const shows = (shown: Sighting) => ({ isReport: false, step: see(shown) });
    const events = [
      shows(onOld),
      ...(['downloading', 'downloaded', 'installing'] as const).map((status) => says(status)),
      ...(seenOnTrial ? [shows(onTrial)] : []),
      says('trial'),
      ...(claims ? [says('confirmed')] : []),
      ...(reportsFirst ? [] : [shows(sighting(back))]),
      says('rolled_back', errorCode),
      shows(sighting(back)),
    ];
    return { events, next: see(sighting(back)), delays };
  });

function shuffled(steps: readonly Step[], keys: readonly number[]): readonly Step[] {
  return steps
    .map((step, index) => ({ step, key: keys[index] ?? 0 }))
    .toSorted((left, right) => left.key - right.key)
    .map(({ step }) => step);
}

describe('reports', () => {
  test('end in the same state, error and detail in whatever order and how often they arrive', () => {
    fc.assert(
      fc.property(historyTwice, ({ steps, other }) => {
        expect(apply(other)).toEqual(apply(steps));
      }),
      { numRuns: 1_000 },
    );
  });

  test('of a board that came back end in the same state, cause and weight, however late they arrive', () => {
    fc.assert(
      fc.property(lateHistory, ({ events, next, delays }) => {
        const inTime = apply(events.map(({ step }) => step));
        // A report may be delivered any time after it was made; a check-in is when it is.
        const late = events
          .map(({ step, isReport }, index) => ({ step, at: isReport ? index + (delays[index] ?? 0) : index }))
          .toSorted((left, right) => left.at - right.at)
          .map(({ step }) => step);
        expect(next(apply(late))).toEqual(next(inTime));
      }),
      { numRuns: 2_000 },
    );
  });

  test('of a rollback that come after the build was seen confirmed keep their cause', () => {
    const confirmed = apply([see(onTrial), see(onNew)]);
    const told = afterReport(confirmed, { status: 'rolled_back', errorCode: 'power', detail: 'at 3.1 V' });
    expect(told).toMatchObject({ state: 'rolled_back', errorCode: 'power', detail: 'at 3.1 V' });
    for (const step of [claim, see(onNew), see(onOld), see(onTrial)]) expect(causeOfEnd(step(told))).toBe('power');
  });

  test('and sightings never take an assignment back', () => {
    const anyStep = fc.oneof(report, sightingOfBuild, sightingOfOther);
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 12 }), (steps) => {
        let before = fresh;
        for (const step of steps) {
          const after = step(before);
          expect(ASSIGNMENT_STATES.indexOf(after.state)).toBeGreaterThanOrEqual(
            ASSIGNMENT_STATES.indexOf(before.state),
          );
          before = after;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test.each(REPORT_STATUSES)('that say %s of a new offer', (status) => {
    const after = afterReport(fresh, { status, errorCode: undefined, detail: undefined });
    expect(after.state).toBe(status === 'confirmed' ? 'trial' : status);
  });

  test('keep the words of the state that counts', () => {
    const failed = afterReport(fresh, { status: 'failed', errorCode: 'hash', detail: 'block 7' });
    expect(failed).toMatchObject({ state: 'failed', errorCode: 'hash', detail: 'block 7' });
    const late = afterReport(failed, { status: 'rejected', errorCode: 'busy', detail: undefined });
    expect(late).toMatchObject({ state: 'failed', errorCode: 'hash', detail: 'block 7' });
    const worse = afterReport(failed, { status: 'rolled_back', errorCode: 'crash', detail: undefined });
    expect(worse).toMatchObject({ state: 'rolled_back', errorCode: 'crash', detail: undefined });
  });

  test('of an error do not stay when the build is seen confirmed after all', () => {
    const failed = afterReport(fresh, { status: 'failed', errorCode: 'hash', detail: 'block 7' });
    expect(afterSighting(failed, build, onNew)).toMatchObject({
      state: 'confirmed',
      errorCode: undefined,
      detail: undefined,
    });
  });
});

const claim = (progress: Progress): Progress =>
  afterReport(progress, { status: 'confirmed', errorCode: undefined, detail: undefined });

describe('confirmed is a fact', () => {
  test.each([
    { what: 'the claim alone', steps: [claim], state: 'trial' },
    { what: 'a check-in on trial alone', steps: [see(onTrial)], state: 'trial' },
    { what: 'the claim and a check-in on trial', steps: [claim, see(onTrial)], state: 'confirmed' },
    { what: 'a check-in on trial and the claim', steps: [see(onTrial), claim], state: 'confirmed' },
    { what: 'a check-in that runs it and is not on trial', steps: [see(onNew)], state: 'confirmed' },
    { what: 'a check-in on trial and one that is not', steps: [see(onTrial), see(onNew)], state: 'confirmed' },
    { what: 'the claim and a check-in on the old version', steps: [claim, see(onOld)], state: 'rolled_back' },
  ])('$what: $state', ({ steps, state }) => {
    expect(apply(steps).state).toBe(state);
  });

  test.each([
    { what: 'on trial', seen: onTrial, state: 'timed_out' },
    { what: 'not on trial', seen: onNew, state: 'confirmed' },
  ])('a board whose time was up and that runs the build $what is $state', ({ seen: shown, state }) => {
    expect(afterSighting(at('timed_out'), build, shown).state).toBe(state);
  });

  test.each([
    { what: 'the SHA-256 of the file', imageSha256: image.sha256, state: 'confirmed' },
    { what: 'the SHA-256 of the ELF', imageSha256: image.elfSha256, state: 'confirmed' },
    { what: 'the SHA-256 appended to it', imageSha256: image.appendedSha256, state: 'confirmed' },
    { what: '64 zeros', imageSha256: '0'.repeat(64), state: 'confirmed' },
    { what: 'no digest', imageSha256: undefined, state: 'confirmed' },
    { what: 'the digest of another build of this version', imageSha256: 'b'.repeat(64), state: 'offered' },
  ])('a board on the version with $what is $state', ({ imageSha256, state }) => {
    expect(afterSighting(fresh, build, sighting({ version: '1.1.0', imageSha256 })).state).toBe(state);
  });
});

describe('a board that is seen on another version', () => {
  const left = sighting({ rolledBackFrom: '1.1.0' });
  const ofLeft: Sighting = sighting({ rolledBackFrom: '1.0.5' });

  test.each([
    { from: at('offered'), seen: onOld, to: 'offered' },
    { from: at('downloading'), seen: onOld, to: 'downloading' },
    { from: at('downloaded'), seen: onOld, to: 'downloaded' },
    { from: at('installing'), seen: onOld, to: 'failed' },
    { from: at('trial'), seen: onOld, to: 'rolled_back' },
    { from: at('trial', { ranBuild: true }), seen: onOld, to: 'rolled_back' },
    { from: at('installing', { ranBuild: true }), seen: onOld, to: 'rolled_back' },
    { from: at('offered'), seen: left, to: 'rolled_back' },
    { from: at('downloaded'), seen: left, to: 'rolled_back' },
    { from: at('installing'), seen: left, to: 'rolled_back' },
    { from: at('downloaded'), seen: ofLeft, to: 'downloaded' },
    { from: at('offered', { leftBefore: true }), seen: left, to: 'offered' },
    { from: at('installing', { leftBefore: true }), seen: left, to: 'failed' },
    { from: at('timed_out'), seen: onOld, to: 'timed_out' },
    { from: at('timed_out'), seen: left, to: 'rolled_back' },
    { from: at('timed_out', { ranBuild: true }), seen: onOld, to: 'rolled_back' },
    { from: at('superseded'), seen: left, to: 'superseded' },
    { from: at('failed'), seen: onOld, to: 'failed' },
    { from: at('confirmed'), seen: onOld, to: 'confirmed' },
  ] as const)('$from.state, then $seen.version (left $seen.rolledBackFrom): $to', ({ from, seen: shown, to }) => {
    expect(afterSighting(from, build, shown).state).toBe(to);
  });

  test.each([
    { what: 'another build of the version', shown: sighting({ version: '1.1.0', imageSha256: 'b'.repeat(64) }) },
    { what: 'its image under another version', shown: sighting({ imageSha256: image.sha256 }) },
  ])('with $what has shown neither that the build runs nor that it failed', ({ shown }) => {
    for (const state of ['offered', 'installing', 'trial', 'timed_out'] as const)
      expect(afterSighting(at(state), build, shown)).toEqual(at(state));
  });

  test.each(['v1.1.0', '1.1.0+g1234567', 'V1.1.0+ci.7'])('as %s runs the build', (version) => {
    expect(afterSighting(fresh, build, sighting({ version })).state).toBe('confirmed');
    expect(afterSighting(at('offered'), build, sighting({ rolledBackFrom: version })).state).toBe('rolled_back');
  });

  test.each([
    ['BROWNOUT', 'brownout'],
    ['ESP_RST_BROWNOUT', 'brownout'],
    ['POWERON', 'power'],
    ['ESP_RST_TASK_WDT', 'watchdog'],
    ['int_wdt', 'watchdog'],
    ['panic', 'crash'],
    ['exception', 'crash'],
    ['ESP_RST_CPU_LOCKUP', 'crash'],
    ['cpu_lockup', 'crash'],
    ['ESP_RST_PWR_GLITCH', 'power'],
    ['power_glitch', 'power'],
    ['SW', undefined],
    [undefined, undefined],
  ])('came back because of reset reason %s: %s', (bootReason, cause) => {
    const back = afterSighting(at('trial'), build, sighting({ bootReason }));
    expect(causeOfEnd(back)).toBe(cause);
  });

  test('came back for what the first check-in after it says, whatever made it restart since', () => {
    const back = afterSighting(at('trial'), build, sighting({ bootReason: 'SW' }));
    const later = afterSighting(back, build, sighting({ bootReason: 'POWERON', rolledBackFrom: '1.1.0' }));
    expect(causeOfEnd(later)).toBeUndefined();
    expect(later).toMatchObject({ state: 'rolled_back', saidItLeft: true });
  });

  test('is believed more in what it reports than in its reset reason', () => {
    const back = afterSighting(at('trial'), build, sighting({ bootReason: 'SW' }));
    const told = afterReport(back, { status: 'rolled_back', errorCode: 'self_test', detail: undefined });
    expect(causeOfEnd(told)).toBe('self_test');
    const panicked = afterSighting(at('trial'), build, sighting({ bootReason: 'panic' }));
    expect(causeOfEnd(afterReport(panicked, { status: 'rolled_back', errorCode: 'power', detail: undefined }))).toBe(
      'power',
    );
  });
});

function see(shown: Sighting): Step {
  return (progress) => afterSighting(progress, build, shown);
}
