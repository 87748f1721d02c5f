// What one check-in changes: which assignment carries the offer, which ends, and what the board is called afterwards.

import { describe, expect, test } from 'vitest';
import { type Sighting, startOf } from '#engine/assignment/assignment.ts';
import { startWatch } from '#engine/outcome/watch.ts';
import { type Assignment, planCheckIn } from '#engine/decision/plan-check-in.ts';
import type { AssignmentState, Facts } from '#engine/facts/model.ts';
import { facts, firmware, imageFor, NOW_MS, rollout, stable } from '../sample-facts.ts';

const target = rollout('1.1.0');
const EARLIER_MS = NOW_MS - 86_400_000;

function assignment(state: AssignmentState, change: Partial<Assignment> = {}): Assignment {
  const { firmware: build } = target;
  return {
    id: 7,
    rolloutId: target.id,
    firmwareId: build.id,
    version: build.version,
    image: imageFor('esp32'),
    isRollback: false,
    progress: { ...startOf({ leftBefore: false }), state },
    offeredAtMs: EARLIER_MS,
    updatedAtMs: EARLIER_MS,
    watch: {
      ...startWatch({ fromVersion: '1.0.0', notCounted: undefined, isOnTheWay: false }, undefined),
      exposedAtMs: state === 'installing' || state === 'trial' ? EARLIER_MS : undefined,
      fault: state === 'failed' ? 'firmware' : undefined,
    },
    downloads: 0,
    soakMs: 0,
    usualCrashesPerHour: undefined,
    ...change,
  };
}

const running = (version: string, change: Partial<Sighting> = {}): Sighting => ({
  version,
  imageSha256: undefined,
  onTrial: false,
  rolledBackFrom: undefined,
  bootReason: undefined,
  ...change,
});
const plan = (of: Facts, assignments: readonly Assignment[], sighting = running(of.device.currentVersion)) =>
  planCheckIn(of, assignments, { sighting, observation: { crashed: false, isSuspect: false } }, NOW_MS);

describe('a board that is behind', () => {
  test('needs a new assignment when it has none', () => {
    expect(plan(facts(), [])).toMatchObject({ decision: { outcome: 'install' }, changed: [], offered: undefined });
  });

  test.each(['offered', 'downloading', 'downloaded'] as const)('goes on with the one that is %s', (state) => {
    const open = assignment(state);
    expect(plan(facts(), [open])).toMatchObject({ changed: [], offered: open, status: 'updating' });
  });

  test.each([
    ['another image', assignment('offered', { image: { ...assignment('offered').image, id: 99 } })],
    ['another rollout', assignment('offered', { rolloutId: 99 })],
    ['a rollback', assignment('offered', { isRollback: true })],
  ] as const)('gets a new one in place of the open one for %s', (_, open) => {
    expect(plan(facts(), [open])).toMatchObject({
      offered: undefined,
      changed: [{ id: 7, progress: { state: 'superseded' }, updatedAtMs: NOW_MS }],
    });
  });

  test.each([
    { how: 'and says so', sighting: running('1.0.0', { rolledBackFrom: '1.1.0' }), reason: 'known_bad' },
    { how: 'after a crash', sighting: running('1.0.0', { bootReason: 'panic' }), reason: 'known_bad' },
    { how: 'without a word', sighting: running('1.0.0'), reason: 'backing_off' },
  ])('and comes back from its trial $how is held in the same check-in: $reason', ({ sighting, reason }) => {
    expect(plan(facts(), [assignment('trial')], sighting)).toMatchObject({
      decision: { outcome: 'hold', reason },
      changed: [{ progress: { state: 'rolled_back' }, updatedAtMs: NOW_MS }],
      status: 'failed',
    });
  });

  test('and says later that it left the build does not rest from then on', () => {
    const back = { ...startOf({ leftBefore: false }), state: 'rolled_back', seenBack: true } as const;
    expect(
      plan(facts(), [assignment('rolled_back', { progress: back })], running('1.0.0', { rolledBackFrom: '1.1.0' })),
    ).toMatchObject({
      decision: { outcome: 'hold', reason: 'known_bad' },
      changed: [{ progress: { saidItLeft: true }, updatedAtMs: EARLIER_MS }],
    });
  });

  test('is judged by its latest assignment only', () => {
    const old = assignment('failed', { id: 6, firmwareId: 1, version: '0.9.0' });
    const { changed } = plan(facts({ device: { currentVersion: '0.9.0' } }), [old, assignment('offered')]);
    expect(changed).toEqual([]);
  });
});

describe('a hold', () => {
  const holds = [
    { reason: 'rollout_halted', of: facts({ rollout: rollout('1.1.0', { status: 'halted' }) }), keeps: true },
    { reason: 'rollout_paused', of: facts({ rollout: rollout('1.1.0', { status: 'paused' }) }), keeps: true },
    {
      reason: 'window_closed',
      of: facts({ window: { open: false, name: 'night', opensAtMs: undefined, install: undefined } }),
      keeps: true,
    },
    { reason: 'trial_running', of: facts({ device: { onTrial: true } }), keeps: true },
    { reason: 'nothing_to_offer', of: facts({ rollout: undefined }), keeps: false },
    { reason: 'slot_too_small', of: facts({ device: { slotBytes: 1 } }), keeps: false },
    {
      reason: 'firmware_withdrawn',
      of: facts({ rollout: rollout('1.1.0', { firmware: firmware('1.1.0', { pilotReady: false }) }) }),
      keeps: false,
    },
  ] as const;

  test.each(holds)('for $reason keeps the open assignment: $keeps', ({ reason, of, keeps }) => {
    const { decision, changed } = plan(of, [assignment('downloading')]);
    expect(decision).toMatchObject({ outcome: 'hold', reason });
    expect(changed.map(({ progress }) => progress.state)).toEqual(keeps ? [] : ['superseded']);
  });

  test.each(holds)('for $reason leaves a board alone that installs', ({ of }) => {
    // Seen on neither version: it is still between the two.
    const open = assignment('installing', { version: '1.1.0' });
    const { changed } = plan(of, [open, assignment('failed', { id: 8, firmwareId: 1 })]);
    expect(changed).toEqual([]);
  });
});

describe('a board is called', () => {
  const upToDate = facts({ device: { currentVersion: '1.1.0' }, running: firmware('1.1.0') });

  test.each([
    { status: 'ok', why: 'it runs the target', of: upToDate, assignments: [] },
    { status: 'ok', why: 'it was just confirmed', of: upToDate, assignments: [assignment('trial')] },
    { status: 'updating', why: 'it has an offer', of: facts(), assignments: [] },
    {
      status: 'updating',
      why: 'its rollout is paused half-way',
      of: facts({ rollout: rollout('1.1.0', { status: 'paused' }) }),
      assignments: [assignment('downloading')],
    },
    {
      status: 'trial',
      why: 'it says so',
      of: facts({ device: { currentVersion: '1.1.0', onTrial: true } }),
      assignments: [assignment('installing')],
      onTrial: true,
    },
    {
      status: 'failed',
      why: 'its last assignment failed and it waits',
      of: facts({ rollout: rollout('1.1.0', { status: 'paused' }) }),
      assignments: [assignment('failed')],
    },
    {
      status: 'ok',
      why: 'its last assignment failed but it is where it should be',
      of: facts({ rollout: undefined, stable: stable('1.0.0') }),
      assignments: [assignment('failed')],
    },
  ])('$status when $why', ({ status, of, assignments, onTrial }) => {
    const sighting = running(of.device.currentVersion, { onTrial: onTrial ?? false });
    expect(plan(of, assignments, sighting).status).toBe(status);
  });
});
