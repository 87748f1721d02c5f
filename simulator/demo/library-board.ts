// A board that runs the real Arduino library: `otter-device` of client/extras/test as a child process, and what it is doing
// by what it says. Unlike the simulated boards it has flash, a bootloader and a journal of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Pin } from '#protocol/pinned-https.ts';
import type { Phase } from '#simulator/device/life.ts';

/** Where `node bin/client.mjs` builds it. */
const PROGRAM = fileURLToPath(new URL('../../node_modules/.cache/client/otter-device', import.meta.url));

/** Two of these and a bootloader are a flash of 4 MB: `min_spiffs.csv` of the Arduino core. */
const SLOT_BYTES = 0x1e_0000;

export interface LibraryBoardOptions {
  /** Its flash and NVS; made anew. */
  readonly folder: string;
  /** The image that is flashed by cable; it says itself what it is. */
  readonly image: string;
  readonly version: string;
  readonly mac: string;
  readonly server: URL;
  readonly pin: Pin;
  readonly fleetToken: string;
  /** Its clock runs so many times as fast as ours. */
  readonly speed: number;
}

/** The parts of a line that are of use here. */
const Line = Type.Object({
  event: Type.String(),
  version: Type.Optional(Type.String()),
  done: Type.Optional(Type.Number()),
  total: Type.Optional(Type.Number()),
});

const PHASE_AFTER: Readonly<Record<string, Phase>> = {
  checked: 'idle',
  confirmed: 'idle',
  rejected: 'idle',
  failed: 'offline',
  download_started: 'downloading',
  downloaded: 'installing',
  installing: 'installing',
  trial_started: 'trial',
  rolled_back: 'rolled_back',
};

export class LibraryBoard {
  readonly mac: string;
  phase: Phase = 'off';
  downloadedShare = 0;
  board: { readonly running: { readonly version: string } };
  readonly #options: LibraryBoardOptions;
  #child: ChildProcess | undefined;

  /** False where the program was not built, because this computer has no C++ compiler. */
  static isBuilt(): boolean {
    return existsSync(PROGRAM);
  }

  constructor(options: LibraryBoardOptions) {
    this.mac = options.mac;
    this.board = { running: { version: options.version } };
    this.#options = options;
  }

  /** Switches it on. It runs until `stop`. */
  start(): void {
    const { folder, image, mac, server, pin, fleetToken, speed } = this.#options;
    const where = ['--board', folder, '--flash', image, '--mac', mac, '--slot-bytes', String(SLOT_BYTES)];
    const whom = ['--server', server.origin, '--pin', `${pin.kind}:${pin.sha256}`, '--token', fleetToken];
    const child = spawn(PROGRAM, [...where, ...whom, '--speed', String(speed)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    createInterface(child.stdout).on('line', (text) => this.#take(text));
    this.#child = child;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    this.phase = 'off';
  }

  #take(text: string): void {
    const { event, version, done = 0, total = 0 } = Value.Parse(Line, JSON.parse(text));
    this.phase = PHASE_AFTER[event] ?? this.phase;
    if (event === 'progress') this.downloadedShare = total === 0 ? 0 : done / total;
    if (event === 'boot' && version !== undefined) this.board = { running: { version } };
  }
}
