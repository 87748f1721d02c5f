// A fleet of boards on a moved clock that poll, update and go wrong in every way that a story needs, over the real wire. Each board
// asks when it was told to ask; `run` moves the clock from one instant at which somebody asks to the next.

import { sizeOf } from './scope.ts';
import type { ProductLine } from './product-line.ts';
import type { TestServer } from './server/server.ts';

/** What becomes of a board that takes the build; each is asked for what it would do next. */
export interface Fate {
  /** Seconds after it confirmed at which it goes wrong; undefined: it never does. */
  readonly afterS?: number;
  readonly kind:
    | 'good'
    | 'dies'
    | 'crashes'
    | 'panics_without_uptime'
    | 'leaves'
    | 'leaves_silently'
    | 'bricks'
    | 'rolls_back'
    | 'loses_network';
}

interface Board {
  readonly mac: string;
  readonly chip: string;
  readonly fate: Fate;
  version: string;
  nextMs: number;
  confirmedMs: number | undefined;
  bootedMs: number;
  isDead: boolean;
  /** It was offered the build, and how far it is. */
  assignment: number | undefined;
  phase: 'idle' | 'installing' | 'cut_off' | 'trial';
  cause: string;
  leftVersion: string | undefined;
}

const GOOD: Fate = { kind: 'good' };
const INSTALL_S = 30;
/** So long a board that reaches nobody stays on its trial. */
const TRIAL_MS = 600_000;
/** How often the server ticks, each minute in the field. What it finds out with a tick may come so much later. */
const TICK_MS = sizeOf({ push: 300_000, whole: 60_000 });

export class WatchedFleet {
  readonly #server: TestServer;
  readonly #line: ProductLine;
  readonly #boards: Board[] = [];
  /** How often each MAC was given the build. */
  readonly given = new Map<string, number>();

  constructor(server: TestServer, line: ProductLine) {
    this.#server = server;
    this.#line = line;
  }

  get macs(): readonly string[] {
    return this.#boards.map(({ mac }) => mac);
  }

  /** Boards that have checked in, spread over the poll interval. */
  async add(
    count: number,
    options: { readonly fate?: Fate; readonly labels?: readonly string[]; readonly chip?: string } = {},
  ): Promise<readonly string[]> {
    const { fate = GOOD, labels = [], chip = 'esp32' } = options;
    const macs: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const board: Board = {
        mac: this.#line.newMac(),
        chip,
        fate,
        version: '1.0.0',
        nextMs: 0,
        confirmedMs: undefined,
        bootedMs: this.#server.clock.nowMs - 86_400_000,
        isDead: false,
        assignment: undefined,
        phase: 'idle',
        cause: 'power_on',
        leftVersion: undefined,
      };
      this.#boards.push(board);
      macs.push(board.mac);
      await this.#checkIn(board);
      board.nextMs = this.#server.clock.nowMs + ((index * 37) % 600) * 1000;
      for (const name of labels)
        await this.#server.admin('labelDevice', { params: { device: board.mac, name }, query: { confirm: 'true' } });
    }
    return macs;
  }

  /** These boards are cut off, or are back. */
  cut(macs: readonly string[], isCut: boolean): void {
    for (const board of this.#boards) if (macs.includes(board.mac)) board.isDead = isCut;
  }

  /** Lets time pass, or stops as soon as `until` says so; the server ticks every `TICK_MS`. */
  async run(seconds: number, until: () => Promise<boolean> = async () => false): Promise<void> {
    const endMs = this.#server.clock.nowMs + seconds * 1000;
    let tickMs = this.#server.clock.nowMs;
    while (this.#server.clock.nowMs < endMs) {
      tickMs = Math.min(tickMs + TICK_MS, endMs);
      for (;;) {
        const due = this.#boards
          .filter(({ isDead, nextMs }) => !isDead && nextMs <= tickMs)
          .toSorted((left, right) => left.nextMs - right.nextMs)[0];
        if (due === undefined) break;
        this.#moveTo(due.nextMs);
        await this.#act(due);
      }
      this.#moveTo(tickMs);
      await this.#server.tick();
      if (await until()) return;
    }
  }

  #moveTo(ms: number): void {
    const { clock } = this.#server;
    if (ms > clock.nowMs) clock.advance((ms - clock.nowMs) / 1000);
  }

  async #act(board: Board): Promise<void> {
    const { nowMs } = this.#server.clock;
    this.#goWrong(board, nowMs);
    if (board.isDead) return;
    if (board.phase === 'cut_off') return this.#runOut(board);
    if (board.phase === 'installing') {
      // One that was cut off acts when it is back.
      if (nowMs - board.nextMs >= TRIAL_MS) return this.#runOut(board);
      board.bootedMs = nowMs;
      board.cause = 'software';
      board.version = '1.1.0';
      board.phase = 'trial';
      await this.#checkIn(board);
      board.nextMs = nowMs + 20_000;
      return;
    }
    if (board.phase === 'trial') {
      board.phase = 'idle';
      if (board.fate.kind === 'rolls_back') this.#goBack(board, 'panic');
      else board.confirmedMs = nowMs;
    }
    const answer = await this.#checkIn(board);
    board.nextMs = nowMs + answer.poll_interval_s * 1000;
    if (answer.update_available && answer.manifest?.version === '1.1.0')
      await this.#take(board, answer.assignment_id ?? 0);
    else if (answer.update_available)
      await this.#goHome(board, String(answer.manifest?.version), answer.assignment_id ?? 0);
  }

  async #take(board: Board, assignment: number): Promise<void> {
    board.assignment = assignment;
    this.given.set(board.mac, (this.given.get(board.mac) ?? 0) + 1);
    await this.#line.report(board.mac, assignment, 1, 'downloading');
    await this.#line.report(board.mac, assignment, 2, 'installing');
    board.phase = 'installing';
    board.nextMs = this.#server.clock.nowMs + INSTALL_S * 1000;
    if (board.fate.kind === 'loses_network') {
      board.phase = 'cut_off';
      board.nextMs += TRIAL_MS;
    }
    if (board.fate.kind === 'bricks') board.isDead = true;
  }

  /** It was on trial for so long that it went back, and tells it now that it reaches the server. */
  async #runOut(board: Board): Promise<void> {
    board.phase = 'idle';
    board.leftVersion = '1.1.0';
    this.#goBack(board, 'software');
    await this.#line.report(board.mac, board.assignment ?? 0, 3, 'rolled_back', { error_code: 'trial_timeout' });
    await this.#checkIn(board);
    board.nextMs = this.#server.clock.nowMs + 60_000;
  }

  async #goHome(board: Board, version: string, assignment: number): Promise<void> {
    await this.#line.report(board.mac, assignment, 1, 'installing');
    board.version = version;
    board.confirmedMs = undefined;
    await this.#checkIn(board);
  }

  #goWrong(board: Board, nowMs: number): void {
    const { fate, confirmedMs } = board;
    const isDue =
      confirmedMs !== undefined && board.version === '1.1.0' && nowMs >= confirmedMs + (fate.afterS ?? 0) * 1000;
    if (!isDue) return;
    switch (fate.kind) {
      case 'dies':
        board.isDead = true;
        return;
      case 'crashes':
      case 'panics_without_uptime':
        board.cause = 'panic';
        board.bootedMs = nowMs - 20_000;
        return;
      case 'leaves':
        this.#goBack(board, 'panic');
        board.leftVersion = '1.1.0';
        return;
      case 'leaves_silently':
        this.#goBack(board, 'software');
        return;
      case 'good':
      case 'bricks':
      case 'rolls_back':
      case 'loses_network':
    }
  }

  #goBack(board: Board, cause: string): void {
    board.version = '1.0.0';
    board.confirmedMs = undefined;
    board.cause = cause;
    board.bootedMs = this.#server.clock.nowMs - 10_000;
  }

  async #checkIn(board: Board) {
    const { nowMs } = this.#server.clock;
    const uptime_s = Math.floor((nowMs - board.bootedMs) / 1000);
    return this.#line.checkIn(board.mac, board.version, {
      chip: board.chip,
      boot: {
        state: board.phase === 'trial' ? 'trial' : 'confirmed',
        reason: board.cause,
        ...(board.fate.kind === 'panics_without_uptime' ? {} : { uptime_s }),
        ...(board.leftVersion === undefined ? {} : { rolled_back_from: board.leftVersion }),
      },
    });
  }
}
