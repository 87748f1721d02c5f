// One judge: the same boards play the same rollout with a running server (over the wire, its clock moved) and with the server of
// the simulation, in memory. After each step both have told the boards the same, and say the same of every gate and every board.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Plan } from '#protocol/admin/plan.ts';
import type { BuildFault } from '#simulator/device/faults.ts';
import { Random } from '#simulator/random.ts';
import { Fleet } from '#simulator/simulation/boards/fleet.ts';
import { EventQueue } from '#simulator/simulation/event-queue.ts';
import { NO_SURROUNDINGS, type Surroundings } from '#simulator/simulation/boards/fate.ts';
import type { CheckIn, CheckInAnswer, Report } from '#simulator/simulation/messages.ts';
import { RolloutServer } from '#simulator/simulation/server/rollout-server.ts';
import { type Dialect, DIALECTS } from '../../support/scope.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';
import { ProductLine } from '../../support/product-line.ts';

const OLD = '1.0.0';
const BUILD = '1.1.0';
const POLL_S = 600;
const SOAK_S = 1_200;
const BOARDS = 14;
const PILOTS = 5;
const SHOPS = 4;
/** Of the watch over a complete rollout, that is played. */
const WATCHED_MS = 2 * 3_600_000;
const IMAGE_BYTES = 1_000_000;

const gate = { min_confirmed: 2, max_failed_pct: 10, max_silent_pct: 20, soak_s: SOAK_S, on_halt: 'revert' } as const;
/** By labels alone: whom a percentage takes follows from a seed of the server. */
const PLAN: Plan = {
  name: 'played-twice',
  description: '',
  stages: [
    { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'auto', gate: { ...gate, max_failed: 0 } },
    { name: 'shops', label: 'shop', percentage: 100, promotion: 'auto', gate, max_in_flight: 2 },
    { name: 'everyone', label: 'general', percentage: 100, promotion: 'auto', gate },
  ],
};

interface Game {
  readonly name: string;
  readonly dialect: Dialect;
  readonly seed: number;
  readonly faults: readonly BuildFault[];
  readonly surroundings?: Partial<Surroundings>;
  readonly networkFail?: number;
  /** How the simulation says that it ends. */
  readonly ends: string;
}

const GAMES: readonly Game[] = [
  {
    name: 'a good build, boards that sleep, an outage of a site, and a network that breaks',
    dialect: 'sqlite',
    seed: 1,
    faults: [],
    surroundings: { sleepers: 0.2, sleepS: 5_400, outage: { share: 0.4, startS: 4_000, lengthS: 3_600 } },
    networkFail: 0.2,
    ends: 'complete',
  },
  {
    name: 'a build that goes back silently on half of the boards, after the pilot has passed',
    dialect: 'sqlite',
    seed: 2,
    faults: [{ kind: 'goes_back_silently', share: 0.5, delayMs: 4_000_000 }],
    ends: 'halted',
  },
  {
    name: 'a build that crashes again and again once it is everywhere',
    dialect: 'sqlite',
    seed: 3,
    faults: [{ kind: 'crash_loops', share: 0.5, delayMs: 9_000_000 }],
    ends: 'regressed',
  },
  {
    name: 'a build that dies on half of the boards',
    dialect: 'postgres',
    seed: 4,
    faults: [{ kind: 'dies', share: 0.5, delayMs: 300_000 }],
    ends: 'halted',
  },
  {
    name: 'a build of every kind of bad at once',
    dialect: 'postgres',
    seed: 5,
    faults: [
      { kind: 'fails_trial', share: 0.1 },
      { kind: 'goes_back', share: 0.1 },
      { kind: 'bricks', share: 0.2 },
    ],
    ends: 'halted',
  },
];

test.each(GAMES.filter(({ dialect }) => DIALECTS.includes(dialect)))(
  'server and simulation say the same of $name ($dialect)',
  { timeout: 240_000 },
  async (game) => {
    const server = await startWithoutJitter(game.dialect);
    const played = new PlayedTwice(server, game);
    await played.begin();
    for (let steps = 0; !played.isOver; steps += 1) {
      expect(steps, 'it does not end').toBeLessThan(5_000);
      await played.step();
    }
    expect(played.ending).toBe(game.ends);
    await server.end();
  },
);

async function startWithoutJitter(dialect: Dialect): Promise<TestServer> {
  const first = await startTestServer({ dialect });
  await appendFile(join(first.home, 'config/server.yml'), `\npoll: {interval: ${POLL_S}s, jitter: 0%}\n`);
  await first.stop();
  return startTestServer({ like: first });
}

type Call =
  | { readonly kind: 'check_in'; readonly device: number; readonly asked: CheckIn; readonly answer: CheckInAnswer }
  | { readonly kind: 'report'; readonly report: Report };

/** Keeps what boards say, so that it can be said to a running server as well. Its instants are whole milliseconds. */
class RecordingServer extends RolloutServer {
  readonly calls: Call[] = [];

  override checkIn(device: number, asked: CheckIn, nowMs: number): CheckInAnswer {
    const answer = super.checkIn(device, asked, Math.round(nowMs));
    this.calls.push({ kind: 'check_in', device, asked, answer });
    return answer;
  }

  override report(report: Report, nowMs: number): void {
    super.report(report, Math.round(nowMs));
    this.calls.push({ kind: 'report', report });
  }
}

class PlayedTwice {
  readonly #server: TestServer;
  readonly #line: ProductLine;
  readonly #macs: readonly string[];
  readonly #boards: Fleet;
  readonly #simulated: RecordingServer;
  readonly #queue = new EventQueue();
  /** By the assignment of the simulation: whose it is, that of the server, and how much was reported of it. */
  readonly #assignments = new Map<number, { readonly mac: string; readonly id: number; sequence: number }>();
  #nowMs = 0;

  constructor(server: TestServer, { seed, faults, surroundings, networkFail = 0 }: Game) {
    this.#server = server;
    this.#line = new ProductLine(server, seed);
    this.#macs = Array.from({ length: BOARDS }, () => this.#line.newMac());
    this.#boards = new Fleet({
      macs: this.#macs,
      version: BUILD,
      oldVersion: OLD,
      imageBytes: IMAGE_BYTES,
      bytesPerS: 50_000,
      pollIntervalS: POLL_S,
      pollJitter: 0,
      skipsPolls: false,
      random: new Random(seed),
      faults,
      badChipShare: undefined,
      surroundings: { ...NO_SURROUNDINGS, ...surroundings },
      silent: 0,
      networkFail,
    });
    this.#simulated = new RecordingServer({
      plan: PLAN,
      firmware: firmwareOf(1, BUILD, this.#line.product),
      stable: firmwareOf(2, OLD, this.#line.product),
      seed,
      pollIntervalS: POLL_S,
      devices: this.#macs.map((mac, device) => ({
        mac,
        chip: 'esp32',
        labels: labelsOf(device).map((name) => ({ name, putAtMs: -1 })),
        presence: undefined,
      })),
      asleep: () => undefined,
    });
  }

  get isOver(): boolean {
    const { status, timeline } = this.#simulated;
    const watchedMs = this.#nowMs - (timeline.at(-1)?.atMs ?? 0);
    const isDone = status === 'complete' ? watchedMs >= WATCHED_MS : status !== 'running';
    return isDone && this.#boards.busy === 0;
  }

  get ending(): string {
    return this.#simulated.status;
  }

  /** All boards are known to both; the prior stable build is out, and the rollout starts. */
  async begin(): Promise<void> {
    await this.#line.makeStable(OLD);
    await this.#line.add(BUILD);
    const { name, ...plan } = PLAN;
    await this.#server.admin('setPlan', { params: { name }, body: plan });
    for (const [device, mac] of this.#macs.entries()) {
      const asked = { sighting: running(OLD), bootReason: 'power_on', uptimeS: 86_400, jitterS: 0 };
      this.#simulated.checkIn(device, asked, 0);
      await this.#replay();
      for (const label of labelsOf(device))
        await this.#server.admin('labelDevice', { params: { device: mac, name: label }, query: { confirm: 'true' } });
    }
    const body = { version: BUILD, product: this.#line.product, plan: name, name: ROLLOUT };
    await this.#server.admin('createRollout', { body });
    await this.#server.admin('startRollout', { params: { name: ROLLOUT }, body: {} });
    this.#simulated.command('start', 'person', '', 0);
    await this.#compare();
    for (const device of this.#macs.keys()) this.#wait(device, this.#boards.firstPollAtMs(device));
  }

  /** The next thing that a board does; where none does anything more, some time passes. */
  async step(): Promise<void> {
    const event = this.#queue.take();
    const atMs = event?.atMs ?? this.#nowMs + 600_000;
    this.#nowMs = Math.round(atMs);
    this.#server.clock.nowMs = START_MS + this.#nowMs;
    // The server may tick by itself at any moment: once more changes nothing.
    await this.#tick();
    if (event !== undefined) this.#wait(event.device, this.#boards.act(event.device, this.#simulated, event.atMs));
    await this.#replay();
    await this.#tick();
    await this.#compare();
  }

  async #tick(): Promise<void> {
    this.#simulated.tick(this.#nowMs);
    await this.#server.tick();
  }

  #wait(device: number, atMs: number | undefined): void {
    if (atMs !== undefined) this.#queue.add({ device, atMs });
  }

  async #replay(): Promise<void> {
    for (const call of this.#simulated.calls.splice(0))
      await (call.kind === 'check_in' ? this.#ask(call) : this.#report(call.report));
  }

  async #ask({ device, asked, answer }: Extract<Call, { readonly kind: 'check_in' }>): Promise<void> {
    const { version, onTrial, rolledBackFrom } = asked.sighting;
    const mac = this.#macs[device] ?? '';
    const told = await this.#line.checkIn(mac, version, {
      chip: 'esp32',
      boot: {
        state: onTrial ? 'trial' : 'confirmed',
        reason: asked.bootReason,
        uptime_s: asked.uptimeS,
        ...(rolledBackFrom === undefined ? {} : { rolled_back_from: rolledBackFrom }),
      },
    });
    const { decision, assignmentId, intervalS } = answer;
    expect({ device, ...pick(told) }).toEqual({
      device,
      update_available: decision.outcome !== 'hold',
      reason: decision.reason,
      poll_interval_s: intervalS,
    });
    if (assignmentId !== undefined && !this.#assignments.has(assignmentId))
      this.#assignments.set(assignmentId, { mac, id: told.assignment_id ?? Number.NaN, sequence: 0 });
  }

  async #report({ assignmentId, status, errorCode }: Report): Promise<void> {
    const known = this.#assignments.get(assignmentId);
    if (known === undefined) throw new Error(`nobody was offered assignment ${assignmentId}`);
    known.sequence += 1;
    const more = errorCode === undefined ? {} : { error_code: errorCode };
    const answer = await this.#line.report(known.mac, known.id, known.sequence, status, more);
    expect(answer.status).toBe(200);
  }

  async #compare(): Promise<void> {
    const rollout = await this.#server.admin('getRollout', { params: { name: ROLLOUT } });
    const opened = rollout.stages.filter(({ opened_at }) => opened_at !== null);
    const { status, openStage, stages } = this.#simulated;
    const verdicts = this.#simulated.judgedAt(this.#nowMs);
    expect({
      atMs: this.#nowMs,
      status: rollout.status,
      stage: rollout.stage,
      why: rollout.halted_reason ?? rollout.regressed_reason,
      stages: opened.map(({ stage, verdict, outcomes }) => ({
        stage,
        verdict: verdicts === undefined ? null : verdict,
        columns: { ...outcomes, asleep: undefined },
      })),
    }).toEqual({
      atMs: this.#nowMs,
      status,
      stage: openStage?.plan.name,
      why: status === 'halted' || status === 'regressed' ? this.#simulated.timeline.at(-1)?.reason : null,
      stages: stages
        .filter(({ openedAtMs }) => openedAtMs !== undefined)
        .map(({ plan: { name } }) => {
          const verdict = verdicts?.get(name);
          return {
            stage: name,
            verdict: verdict !== undefined ? { state: verdict.state, text: verdict.text } : null,
            columns: this.#simulated.columnsOf(name),
          };
        }),
    });
  }
}

const ROLLOUT = 'played-twice';

function labelsOf(device: number): readonly string[] {
  if (device < PILOTS) return ['pilot'];
  return device < PILOTS + SHOPS ? ['shop'] : [];
}

function running(version: string): CheckIn['sighting'] {
  return { version, imageSha256: undefined, onTrial: false, rolledBackFrom: undefined };
}

function pick({ update_available, reason, poll_interval_s }: Awaited<ReturnType<ProductLine['checkIn']>>) {
  return { update_available, reason, poll_interval_s };
}

function firmwareOf(id: number, version: string, product: string) {
  return {
    id,
    product,
    version,
    pilotReady: true,
    blocked: false,
    reverted: false,
    isRequired: false,
    securityVersion: 0,
    images: [
      {
        id,
        chip: 'esp32',
        sizeBytes: IMAGE_BYTES,
        sha256: '',
        elfSha256: undefined,
        appendedSha256: undefined,
        signedBy: [],
        signatureEndsAtMs: undefined,
        minChipRevision: 0,
        maxChipRevision: undefined,
        flashBytes: undefined,
      },
    ],
  };
}
