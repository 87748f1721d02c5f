// `otter rollout simulate`: a rollout gone through in virtual time. It asks no server and reads no clock: the rules are those
// of the server (engine.ts), the boards are made from a seed (boards.ts), and what happens next waits in a queue. The same
// options give the same result.

import type { Plan } from '#protocol/plan.ts';
import { POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { fleetMacs } from '#simulator/macs.ts';
import { Random } from '#simulator/random.ts';
import { type BoardChances, Boards } from './boards.ts';
import { Engine } from './engine.ts';
import { EventQueue } from './event-queue.ts';
import { type Outcome, type RehearsalResult, resultOf } from './result.ts';

export interface RehearsalOptions extends BoardChances {
  readonly stages: Plan['stages'];
  readonly version: string;
  readonly devices: number;
  readonly seed: number;
  readonly pollIntervalS: number;
  readonly imageBytes: number;
  /** Of a board's link; each has half to one and a half times as much. */
  readonly bytesPerS: number;
  /** How many boards wear a label of the plan; a label that is not named is worn by 1 % of them, at least 3. */
  readonly labelled: ReadonlyMap<string, number>;
}

/** A server judges its gates every 5 s; a minute is near enough for what takes hours. */
const TICK_MS = 60_000;
/** A halted or completed rollout is watched for this long, for the boards that are under way. */
const AFTERMATH_MS = 86_400_000;
/** Two weeks beside the time for which its stages soak: a rollout that goes on for longer does not end by itself. */
const PATIENCE_MS = 14 * 86_400_000;
const LOOKS_PER_WORK = 50;
const FEWEST_LABELLED = 3;
const LABELLED_SHARE = 0.01;

/** The whole run at once. */
export function rehearse(options: RehearsalOptions): RehearsalResult {
  const rehearsal = new Rehearsal(options);
  for (;;) {
    const result = rehearsal.advance(Number.POSITIVE_INFINITY);
    if (result !== undefined) return result;
  }
}

/** A run that is taken a piece at a time, so that others get a turn in between. */
export class Rehearsal {
  readonly #options: RehearsalOptions;
  readonly #boards: Boards;
  readonly #engine: Engine;
  readonly #queue = new EventQueue();
  readonly #limitMs: number;
  #nowMs = 0;
  #nextTickMs = TICK_MS;
  #revision: number;

  /** Throws a RangeError for more devices than a fleet has, or for a label that more should wear than there are. */
  constructor(options: RehearsalOptions) {
    const macs = fleetMacs(options.seed, options.devices);
    const random = new Random(options.seed);
    this.#options = options;
    this.#boards = new Boards({ ...options, macs, random: random.fork('boards') });
    this.#engine = new Engine({
      stages: options.stages,
      firmware: firmwareOf(options),
      seed: options.seed,
      pollIntervalS: options.pollIntervalS,
      devices: labelDevices(options, macs, random),
      lastSeenAtMs: (device, nowMs) => this.#boards.lastHeardAtMs(device, nowMs),
    });
    const soaksS = options.stages.reduce((sum, { gate }) => sum + (gate?.soak_s ?? 0), 0);
    this.#limitMs = PATIENCE_MS + soaksS * 1000;
    this.#engine.command('start', 'person', '', 0);
    this.#revision = this.#engine.revision;
    for (let device = 0; device < options.devices; device += 1) this.#wait(device, this.#boards.firstPollAtMs(device));
  }

  /** For people who wait: the instant in virtual time, the open stage, and how many boards run the build. */
  get progress(): { readonly nowMs: number; readonly stage: string; readonly updated: number } {
    return {
      nowMs: this.#nowMs,
      stage: this.#engine.openStage?.plan.name ?? '',
      updated: this.#boards.updated,
    };
  }

  /**
   * Goes on by so much work, where one is about what a board does at once; answers the result when there is nothing left to
   * happen. A tick may have to look at every board, which is quick for each.
   */
  advance(work: number): RehearsalResult | undefined {
    for (let done = 0; done < work; done += 1) {
      if (this.#queue.nextAtMs <= this.#nextTickMs) this.#next();
      else {
        done += this.#boards.size / LOOKS_PER_WORK;
        const outcome = this.#tick();
        if (outcome !== undefined)
          return resultOf({ options: this.#options, engine: this.#engine, boards: this.#boards, outcome });
      }
      if (this.#engine.revision !== this.#revision) this.#wake();
    }
    return undefined;
  }

  #next(): void {
    const event = this.#queue.take();
    if (event === undefined) return;
    this.#nowMs = event.atMs;
    this.#wait(event.device, this.#boards.act(event.device, this.#engine, event.atMs));
  }

  #tick(): Outcome | undefined {
    this.#nowMs = this.#nextTickMs;
    this.#nextTickMs += TICK_MS;
    this.#engine.tick(this.#nowMs);
    this.#promoteAsAPersonWould();
    return this.#outcome();
  }

  /** Something changed for everybody: whoever slept asks at its next turn. */
  #wake(): void {
    this.#revision = this.#engine.revision;
    for (const { device, atMs } of this.#boards.wake(this.#nowMs)) this.#wait(device, atMs);
  }

  #wait(device: number, atMs: number | undefined): void {
    if (atMs !== undefined) this.#queue.add({ atMs, device });
  }

  #promoteAsAPersonWould(): void {
    const { status, openStage, verdict } = this.#engine;
    if (status !== 'running' || openStage?.plan.promotion !== 'manual') return;
    const { confirmed } = openStage.count.answers;
    if (openStage.plan.gate === undefined && this.#isQuiet && confirmed > 0)
      this.#engine.command('promote', 'person', `${confirmed} confirmed, nothing more happens`, this.#nowMs);
    else if (verdict?.state === 'passed') this.#engine.command('promote', 'person', verdict.text, this.#nowMs);
  }

  #outcome(): Outcome | undefined {
    const { status, verdict } = this.#engine;
    if (status !== 'running') {
      const endedAtMs = this.#engine.happenings.at(-1)?.atMs ?? this.#nowMs;
      const isOver = this.#boards.busy === 0 && this.#queue.size === 0;
      if (!isOver && this.#nowMs - endedAtMs < AFTERMATH_MS) return undefined;
      return { kind: status === 'complete' ? 'complete' : 'halted', atMs: endedAtMs };
    }
    const isStuck = this.#nowMs > this.#limitMs || (this.#isQuiet && verdict?.condition !== 'soak');
    return isStuck ? { kind: 'stuck', atMs: this.#nowMs } : undefined;
  }

  /** Every board sleeps or is gone, no deadline runs, and nobody is waited for any more: only a gate can change something now. */
  get #isQuiet(): boolean {
    const { openStage, stages } = this.#engine;
    const openForMs = this.#nowMs - (openStage?.openedAtMs ?? this.#nowMs);
    return (
      this.#queue.size === 0 &&
      stages.every(({ count }) => count.open === 0) &&
      openForMs > SILENT_POLLS * POLL_REST * this.#options.pollIntervalS * 1000 + 2 * TICK_MS
    );
  }
}

function firmwareOf({ version, imageBytes }: RehearsalOptions) {
  const image = {
    id: 1,
    chip: 'esp32',
    sizeBytes: imageBytes,
    sha256: '',
    elfSha256: undefined,
    appendedSha256: undefined,
  };
  return {
    id: 1,
    product: 'default',
    version,
    pilotReady: true,
    blocked: false,
    reverted: false,
    mustPass: false,
    securityVersion: 0,
    images: [image],
  };
}

/** The labels that the plan asks for, by its own names. */
function labelsOf(stages: RehearsalOptions['stages']): readonly string[] {
  return [...new Set(stages.map(({ label }) => label))].filter((label) => label !== GENERAL_LABEL);
}

/** How many boards wear a label where nobody says it. */
function fewOf(devices: number): number {
  return Math.min(devices, Math.max(FEWEST_LABELLED, Math.round(devices * LABELLED_SHARE)));
}

function labelDevices({ stages, devices, labelled }: RehearsalOptions, macs: readonly string[], random: Random) {
  const numbers = macs.map((_, index) => index);
  const wearers = labelsOf(stages).map((name) => {
    const count = labelled.get(name) ?? fewOf(devices);
    if (!(count <= devices)) throw new RangeError(`${count} of ${devices} devices cannot wear ${name}`);
    return { name, who: new Set(random.fork(`label ${name}`).shuffle(numbers).slice(0, count)) };
  });
  return macs.map((mac, index) => ({
    mac,
    labels: wearers.flatMap(({ name, who }) => (who.has(index) ? [{ name, putAtMs: -1 }] : [])),
  }));
}
