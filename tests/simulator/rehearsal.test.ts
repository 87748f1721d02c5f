// A rollout in virtual time: how it ends, what it counts, and that it repeats itself.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SILENT_POLLS } from '#protocol/limits.ts';
import type { Plan } from '#protocol/plan.ts';
import { isOverdue } from '#engine/assignment/deadline.ts';
import { startOf } from '#engine/assignment/assignment.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { Attempt } from '#engine/decision/plan-check-in.ts';
import { sumAnswers } from '#engine/stage/tally.ts';
import { EventQueue } from '#simulator/rehearsal/event-queue.ts';
import { rehearse, Rehearsal, type RehearsalOptions } from '#simulator/rehearsal/rehearsal.ts';
import type { RehearsalResult } from '#simulator/rehearsal/result.ts';
import { StageCount } from '#simulator/rehearsal/stage-count.ts';
import { CAREFUL } from './grid.ts';

const POLL_S = 600;

function options(change: Partial<RehearsalOptions> = {}): RehearsalOptions {
  return {
    stages: CAREFUL,
    version: '1.5.0',
    devices: 300,
    seed: 7,
    failTrial: 0,
    silent: 0,
    networkFail: 0,
    pollIntervalS: POLL_S,
    imageBytes: 1_000_000,
    bytesPerS: 50_000,
    labelled: new Map(),
    ...change,
  };
}

function run(change: Partial<RehearsalOptions> = {}): RehearsalResult {
  return rehearse(options(change));
}

function stage(change: Partial<Plan['stages'][number]> = {}): Plan['stages'][number] {
  return { name: 'all', label: 'general', percentage: 100, promotion: 'manual', ...change };
}

describe('a simulated rollout', () => {
  test('of a good build opens every stage after the soak of the one before, and completes', () => {
    const result = run();
    expect(result).toMatchObject({ outcome: 'complete', updated: 300, hurt: 0, stage: 'everyone' });
    expect(result.timeline.map(({ what }) => what)).toEqual([
      'start',
      ...['pilot', 'few', 'some', 'everyone'].flatMap(() => ['sample', 'promote']),
    ]);
    const soaked = result.timeline.flatMap(({ what, after_s }, index) =>
      what === 'promote' ? [after_s - (result.timeline[index - 1]?.after_s ?? 0)] : [],
    );
    expect(soaked).toEqual([3600, 3600, 3600, 3600]);
    expect(result.stages.reduce((sum, { taken }) => sum + taken, 0)).toBe(300);
  });

  test('of a bad build halts in the pilot and hurts nobody else', () => {
    const result = run({ failTrial: 1, labelled: new Map([['pilot', 20]]) });
    expect(result).toMatchObject({ outcome: 'halted', stage: 'pilot', updated: 0 });
    expect(result.timeline.at(-1)).toMatchObject({
      what: 'halt',
      text: 'halted: the gate of stage pilot failed: 1 failed, at most 0 may',
      counts: { failed: 1 },
    });
    expect(result.stages.slice(1).every(({ opened_after_s, taken }) => opened_after_s === null && taken === 0)).toBe(
      true,
    );
    expect(result.hurt).toBeGreaterThanOrEqual(1);
    expect(result.hurt).toBeLessThanOrEqual(20);
    expect(result.stages[0]?.hurt).toBe(result.hurt);
    expect(result.ended_after_s % 60, 'with the report, not with the tick of a minute').not.toBe(0);
  });

  test('waits, and says for what, where too many are silent', () => {
    const result = run({ silent: 0.8, labelled: new Map([['pilot', 60]]) });
    expect(result).toMatchObject({ outcome: 'stuck', stage: 'pilot', hurt: 0 });
    expect(result.summary).toMatch(/\d+ of \d+ are silent, at most 20 % may be/);
    expect(result.ended_after_s).toBeLessThan(2 * 86_400);
  });

  test('does not halt for the network, and takes longer', () => {
    const broken = run({ networkFail: 0.5 });
    expect(broken).toMatchObject({ outcome: 'complete', hurt: 0, updated: 300 });
    expect(broken.ended_after_s).toBeGreaterThan(run().ended_after_s);
  });

  test('halts for the network where the gate counts that', () => {
    const gate = { min_confirmed: 5, max_failed: 3, fault_classes: ['network' as const] };
    expect(run({ networkFail: 0.5, stages: [stage({ promotion: 'auto', gate })] })).toMatchObject({
      outcome: 'halted',
      hurt: 0,
    });
  });

  test('is promoted where a person would do it: when the gate passed, or when nothing more happens', () => {
    const gated = run({ stages: [stage({ name: 'a', gate: { min_confirmed: 5 } }), stage({ name: 'b' })] });
    expect(gated.outcome).toBe('complete');
    const people = gated.timeline.filter(({ actor, what }) => actor === 'person' && what === 'promote');
    expect(people.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^a person would promote \(\d+ of \d+ confirmed, .*: stage b opens, 300 devices so far$/),
      expect.stringMatching(/^a person would promote \(\d+ confirmed, nothing more happens\): complete$/),
    ]);
    expect(run({ stages: [stage()], failTrial: 1 })).toMatchObject({ outcome: 'stuck', updated: 0 });
  });

  test('takes as many devices as wear the label, and as the percentage says', () => {
    const stages = [stage({ name: 'shops', label: 'shop' }), stage({ name: 'half', percentage: 50 })];
    const result = run({ stages, devices: 2_000, labelled: new Map([['shop', 37]]) });
    expect(result.stages[0]).toMatchObject({ taken: 37, confirmed: 37 });
    expect(result.stages[1]?.taken).toBeGreaterThan(880);
    expect(result.stages[1]?.taken).toBeLessThan(1_080);
  });

  test('is the same with the same seed, in one go or in pieces, and another with another', () => {
    const chances = { failTrial: 0.01, silent: 0.05, networkFail: 0.1 };
    const first = run(chances);
    expect(run(chances)).toEqual(first);
    expect(run({ ...chances, seed: 8 })).not.toEqual(first);
    const rehearsal = new Rehearsal(options(chances));
    let result: RehearsalResult | undefined;
    while (result === undefined) result = rehearsal.advance(17);
    expect(result).toEqual(first);
  });

  test('hurts no more devices than may be in flight, where the first failure halts', () => {
    const gate = { min_confirmed: 5, max_failed: 0 };
    const hurt = Array.from({ length: 10 }, (_, seed) => {
      const paced = run({ stages: [stage({ promotion: 'auto', gate, max_in_flight: 5 })], failTrial: 1, seed });
      expect(paced.outcome).toBe('halted');
      return paced.hurt;
    });
    expect(Math.max(...hurt)).toBeLessThanOrEqual(5);
    expect(run({ stages: [stage({ promotion: 'auto', gate })], failTrial: 1 }).hurt).toBeGreaterThan(5);
  });

  test('takes as long as the offers of a minute allow', () => {
    const quick = run({ stages: [stage({ gate: { min_confirmed: 300 } })] });
    const paced = run({ stages: [stage({ gate: { min_confirmed: 300 }, max_offers_per_minute: 5 })] });
    expect(paced).toMatchObject({ outcome: 'complete', updated: 300 });
    expect(paced.ended_after_s).toBeGreaterThanOrEqual(59 * 60);
    expect(quick.ended_after_s).toBeLessThan(30 * 60);
  });

  test('refuses a label that more should wear than there are', () => {
    expect(() => run({ devices: 5, labelled: new Map([['pilot', 6]]) })).toThrow('6 of 5 devices cannot wear pilot');
  });

  test('counts silent devices when their time is up, not before', () => {
    const result = run({ stages: [stage()], silent: 1, devices: 100 });
    const patienceMs = result.ended_after_s * 1000;
    expect(result.stages[0]?.silent).toBe(result.stages[0]?.taken);
    const offer = { state: 'offered', sinceMs: 0, seenAtMs: 0, silenceMs: SILENT_POLLS * POLL_S * 1000 } as const;
    expect(isOverdue({ ...offer, sizeBytes: 1_000_000, isDeviceLocal: false }, [], patienceMs)).toBe(true);
    expect(result.ended_after_s).toBeGreaterThan(SILENT_POLLS * POLL_S);
  });
});

describe('the parts of a simulation', () => {
  test('the queue gives its events in their order', () => {
    const event = fc.record({ atMs: fc.nat(50), device: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.nat(60), (events, takenFirst) => {
        const queue = new EventQueue();
        for (const one of events) queue.add(one);
        const taken = Array.from({ length: Math.min(takenFirst, events.length) }, () => queue.take());
        for (const one of taken) if (one !== undefined) queue.add(one);
        const sorted = events.toSorted((left, right) => left.atMs - right.atMs || left.device - right.device);
        expect(queue.nextAtMs).toBe(sorted[0]?.atMs ?? Number.POSITIVE_INFINITY);
        expect(Array.from({ length: events.length + 1 }, () => queue.take())).toEqual([...sorted, undefined]);
      }),
    );
  });

  test('the running count of a stage is that of all its attempts together', () => {
    const states = ['offered', 'installing', 'trial', 'confirmed', 'failed', 'rolled_back', 'timed_out'] as const;
    const change = fc.record({
      device: fc.nat(4),
      id: fc.nat(9),
      state: fc.constantFrom<AssignmentState>(...states),
      cause: fc.constantFrom('crash', 'connection_lost', undefined),
      firmwareId: fc.constantFrom(1, 1, 2),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.nat(60), (changes, acknowledgedAtMs) => {
        const count = new StageCount(undefined, 1);
        const attempts = new Map<number, Attempt & { readonly device: number }>();
        for (const [atMs, { device, id: number, state, cause, firmwareId }] of changes.entries()) {
          const id = device * 10 + number;
          const attempt = attemptOf(id, { state, cause, firmwareId, atMs });
          count.note(device, attempt, attempts.get(id));
          attempts.set(id, { ...attempt, device });
        }
        count.acknowledge(acknowledgedAtMs);
        const ended = [...attempts.values()].filter(
          ({ progress }) => !/offered|installing|^trial/.test(progress.state),
        );
        const latest = [...Map.groupBy(ended, ({ device }) => device).values()].map((ofDevice) =>
          ofDevice.reduce((last, one) => (one.id > last.id ? one : last)),
        );
        const answers = latest.map(({ progress, updatedAtMs, firmwareId }) => ({
          state: progress.state,
          cause: progress.errorCode,
          isOwnFirmware: firmwareId === 1,
          isAcknowledged: updatedAtMs <= acknowledgedAtMs,
          devices: 1,
        }));
        // An attempt never goes from an end back to open, so only those that ended last are compared.
        fc.pre(changes.every(({ device, id, state }, at) => !isBack(changes.slice(0, at), device * 10 + id, state)));
        expect(count.answers).toEqual(sumAnswers({}, answers));
        expect(count.open).toBe(attempts.size - ended.length);
        expect(count.taken).toBe(new Set(changes.map(({ device }) => device)).size);
      }),
    );
  });
});

function isBack(
  before: readonly { readonly device: number; readonly id: number; readonly state: AssignmentState }[],
  id: number,
  state: AssignmentState,
): boolean {
  const isOpen = /offered|installing|^trial/.test(state);
  return (
    isOpen && before.some((one) => one.device * 10 + one.id === id && !/offered|installing|^trial/.test(one.state))
  );
}

function attemptOf(
  id: number,
  of: {
    readonly state: AssignmentState;
    readonly cause: string | undefined;
    readonly firmwareId: number;
    readonly atMs: number;
  },
): Attempt {
  return {
    id,
    rolloutId: 1,
    firmwareId: of.firmwareId,
    version: '1.5.0',
    image: { id: 1, chip: 'esp32', sizeBytes: 1, sha256: '', elfSha256: undefined, appendedSha256: undefined },
    isRollback: false,
    progress: { ...startOf({ leftBefore: false }), state: of.state, errorCode: of.cause },
    updatedAtMs: of.atMs,
  };
}
