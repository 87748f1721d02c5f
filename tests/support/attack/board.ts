// A board of a random attack: it checks in, fetches, reports (in order, late, twice, or not at all), tries builds, and goes wrong in
// every way that a board can. Each call is one thing that it does.

import { hash } from 'node:crypto';
import type { ReportStatus } from '#protocol/device/api.ts';
import { readManifest } from './offer.ts';
import type { AttackWorld, Chip } from './world.ts';
import type { ProductLine } from '../product-line.ts';

interface Held {
  readonly id: number;
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
  readonly isRollback: boolean;
  readonly fromVersion: string;
  sequence: number;
}

interface Report {
  readonly id: number;
  readonly sequence: number;
  readonly status: ReportStatus;
  readonly errorCode?: string | undefined;
}

/** States in which the server knows that the board was given the build, so that its return counts against the build. */
const GIVEN: ReadonlySet<string> = new Set(['installing', 'trial', 'confirmed']);

/** A board in the middle of an update takes one of these instead of what comes next. */
const REFUSALS = ['low_power', 'busy', 'chip', 'timeout', 'flash_write', 'low_memory'] as const;

export class AttackBoard {
  readonly mac: string;
  readonly chip: Chip;
  readonly line: ProductLine;
  readonly #world: AttackWorld;
  version = '1.0.0';
  phase: 'idle' | 'holding' | 'fetched' | 'installing' | 'trial' = 'idle';
  isDead = false;
  #held: Held | undefined;
  #latestId: number | undefined;
  #bootedMs: number;
  #cause = 'poweron';
  /** What the next check-ins say that it left. */
  #leftVersion: string | undefined;
  /** It left the build of this assignment by itself, and has not checked in since. */
  #wentBack: { readonly held: Held; readonly tells: boolean } | undefined;
  readonly #late: Report[] = [];

  constructor(world: AttackWorld, line: ProductLine, chip: Chip) {
    this.#world = world;
    this.line = line;
    this.chip = chip;
    this.mac = line.newMac();
    this.#bootedMs = world.server.clock.nowMs;
  }

  async checkIn(): Promise<void> {
    const world = this.#world;
    await world.follow();
    const wasUnderWay = world.isUnderWay(this.mac);
    const statusBefore = new Map([...world.rollouts].map(([name, { status }]) => [name, status]));
    this.#bookReturn();
    const { status, body } = await world.device('check-update', {
      mac: this.mac,
      current_version: this.version,
      product: this.line.product,
      chip: this.chip,
      labels: [],
      ...this.#postponed(),
      boot: {
        state: this.phase === 'trial' ? 'trial' : 'confirmed',
        reason: this.#cause,
        uptime_s: Math.floor((world.server.clock.nowMs - this.#bootedMs) / 1000),
        ...(this.#leftVersion === undefined ? {} : { rolled_back_from: this.#leftVersion }),
      },
    });
    const offer = status === 200 ? readManifest(body) : undefined;
    if (offer === undefined) return;
    await world.follow();
    const beganBeside = wasUnderWay ? undefined : world.othersAtIt(this.mac);
    const rollout = world.assignments.get(offer.assignmentId)?.rollout ?? 'unknown';
    world.offer = {
      mac: this.mac,
      board: { product: this.line.product, chip: this.chip, version: this.version },
      offered: offer,
      isRollback: offer.isRollback,
      assignmentId: offer.assignmentId,
      rollout: { name: rollout, statusBefore: statusBefore.get(rollout) ?? 'unknown' },
      grudge: { ...world.grudge(this.mac, offer.version) },
      beganBeside,
    };
    world.note(offer.isRollback ? 'way back' : 'offer');
    this.#hold({ ...offer, id: offer.assignmentId, fromVersion: this.version, sequence: 0 });
  }

  /** A board that has not begun to fetch what it was offered may say that it is not the time. */
  #postponed(): object {
    if (this.phase !== 'holding' || this.#held === undefined || !this.#world.random.chance(0.15)) return {};
    this.#world.note('postponed');
    return { postponed: { assignment_id: this.#held.id, reason: 'somebody is cooking' } };
  }

  /** What comes next for it, which may be that it fails. */
  async goOn(): Promise<void> {
    const held = this.#held;
    switch (this.phase) {
      case 'idle':
        return this.checkIn();
      case 'holding':
        return this.#fetch(held);
      case 'fetched':
        this.phase = 'installing';
        return this.#tell('installing');
      case 'installing':
        return this.#boot(held);
      case 'trial':
        return this.#endTrial(held);
      default:
    }
  }

  /** It runs a build that it had confirmed, and something happens to it. */
  async goWrong(): Promise<void> {
    const { random } = this.#world;
    const held = this.#held;
    const kind = random.pick(['panics', 'panics', 'leaves', 'leaves', 'leaves_silently', 'dies', 'flashed']);
    this.#world.note(`board ${kind}`);
    if (kind === 'panics') this.#restart('panic');
    else if (kind === 'dies') this.isDead = random.chance(0.5);
    else if (kind === 'flashed') {
      this.version = '1.0.0';
      this.#restart('poweron');
      this.phase = 'idle';
      this.#held = undefined;
    } else if (held !== undefined && this.version === held.version) this.#goBack(held, kind === 'leaves');
    await Promise.resolve();
  }

  /** A report that was kept back arrives now, if there is one. */
  async sendLate(): Promise<void> {
    const report = this.#late.splice(this.#world.random.integer(this.#late.length + 1), 1)[0];
    if (report === undefined) return this.checkIn();
    this.#world.note('report late');
    return this.#send(report);
  }

  #hold(held: Held): void {
    this.#latestId = held.id;
    if (this.#held?.id === held.id) return;
    // A board that is busy goes on with what it has.
    if (this.phase === 'installing' || this.phase === 'trial') return;
    this.#held = held;
    this.phase = 'holding';
  }

  async #fetch(held: Held | undefined): Promise<void> {
    const { random, server } = this.#world;
    if (held === undefined) return;
    if (random.chance(0.06)) {
      this.phase = 'idle';
      return this.#tell('rejected', random.pick(REFUSALS));
    }
    await this.#tell('downloading');
    const { fleetToken: token } = server;
    if (random.chance(0.2)) await server.fetch('GET', held.url, { token, headers: { range: 'bytes=0-99' } });
    const { status, body } = await server.fetch('GET', held.url, { token });
    if (status >= 500) this.#world.faults.push(`download of ${held.url} answered ${status}`);
    if (status === 200 && hash('sha256', body) !== held.sha256)
      this.#world.faults.push(`download of ${held.url} is not the image of the offer`);
    this.phase = status === 200 ? 'fetched' : 'idle';
    this.#world.note(status === 200 ? 'download' : 'download refused');
    return status === 200 ? this.#tell('downloaded') : this.#tell('failed', 'http_status');
  }

  async #boot(held: Held | undefined): Promise<void> {
    if (held === undefined) return;
    this.version = held.version;
    this.#restart('software');
    this.phase = held.isRollback ? 'idle' : 'trial';
    this.#leftVersion = undefined;
    if (this.#world.random.chance(0.7)) await this.checkIn();
    return this.#tell('trial');
  }

  async #endTrial(held: Held | undefined): Promise<void> {
    const world = this.#world;
    const { random } = world;
    if (held === undefined) return;
    const badness = world.buildOf(this.line.product, held.version)?.badness ?? 0;
    if (!random.chance(badness)) {
      this.phase = 'idle';
      await this.#tell('confirmed');
      return random.chance(0.7) ? this.checkIn() : undefined;
    }
    if (random.chance(0.15)) {
      this.isDead = true;
      return;
    }
    const code = random.pick(['crash', 'watchdog', 'self_test', 'trial_timeout']);
    const tells = random.chance(0.6);
    this.#goBack(held, tells);
    return tells ? this.#tell('rolled_back', code) : undefined;
  }

  #goBack(held: Held, tells: boolean): void {
    this.version = held.fromVersion;
    this.phase = 'idle';
    this.#restart(tells ? 'panic' : 'software');
    this.#leftVersion = tells ? held.version : undefined;
    this.#wentBack = { held, tells };
    this.#held = undefined;
  }

  /** What the check-in that follows shows the server of a build that the board left. */
  #bookReturn(): void {
    const { held, tells } = this.#wentBack ?? {};
    this.#wentBack = undefined;
    if (held === undefined || this.version !== held.fromVersion) return;
    const state = this.#world.assignments.get(held.id)?.state;
    if (state === undefined || !GIVEN.has(state) || this.#latestId !== held.id) return;
    const known = this.#world.assignments.get(held.id);
    if (known === undefined || known.left === 'proof' || known.isGone) return;
    // What a board in its trial reports may be a cause that only counts as a strike.
    known.left = tells === true && state === 'confirmed' ? 'proof' : 'strike';
    this.#world.note('return');
  }

  #restart(cause: string): void {
    this.#cause = cause;
    this.#bootedMs = this.#world.server.clock.nowMs;
  }

  async #tell(status: ReportStatus, errorCode?: string): Promise<void> {
    const held = this.#held ?? this.#wentBack?.held;
    if (held === undefined) return;
    held.sequence += 1;
    const report = { id: held.id, sequence: held.sequence, status, errorCode };
    const drawn = this.#world.random.next();
    if (drawn < 0.08) return this.#world.note('report lost');
    if (drawn < 0.16) {
      this.#late.push(report);
      return;
    }
    await this.#send(report);
    if (drawn < 0.26) await this.#send(report);
  }

  async #send({ id, sequence, status, errorCode }: Report): Promise<void> {
    const { body } = await this.#world.device('report-status', {
      mac: this.mac,
      assignment_id: id,
      sequence,
      status,
      ...(errorCode === undefined ? {} : { error_code: errorCode }),
    });
    if (body['duplicate'] === true) this.#world.note('report twice');
    const isProof = errorCode === 'crash' || errorCode === 'watchdog' || errorCode === 'self_test';
    const known = this.#world.assignments.get(id);
    if (status === 'rolled_back' && isProof && body['state'] === 'rolled_back' && known !== undefined)
      known.left = 'proof';
  }
}
