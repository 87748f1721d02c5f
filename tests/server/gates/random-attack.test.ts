// A seeded random attack over the device and the admin API: whatever boards and operators do, and in whatever order, some things never
// happen. They stand here in words. To play one seed again: OTTER_ATTACK_SEED=N.

import { expect, onTestFinished, test } from 'vitest';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { KNOWN_BAD_FAILURES } from '#protocol/limits.ts';
import { Random } from '#simulator/random.ts';
import { AttackBoard } from '../../support/attack/board.ts';
import {
  type Attack,
  ATTACK_PLAN,
  drawOperation,
  FRESH,
  FRESH_PLAN,
  pass,
  upload,
} from '../../support/attack/operations.ts';
import { AttackWorld, CHIPS, type SeenOffer } from '../../support/attack/world.ts';
import { type Dialect, sizeOf } from '../../support/scope.ts';
import { startTestServer } from '../../support/server/server.ts';

const BOARDS = 50;
/** Far more than it takes: the machine may have other things to do. */
const TIMEOUT_MS = 600_000;
/** Looked at that seldom: every rollout with its columns, every event again, every state. */
const DEAR_EVERY = 50;
/** A shorter attack cannot reach everything. */
const SHORTEST_LONG = 1_000;
/** The server's own ids and instants are in the course: where something has not happened yet, the attack goes on, at most so far. */
const LONGEST = 4_000;
const SEED = Number(process.env['OTTER_ATTACK_SEED'] ?? 20_261_123);

interface OfferRule {
  readonly says: string;
  readonly holds: (offer: SeenOffer, world: AttackWorld) => boolean;
}

const OF_AN_OFFER: readonly OfferRule[] = [
  {
    says: 'a board is never offered a blocked build',
    holds: ({ offered }, world) => world.buildOf(offered.product, offered.version)?.isBlocked === false,
  },
  {
    says: 'a board is never offered an image for another chip',
    holds: ({ board, offered }) => offered.chip === board.chip,
  },
  {
    says: 'a board is never offered a build of another product',
    holds: ({ board, offered }) => offered.product === board.product,
  },
  {
    says: 'a board is never offered a build of which it said that it crashed there, until an operator clears it',
    holds: ({ grudge }) => grudge.proofs === 0,
  },
  {
    says: `a board is never offered a build again that it left by itself ${KNOWN_BAD_FAILURES} times, until an operator clears it`,
    holds: ({ grudge }) => grudge.strikes < KNOWN_BAD_FAILURES,
  },
  {
    says: 'a build is offered only while its rollout runs or is complete; never while that is paused, halted, regressed or aborted',
    holds: ({ isRollback, rollout }) =>
      isRollback || rollout.statusBefore === 'running' || rollout.statusBefore === 'complete',
  },
  {
    says: 'a board that is held, or whose product is frozen, is never offered the way forward; nor the way back, where that is held too',
    holds: ({ mac, offered, isRollback }, world) => !world.keeps(mac, offered.product, isRollback),
  },
  {
    says: 'a board is never offered a build that was cancelled on it, unless that is its way back',
    holds: ({ mac, offered, isRollback }, world) => isRollback || world.cancelled.get(mac) !== offered.version,
  },
  {
    says: 'no board begins an update while as many others of its place are in the middle of one as the budget allows',
    holds: ({ isRollback, beganBeside = 0 }, world) => isRollback || beganBeside < world.budget,
  },
  {
    says: 'only a way back goes to a lower version',
    holds: ({ board, offered, isRollback }) =>
      isRollback === Number(offered.version.split('.')[1]) < Number(board.version.split('.')[1]),
  },
];

interface WorldRule {
  readonly says: string;
  /** What is wrong; empty: it holds. */
  readonly broken: (world: AttackWorld, rollouts: readonly Rollout[]) => Promise<readonly string[]>;
}

const OF_THE_WHOLE: readonly WorldRule[] = [
  {
    says: 'the columns of each stage add up to the boards that it targets',
    broken: async (_, rollouts) =>
      rollouts.flatMap(({ name, stages }) =>
        stages.filter(({ outcomes }) => !addsUp(outcomes)).map((stage) => `${name} ${JSON.stringify(stage)}`),
      ),
  },
  {
    says: 'every change of a rollout is told: its status is that of its last event',
    broken: async (world, rollouts) =>
      rollouts
        .filter(({ name, status }) => world.rollouts.get(name)?.status !== status)
        .map(({ name, status }) => `${name} is ${status}, told was ${world.rollouts.get(name)?.status}`),
  },
  {
    says: 'every change of an assignment is told: its state is that of its last event',
    broken: async (world) => {
      const { items } = await world.server.admin('listAssignments', { query: { limit: '500', sort: '-id' } });
      await world.follow();
      return items
        .filter(({ id, state }) => world.assignments.get(id)?.state !== state)
        .map(({ id, state }) => `${id} is ${state}, told was ${world.assignments.get(id)?.state}`);
    },
  },
  {
    says: 'events have no gap and no double: read again from the start they are the same',
    broken: async (world) => {
      await world.reread();
      return [];
    },
  },
];

function addsUp({ targeted, uncounted: _u, asleep: _a, ...columns }: Rollout['stages'][number]['outcomes']): boolean {
  return Object.values(columns).reduce<number>((sum, boards) => sum + (boards ?? 0), 0) === targeted;
}

/** What must have happened, one of each line, or the attack has shown nothing. */
const REACHED = [
  ['offer'],
  ['download'],
  ['return'],
  ['report late'],
  ['report lost'],
  ['report twice'],
  ['assignment.confirmed'],
  ['assignment.healthy'],
  ['assignment.failed', 'assignment.rolled_back'],
  ['assignment.lost', 'assignment.timed_out', 'assignment.crashing'],
  ['rollout.halted', 'rollout.regressed'],
  ['rollout.paused'],
  ['rollout.completed'],
  ['rollout.aborted'],
  ['blockFirmware done', 'way back'],
  ['device.held'],
  ['device.released'],
  ['product.frozen'],
  ['changeInBulk done'],
  ['updateLabel done'],
  ['device.named'],
  ['device.removed'],
  ['device.replaced'],
  ['device.came_back'],
  ['device.cancelled'],
  ['device.sent_back'],
  ['device.offered_now'],
  ['device.retried'],
  ['setBudget done'],
  ['postponed'],
  ['rollout.undone'],
] as const;

function missing(world: AttackWorld): readonly (readonly string[])[] {
  return REACHED.filter((kinds) => kinds.every((what) => world.count(what) === 0));
}

test.each<{ readonly dialect: Dialect; readonly operations: number }>(
  sizeOf({
    push: [{ dialect: 'sqlite', operations: 1_000 }],
    whole: [
      { dialect: 'sqlite', operations: 2_000 },
      { dialect: 'postgres', operations: 400 },
    ],
  }),
)(
  '$operations random operations or more on $dialect break no promise',
  async ({ dialect, operations }) => {
    const attack = await begin(dialect);
    const { world } = attack;
    const isLong = operations >= SHORTEST_LONG;
    const goesOn = (number: number): boolean =>
      number <= operations || (isLong && number <= LONGEST && missing(world).length > 0);
    for (let number = 1; goesOn(number); number += 1) {
      const { says, run } = drawOperation(world);
      const where = `seed ${SEED}, operation ${number}: ${says}`;
      world.offer = undefined;
      await run(attack).catch((error: unknown) => {
        throw new Error(where, { cause: error });
      });
      await world.follow();
      expect(world.faults, where).toEqual([]);
      checkOffer(world, where);
      if (number % DEAR_EVERY === 0) await checkWhole(world, where);
    }
    if (!isLong) return;
    expect(
      missing(world),
      `never reached with seed ${SEED}; reached: ${JSON.stringify(Object.fromEntries(world.reached))}`,
    ).toEqual([]);
  },
  TIMEOUT_MS,
);

/** Two products with a build that is stable, and boards of three chips; half of them are pilots. */
async function begin(dialect: Dialect): Promise<Attack> {
  const server = await startTestServer({ dialect, env: { OTTER_POLL_INTERVAL: '30m' } });
  onTestFinished(async () => server.end());
  const world = new AttackWorld(server, new Random(SEED));
  const boards = Array.from({ length: BOARDS }, (_, index) => {
    const line = world.lines[index % 2 === 0 ? 0 : 1];
    return new AttackBoard(world, line, CHIPS[Math.floor(index / 2) % 3] ?? 'esp32');
  });
  await server.admin('setPlan', { params: { name: 'attack' }, body: ATTACK_PLAN });
  await server.admin('createLabel', { body: FRESH });
  await server.admin('setPlan', { params: { name: 'fresh' }, body: FRESH_PLAN });
  for (const line of world.lines) {
    await upload(world, line, 0);
    await server.admin('setPilotReady', { params: { version: '1.0.0' }, query: { product: line.product }, body: {} });
    await line.rollOut('1.0.0', 'complete');
  }
  for (const [index, board] of boards.entries()) {
    await board.checkIn();
    const pilot = { params: { device: board.mac, name: 'pilot' }, query: { confirm: 'true' } };
    if (index % 4 < 2) await server.admin('labelDevice', pilot);
    const place = `site=${index % 5}`;
    await server.admin('labelDevice', { params: { device: board.mac, name: place }, query: { confirm: 'true' } });
    world.places.set(board.mac, place);
  }
  await pass(world, 60);
  return { world, boards };
}

function checkOffer(world: AttackWorld, where: string): void {
  const { offer } = world;
  if (offer === undefined) return;
  for (const { says, holds } of OF_AN_OFFER)
    expect(holds(offer, world), `${where}: not so: ${says}: ${JSON.stringify(offer)}`).toBe(true);
}

async function checkWhole(world: AttackWorld, where: string): Promise<void> {
  const { items } = await world.server.admin('listRollouts', { query: { limit: '500' } });
  const rollouts = await Promise.all(
    items.map(async ({ name }) => world.server.admin('getRollout', { params: { name } })),
  );
  await world.follow();
  for (const { says, broken } of OF_THE_WHOLE)
    expect(await broken(world, rollouts), `${where}: not so: ${says}`).toEqual([]);
  expect(world.faults, where).toEqual([]);
}
