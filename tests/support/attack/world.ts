// What a random attack knows of the server that it attacks: what it asked for, and what the events told since. It keeps books of
// its own, so that what the server offers can be held against them; it decides nothing.

import { isDeepStrictEqual } from 'node:util';
import type { AdminRouteName } from '#protocol/admin/routes.ts';
import type { Event } from '#protocol/admin/events.ts';
import { OPEN_STATES } from '#engine/assignment/assignment.ts';
import type { Random } from '#simulator/random.ts';
import { ProductLine } from '../product-line.ts';
import type { AdminCall, Answered } from '../server/client.ts';
import type { TestServer } from '../server/server.ts';

export const CHIPS = ['esp32', 'esp32c3', 'esp32s3'] as const;
export type Chip = (typeof CHIPS)[number];

/** Status of a rollout after an event of this type; an event of any other type leaves it. */
const STATUS_AFTER: Readonly<Record<string, string>> = {
  'rollout.created': 'draft',
  'rollout.started': 'running',
  'rollout.promoted': 'running',
  'rollout.resumed': 'running',
  'rollout.paused': 'paused',
  'rollout.halted': 'halted',
  'rollout.completed': 'complete',
  'rollout.kept': 'complete',
  'rollout.regressed': 'regressed',
  'rollout.aborted': 'aborted',
  'rollout.undone': 'aborted',
};

/** Told of an assignment beside its states. */
const OUTCOMES_TOLD: ReadonlySet<string> = new Set(['assignment.healthy', 'assignment.crashing', 'assignment.lost']);

export interface Build {
  readonly line: ProductLine;
  readonly version: string;
  readonly chips: Set<Chip>;
  /** Share of the boards that it breaks. */
  readonly badness: number;
  isBlocked: boolean;
}

/** What the events told of an assignment, and what its board showed. */
export interface KnownAssignment {
  readonly mac: string;
  readonly rollout: string;
  readonly version: string;
  state: string;
  /** How much it counts against the build that the board left it by itself, as far as the server was told of it. */
  left: 'no' | 'strike' | 'proof';
  /** An operator cleared the board after it had ended. */
  isForgiven: boolean;
  /** Its board was removed: what that one says of it is refused. */
  isGone: boolean;
}

/** What counts against a build on a board since it was cleared last. */
export interface Grudge {
  readonly strikes: number;
  readonly proofs: number;
}

const OPEN: ReadonlySet<string> = new Set(OPEN_STATES);
const ENDED_BADLY: ReadonlySet<string> = new Set(['failed', 'rolled_back', 'rejected', 'timed_out']);

/** An offer as the board got it, with what was known when it asked. */
export interface SeenOffer {
  readonly mac: string;
  readonly board: { readonly product: string; readonly chip: Chip; readonly version: string };
  readonly offered: { readonly product: string; readonly version: string; readonly chip: string };
  readonly isRollback: boolean;
  readonly assignmentId: number;
  /** Status of the rollout of the offer, before the board asked. */
  readonly rollout: { readonly name: string; readonly statusBefore: string };
  readonly grudge: Grudge;
  /** The board began an update with it, while so many others of its place were in the middle of one. */
  readonly beganBeside: number | undefined;
}

/** A hold of a board, or a freeze of a product, as it was asked for. */
interface AskedHold {
  readonly untilMs: number;
  readonly holdsWayBack: boolean;
}

export class AttackWorld {
  readonly server: TestServer;
  readonly random: Random;
  readonly lines: readonly [ProductLine, ProductLine];
  readonly builds: Build[] = [];
  /** Name of every rollout to its status, as the events told it. */
  readonly rollouts = new Map<string, { status: string; stage: string | null; readonly product: string }>();
  readonly assignments = new Map<number, KnownAssignment>();
  /** By MAC, and by product. Those whose end has passed may stay. */
  readonly held = new Map<string, AskedHold>();
  readonly frozen = new Map<string, AskedHold>();
  /** By MAC, the version that an operator cancelled on it or sent it back from. */
  readonly cancelled = new Map<string, string>();
  /** By MAC, the place that a label of the board names; and how many boards of one may be at it. */
  readonly places = new Map<string, string>();
  budget = Number.POSITIVE_INFINITY;
  readonly events: Event[] = [];
  /** What was found wrong since it was asked last. */
  readonly faults: string[] = [];
  offer: SeenOffer | undefined;
  readonly reached = new Map<string, number>();
  #lastId = '0';

  constructor(server: TestServer, random: Random) {
    this.server = server;
    this.random = random;
    this.lines = [new ProductLine(server, 1), new ProductLine(server, 2)];
  }

  /** An admin route whatever it answers. */
  async ask(name: AdminRouteName, call: AdminCall = {}): Promise<Answered> {
    const answer = await this.server.tryAdmin(name, call);
    this.note(`${name} ${answer.status < 300 ? 'done' : 'refused'}`);
    this.#judgeStatus(name, answer);
    return answer;
  }

  async device(path: 'check-update' | 'report-status', body: unknown): Promise<Answered> {
    const answer = await this.server.device(path, body);
    this.#judgeStatus(path, answer);
    return answer;
  }

  /** Whether somebody holds the board, or has frozen its product, so that it must not go this way now. */
  keeps(mac: string, product: string, isWayBack: boolean): boolean {
    const { nowMs } = this.server.clock;
    return [this.held.get(mac), this.frozen.get(product)].some(
      (hold) => hold !== undefined && nowMs < hold.untilMs && (!isWayBack || hold.holdsWayBack),
    );
  }

  isHeld(mac: string): boolean {
    const hold = this.held.get(mac);
    return hold !== undefined && this.server.clock.nowMs < hold.untilMs;
  }

  isUnderWay(mac: string): boolean {
    return [...this.assignments.values()].some((one) => one.mac === mac && OPEN.has(one.state));
  }

  /** Other boards of its place that are in the middle of an update. */
  othersAtIt(mac: string): number {
    const place = this.places.get(mac);
    if (place === undefined) return 0;
    return [...this.places].filter(([other, at]) => at === place && other !== mac && this.isUnderWay(other)).length;
  }

  note(what: string): void {
    this.reached.set(what, (this.reached.get(what) ?? 0) + 1);
  }

  count(what: string): number {
    return this.reached.get(what) ?? 0;
  }

  buildOf(product: string, version: string): Build | undefined {
    return this.builds.find((build) => build.line.product === product && build.version === version);
  }

  grudge(mac: string, version: string): Grudge {
    const counting = [...this.assignments.values()].filter(
      (one) => one.mac === mac && one.version === version && !one.isForgiven,
    );
    return {
      strikes: counting.filter(({ left }) => left === 'strike').length,
      proofs: counting.filter(({ left }) => left === 'proof').length,
    };
  }

  forgive(mac: string): void {
    for (const one of this.assignments.values())
      if (one.mac === mac && ENDED_BADLY.has(one.state)) one.isForgiven = true;
  }

  /** The server knows nothing of the board any more: neither what it did, nor that it is held. */
  forget(mac: string): void {
    this.places.delete(mac);
    this.cancelled.delete(mac);
    this.held.delete(mac);
    for (const one of this.assignments.values())
      if (one.mac === mac) {
        one.left = 'no';
        one.isGone = true;
      }
  }

  /** Reads what the events tell since the last time. Each must follow from what was told before. */
  async follow(): Promise<void> {
    for (let isMore = true; isMore;) {
      const query = { after: this.#lastId, sort: 'id', limit: '500' };
      const { items } = await this.server.admin('listEvents', { query });
      for (const event of items) this.#take(event);
      isMore = items.length === 500;
    }
  }

  /** Everything that was ever told, read again from the start, is what was followed. */
  async reread(): Promise<void> {
    const again: Event[] = [];
    for (let isMore = true; isMore;) {
      const query = { after: again.at(-1)?.id ?? '0', sort: 'id', limit: '500' };
      const { items } = await this.server.admin('listEvents', { query });
      again.push(...items);
      isMore = items.length === 500;
    }
    await this.follow();
    if (!isDeepStrictEqual(again, this.events.slice(0, again.length)))
      this.faults.push(`${again.length} events read from the start are not those that were followed`);
  }

  #take(event: Event): void {
    if (!isAfter(event.id, this.#lastId)) this.faults.push(`event ${event.id} comes after ${this.#lastId}`);
    this.#lastId = event.id;
    this.events.push(event);
    this.note(event.type);
    if (event.type.startsWith('rollout.')) this.#takeRollout(event);
    if (event.type.startsWith('assignment.')) this.#takeAssignment(event);
  }

  #takeRollout({ id, type, from, rollout: name, stage, product }: Event): void {
    const rollout = name ?? '';
    const known = this.rollouts.get(rollout);
    if ((known?.status ?? null) !== from)
      this.faults.push(`event ${id}, ${type} of ${rollout}, says from ${from}, told before was ${known?.status}`);
    this.rollouts.set(rollout, {
      status: STATUS_AFTER[type] ?? known?.status ?? 'unknown',
      stage,
      product: product ?? '',
    });
  }

  #takeAssignment({ id, type, from, rollout, version, mac, assignment_id }: Event): void {
    const known = this.assignments.get(assignment_id ?? 0);
    if ((known?.state ?? null) !== from)
      this.faults.push(`event ${id}, ${type} of ${assignment_id}, says from ${from}, told before was ${known?.state}`);
    const state = OUTCOMES_TOLD.has(type) ? (known?.state ?? 'unknown') : type.slice('assignment.'.length);
    if (known?.state === state && !OUTCOMES_TOLD.has(type)) this.faults.push(`event ${id} tells ${type} twice`);
    const start = {
      mac: mac ?? '',
      rollout: rollout ?? '',
      version: version ?? '',
      left: 'no',
      isForgiven: false,
      isGone: false,
    } as const;
    this.assignments.set(assignment_id ?? 0, { ...(known ?? start), state });
  }

  #judgeStatus(what: string, { status, body }: Answered): void {
    if (status >= 500) this.faults.push(`${what} answered ${status}: ${JSON.stringify(body)}`);
  }
}

function isAfter(id: string, before: string): boolean {
  const [tx = 0, number = 0] = id.split('-').map(Number);
  const [txBefore = 0, numberBefore = 0] = before.split('-').map(Number);
  return tx > txBefore || (tx === txBefore && number > numberBefore);
}
