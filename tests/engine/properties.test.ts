// What holds in every history: boards that ask, report, crash and fall silent in any order, and operators that pause, promote,
// label and block in between. The engine of the simulation keeps what the server's pure rules return; the promises are written
// here a second time, without those rules.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findDeviceError } from '#protocol/device-errors.ts';
import type { Gate, Plan } from '#protocol/plan.ts';
import type { Progress } from '#engine/assignment/assignment.ts';
import { bucketOf } from '#engine/facts/bucket.ts';
import type { Decision } from '#engine/decision/decide.ts';
import { membership } from '#engine/decision/target.ts';
import { LASTING } from '#simulator/rehearsal/boards.ts';
import { Engine, type StageState } from '#simulator/rehearsal/engine.ts';
import { device as someDevice, firmware, label, NOW_MS, rollout } from './sample-facts.ts';

const DEVICES = 12;
const BUILD = firmware('1.1.0');
const POLL_S = 600;
const RUNS = { numRuns: 2_500 };

const gate: fc.Arbitrary<Gate> = fc
  .record({
    min_confirmed: fc.constantFrom(1, 2, 3),
    max_failed: fc.constantFrom(0, 1, undefined),
    max_failed_pct: fc.constantFrom(0, 30, undefined),
    max_silent_pct: fc.constantFrom(0, 50, undefined),
    soak_s: fc.constantFrom(0, 600, undefined),
  })
  .map((members) => given(members));
const limit = fc.constantFrom(1, 2, 5, undefined, undefined);
const pace = fc.record({ max_in_flight: limit, max_offers_per_minute: limit }).map((members) => given(members));
const few = fc.constantFrom(10, 40);
const plan: fc.Arbitrary<Plan['stages']> = fc.tuple(gate, gate, gate, pace, few).map(([a, b, c, paced, share]) => [
  { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'auto', gate: a, ...paced },
  { name: 'few', label: 'general', percentage: share, promotion: 'auto', gate: b },
  { name: 'all', label: 'general', percentage: 100, promotion: 'auto', gate: c, ...paced },
]);

const CAUSES = [
  'crash',
  'self_test',
  'power',
  'connection_lost',
  'http_status',
  'of_a_newer_client',
  undefined,
] as const;
const STATUSES = ['downloading', 'downloaded', 'installing', 'confirmed', 'failed', 'rolled_back', 'rejected'] as const;
const device = fc.nat(DEVICES - 1);
const cause = fc.constantFrom(...CAUSES);
type Action =
  | { readonly do: 'ask' | 'boot' | 'update'; readonly device: number }
  | { readonly do: 'fall_back'; readonly device: number; readonly cause: (typeof CAUSES)[number] }
  | {
      readonly do: 'report';
      readonly device: number;
      readonly status: (typeof STATUSES)[number];
      readonly cause: (typeof CAUSES)[number];
    }
  | { readonly do: 'label'; readonly device: number; readonly on: boolean }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'command'; readonly command: 'promote' | 'pause' | 'resume' | 'halt' | 'abort' }
  | { readonly do: 'block' };
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 36, arbitrary: fc.record({ do: fc.constant('ask' as const), device }) },
  {
    weight: 30,
    arbitrary: fc.record({ do: fc.constantFrom('boot' as const, 'update' as const, 'update' as const), device }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('fall_back' as const), device, cause }) },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('report' as const), device, status: fc.constantFrom(...STATUSES), cause }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('label' as const), device, on: fc.boolean() }) },
  {
    weight: 24,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(0, 5, 60, 600, 3_000, 30_000) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('command' as const),
      command: fc.constantFrom('promote', 'promote', 'pause', 'pause', 'resume', 'resume', 'resume', 'halt', 'abort'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'block' as const }) },
);
const history = fc.array(action, { minLength: 20, maxLength: 120, size: 'max' });

/** Without the members that are undefined. */
function given<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return JSON.parse(JSON.stringify(members));
}

interface TestBoard {
  runs: '1.0.0' | '1.1.0';
  onTrial: boolean;
  leftFor: string | undefined;
  labelledAtMs: number | undefined;
  assignmentId: number | undefined;
}

/** An engine with boards that do what they are told, whether a real board would do it or not. */
const NOBODY_LEFT = 'every device of the stage runs the build already';

class World {
  readonly engine: Engine;
  readonly boards: readonly TestBoard[];
  readonly seed: number;
  nowMs = NOW_MS;
  isBlocked = false;
  /** When each new offer was made. */
  readonly offeredAtMs: number[] = [];

  constructor(stages: Plan['stages'], seed: number) {
    this.seed = seed;
    this.boards = Array.from({ length: DEVICES }, (_, index) => ({
      runs: '1.0.0',
      onTrial: false,
      leftFor: undefined,
      labelledAtMs: index < 3 ? NOW_MS - 1 : undefined,
      assignmentId: undefined,
    }));
    this.engine = new Engine({
      stages,
      firmware: BUILD,
      seed,
      pollIntervalS: POLL_S,
      devices: this.boards.map((_, index) => ({ mac: macOf(index), labels: this.labelsOf(index) })),
      lastSeenAtMs: (_, nowMs) => nowMs,
    });
    this.engine.command('start', 'person', '', this.nowMs);
  }

  board(index: number): TestBoard {
    const board = this.boards[index];
    if (board === undefined) throw new Error(`there is no board ${index}`);
    return board;
  }

  labelsOf(index: number) {
    const { labelledAtMs } = this.board(index);
    return labelledAtMs === undefined ? [] : [label('pilot', labelledAtMs)];
  }

  ask(index: number): Decision {
    const board = this.board(index);
    const before = this.engine.attemptsOf(index).length;
    const { decision, assignmentId } = this.engine.checkIn(
      index,
      {
        version: board.runs,
        imageSha256: undefined,
        onTrial: board.onTrial,
        rolledBackFrom: board.leftFor === undefined ? undefined : BUILD.version,
        bootReason: board.leftFor,
      },
      this.nowMs,
    );
    board.assignmentId = assignmentId ?? board.assignmentId;
    if (this.engine.attemptsOf(index).length > before) this.offeredAtMs.push(this.nowMs);
    return decision;
  }

  /** Answers what the board was told, where it asked. */
  act(next: Action): Decision | undefined {
    switch (next.do) {
      case 'ask':
        return this.ask(next.device);
      case 'boot':
      case 'update': {
        const board = this.board(next.device);
        if (board.assignmentId === undefined) return this.ask(next.device);
        Object.assign(board, { runs: '1.1.0', onTrial: next.do === 'boot', leftFor: undefined });
        return this.ask(next.device);
      }
      case 'fall_back': {
        const board = this.board(next.device);
        if (board.runs === '1.0.0') return undefined;
        Object.assign(board, { runs: '1.0.0', onTrial: false, leftFor: next.cause ?? 'panic' });
        return this.ask(next.device);
      }
      case 'report': {
        const { assignmentId } = this.board(next.device);
        if (assignmentId !== undefined)
          this.engine.report({ assignmentId, status: next.status, errorCode: next.cause }, this.nowMs);
        return undefined;
      }
      case 'label':
        this.board(next.device).labelledAtMs = next.on ? this.nowMs : undefined;
        this.engine.label(next.device, this.labelsOf(next.device));
        return undefined;
      case 'wait':
        this.nowMs += next.seconds * 1000;
        this.engine.tick(this.nowMs);
        return undefined;
      case 'command':
        this.engine.command(next.command, 'person', 'somebody wants it', this.nowMs);
        return undefined;
      case 'block':
        this.isBlocked = true;
        this.engine.block(this.nowMs);
        return undefined;
      default:
        return next satisfies never;
    }
  }
}

test('an offer keeps to plan, percentage and status, and no board gets a build that it left', () => {
  const seen = { offers: 0, held: 0, afterFailure: 0, paced: 0 };
  fc.assert(
    fc.property(plan, fc.nat(1_000), history, (stages, seed, actions) => {
      const world = new World(stages, seed);
      for (const next of actions) {
        const { status } = world.engine;
        const failures = 'device' in next ? failuresOf(world, next.device) : [];
        const { length: offersBefore } = world.offeredAtMs;
        const decision = world.act(next);
        if (decision === undefined || !('device' in next)) continue;
        if (decision.outcome === 'hold') {
          seen.held += 1;
          continue;
        }
        seen.offers += 1;
        seen.afterFailure += Number(failures.length > 0);
        expect(brokenPromises(world, next.device, status)).toEqual([]);
        if (world.offeredAtMs.length > offersBefore && status === 'running') {
          seen.paced += 1;
          expect(brokenLimits(world)).toEqual([]);
        }
      }
    }),
    RUNS,
  );
  expect(seen.offers).toBeGreaterThan(RUNS.numRuns);
  expect(seen.held).toBeGreaterThan(RUNS.numRuns);
  expect(seen.paced).toBeGreaterThan(RUNS.numRuns);
  expect(seen.afterFailure, 'otherwise nothing is said of boards on which it failed').toBeGreaterThan(5);
});

test('a stage opens by itself only when its gate has passed, as a second count of all boards says', () => {
  let opened = 0;
  fc.assert(
    fc.property(plan, fc.nat(1_000), history, (stages, seed, actions) => {
      const world = new World(stages, seed);
      let acknowledgedAtMs = Number.NEGATIVE_INFINITY;
      for (const next of actions) {
        const before = world.engine.happenings.length;
        const statusBefore = world.engine.status;
        const from = world.engine.openStage;
        world.act(next);
        if (statusBefore === 'halted' && isRunning(world)) acknowledgedAtMs = world.nowMs;
        const promoted = world.engine.happenings
          .slice(before)
          .some(({ what, actor }) => what === 'promote' && actor === 'gate');
        if (!promoted || from === undefined) continue;
        if (world.engine.happenings.at(-1)?.reason === NOBODY_LEFT) {
          expect(from.plan).not.toBe(stages[0]);
          expect(needing(world, from)).toEqual([]);
          continue;
        }
        opened += 1;
        expect(brokenConditions(world, from.plan, acknowledgedAtMs)).toEqual([]);
        const soakS = from.plan.gate?.soak_s ?? 0;
        expect(world.nowMs - (from.sampleReachedAtMs ?? Number.NaN)).toBeGreaterThanOrEqual(soakS * 1000);
      }
    }),
    RUNS,
  );
  expect(opened).toBeGreaterThan(50);
});

test('the same reports in any order leave the same attempts and the same counts', () => {
  const report = fc.record({ device, status: fc.constantFrom(...STATUSES), cause });
  const reports = fc.array(report, { minLength: 2, maxLength: 20 });
  const orders = reports.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(orders, (lists) => {
      const [left, right] = lists.map((list) => {
        const world = new World([{ name: 'all', label: 'general', percentage: 100, promotion: 'manual' }], 1);
        for (let index = 0; index < DEVICES; index += 1) world.ask(index);
        for (const one of list) world.act({ do: 'report', ...one });
        for (let index = 0; index < DEVICES; index += 1) world.ask(index);
        return {
          attempts: world.boards.map((_, index) => world.engine.attemptsOf(index)),
          counts: world.engine.stages.map(({ count }) => [count.answers, count.open]),
        };
      });
      expect(left).toEqual(right);
    }),
    RUNS,
  );
});

test('opening a stage takes nobody out of the rollout', () => {
  const share = fc.integer({ min: 1, max: 100 });
  const stage = fc.record({
    id: fc.constant(1),
    soakMs: fc.constant(0),
    label: fc.constantFrom('general', 'pilot', 'shop'),
    percentage: share,
  });
  let grown = 0;
  fc.assert(
    fc.property(
      fc.array(stage, { minLength: 1, maxLength: 4 }),
      stage,
      fc.nat(),
      fc.nat(255),
      (opened, next, seed, last) => {
        const facts = { ...someDevice, mac: macOf(last), labels: [label('pilot')] };
        const before = membership(rollout('1.1.0', { seed, opened }), facts);
        const after = membership(rollout('1.1.0', { seed, opened: [...opened, next] }), facts);
        const wider = membership(
          rollout('1.1.0', {
            seed,
            opened: opened.map((one) => ({ ...one, percentage: Math.min(100, one.percentage + 7) })),
          }),
          facts,
        );
        if (before === 'member') expect([after, wider]).toEqual(['member', 'member']);
        else grown += Number(after === 'member');
      },
    ),
    { numRuns: 3_000 },
  );
  expect(grown).toBeGreaterThan(100);
});

test('a board that sleeps in a simulation would be told the same again', () => {
  let slept = 0;
  fc.assert(
    fc.property(plan, fc.nat(1_000), history, fc.nat(10 ** 9), (stages, seed, actions, laterMs) => {
      const world = new World(stages, seed);
      for (const next of actions) world.act(next);
      for (const index of world.boards.keys()) {
        const { revision } = world.engine;
        const first = world.ask(index);
        if (world.engine.revision !== revision) continue;
        if (first.outcome !== 'hold' || !LASTING.has(first.reason)) continue;
        slept += 1;
        world.nowMs += laterMs;
        expect(world.ask(index)).toEqual(first);
        expect(world.engine.revision).toBe(revision);
        world.nowMs -= laterMs;
      }
    }),
    { numRuns: 300 },
  );
  expect(slept).toBeGreaterThan(1_000);
});

/** The promises of an offer in a rollout, written without the rules: those that this one breaks. */
function brokenPromises({ engine, seed, boards, isBlocked }: World, index: number, status: string): readonly string[] {
  const opened = engine.stages.filter(({ openedAtMs }) => openedAtMs !== undefined);
  const openedAtMs = opened.at(-1)?.openedAtMs ?? Number.NaN;
  const { labelledAtMs } = boards[index] ?? { labelledAtMs: undefined };
  const isMember = opened.some(
    ({ plan: { label: name, percentage } }) =>
      (name === 'general' || (labelledAtMs !== undefined && labelledAtMs <= openedAtMs)) &&
      bucketOf(seed, macOf(index)) < percentage * 100,
  );
  const failures = engine
    .attemptsOf(index)
    .filter(({ progress: { state } }) => state === 'failed' || state === 'rolled_back')
    .map(({ progress }) => weightOf(progress));
  const open = engine
    .attemptsOf(index)
    .filter(({ progress: { state } }) => /^(offered|download|installing|trial)/.test(state));
  const promises = {
    'a rollout that runs or has completed': status === 'running' || status === 'complete',
    'a build that is not blocked': !isBlocked,
    'a member of an opened stage': isMember || status === 'complete',
    'no proof against it here': !failures.includes('proof'),
    'not failed here three times': failures.filter((weight) => weight === 'strike').length < 3,
    'one offer at a time': open.length <= 1,
  };
  return Object.entries(promises).flatMap(([promise, isKept]) => (isKept ? [] : [promise]));
}

/** The limits of the open stage that the offer which was just made goes beyond. */
function brokenLimits({ engine, boards, offeredAtMs, nowMs }: World): readonly string[] {
  const { max_in_flight: inFlight, max_offers_per_minute: perMinute } = engine.openStage?.plan ?? {};
  const states = boards.flatMap((_, index) => engine.attemptsOf(index).map(({ progress }) => progress.state));
  const open = states.filter((state) => /^(offered|download|installing|trial)/.test(state)).length;
  const inLastMinute = offeredAtMs.filter((atMs) => atMs > nowMs - 60_000).length;
  return [
    ...(open <= (inFlight ?? DEVICES) ? [] : [`${open} of ${inFlight} in flight`]),
    ...(inLastMinute <= (perMinute ?? Infinity) ? [] : [`${inLastMinute} of ${perMinute} in a minute`]),
  ];
}

/** The conditions of a gate, counted anew from all attempts of all boards: those that do not hold. */
function brokenConditions(
  { engine, boards }: World,
  stage: Plan['stages'][number],
  acknowledgedAtMs: number,
): readonly string[] {
  const asked = stage.gate;
  const latest = boards.flatMap((_, index) => {
    const ended = engine
      .attemptsOf(index)
      .filter(({ id }) => engine.stageOf(id) === stage.name)
      .filter(({ progress: { state } }) => /^(confirmed|failed|rolled_back|rejected|timed_out)$/.test(state));
    return ended.slice(-1);
  });
  const confirmed = latest.filter(({ progress }) => progress.state === 'confirmed').length;
  const silent = latest.filter(({ progress }) => progress.state === 'timed_out').length;
  const failed = latest.filter(
    ({ progress, updatedAtMs }) =>
      /^(failed|rolled_back|rejected)$/.test(progress.state) &&
      faultOf(progress.errorCode ?? progress.bootCause) === 'firmware' &&
      updatedAtMs > acknowledgedAtMs,
  ).length;
  const answered = latest.length - silent;
  const conditions = {
    'somebody confirmed': confirmed >= 1,
    'not more failures than max_failed': failed <= (asked?.max_failed ?? DEVICES),
    'no larger share of failures than max_failed_pct': failed * 100 <= (asked?.max_failed_pct ?? 100) * answered,
    'no larger share of silence than max_silent_pct': silent * 100 <= (asked?.max_silent_pct ?? 100) * latest.length,
  };
  return Object.entries(conditions).flatMap(([condition, holds]) => (holds ? [] : [condition]));
}

/** Boards of the stage that do not run the build, and have not shown that they cannot. */
function needing({ engine, boards, seed }: World, { plan: stage, openedAtMs = 0 }: StageState): readonly number[] {
  return boards.flatMap(({ runs, labelledAtMs = Number.POSITIVE_INFINITY }, index) => {
    const isIn = stage.label === 'general' || labelledAtMs <= openedAtMs;
    const isTaken = isIn && bucketOf(seed, macOf(index)) < stage.percentage * 100;
    const hasFailed = engine
      .attemptsOf(index)
      .some(({ progress: { state } }) => /^(rolled_back|rejected|timed_out)$/.test(state));
    return isTaken && runs !== BUILD.version && !hasFailed ? [index] : [];
  });
}

function isRunning({ engine }: World): boolean {
  return engine.status === 'running';
}

function failuresOf({ engine }: World, index: number) {
  return engine.attemptsOf(index).filter(({ progress: { state } }) => state === 'failed' || state === 'rolled_back');
}

/** A cause that nobody knows is proof where the board itself says that it came back. */
function weightOf({ state, errorCode, bootCause, saidItLeft }: Progress): string {
  const unknown = state === 'rolled_back' && saidItLeft ? 'proof' : 'strike';
  return findDeviceError(errorCode ?? bootCause ?? '')?.weight ?? unknown;
}

function faultOf(name: string | undefined): string {
  return findDeviceError(name ?? '')?.fault ?? 'firmware';
}

function macOf(index: number): string {
  return `24:6f:28:00:00:${index.toString(16).padStart(2, '0')}`;
}
