// `otter rollout simulate`: a rollout gone through in virtual time. It asks no server and reads no clock: the rules are those
// of the server (rollout-server.ts), the boards are made from a seed (boards.ts), and what happens next waits in a queue. The
// same options give the same result.

import { isOutage } from '#engine/stage/gate.ts';
import type { Plan } from '#protocol/admin/plan.ts';
import { POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { fleetMacs } from '#simulator/macs.ts';
import { Random } from '#simulator/random.ts';
import type { BoardChances } from '#simulator/simulation/boards/board.ts';
import { Fleet } from '#simulator/simulation/boards/fleet.ts';
import { EventQueue } from './event-queue.ts';
import { type Outcome, type SimulationResult, resultOf } from './result.ts';
import { isHealthAsked } from '#simulator/simulation/boards/health.ts';
import { LOWEST_VERSION, RolloutServer } from '#simulator/simulation/server/rollout-server.ts';

export interface SimulationOptions extends BoardChances {
  readonly plan: Pick<Plan, 'stages' | 'watch_s'>;
  readonly version: string;
  readonly devices: number;
  readonly seed: number;
  readonly pollIntervalS: number;
  readonly imageBytes: number;
  /** Of a board's link; each has half to one and a half times as much. */
  readonly bytesPerS: number;
  /** How many boards have a label of the plan; one that is not named is on 1 % of them, at least 3. */
  readonly labelled: ReadonlyMap<string, number>;
}

/** A server judges its gates every 5 s; a minute is near enough for what takes hours. */
const TICK_MS = 60_000;
/** A halted rollout is watched for this long, for the boards that are under way and those that fail later. */
const AFTERMATH_MS = 86_400_000;
/** Two weeks beside the time for which its stages soak: a rollout that goes on for longer does not end by itself. */
const PATIENCE_MS = 14 * 86_400_000;
const LOOKS_PER_WORK = 50;
const FEWEST_LABELLED = 3;
const LABELLED_SHARE = 0.01;
/** The default of `config/server.yml`. */
const POLL_JITTER = 0.1;
/** Before the start. */
const HOURS_KNOWN = 24;
const CHIPS = { first: 'esp32', second: 'esp32c3' } as const;

/** The whole run at once. */
export function simulate(options: SimulationOptions): SimulationResult {
  const simulation = new Simulation(options);
  for (;;) {
    const result = simulation.advance(Number.POSITIVE_INFINITY);
    if (result !== undefined) return result;
  }
}

/** A run that is taken a piece at a time, so that others get a turn in between. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #boards: Fleet;
  readonly #server: RolloutServer;
  readonly #queue = new EventQueue();
  readonly #limitMs: number;
  #nowMs = 0;
  #nextTickMs = TICK_MS;
  #revision: number;

  /** Throws a RangeError for more boards than a fleet has, or for a label that more should have than there are. */
  constructor(options: SimulationOptions) {
    const macs = fleetMacs(options.seed, options.devices);
    const random = new Random(options.seed);
    const asksHealth = options.plan.stages.some(({ gate }) => isHealthAsked(gate));
    this.#options = options;
    this.#boards = new Fleet({
      ...options,
      macs,
      oldVersion: LOWEST_VERSION,
      pollJitter: POLL_JITTER,
      // What boards measure counts hour by hour.
      skipsPolls: !asksHealth,
      random: random.fork('boards'),
    });
    const labels = labelsOfDevices(options, random);
    this.#server = new RolloutServer({
      plan: options.plan,
      firmware: firmwareOf(1, options.version, options),
      stable: firmwareOf(2, LOWEST_VERSION, options),
      seed: options.seed,
      pollIntervalS: options.pollIntervalS,
      devices: macs.map((mac, device) => ({
        mac,
        chip: this.#boards.hasSecondChip(device) ? CHIPS.second : CHIPS.first,
        labels: labels[device] ?? [],
        presence: this.#boards.presenceBefore(device),
        hours: asksHealth ? this.#boards.healthBefore(device, HOURS_KNOWN) : [],
      })),
      asleep: (device, nowMs) => this.#boards.asleep(device, nowMs),
    });
    const soaksS = options.plan.stages.reduce((sum, { gate }) => sum + (gate?.soak_s ?? 0), 0);
    this.#limitMs = PATIENCE_MS + soaksS * 1000;
    this.#server.command('start', 'person', '', 0);
    this.#revision = this.#server.revision;
    for (let device = 0; device < options.devices; device += 1) this.#wait(device, this.#boards.firstPollAtMs(device));
  }

  /** For people who wait: the instant in virtual time, the open stage, and how many boards run the build. */
  get progress(): { readonly nowMs: number; readonly stage: string; readonly updated: number } {
    return { nowMs: this.#nowMs, stage: this.#server.openStage?.plan.name ?? '', updated: this.#boards.updated };
  }

  /**
   * Goes on by so much work, where one is about what a board does at once; answers the result when there is nothing left to
   * happen. A tick may have to look at every board, which is quick for each.
   */
  advance(work: number): SimulationResult | undefined {
    for (let done = 0; done < work; done += 1) {
      if (this.#queue.nextAtMs <= this.#nextTickMs) this.#next();
      else {
        done += this.#boards.size / LOOKS_PER_WORK;
        const outcome = this.#tick();
        if (outcome !== undefined)
          return resultOf({
            options: this.#options,
            server: this.#server,
            boards: this.#boards,
            outcome,
            nowMs: this.#nowMs,
          });
      }
      if (this.#server.revision !== this.#revision) this.#wake();
    }
    return undefined;
  }

  #next(): void {
    const event = this.#queue.take();
    if (event === undefined) return;
    this.#nowMs = event.atMs;
    this.#wait(event.device, this.#boards.act(event.device, this.#server, event.atMs));
  }

  #tick(): Outcome | undefined {
    this.#nowMs = this.#nextTickMs;
    this.#nextTickMs += TICK_MS;
    for (const device of this.#server.tick(this.#nowMs))
      this.#wait(device, this.#boards.wake(device, this.#server, this.#nowMs));
    this.#promoteAsAPersonWould();
    return this.#outcome();
  }

  /** Something changed for everybody: whoever slept asks at its next turn. */
  #wake(): void {
    this.#revision = this.#server.revision;
    for (const { device, atMs } of this.#boards.wakeAll(this.#server, this.#nowMs)) this.#wait(device, atMs);
  }

  #wait(device: number, atMs: number | undefined): void {
    if (atMs !== undefined) this.#queue.add({ atMs, device });
  }

  #promoteAsAPersonWould(): void {
    const { status, openStage, verdict } = this.#server;
    if (status !== 'running' || openStage?.plan.promotion !== 'manual') return;
    if (openStage.plan.gate !== undefined) {
      if (verdict?.state === 'passed') this.#server.command('promote', 'person', verdict.text, this.#nowMs);
      return;
    }
    const running = this.#boards.updated;
    if (this.#isQuiet && running > 0)
      this.#server.command('promote', 'person', `${running} run the build, nothing more happens`, this.#nowMs);
  }

  #outcome(): Outcome | undefined {
    const { status, verdict, timeline, watchUntilMs } = this.#server;
    if (status === 'complete')
      return this.#nowMs >= watchUntilMs ? { kind: 'complete', atMs: timeline.at(-1)?.atMs ?? this.#nowMs } : undefined;
    if (status !== 'running') {
      const endedAtMs = timeline.at(-1)?.atMs ?? this.#nowMs;
      const isOver = this.#boards.busy === 0 && this.#queue.size === 0;
      if (!isOver && this.#nowMs - endedAtMs < AFTERMATH_MS) return undefined;
      return { kind: status === 'regressed' ? 'regressed' : 'halted', atMs: endedAtMs };
    }
    const isStuck = this.#nowMs > this.#limitMs || (this.#isQuiet && !(verdict !== undefined && isOutage(verdict)));
    return isStuck ? { kind: 'stuck', atMs: this.#nowMs } : undefined;
  }

  /** Every board sleeps or is gone, no deadline runs, and none can fall silent any more: only a gate can change something now. */
  get #isQuiet(): boolean {
    const { openStage, openAssignments, changedAtMs } = this.#server;
    const { pollIntervalS, surroundings } = this.#options;
    const sinceMs = Math.max(openStage?.openedAtMs ?? this.#nowMs, changedAtMs);
    const gapS = Math.max(POLL_REST * pollIntervalS, surroundings.sleepers > 0 ? surroundings.sleepS : 0);
    return (
      this.#queue.size === 0 &&
      openAssignments === 0 &&
      this.#nowMs - sinceMs > SILENT_POLLS * gapS * 1000 + 2 * TICK_MS
    );
  }
}

/** With an image for each chip that the fleet has. */
function firmwareOf(id: number, version: string, { imageBytes, badChipShare }: SimulationOptions) {
  const chips = badChipShare === undefined ? [CHIPS.first] : [CHIPS.first, CHIPS.second];
  return {
    id,
    product: 'default',
    version,
    pilotReady: true,
    blocked: false,
    reverted: false,
    isRequired: false,
    securityVersion: 0,
    images: chips.map((chip, index) => ({
      id: 10 * id + index,
      chip,
      sizeBytes: imageBytes,
      sha256: '',
      elfSha256: undefined,
      appendedSha256: undefined,
      signedBy: [],
      signatureEndsAtMs: undefined,
      minChipRevision: 0,
      maxChipRevision: undefined,
      flashBytes: undefined,
    })),
  };
}

/** The labels that the plan asks for, by its own names. */
function labelsOf(stages: Plan['stages']): readonly string[] {
  return [...new Set(stages.map(({ label }) => label))].filter((label) => label !== GENERAL_LABEL);
}

/** How many boards have a label where nobody says it. */
function fewOf(devices: number): number {
  return Math.min(devices, Math.max(FEWEST_LABELLED, Math.round(devices * LABELLED_SHARE)));
}

function labelsOfDevices({ plan, devices, labelled }: SimulationOptions, random: Random) {
  const numbers = Array.from({ length: devices }, (_, index) => index);
  const holders = labelsOf(plan.stages).map((name) => {
    const count = labelled.get(name) ?? fewOf(devices);
    if (!(count <= devices)) throw new RangeError(`${count} of ${devices} devices cannot have label ${name}`);
    return { name, who: new Set(random.fork(`label ${name}`).shuffle(numbers).slice(0, count)) };
  });
  return numbers.map((index) => holders.flatMap(({ name, who }) => (who.has(index) ? [{ name, putAtMs: -1 }] : [])));
}
