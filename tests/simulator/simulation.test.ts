// A rollout in virtual time: how it ends, what it counts, and that it repeats itself.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SILENT_POLLS } from '#protocol/limits.ts';
import type { Plan } from '#protocol/admin/plan.ts';
import { startOf } from '#engine/assignment/assignment.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { Assignment } from '#engine/decision/plan-check-in.ts';
import { startWatch } from '#engine/outcome/watch.ts';
import type { BoardGroup } from '#engine/stage/counts.ts';
import type { BuildFault } from '#simulator/device/faults.ts';
import { Assignments } from '#simulator/simulation/server/assignments.ts';
import { EventQueue } from '#simulator/simulation/event-queue.ts';
import { NO_SURROUNDINGS } from '#simulator/simulation/boards/fate.ts';
import type { SimulationResult } from '#simulator/simulation/result.ts';
import { simulate, Simulation, type SimulationOptions } from '#simulator/simulation/simulation.ts';
import { StageBoards } from '#simulator/simulation/server/stage-boards.ts';
import { PLANS } from './grid.ts';

const POLL_S = 600;
const HOUR_S = 3_600;

function options(change: Partial<SimulationOptions> = {}): SimulationOptions {
  return {
    plan: PLANS.careful,
    version: '1.5.0',
    devices: 300,
    seed: 7,
    faults: [],
    badChipShare: undefined,
    surroundings: NO_SURROUNDINGS,
    silent: 0,
    networkFail: 0,
    pollIntervalS: POLL_S,
    imageBytes: 1_000_000,
    bytesPerS: 50_000,
    labelled: new Map(),
    ...change,
  };
}

function run(change: Partial<SimulationOptions> = {}): SimulationResult {
  return simulate(options(change));
}

function bad(kind: BuildFault['kind'], share = 1, delayS?: number): readonly BuildFault[] {
  return [delayS === undefined ? { kind, share } : { kind, share, delayMs: delayS * 1000 }];
}

function stage(change: Partial<Plan['stages'][number]> = {}): Plan['stages'][number] {
  return { name: 'all', label: 'general', percentage: 100, promotion: 'manual', ...change };
}

function planOf(...stages: Plan['stages']) {
  return { stages };
}

const TWENTY_PILOTS = new Map([['pilot', 20]]);

describe('a simulated rollout', () => {
  test('of a good build opens every stage after the soak of the one before, and completes', () => {
    const result = run();
    expect(result).toMatchObject({
      outcome: 'complete',
      updated: 300,
      affected: 0,
      stage: 'everyone',
      halted_in: null,
    });
    expect(result.timeline.map(({ what }) => what)).toEqual(['start', 'promote', 'promote', 'promote', 'promote']);
    const openedAfterS = result.timeline.map(({ after_s }) => after_s);
    for (const [index, atS] of openedAfterS.entries())
      if (index > 0) expect(atS - (openedAfterS[index - 1] ?? 0)).toBeGreaterThanOrEqual(HOUR_S);
    expect(result.stages.reduce((sum, { outcomes }) => sum + outcomes.healthy, 0)).toBe(300);
  });

  test('of a bad build halts in the pilot and harms nobody else', () => {
    const result = run({ faults: bad('fails_trial'), labelled: TWENTY_PILOTS });
    expect(result).toMatchObject({ outcome: 'halted', stage: 'pilot', updated: 0, halted_in: 'pilot' });
    expect(result.timeline.at(-1)).toMatchObject({
      what: 'halt',
      text: 'halted: the gate of stage pilot failed: 1 failed, at most 0 may',
      counts: { failed: 1 },
    });
    expect(
      result.stages.slice(1).every(({ opened_after_s, exposed }) => opened_after_s === null && exposed === 0),
    ).toBe(true);
    expect(result.affected).toBeGreaterThanOrEqual(1);
    expect(result.affected).toBeLessThanOrEqual(20);
    expect(result.stages[0]?.affected).toBe(result.affected);
    expect(result.ended_after_s % 60, 'with the report, not with the tick of a minute').not.toBe(0);
  });

  test.each([
    ['goes_back', undefined, 'max_failed'],
    ['goes_back', 600, 'max_failed'],
    ['goes_back_silently', undefined, 'max_failed'],
    ['goes_back_silently', 600, 'max_failed'],
    ['hangs_on_trial', undefined, 'max_failed'],
    ['crash_loops', 600, 'max_failed'],
    ['bricks', undefined, 'max_lost'],
    ['dies', 600, 'max_lost'],
  ] as const)('of a build that %s after %s s halts in the pilot by %s', (kind, delayS, condition) => {
    const result = run({ faults: bad(kind, 1, delayS), labelled: TWENTY_PILOTS });
    expect(result).toMatchObject({ outcome: 'halted', halted_in: 'pilot', gate: 'pilot', condition });
    expect(result.exposed).toBeLessThanOrEqual(20);
  });

  test('is halted for a stage that has passed, and takes its boards back', () => {
    const result = run({ faults: bad('crash_loops', 1, 2 * HOUR_S), labelled: TWENTY_PILOTS });
    expect(result).toMatchObject({ outcome: 'halted', gate: 'pilot', condition: 'max_failed', updated: 0 });
    expect(result.halted_in).not.toBe('pilot');
    expect(result.affected).toBeLessThan(result.exposed);
  });

  test('that was complete regresses in its watch, and is left to people', () => {
    const plan = planOf(stage({ promotion: 'auto', gate: { min_confirmed: 5, max_failed_pct: 10, soak_s: 600 } }));
    const result = run({ plan, faults: bad('crash_loops', 0.5, 6 * HOUR_S) });
    expect(result).toMatchObject({ outcome: 'regressed', halted_in: 'watch', gate: 'all', updated: 300 });
    const later = run({ plan: { ...plan, watch_s: HOUR_S }, faults: bad('crash_loops', 0.5, 6 * HOUR_S) });
    expect(later).toMatchObject({ outcome: 'complete', halted_in: null });
  });

  test('is not halted by an outage, which it says that it waits for', () => {
    const outage = { share: 0.3, startS: HOUR_S, lengthS: HOUR_S };
    const result = run({ surroundings: { ...NO_SURROUNDINGS, outage } });
    expect(result).toMatchObject({ outcome: 'complete', updated: 300 });
    expect(result.ended_after_s).toBeGreaterThan(run().ended_after_s);
  });

  test('waits for boards that sleep, and for no longer than they do', () => {
    const result = run({ surroundings: { ...NO_SURROUNDINGS, sleepers: 0.2, sleepS: 6 * HOUR_S } });
    expect(result).toMatchObject({ outcome: 'complete', updated: 300 });
    expect(result.ended_after_s).toBeGreaterThan(2 * run().ended_after_s);
    expect(result.ended_after_s).toBeLessThan(4 * 13 * HOUR_S);
  });

  test('waits, and says for what, where too many are silent', () => {
    const result = run({ silent: 0.8, labelled: new Map([['pilot', 60]]) });
    expect(result).toMatchObject({ outcome: 'stuck', stage: 'pilot', affected: 0 });
    expect(result.summary).toMatch(/\d+ of \d+ are silent, at most 20 % may be/);
    expect(result.ended_after_s).toBeLessThan(2 * 86_400);
  });

  test('does not halt for the network, and takes longer', () => {
    const broken = run({ networkFail: 0.5 });
    expect(broken).toMatchObject({ outcome: 'complete', affected: 0, updated: 300 });
    expect(broken.ended_after_s).toBeGreaterThan(run().ended_after_s);
  });

  test('halts for the network where the gate counts that', () => {
    const gate = { min_confirmed: 5, max_failed: 3, fault_classes: ['network' as const] };
    const plan = planOf(stage({ promotion: 'auto', gate }));
    expect(run({ networkFail: 0.5, plan })).toMatchObject({ outcome: 'halted', affected: 0 });
  });

  test('is promoted where a person would do it: when the gate passed, or when nothing more happens', () => {
    const gated = run({ plan: planOf(stage({ name: 'a', gate: { min_confirmed: 5 } }), stage({ name: 'b' })) });
    expect(gated.outcome).toBe('complete');
    const people = gated.timeline.filter(({ actor, what }) => actor === 'person' && what === 'promote');
    expect(people.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^a person would promote \(\d+ of \d+ healthy, .*: stage b opens, 300 devices so far$/),
      expect.stringMatching(/^a person would promote \(\d+ run the build, nothing more happens\): complete$/),
    ]);
    expect(run({ plan: planOf(stage()), faults: bad('fails_trial') })).toMatchObject({ outcome: 'stuck', updated: 0 });
  });

  test('takes as many devices as have the label, and as the percentage says', () => {
    const plan = planOf(stage({ name: 'shops', label: 'shop' }), stage({ name: 'half', percentage: 50 }));
    const result = run({ plan, devices: 2_000, labelled: new Map([['shop', 37]]) });
    expect(result.stages[0]).toMatchObject({ exposed: 37, outcomes: { targeted: 37, healthy: 37 } });
    expect(result.stages[1]?.exposed).toBeGreaterThan(880);
    expect(result.stages[1]?.exposed).toBeLessThan(1_080);
  });

  test('harms boards of the bad chip alone', () => {
    const plan = planOf(stage({ promotion: 'auto', gate: { min_confirmed: 300 } }));
    const result = run({ plan, faults: bad('fails_trial'), badChipShare: 0.1 });
    expect(result.affected).toBeGreaterThan(10);
    expect(result.affected).toBe(result.devices - result.updated);
    expect(result.affected).toBeLessThan(60);
  });

  test('is the same with the same seed, in one go or in pieces, and another with another', () => {
    const chances = { faults: bad('fails_trial', 0.01), silent: 0.05, networkFail: 0.1 };
    const first = run(chances);
    expect(run(chances)).toEqual(first);
    expect(run({ ...chances, seed: 8 })).not.toEqual(first);
    const simulation = new Simulation(options(chances));
    let result: SimulationResult | undefined;
    while (result === undefined) result = simulation.advance(17);
    expect(result).toEqual(first);
  });

  test('harms no more devices than may be in flight, where the first failure halts', () => {
    const gate = { min_confirmed: 5, max_failed: 0 };
    const faults = bad('fails_trial');
    const affected = Array.from({ length: 10 }, (_, seed) => {
      const paced = run({ plan: planOf(stage({ promotion: 'auto', gate, max_in_flight: 5 })), faults, seed });
      expect(paced.outcome).toBe('halted');
      return paced.affected;
    });
    expect(Math.max(...affected)).toBeLessThanOrEqual(5);
    expect(run({ plan: planOf(stage({ promotion: 'auto', gate })), faults }).affected).toBeGreaterThan(5);
  });

  test('takes as long as the offers of a minute allow', () => {
    const quick = run({ plan: planOf(stage({ gate: { min_confirmed: 300 } })) });
    const paced = run({ plan: planOf(stage({ gate: { min_confirmed: 300 }, max_offers_per_minute: 5 })) });
    expect(paced).toMatchObject({ outcome: 'complete', updated: 300 });
    expect(paced.ended_after_s).toBeGreaterThanOrEqual(59 * 60);
    expect(quick.ended_after_s).toBeLessThan(30 * 60);
  });

  test('refuses a label that more should have than there are', () => {
    expect(() => run({ devices: 5, labelled: new Map([['pilot', 6]]) })).toThrow(
      '6 of 5 devices cannot have label pilot',
    );
  });

  test('counts silent devices when their time is up, not before', () => {
    const result = run({ plan: planOf(stage()), silent: 1, devices: 100 });
    expect(result).toMatchObject({ outcome: 'stuck', exposed: 0 });
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
        const expected = events.toSorted((left, right) => left.atMs - right.atMs || left.device - right.device);
        expect(queue.nextAtMs).toBe(expected[0]?.atMs ?? Number.POSITIVE_INFINITY);
        expect(Array.from({ length: events.length + 1 }, () => queue.take())).toEqual([...expected, undefined]);
      }),
    );
  });

  test('the running count of a stage is that of the latest assignments of its boards together', () => {
    const states = ['offered', 'installing', 'trial', 'confirmed', 'failed', 'rolled_back', 'timed_out'] as const;
    const change = fc.record({
      device: fc.nat(4),
      isNew: fc.boolean(),
      stage: fc.nat(1),
      state: fc.constantFrom<AssignmentState>(...states),
      isLost: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const stages = [new StageBoards(), new StageBoards()];
        const assignments = new Assignments(stages, 5);
        const places = new Map<number, number>();
        for (const [atMs, { device, isNew, stage: at, ...of }] of changes.entries()) {
          const latest = assignments.latestOf(device);
          if (isNew || latest === undefined) {
            assignments.add({ device, stage: at }, attemptOf({ ...of, atMs }));
            places.set(device, at);
          } else assignments.save({ ...attemptOf({ ...of, atMs }), id: latest.id });
        }
        for (const [at, boards] of stages.entries()) {
          const once = new StageBoards();
          for (const [device, place] of places) {
            const latest = assignments.latestOf(device);
            if (place === at && latest !== undefined) once.note(device, latest);
          }
          expect(inOrder(boards.groups)).toEqual(inOrder(once.groups));
        }
      }),
    );
  });
});

function inOrder(groups: readonly BoardGroup[]): readonly string[] {
  return groups.map((group) => JSON.stringify(group)).toSorted();
}

function attemptOf(of: {
  readonly state: AssignmentState;
  readonly isLost: boolean;
  readonly atMs: number;
}): Omit<Assignment, 'id'> {
  const start = startWatch({ fromVersion: '1.4.0', notCounted: undefined, isOnTheWay: false }, undefined);
  return {
    rolloutId: 1,
    firmwareId: 1,
    version: '1.5.0',
    image: {
      id: 1,
      chip: 'esp32',
      sizeBytes: 1,
      sha256: '',
      elfSha256: undefined,
      appendedSha256: undefined,
      signedBy: [],
      signatureEndsAtMs: undefined,
      minChipRevision: 0,
      maxChipRevision: undefined,
      flashBytes: undefined,
    },
    isRollback: false,
    progress: { ...startOf({ leftBefore: false }), state: of.state },
    offeredAtMs: of.atMs,
    updatedAtMs: of.atMs,
    watch: { ...start, exposedAtMs: of.atMs, lostAtMs: of.isLost ? of.atMs : undefined },
    downloads: 0,
    soakMs: 0,
    usualCrashesPerHour: undefined,
  };
}
