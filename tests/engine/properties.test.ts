// What holds in every history: boards that ask, report, crash and fall silent in any order, and operators that pause, promote,
// label and block in between. The server of the simulation keeps what the server's pure rules return; the promises are written
// here a second time, without those rules.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findDeviceError } from '#protocol/device/errors.ts';
import type { Gate, Plan } from '#protocol/admin/plan.ts';
import type { Progress } from '#engine/assignment/assignment.ts';
import { bucketOf } from '#engine/facts/bucket.ts';
import type { Decision } from '#engine/decision/decide.ts';
import { membership } from '#engine/decision/target.ts';
import type { Assignment } from '#engine/decision/plan-check-in.ts';
import { LASTING } from '#simulator/simulation/boards/fleet.ts';
import type { CheckInAnswer } from '#simulator/simulation/messages.ts';
import type { StageState } from '#simulator/simulation/server/rollout-life.ts';
import { RolloutServer } from '#simulator/simulation/server/rollout-server.ts';
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

const NOBODY_LEFT = 'every board of the stage runs the build already';

/** A server with boards that do what they are told, whether a real board would do it or not. */
class World {
  readonly server: RolloutServer;
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
    this.server = new RolloutServer({
      plan: { stages },
      firmware: BUILD,
      stable: undefined,
      seed,
      pollIntervalS: POLL_S,
      devices: this.boards.map((_, index) => ({
        mac: macOf(index),
        chip: BUILD.images[0]?.chip ?? '',
        labels: this.labelsOf(index),
        presence: undefined,
      })),
      asleep: () => undefined,
    });
    this.server.command('start', 'person', '', this.nowMs);
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

  ask(index: number): CheckInAnswer {
    const board = this.board(index);
    const before = this.server.assignmentsOf(index).length;
    const answer = this.server.checkIn(
      index,
      {
        sighting: {
          version: board.runs,
          imageSha256: undefined,
          onTrial: board.onTrial,
          rolledBackFrom: board.leftFor === undefined ? undefined : BUILD.version,
        },
        bootReason: board.leftFor,
        uptimeS: undefined,
        jitterS: 0,
      },
      this.nowMs,
    );
    board.assignmentId = answer.assignmentId ?? board.assignmentId;
    if (this.server.assignmentsOf(index).length > before) this.offeredAtMs.push(this.nowMs);
    return answer;
  }

  /** Answers what the board was told, where it asked. */
  act(next: Action): Decision | undefined {
    switch (next.do) {
      case 'ask':
        return this.ask(next.device).decision;
      case 'boot':
      case 'update': {
        const board = this.board(next.device);
        if (board.assignmentId === undefined) return this.ask(next.device).decision;
        // A third of them says nothing of it, and then counts for nothing.
        if (next.device % 3 > 0)
          this.server.report({ assignmentId: board.assignmentId, status: 'installing' }, this.nowMs);
        Object.assign(board, { runs: '1.1.0', onTrial: next.do === 'boot', leftFor: undefined });
        return this.ask(next.device).decision;
      }
      case 'fall_back': {
        const board = this.board(next.device);
        if (board.runs === '1.0.0') return undefined;
        Object.assign(board, { runs: '1.0.0', onTrial: false, leftFor: next.cause ?? 'panic' });
        return this.ask(next.device).decision;
      }
      case 'report': {
        const { assignmentId } = this.board(next.device);
        if (assignmentId !== undefined)
          this.server.report({ assignmentId, status: next.status, errorCode: next.cause }, this.nowMs);
        return undefined;
      }
      case 'label':
        this.board(next.device).labelledAtMs = next.on ? this.nowMs : undefined;
        this.server.label(next.device, this.labelsOf(next.device));
        return undefined;
      case 'wait':
        this.nowMs += next.seconds * 1000;
        this.server.tick(this.nowMs);
        return undefined;
      case 'command':
        this.server.command(next.command, 'person', 'somebody wants it', this.nowMs);
        return undefined;
      case 'block':
        this.isBlocked = true;
        this.server.block(this.nowMs);
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
        const { status } = world.server;
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
        const before = world.server.timeline.length;
        const statusBefore = world.server.status;
        const from = world.server.openStage;
        world.act(next);
        if (statusBefore === 'halted' && isRunning(world)) acknowledgedAtMs = world.nowMs;
        const promoted = world.server.timeline
          .slice(before)
          .some(({ what, actor }) => what === 'promote' && actor === 'gate');
        if (!promoted || from === undefined) continue;
        if (world.server.timeline.at(-1)?.reason === NOBODY_LEFT) {
          expect(from.plan).not.toBe(stages[0]);
          expect(needing(world, from)).toEqual([]);
          continue;
        }
        opened += 1;
        for (const stage of world.server.stages) {
          if (stage.openedAtMs === undefined || (stage.openedAtMs === world.nowMs && stage !== from)) continue;
          expect(brokenConditions(world, stage, stage === from, acknowledgedAtMs)).toEqual([]);
        }
      }
    }),
    RUNS,
  );
  expect(opened).toBeGreaterThan(50);
});

test('the same reports in any order leave the same assignments and the same counts', () => {
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
          assignments: world.boards.map((_, index) => world.server.assignmentsOf(index)),
          columns: world.server.stages.map(({ plan: { name } }) => world.server.columnsOf(name)),
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
        const facts = { ...someDevice, firstName: macOf(last), labels: [label('pilot')] };
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
        const { revision } = world.server;
        const { decision: first, isAwaited } = world.ask(index);
        if (world.server.revision !== revision) continue;
        if (first.outcome !== 'hold' || !LASTING.has(first.reason) || isAwaited) continue;
        slept += 1;
        world.nowMs += laterMs;
        expect(world.ask(index).decision).toEqual(first);
        expect(world.server.revision).toBe(revision);
        world.nowMs -= laterMs;
      }
    }),
    { numRuns: 300 },
  );
  expect(slept).toBeGreaterThan(1_000);
});

/** The promises of an offer in a rollout, written without the rules: those that this one breaks. */
function brokenPromises({ server, seed, boards, isBlocked }: World, index: number, status: string): readonly string[] {
  const opened = server.stages.filter(({ openedAtMs }) => openedAtMs !== undefined);
  const openedAtMs = opened.at(-1)?.openedAtMs ?? Number.NaN;
  const { labelledAtMs } = boards[index] ?? { labelledAtMs: undefined };
  const isMember = opened.some(
    ({ plan: { label: name, percentage } }) =>
      (name === 'general' || (labelledAtMs !== undefined && labelledAtMs <= openedAtMs)) &&
      bucketOf(seed, macOf(index)) < percentage * 100,
  );
  const failures = server
    .assignmentsOf(index)
    .filter(({ progress: { state } }) => state === 'failed' || state === 'rolled_back')
    .map(({ progress }) => weightOf(progress));
  const open = server
    .assignmentsOf(index)
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
function brokenLimits({ server, boards, offeredAtMs, nowMs }: World): readonly string[] {
  const { max_in_flight: inFlight, max_offers_per_minute: perMinute } = server.openStage?.plan ?? {};
  const states = boards.flatMap((_, index) => server.assignmentsOf(index).map(({ progress }) => progress.state));
  const open = states.filter((state) => /^(offered|download|installing|trial)/.test(state)).length;
  const inLastMinute = offeredAtMs.filter((atMs) => atMs > nowMs - 60_000).length;
  return [
    ...(open <= (inFlight ?? DEVICES) ? [] : [`${open} of ${inFlight} in flight`]),
    ...(inLastMinute <= (perMinute ?? Infinity) ? [] : [`${inLastMinute} of ${perMinute} in a minute`]),
  ];
}

/** The conditions of a gate, counted anew from all assignments of all boards: those that do not hold. */
function brokenConditions(
  world: World,
  state: StageState,
  isOpen: boolean,
  acknowledgedAtMs: number,
): readonly string[] {
  const { server, boards, nowMs } = world;
  const { plan: stage } = state;
  const asked = stage.gate;
  const all = boards.map((_, index) => server.assignmentsOf(index)).filter(hasItems);
  const own = all.filter((assignments) => server.stageOf(assignments.at(-1)?.id ?? -1) === stage.name);
  const latest = own
    .map((assignments) => {
      const { progress, watch } = lastOf(assignments);
      return { progress, watch, failure: failureOf(assignments) };
    })
    .filter(({ watch }) => watch.notCounted === undefined);
  const soakMs = (asked?.soak_s ?? 0) * 1000;
  const running = latest.filter(({ progress, failure }) => progress.state === 'confirmed' && failure === undefined);
  const soaked = running.filter(({ watch }) => nowMs - (watch.confirmedAtMs ?? Number.NaN) >= soakMs);
  const failed = latest.filter(({ failure }) => failure !== undefined);
  const bad = failed.filter(({ failure }) => failure?.fault === 'firmware' && failure.atMs > acknowledgedAtMs);
  const silent = latest.filter(
    ({ progress, failure, watch }) =>
      progress.state === 'timed_out' && failure === undefined && watch.exposedAtMs === undefined,
  );
  const answered = running.length + failed.length;
  // A person may have opened the next stage when few had answered in this one; a share of few says nothing.
  const hopeful = latest.length - failed.length + needing(world, state).length;
  const isSample = isOpen || answered >= Math.max(1, Math.min(asked?.min_confirmed ?? 1, hopeful));
  const always = {
    'not more failures than max_failed': bad.length <= (asked?.max_failed ?? DEVICES),
    'no larger share of failures than max_failed_pct':
      !isSample || bad.length * 100 <= (asked?.max_failed_pct ?? 100) * answered,
  };
  const conditions = {
    ...always,
    ...(isOpen
      ? {
          'somebody ran it for its soak': soaked.length >= 1,
          'no larger share of silence than max_silent_pct':
            silent.length * 100 <= (asked?.max_silent_pct ?? 100) * (answered + silent.length),
        }
      : {}),
  };
  return Object.entries(conditions).flatMap(([condition, holds]) => (holds ? [] : [condition]));
}

/** The latest failure since the board confirmed last; undefined: none. */
function failureOf(assignments: readonly Assignment[]): { readonly fault: string; readonly atMs: number } | undefined {
  const since = assignments.slice(assignments.findLastIndex(({ progress }) => progress.state === 'confirmed') + 1);
  const last = since.findLast(({ progress: { state } }) => /^(failed|rolled_back|rejected)$/.test(state));
  return last === undefined
    ? undefined
    : { fault: faultOf(last.progress.errorCode ?? last.progress.bootCause), atMs: last.updatedAtMs };
}

function hasItems(assignments: readonly Assignment[]): boolean {
  return assignments.length > 0;
}

function lastOf(assignments: readonly Assignment[]): Assignment {
  const last = assignments.at(-1);
  if (last === undefined) throw new Error('a board without assignments');
  return last;
}

/** Boards that have their place in the stage, do not run the build, and have not shown that they cannot. */
function needing({ server, boards, seed }: World, { plan: stage, openedAtMs = 0 }: StageState): readonly number[] {
  return boards.flatMap(({ runs, labelledAtMs = Number.POSITIVE_INFINITY }, index) => {
    const isIn = stage.label === 'general' || labelledAtMs <= openedAtMs;
    const isTaken = isIn && bucketOf(seed, macOf(index)) < stage.percentage * 100;
    const hasFailed = server
      .assignmentsOf(index)
      .some(({ progress: { state } }) => /^(rolled_back|rejected|timed_out)$/.test(state));
    const last = server.assignmentsOf(index).at(-1);
    const isOfEarlier = last !== undefined && server.stageOf(last.id) !== stage.name;
    return isTaken && runs !== BUILD.version && !hasFailed && !isOfEarlier ? [index] : [];
  });
}

function isRunning({ server }: World): boolean {
  return server.status === 'running';
}

function failuresOf({ server }: World, index: number) {
  return server.assignmentsOf(index).filter(({ progress: { state } }) => state === 'failed' || state === 'rolled_back');
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
