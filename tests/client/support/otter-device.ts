// A board as a child process: the program `otter-device`, which runs the Arduino library on Linux with a flash file and a
// bootloader. This file starts it, reads its events and ends it; what the events mean is said in client/extras/test/device.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatPin, type Pin } from '#protocol/pinned-https.ts';

const BUILT = fileURLToPath(new URL('../../../node_modules/.cache/client/otter-device', import.meta.url));
const PROGRAM = process.env['OTTER_DEVICE'] ?? BUILT;

/** A board that a broken test forgot ends by itself. */
const LONGEST_LIFE_S = 600;
/** What is waited for comes in seconds; the machine may be busy. */
const DEFAULT_WAIT_MS = 180_000;

/** One line of its standard output. */
export interface DeviceEvent {
  readonly event: string;
  /** Name of the table of device errors, `ok` where nothing is wrong. */
  readonly error?: string;
  readonly version?: string;
  readonly slot?: number;
  readonly [more: string]: unknown;
}

export interface OtterDeviceOptions {
  readonly server: URL;
  readonly pin: Pin;
  readonly token: string;
  readonly mac: string;
  /** The image that is flashed by cable before the first start. */
  readonly image: Buffer;
  /** The clock of the board runs so many times faster than that of the wall. */
  readonly speed: number;
  readonly args?: readonly string[];
}

export interface Wait {
  /** Only what came after so many events; default 0, the whole life. */
  readonly after?: number;
  readonly where?: (event: DeviceEvent) => boolean;
  readonly withinMs?: number;
}

export class OtterDevice {
  /** All of them, of every start of this board. */
  readonly events: DeviceEvent[] = [];
  /** Flash, NVS and what else makes this board. */
  readonly folder: string;
  stderr = '';
  readonly #options: Omit<OtterDeviceOptions, 'image'>;
  #child: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);
  #onEvent = Promise.withResolvers<void>();

  private constructor(folder: string, options: Omit<OtterDeviceOptions, 'image'>) {
    this.folder = folder;
    this.#options = options;
  }

  /** A new board with this image, switched on. */
  static async start(options: OtterDeviceOptions): Promise<OtterDevice> {
    requireProgram();
    const folder = await mkdtemp(join(tmpdir(), 'otter-board-'));
    const device = new OtterDevice(folder, options);
    await writeFile(join(folder, 'cable.bin'), options.image);
    device.switchOn(['--flash', join(folder, 'cable.bin')]);
    return device;
  }

  /** The board that lies in `folder`/board, switched on. */
  static resume(folder: string, options: Omit<OtterDeviceOptions, 'image'>): OtterDevice {
    requireProgram();
    const device = new OtterDevice(folder, options);
    device.switchOn();
    return device;
  }

  /** Switches the board on (again); `args` besides those of the start. */
  switchOn(args: readonly string[] = []): void {
    const { server, pin, token, mac, speed } = this.#options;
    const settings = {
      board: join(this.folder, 'board'),
      server: server.origin,
      pin: formatPin(pin),
      token,
      mac,
      speed: String(speed),
      for: String(LONGEST_LIFE_S),
    };
    const named = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    // A process group of its own, so that the application ends with the board.
    const child = spawn(PROGRAM, [...named, ...(this.#options.args ?? []), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      this.events.push(...lines.filter((line) => line !== '').map((line) => JSON.parse(line) as DeviceEvent));
      this.#announce();
    });
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#exited = once(child, 'close').then(() => child.exitCode);
    void this.#exited.then(() => this.#announce());
  }

  /** How many events there were so far: what `after` of a wait takes. */
  get moment(): number {
    return this.events.length;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The first event of one of these names. Rejects with everything that happened when it does not come. */
  async waitFor(names: string | readonly string[], wait: Wait = {}): Promise<DeviceEvent> {
    const { after = 0, where = () => true, withinMs = DEFAULT_WAIT_MS } = wait;
    const wanted = typeof names === 'string' ? [names] : names;
    const giveUp = AbortSignal.timeout(withinMs);
    for (;;) {
      const found = this.events.slice(after).find((event) => wanted.includes(event.event) && where(event));
      if (found !== undefined) return found;
      if (!this.isRunning) throw new Error(`the board ended before ${wanted.join(' or ')}:\n${this.story()}`);
      if (giveUp.aborted) throw new Error(`no ${wanted.join(' or ')} within ${withinMs} ms:\n${this.story()}`);
      await Promise.race([this.#onEvent.promise, once(giveUp, 'abort')]);
    }
  }

  /** Names of the events, those that come all the time left out. */
  names(leftOut: readonly string[] = ['progress', 'connected', 'checked', 'power_on']): readonly string[] {
    return this.events.map(({ event }) => event).filter((name) => !leftOut.includes(name));
  }

  /** What it has written to `Serial` in this life, the whole lines of the library only, in order. */
  get log(): readonly string[] {
    const whole = this.stderr.split('\n').slice(0, -1);
    return whole.filter((line) => line.startsWith('otter: '));
  }

  eventsOf(name: string): readonly DeviceEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** Everything that happened, for people. */
  story(): string {
    const told = this.events.filter(({ event }) => event !== 'progress').map((event) => JSON.stringify(event));
    const lines = told.length <= 60 ? told : [...told.slice(0, 30), '...', ...told.slice(-30)];
    return `${lines.join('\n')}\n${this.stderr.slice(-2_000)}`;
  }

  /** Switches the board off between two operations; its flash stays. Its exit code. */
  async switchOff(): Promise<number | null> {
    this.#child?.kill('SIGTERM');
    return this.exit();
  }

  /** What a cable does that erases all but the program. The board is off. */
  async eraseNvs(): Promise<void> {
    await rm(join(this.folder, 'board/nvs'), { recursive: true });
  }

  /** As if the flash of that board had been copied to this one. Both are off. */
  async copyNvsOf(other: OtterDevice): Promise<void> {
    await cp(join(other.folder, 'board/nvs'), join(this.folder, 'board/nvs'), { recursive: true });
  }

  /** Waits until it ends by itself (`--until`). Its exit code. */
  async exit(): Promise<number | null> {
    return this.#exited;
  }

  /** Ends it whatever it does, and removes its folder. */
  async scrap(): Promise<void> {
    const pid = this.#child?.pid;
    if (this.isRunning && pid !== undefined) process.kill(-pid, 'SIGKILL');
    await this.#exited;
    await rm(this.folder, { recursive: true, force: true });
  }

  #announce(): void {
    this.#onEvent.resolve();
    this.#onEvent = Promise.withResolvers<void>();
  }
}

function requireProgram(): void {
  try {
    accessSync(PROGRAM, constants.X_OK);
  } catch {
    throw new Error(`there is no ${PROGRAM}: build it with npx otter dev client build, or name one in OTTER_DEVICE`);
  }
}
