// `npm run bench -- herd`: a fleet that lost its server for five minutes comes back, in real time and over real TLS. All boards are behind one
// router, so one address brings them all (by the PROXY protocol: addresses of the machine itself are not counted). Either the server was
// away and the boards backed off, or (`herd power`) the power was away for both, so that every board starts at the same moment.

import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { DEFAULT_PER_ADDRESS } from '#protocol/limits.ts';
import { backOffMs, bootWaitMs, type Pace, pollWaitMs, REAL_TIME, retryAfterMs } from '#simulator/device/pace.ts';
import { Random } from '#simulator/random.ts';
import { benchMac, makeHome } from './fleet.ts';
import { checkUpdateText, type Endpoint } from './load.ts';
import { Target } from './measured.ts';

const INTERVAL_S = 600;
const OUTAGE_S = 300;
/** How long the fleet is watched before the outage. */
const BEFORE_S = 60;
const ROUTER = 'PROXY TCP4 203.0.113.1 127.0.0.1 1 2\r\n';
const SETTINGS = '\ntrust_proxy: [127.0.0.1]\nproxy_protocol: true\n';

/** `scale` shortens every wait; 1 is real time. */
interface HerdOptions {
  readonly boards: number;
  readonly scale: number;
  readonly isPowerCut: boolean;
}

export async function benchHerd(options: HerdOptions): Promise<void> {
  const { boards, scale, isPowerCut } = options;
  const folder = mkdtempSync(join(tmpdir(), 'otter-bench-'));
  const home = join(folder, 'home');
  let target: Target | undefined;
  try {
    await makeHome(home, boards, { openRollout: false });
    appendFileSync(join(home, 'config/server.yml'), SETTINGS);
    target = await Target.start('otter', home);
    const { endpoint } = target;
    const herd = new Herd(endpoint, options);
    herd.begin();
    await delay(BEFORE_S * 1000 * scale);
    const before = herd.rates();
    target.stop();
    if (isPowerCut) herd.end();
    await delay(OUTAGE_S * 1000 * scale);
    target = await Target.start('otter', home, endpoint.port);
    const turns = monitorEventLoopDelay();
    turns.enable();
    const backS = await herd.comeBack(isPowerCut);
    const { cpuMs } = await target.sample();
    print({ ...options, before, backS, herd, cpuMs, longestTurnMs: turns.max / 1e6 });
    herd.end();
  } finally {
    target?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Herd {
  readonly #endpoint: Endpoint;
  readonly #options: HerdOptions;
  readonly #pace: Pace;
  readonly #random = new Random(1);
  readonly #back = new Set<number>();
  #whole: (() => void) | undefined;
  #stop = new AbortController();
  /** Good checks and refusals by the second that they came in; connections that failed. */
  #checks = new Map<number, number>();
  #failed = 0;
  #refused = 0;

  constructor(endpoint: Endpoint, options: HerdOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#pace = options.scale === 1 ? REAL_TIME : { pollIntervalS: INTERVAL_S * options.scale, scale: options.scale };
  }

  /** As a fleet is on a quiet day: each board somewhere in its interval. */
  begin(): void {
    const mostMs = INTERVAL_S * 1000 * this.#options.scale;
    for (let index = 1; index <= this.#options.boards; index += 1)
      void this.#live(index, this.#random.between(0, mostMs));
  }

  end(): void {
    this.#stop.abort();
  }

  /** Seconds until every board has checked in since now. `isBoot`: they are switched on now, all of them. */
  async comeBack(isBoot: boolean): Promise<number> {
    const startedMs = performance.now();
    this.#back.clear();
    this.#checks = new Map();
    this.#failed = 0;
    this.#refused = 0;
    if (isBoot) {
      this.#stop = new AbortController();
      for (let index = 1; index <= this.#options.boards; index += 1)
        void this.#live(index, bootWaitMs(this.#pace, this.#random));
    }
    await new Promise<void>((resolve) => {
      this.#whole = resolve;
    });
    return (performance.now() - startedMs) / 1000;
  }

  /** Checks in the busiest second, and in the busiest ten seconds a second. */
  rates() {
    const seconds = [...this.#checks.keys()].toSorted((a, b) => a - b);
    const tens = seconds.map(
      (from) =>
        seconds
          .filter((one) => one >= from && one < from + 10)
          .reduce((sum, one) => sum + (this.#checks.get(one) ?? 0), 0) / 10,
    );
    return {
      peak: Math.max(0, ...this.#checks.values()),
      peakOfTen: Math.max(0, ...tens),
      failed: this.#failed,
      refused: this.#refused,
    };
  }

  async #live(index: number, firstWaitMs: number): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    let waitMs = firstWaitMs;
    try {
      for (;;) {
        await delay(waitMs, undefined, { signal });
        const { status, retryAfterS } = await this.#check(index);
        if (status === 200) {
          failures = 0;
          this.#note(index);
          waitMs = pollWaitMs(INTERVAL_S, this.#pace, this.#random);
          continue;
        }
        if (status === undefined) this.#failed += 1;
        else this.#refused += 1;
        waitMs =
          retryAfterS === undefined
            ? backOffMs(failures, this.#pace, this.#random)
            : retryAfterMs(retryAfterS, this.#random);
        failures += 1;
      }
    } catch {
      // Switched off.
    }
  }

  #note(index: number): void {
    const second = Math.floor(performance.now() / 1000);
    this.#checks.set(second, (this.#checks.get(second) ?? 0) + 1);
    this.#back.add(index);
    if (this.#back.size === this.#options.boards) this.#whole?.();
  }

  async #check(index: number): Promise<{ readonly status?: number; readonly retryAfterS?: number }> {
    return new Promise((resolve) => {
      const below = net.connect({ host: '127.0.0.1', port: this.#endpoint.port });
      below.write(ROUTER);
      const socket = tls.connect({ socket: below, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
      let answer = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
      const end = (): void => {
        const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
        const retryAfter = /^retry-after: (\d+)/im.exec(answer)?.[1];
        resolve({
          ...(status === undefined ? {} : { status: Number(status) }),
          ...(retryAfter === undefined ? {} : { retryAfterS: Number(retryAfter) }),
        });
        below.destroy();
      };
      for (const side of [below, socket]) side.on('error', end).once('close', end);
      socket.write(checkUpdateText(this.#endpoint, benchMac(index), '1.0.0', false));
    });
  }
}

interface Result extends HerdOptions {
  readonly before: ReturnType<Herd['rates']>;
  readonly backS: number;
  readonly herd: Herd;
  readonly cpuMs: number;
  readonly longestTurnMs: number;
}

function print({ isPowerCut, boards, scale, before, backS, herd, cpuMs, longestTurnMs }: Result): void {
  const { peak, peakOfTen, failed, refused } = herd.rates();
  process.stdout.write(
    [
      `${boards} boards behind one router, away for ${OUTAGE_S * scale} s: ${isPowerCut ? 'the power was away, all boards start at once' : 'the server was away, boards backed off'}`,
      `  before: at most ${before.peak} checks in a second, ${before.peakOfTen.toFixed(1)} a second in ten`,
      `  all checked in again after ${backS.toFixed(0)} s; at most ${peak} checks in a second, ${peakOfTen.toFixed(1)} a second in ten (per_address: ${DEFAULT_PER_ADDRESS})`,
      `  ${refused} refusals, ${failed} connections that failed; ${(cpuMs / 1000).toFixed(1)} s of CPU from the start of the server to then`,
      `  the boards themselves, all in one process, were late by at most ${longestTurnMs.toFixed(0)} ms`,
      '',
    ].join('\n'),
  );
}
