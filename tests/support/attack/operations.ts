// What a random attack does, each with a weight: what boards do, what operators do, and time that passes.

import type { AttackBoard } from './board.ts';
import { WRITING } from './writing.ts';
import { type AttackWorld, type Build, CHIPS } from './world.ts';
import type { ProductLine } from '../product-line.ts';
import type { Answered } from '../server/client.ts';

export interface Attack {
  readonly world: AttackWorld;
  readonly boards: readonly AttackBoard[];
}

export interface Operation {
  readonly says: string;
  readonly weight: number;
  readonly run: (attack: Attack) => Promise<unknown>;
}

/** It halts at the first failure of a pilot, takes the build back, and passes soon. */
export const ATTACK_PLAN = {
  description: 'two stages that go on and stop by themselves',
  watch_s: 21_600,
  stages: [
    {
      name: 'pilot',
      label: 'pilot',
      percentage: 100,
      promotion: 'auto',
      gate: { min_confirmed: 2, max_failed: 1, soak_s: 300, on_halt: 'revert' },
    },
    {
      name: 'everyone',
      label: 'general',
      percentage: 100,
      promotion: 'auto',
      gate: { min_confirmed: 3, max_failed_pct: 20, soak_s: 300 },
    },
  ],
};
const PLANS = ['attack', 'attack', 'attack', 'fresh', 'default', 'urgent', 'careful'] as const;

/** Shares of the trials of a build that fail; the first build of a product is good. */
const BADNESS = [0, 0, 0.1, 0.3, 0.9] as const;

const OPERATIONS: readonly Operation[] = [
  { says: 'a board in the middle of an update goes on', weight: 400, run: async (attack) => busyBoard(attack)?.goOn() },
  { says: 'a board checks in', weight: 250, run: async (attack) => liveBoard(attack)?.checkIn() },
  { says: 'a board goes wrong', weight: 35, run: async (attack) => liveBoard(attack)?.goWrong() },
  { says: 'a late report arrives', weight: 50, run: async (attack) => liveBoard(attack)?.sendLate() },
  { says: 'a dead board comes back', weight: 12, run: revive },
  { says: 'time passes', weight: 110, run: async ({ world }) => pass(world, world.random.between(20, 400)) },
  { says: 'an hour passes', weight: 3, run: async ({ world }) => pass(world, 3_600) },
  { says: 'a version is uploaded', weight: 24, run: async ({ world }) => upload(world, anyLine(world)) },
  { says: 'an image for a further chip is uploaded', weight: 8, run: uploadFurther },
  { says: 'a rollout is created and started', weight: 36, run: createRollout },
  { says: 'a rollout is paused', weight: 8, run: async (attack) => command(attack, 'pauseRollout', 'running') },
  {
    says: 'a paused rollout is resumed',
    weight: 10,
    run: async (attack) => command(attack, 'resumeRollout', 'paused'),
  },
  { says: 'a halted rollout is resumed', weight: 5, run: async (attack) => command(attack, 'resumeRollout', 'halted') },
  { says: 'a rollout is promoted', weight: 24, run: promote },
  { says: 'a rollout is aborted', weight: 6, run: abort },
  {
    says: 'a regressed rollout is kept',
    weight: 6,
    run: async (attack) => command(attack, 'keepRollout', 'regressed'),
  },
  { says: 'a build is blocked', weight: 4, run: block },
  { says: 'a build is unblocked', weight: 5, run: unblock },
  { says: 'a board is labelled', weight: 8, run: async (attack) => label(attack, 'labelDevice') },
  { says: 'a board is unlabelled', weight: 5, run: async (attack) => label(attack, 'unlabelDevice') },
  { says: 'known bad builds of a board are cleared', weight: 8, run: clear },
  { says: 'a board is held', weight: 7, run: holdBoard },
  { says: 'a board is released', weight: 6, run: releaseBoard },
  { says: 'boards that a query means are labelled, unlabelled, held, released or forgiven', weight: 12, run: bulk },
  { says: 'the update of a board is cancelled', weight: 6, run: cancelUpdate },
  { says: 'a board is sent back', weight: 4, run: sendBack },
  { says: 'a board is offered now what there is for it', weight: 10, run: offerNow },
  { says: 'a board tries again', weight: 5, run: retryBoard },
  { says: 'a rollout is undone', weight: 4, run: undo },
  { says: 'the query of a label is changed', weight: 10, run: changeQuery },
  { says: 'a budget is set', weight: 3, run: setBudget },
  { says: 'a budget is removed', weight: 2, run: removeBudget },
  { says: 'a product is frozen', weight: 2, run: freezeProduct },
  { says: 'a product is unfrozen', weight: 4, run: unfreezeProduct },
  ...WRITING,
  { says: 'an operator looks', weight: 12, run: look },
];

const WEIGHT = OPERATIONS.reduce((sum, { weight }) => sum + weight, 0);

export function drawOperation({ random }: AttackWorld): Operation {
  let left = random.between(0, WEIGHT);
  for (const operation of OPERATIONS) {
    left -= operation.weight;
    if (left < 0) return operation;
  }
  throw new Error('no operation was drawn');
}

/** A new version of a product for some of the chips, the next one above all others. */
export async function upload(world: AttackWorld, line: ProductLine, badness = world.random.pick(BADNESS)) {
  const { random } = world;
  const version = `1.${world.builds.filter((build) => build.line === line).length}.0`;
  const chips = CHIPS.filter((_, index) => index === 0 || badness === 0 || random.chance(0.7));
  const build: Build = { line, version, chips: new Set(chips), badness, isBlocked: false };
  for (const chip of chips) await send(world, build, line.image(version, { chip }), random.chance(0.95));
  world.builds.push(build);
}

export async function pass({ server }: AttackWorld, seconds: number): Promise<void> {
  server.clock.advance(Math.round(seconds));
  await server.tick();
}

async function send(world: AttackWorld, { line: { product }, version }: Build, body: Buffer, ready: boolean) {
  return world.ask('uploadFirmware', { query: { product, version, pilot_ready: String(ready) }, body });
}

async function uploadFurther({ world }: Attack): Promise<void> {
  const build = some(
    world,
    world.builds.filter(({ chips }) => chips.size < CHIPS.length),
  );
  const chip = CHIPS.find((one) => build?.chips.has(one) === false);
  if (build === undefined || chip === undefined) return;
  const { status } = await send(world, build, build.line.image(build.version, { chip }), true);
  if (status < 300) build.chips.add(chip);
}

async function createRollout({ world }: Attack): Promise<void> {
  const { random } = world;
  const line = anyLine(world);
  const builds = world.builds.filter((build) => build.line === line);
  const build = some(world, random.chance(0.85) ? builds.slice(-2) : builds);
  if (build === undefined) return;
  const name = `r${world.rollouts.size}-${random.integer(1_000_000)}`;
  const body = { name, version: build.version, product: line.product, plan: random.pick(PLANS) };
  await world.ask('createRollout', { body });
  if (random.chance(0.95))
    await world.ask('startRollout', { params: { name }, body: random.chance(0.4) ? { supersede: true } : {} });
}

async function command(
  { world }: Attack,
  route: 'pauseRollout' | 'resumeRollout' | 'keepRollout',
  status: string,
): Promise<void> {
  const name = rolloutThat(world, (one) => one === status);
  if (name !== undefined) await world.ask(route, { params: { name }, body: { reason: 'it looks well enough' } });
}

async function promote({ world }: Attack): Promise<void> {
  const name = rolloutThat(world, (status) => status === 'running');
  const from = world.rollouts.get(name ?? '')?.stage;
  if (name === undefined || typeof from !== 'string') return;
  const force = world.random.chance(0.5) ? { override: true, reason: 'in a hurry' } : {};
  await world.ask('promoteRollout', { params: { name }, body: { from, ...force } });
}

async function abort({ world }: Attack): Promise<void> {
  const name = rolloutThat(world, (status) => status !== 'complete' && status !== 'aborted');
  const revert = world.random.chance(0.5) ? { revert: true } : {};
  if (name !== undefined) await world.ask('abortRollout', { params: { name }, body: { reason: 'no more', ...revert } });
}

/** Not the first build of a product, or nothing is left to go back to. */
async function block({ world }: Attack): Promise<void> {
  const build = some(
    world,
    world.builds.filter(({ version, isBlocked }) => version !== '1.0.0' && !isBlocked),
  );
  if (build === undefined) return;
  const { status } = await world.ask('blockFirmware', { ...named(build), body: { reason: 'heater stays on' } });
  if (status < 300) build.isBlocked = true;
}

async function unblock({ world }: Attack): Promise<void> {
  const build = some(
    world,
    world.builds.filter(({ isBlocked }) => isBlocked),
  );
  if (build === undefined) return;
  const { status } = await world.ask('unblockFirmware', named(build));
  if (status < 300) build.isBlocked = false;
}

async function label({ world, boards }: Attack, route: 'labelDevice' | 'unlabelDevice'): Promise<void> {
  const board = some(world, boards);
  const confirm = { confirm: String(world.random.chance(0.7)) };
  if (board !== undefined) await world.ask(route, { params: { device: board.mac, name: 'pilot' }, query: confirm });
}

async function clear({ world, boards }: Attack): Promise<void> {
  const suspects = boards.filter(({ mac }) =>
    [...world.assignments.values()].some((one) => one.mac === mac && one.left !== 'no'),
  );
  const board = some(world, suspects);
  if (board === undefined) return;
  await world.follow();
  const { status } = await world.ask('clearKnownBad', { params: { device: board.mac }, query: {} });
  if (status < 300) world.forgive(board.mac);
}

/** What was asked for stands in the books of the world, with its end. */
async function holdBoard({ world, boards }: Attack): Promise<void> {
  const board = some(world, boards);
  if (board === undefined) return;
  const hold = drawHold(world);
  const { status } = await world.ask('holdDevice', { params: { device: board.mac }, body: hold.body });
  if (status < 300) world.held.set(board.mac, hold);
}

async function releaseBoard({ world }: Attack): Promise<void> {
  const [mac] = some(world, [...world.held]) ?? [];
  if (mac === undefined) return;
  const { status } = await world.ask('releaseDevice', { params: { device: mac } });
  if (status < 300) world.held.delete(mac);
}

/** What was cancelled stands in the books of the world: the answer says which build it was. */
async function cancelUpdate({ world, boards }: Attack): Promise<void> {
  const board = some(world, boards);
  if (board === undefined) return;
  noteCancelled(world, board.mac, await world.ask('cancelUpdate', ofBoard(board)));
}

async function sendBack({ world, boards }: Attack): Promise<void> {
  const board = some(world, boards);
  if (board === undefined) return;
  noteCancelled(world, board.mac, await world.ask('sendBack', { ...ofBoard(board), query: { confirm: 'true' } }));
}

function noteCancelled(world: AttackWorld, mac: string, { status, body }: Answered): void {
  const { cancelled } = body as { readonly cancelled?: { readonly version: string } | null };
  if (status < 300 && cancelled) world.cancelled.set(mac, cancelled.version);
}

async function offerNow({ world, boards }: Attack): Promise<void> {
  const board = some(world, boards);
  if (board !== undefined) await world.ask('offerNow', { params: { device: board.mac } });
}

async function retryBoard({ world, boards }: Attack): Promise<void> {
  const board = some(
    world,
    boards.filter(({ mac }) => world.cancelled.has(mac) || world.random.chance(0.2)),
  );
  if (board === undefined) return;
  await world.follow();
  const { status } = await world.ask('retryDevice', { params: { device: board.mac } });
  if (status >= 300) return;
  world.cancelled.delete(board.mac);
  world.forgive(board.mac);
}

/** Not the one that made the first build of a product stable, or nothing is left to go back to. */
async function undo({ world }: Attack): Promise<void> {
  const names = [...world.rollouts.keys()].filter(
    (one) => !world.lines.some((line) => line.rolloutName('1.0.0') === one),
  );
  const name = some(world, names);
  if (name !== undefined) await world.ask('undoRollout', { params: { name }, body: { reason: 'no more' } });
}

async function setBudget({ world }: Attack): Promise<void> {
  const max_devices = 1 + world.random.integer(3);
  const { status } = await world.ask('setBudget', { params: { key: 'site' }, body: { max_devices } });
  if (status < 300) world.budget = max_devices;
}

async function removeBudget({ world }: Attack): Promise<void> {
  const { status } = await world.ask('removeBudget', { params: { key: 'site' } });
  if (status < 300) world.budget = Number.POSITIVE_INFINITY;
}

function ofBoard({ mac }: AttackBoard) {
  return { params: { device: mac }, body: { reason: 'the shop is open' } };
}

/** A label with a query, and a plan that begins with it. */
export const FRESH = { name: 'fresh', where: 'version < 1.4 and not label pilot' };
export const FRESH_PLAN = {
  description: 'those that a query means, then everyone; each board is asked for an hour',
  consent: 'board',
  force_after_s: 3_600,
  stages: [{ ...ATTACK_PLAN.stages[0], name: 'pilot', label: FRESH.name }, ATTACK_PLAN.stages[1]],
};

async function changeQuery({ world }: Attack): Promise<void> {
  const { random } = world;
  const version = `1.${random.integer(8)}.0`;
  const where = random.pick([
    FRESH.where,
    `version < ${version} or label pilot`,
    `not version >= ${version} and not silent`,
    'seen within 1h and not held',
    'not label pilot and not status = updating',
  ]);
  await world.ask('updateLabel', { params: { name: FRESH.name }, body: { where } });
}

/** Some boards by their MACs, all of a product, or those with a label: whom it reached is asked with the same query before. */
async function bulk({ world, boards }: Attack): Promise<void> {
  const { random } = world;
  const macs = random
    .shuffle(boards)
    .slice(0, 3)
    .map(({ mac }) => `mac = ${mac}`);
  const where = random.pick([
    macs.join(' or '),
    `product = ${anyLine(world).product} and label pilot`,
    'not label pilot and first seen within 1d',
  ]);
  const limit = random.chance(0.5) ? { limit: 1 + random.integer(5) } : {};
  const ask = async (body: object) =>
    world.ask('changeInBulk', { body: { where, confirm: random.chance(0.9), ...limit, ...body } });
  const verb = random.pick(['label', 'unlabel', 'hold', 'release', 'clear_known_bad']);
  if (verb === 'label' || verb === 'unlabel') return void (await ask({ verb, label: 'pilot' }));
  const before = await heldNow(world);
  if (verb === 'clear_known_bad') {
    await world.follow();
    const { items } = await world.server.admin('listDevices', { query: { where, limit: '500' } });
    const { status } = await world.ask('changeInBulk', { body: { where, verb, confirm: true } });
    if (status < 300) for (const { mac } of items) world.forgive(mac);
    return;
  }
  const hold = drawHold(world);
  await ask(verb === 'hold' ? { verb, ...hold.body } : { verb });
  const after = await heldNow(world);
  for (const mac of after) if (!before.has(mac)) world.held.set(mac, hold);
  for (const mac of before) if (!after.has(mac)) world.held.delete(mac);
}

async function heldNow({ server }: AttackWorld): Promise<ReadonlySet<string>> {
  const { items } = await server.admin('listDevices', { query: { where: 'held', limit: '500' } });
  return new Set(items.map(({ mac }) => mac));
}

async function freezeProduct({ world }: Attack): Promise<void> {
  const { product: name } = anyLine(world);
  const hold = drawHold(world);
  const { status } = await world.ask('freezeProduct', { params: { name }, body: hold.body });
  if (status < 300) world.frozen.set(name, hold);
}

async function unfreezeProduct({ world }: Attack): Promise<void> {
  const [name] = some(world, [...world.frozen]) ?? [];
  if (name === undefined) return;
  const { status } = await world.ask('unfreezeProduct', { params: { name } });
  if (status < 300) world.frozen.delete(name);
}

function drawHold({ random, server }: AttackWorld) {
  const untilMs = random.chance(0.6) ? server.clock.nowMs + random.between(60, 7_200) * 1000 : Number.POSITIVE_INFINITY;
  const holdsWayBack = random.chance(0.3);
  const until = untilMs === Number.POSITIVE_INFINITY ? {} : { until: new Date(untilMs).toISOString() };
  return {
    untilMs: Math.floor(untilMs),
    holdsWayBack,
    body: { reason: 'at the fair', ...until, ...(holdsWayBack ? { way_back: 'hold' } : {}) },
  };
}

async function look({ world, boards }: Attack): Promise<void> {
  const board = some(world, boards);
  const name = rolloutThat(world, () => true);
  const build = some(world, world.builds);
  await world.ask('getStatus');
  if (board !== undefined) await world.ask('explainDevice', { params: { device: board.mac } });
  if (build !== undefined) await world.ask('previewBlock', named(build));
  if (name === undefined) return;
  for (const route of ['getRollout', 'getWaiting', 'previewRollout', 'previewRevert'] as const)
    await world.ask(route, { params: { name } });
}

async function revive({ world, boards }: Attack): Promise<void> {
  const board = some(
    world,
    boards.filter(({ isDead }) => isDead),
  );
  if (board === undefined) return;
  board.isDead = false;
  await board.checkIn();
}

function busyBoard(attack: Attack): AttackBoard | undefined {
  const busy = attack.boards.filter(({ isDead, phase }) => !isDead && phase !== 'idle');
  return some(attack.world, busy) ?? liveBoard(attack);
}

function liveBoard({ world, boards }: Attack): AttackBoard | undefined {
  return some(
    world,
    boards.filter(({ isDead }) => !isDead),
  );
}

function rolloutThat(world: AttackWorld, is: (status: string) => boolean): string | undefined {
  return some(
    world,
    [...world.rollouts].filter(([, { status }]) => is(status)),
  )?.[0];
}

function anyLine({ random, lines }: AttackWorld): ProductLine {
  return random.pick([...lines]);
}

function named({ version, line: { product } }: Build) {
  return { params: { version }, query: { product } };
}

function some<T>({ random }: AttackWorld, items: readonly T[]): T | undefined {
  return items[random.integer(items.length)];
}
