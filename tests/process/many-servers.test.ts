// Two and four server processes on one PostgreSQL, while one after the other is killed in the middle of a tick: each stage
// opens once, the pace of a stage holds, no device holds two offers, and nothing that was answered is lost.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { ProductLine } from '../support/product-line.ts';
import { sizeOf } from '../support/scope.ts';
import { openRaw } from '../support/server/raw-database.ts';
import { type CheckInAnswer, ServerClient } from '../support/server/client.ts';
import { START_MS, startTestServer, type TestServer } from '../support/server/server.ts';
import type { FromServer, ToServer } from './support/ticking-server.ts';

const { PROCESSES, DEVICES, CHECKS, TICKS, KILLS, FEW_PCT } = sizeOf({
  push: { PROCESSES: [2], DEVICES: 120, CHECKS: 400, TICKS: 12, KILLS: 4, FEW_PCT: 20 },
  // Takes minutes.
  whole: { PROCESSES: [2, 4], DEVICES: 400, CHECKS: 5_000, TICKS: 200, KILLS: 50, FEW_PCT: 5 },
});
const IN_FLIGHT = 12;
const AT_ONCE = 16;
const REST_MS = 60;
/** Boards check in much more often than after the shortest time that they are told, so none of them is silent. */
const TICK_S = 5;

const PLAN = `plans:
  - name: guarded
    stages:
      - {name: few, label: general, percentage: ${FEW_PCT}%, promotion: auto, max_in_flight: ${IN_FLIGHT}, gate: {min_confirmed: 5, max_failed: 0}}
      - {name: some, label: general, percentage: ${FEW_PCT + 25}%, promotion: auto, max_in_flight: ${IN_FLIGHT}, gate: {min_confirmed: 20, max_failed: 0}}
      - {name: all, label: general, promotion: auto, max_in_flight: ${IN_FLIGHT}, gate: {min_confirmed: 40, max_failed: 0}}
`;

/** Compiled code is kept between starts, as `bin/otter.mjs` does. */
const ENV = {
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/compiled'),
};

/** One server process that can be killed and started again; its address changes with that. */
class Peer {
  readonly #first: TestServer;
  readonly #clock: { nowMs: number };
  readonly #ticks = new Map<number, () => void>();
  #child: ChildProcess | undefined;
  client: ServerClient | undefined;

  constructor(first: TestServer, clock: { nowMs: number }) {
    this.#first = first;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    const { home, databaseUrl, pin, fleetToken, adminToken } = this.#first;
    const child = fork(new URL('support/ticking-server.ts', import.meta.url), [home, databaseUrl], {
      env: { ...ENV, OTTER_TEST_NOW_MS: String(this.#clock.nowMs) },
    });
    const [message] = (await once(child, 'message')) as [FromServer];
    if (!('port' in message)) throw new Error('the server did not say its port');
    this.#child = child;
    child.on('message', (told: FromServer) => {
      if ('ticked' in told) this.#ticks.get(told.ticked)?.();
    });
    child.once('exit', () => {
      for (const end of this.#ticks.values()) end();
      this.#ticks.clear();
    });
    const url = new URL(`https://127.0.0.1:${message.port}`);
    this.client = new ServerClient({ url, pin, fleetToken, adminToken });
  }

  setClock(): void {
    this.#send({ nowMs: this.#clock.nowMs });
  }

  /** Resolves when the tick is done, or with the end of the process. */
  async tick(number: number): Promise<void> {
    if (this.#child === undefined) return;
    const done = new Promise<void>((resolve) => this.#ticks.set(number, resolve));
    this.#send({ nowMs: this.#clock.nowMs, tick: number });
    await done;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.client?.agent.destroy();
    this.client = undefined;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  #send(message: ToServer): void {
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }
}

/** A board as the servers see it: it takes what it is offered and is back with it a check later. */
interface Board {
  readonly mac: string;
  version: string;
  onTrial: boolean;
  /** The offers that it got, by their assignment. */
  readonly offers: Set<number>;
}

test.each(PROCESSES)('%i processes, one of them killed %#', { timeout: 400_000 }, async (processes) => {
  const first = await startTestServer({ dialect: 'postgres' });
  await first.stop();
  writeFileSync(join(first.home, 'config/plans.yaml'), PLAN);
  const clock = { nowMs: START_MS };
  const peers = Array.from({ length: processes }, () => new Peer(first, clock));
  onTestFinished(async () => {
    for (const peer of peers) await peer.kill();
  });
  await Promise.all(peers.map(async (peer) => peer.start()));
  const [{ client } = { client: undefined }] = peers;
  if (client === undefined) throw new Error('no server');
  const line = new ProductLine(client);
  await line.add('1.1.0');
  const body = { version: '1.1.0', product: line.product, plan: 'guarded' };
  const { name } = await client.admin('createRollout', { body });
  const boards: readonly Board[] = Array.from({ length: DEVICES }, () => ({
    mac: line.newMac(),
    version: '1.0.0',
    onTrial: false,
    offers: new Set<number>(),
  }));
  // They are there before the rollout, so that they count in its gates.
  for (const { mac, version } of boards) await line.checkIn(mac, version);
  await client.admin('startRollout', { params: { name }, body: {} });

  const database = await openRaw(first);
  const seen = { mostInFlight: 0, twoOffers: 0 };
  const work = new AbortController();
  const gateCounts = { checks: 0, failed: 0, kills: 0 };
  const restarts: Promise<void>[] = [];

  /** What whichever server answers; a board whose server is gone asks another one. */
  const answered = async <Answer>(ask: (client: ServerClient) => Promise<Answer>): Promise<Answer> => {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const server = peers[Math.floor(Math.random() * peers.length)]?.client;
      const answer = server === undefined ? undefined : await ask(server).catch(() => undefined);
      if (answer !== undefined) return answer;
      gateCounts.failed += 1;
      await delay(20);
    }
    throw new Error('no server answers');
  };
  const check = async (board: Board): Promise<void> => {
    const { mac, version, onTrial } = board;
    const more = { product: line.product, ...(onTrial ? { boot: { state: 'trial' } } : {}) };
    const answer = await answered(async (server) => server.checkIn(mac, version, more));
    gateCounts.checks += 1;
    const { assignment_id } = answer;
    // It begins to fetch the image.
    const report = { mac, assignment_id, sequence: 1, status: 'downloading' };
    if (answer.update_available) await answered(async (server) => server.device('report-status', report));
    react(board, answer);
  };
  const boardWork = async (worker: number): Promise<void> => {
    const own = boards.filter((_, index) => index % AT_ONCE === worker);
    for (let turn = 0; gateCounts.checks < CHECKS || !work.signal.aborted; turn += 1) {
      const board = own[turn % own.length];
      if (board !== undefined) await check(board);
      // Spread over all ticks, so that there are checks in each of them.
      if (!work.signal.aborted) await delay(REST_MS);
    }
  };
  const watch = async (): Promise<void> => {
    while (!work.signal.aborted) {
      const [row] = await database.query(
        // The pace is that of a rollout under way; late devices of a complete one have none.
        `select count(*) as "inFlight", count(*) - count(distinct device_id) as doubled
         from assignments join rollouts on rollouts.id = rollout_id
         where rollouts.status = 'running' and state in ('offered', 'downloading', 'downloaded', 'installing', 'trial')`,
      );
      seen.mostInFlight = Math.max(seen.mostInFlight, Number(row?.['inFlight']));
      seen.twoOffers += Number(row?.['doubled']);
      await delay(20);
    }
  };
  const lead = async (): Promise<void> => {
    for (let tick = 0; tick < TICKS; tick += 1) {
      clock.nowMs += TICK_S * 1000;
      for (const peer of peers) peer.setClock();
      const ticks = Promise.all(peers.map(async (peer) => peer.tick(tick)));
      if (tick % Math.floor(TICKS / KILLS) === 0 && gateCounts.kills < KILLS) {
        // Somebody is always left to answer.
        while (peers.filter(({ client: alive }) => alive !== undefined).length < 2) await delay(10);
        const leader = peers.find(({ client: alive }) => alive !== undefined);
        await delay(Math.random() * 15);
        await leader?.kill();
        gateCounts.kills += 1;
        if (leader !== undefined) restarts.push(leader.start());
      }
      await ticks;
    }
    await Promise.all(restarts);
    work.abort();
  };
  await Promise.all([lead(), watch(), ...Array.from({ length: AT_ONCE }, async (_, worker) => boardWork(worker))]);

  const last = peers[0]?.client;
  if (last === undefined) throw new Error('no server is left');
  // What was left to do when the last one had been killed.
  for (let round = 0; round < 200; round += 1) {
    for (const board of boards) await check(board);
    clock.nowMs += TICK_S * 1000;
    await Promise.all(peers.map(async (peer) => peer.tick(TICKS + round)));
    if ((await last.admin('getRollout', { params: { name } })).status === 'complete') break;
  }
  expect(gateCounts.kills).toBe(KILLS);
  expect(gateCounts.checks).toBeGreaterThanOrEqual(CHECKS);
  expect(seen.twoOffers, 'no device holds two offers').toBe(0);
  expect(seen.mostInFlight, 'the pace was used').toBeGreaterThan(1);
  expect(seen.mostInFlight, 'and kept').toBeLessThanOrEqual(IN_FLIGHT);
  const { items } = await last.admin('listAudit', { query: { subject: name, action: 'rollout.promote' } });
  expect(items.toReversed().map(({ details }) => details['to'])).toEqual([
    { status: 'running', stage: 'some' },
    { status: 'running', stage: 'all' },
    { status: 'complete', stage: 'all' },
  ]);
  const kept = await database.query('select id, device_id from assignments');
  const ids = new Set(kept.map(({ id }) => Number(id)));
  const offered = boards.flatMap(({ offers }) => [...offers]);
  expect(
    offered.filter((id) => !ids.has(id)),
    'offers that were answered and are not there',
  ).toEqual([]);
  expect(
    boards.filter(({ offers }) => offers.size > 1).map(({ mac }) => mac),
    'one offer for each board',
  ).toEqual([]);
  await database.close();
  await first.end().catch(() => undefined);
});

function react(board: Board, answer: CheckInAnswer): void {
  if (board.onTrial) board.onTrial = false;
  else if (answer.update_available && answer.assignment_id !== undefined) {
    board.offers.add(answer.assignment_id);
    board.version = answer.manifest?.version ?? board.version;
    board.onTrial = true;
  }
}
