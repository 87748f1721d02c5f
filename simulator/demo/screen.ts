// What a person sees of the demo: a log of what happens, and on a terminal the fleet below it, redrawn in place. Where the
// output is no terminal the fleet is a line per change. It reads the boards and changes nothing.

import type { WriteStream } from 'node:tty';
import pc from 'picocolors';
import { assertNever } from '#protocol/errors.ts';
import type { Phase } from '#simulator/device/life.ts';

const REDRAW_MS = 150;
const LINE_MS = 2_000;
const COLUMNS = 5;
const CELL_CHARS = 12;
const MIN_COLUMNS = 80;

/** What is shown of a board. */
export interface WatchedBoard {
  readonly phase: Phase;
  /** 0 to 1 while `phase` is `downloading`. */
  readonly downloadedShare: number;
  readonly board: { readonly running: { readonly version: string } };
}

export interface DemoFleetView {
  readonly devices: readonly WatchedBoard[];
  /** The first so many devices are the pilot. */
  readonly pilots: number;
  readonly oldVersion: string;
  readonly newVersion: string;
}

export class DemoScreen {
  readonly #stream: NodeJS.WriteStream | WriteStream;
  /** A person looks on, and the picture of the fleet fits without wrapping. */
  readonly isLive: boolean;
  /** https://no-color.org */
  readonly hasColor: boolean;
  readonly #colors: ReturnType<typeof pc.createColors>;
  #fleet: DemoFleetView | undefined;
  #timer: NodeJS.Timeout | undefined;
  #shown: readonly string[] = [];
  #lastLine = '';
  #isTyping = false;

  constructor(stream: NodeJS.WriteStream | WriteStream) {
    this.#stream = stream;
    this.isLive = stream.isTTY && stream.columns >= MIN_COLUMNS && process.env['TERM'] !== 'dumb';
    this.hasColor = this.isLive && (process.env['NO_COLOR'] ?? '') === '';
    this.#colors = pc.createColors(this.hasColor);
  }

  /** Shows the fleet from now on. */
  watch(fleet: DemoFleetView): void {
    this.#fleet = fleet;
    this.#timer = setInterval(() => this.#refresh(), this.isLive ? REDRAW_MS : LINE_MS);
  }

  /** Leaves the last picture of the fleet where it is. */
  close(): void {
    clearInterval(this.#timer);
    this.#refresh();
    this.#timer = undefined;
    this.#shown = [];
    this.#fleet = undefined;
  }

  title(text: string): void {
    this.#print(`\n${this.#colors.bold(text)}\n`);
  }

  /** A sentence of the story. */
  say(text: string): void {
    this.#print(`${text}\n`);
  }

  /** A command as it is typed; `output` follows. */
  command(args: readonly string[]): void {
    this.#isTyping = true;
    this.#print(`${this.#colors.cyan('$')} ${this.#colors.bold(`otter ${args.map(quoted).join(' ')}`)}\n`);
  }

  /** What a command answered. */
  output(text: string): void {
    this.#isTyping = false;
    this.#print(`${text.trimEnd().replaceAll(/^(?=.)/gm, '  ')}\n`);
  }

  good(text: string): void {
    this.#print(`${this.#colors.green('✓')} ${text}\n`);
  }

  bad(text: string): void {
    this.#print(`${this.#colors.red('✗')} ${text}\n`);
  }

  /** Text goes above the picture of the fleet, which moves down. */
  #print(text: string): void {
    const picture = this.isLive && this.#fleet !== undefined ? this.#draw(this.#fleet) : [];
    this.#stream.write(this.#erased() + text + asBlock(picture));
    this.#shown = picture;
  }

  #refresh(): void {
    if (this.#fleet === undefined) return;
    if (this.isLive) {
      this.#print('');
      return;
    }
    const line = summary(this.#fleet);
    if (this.#isTyping) return;
    if (line !== this.#lastLine) this.#stream.write(`  fleet: ${line}\n`);
    this.#lastLine = line;
  }

  /** Moves the cursor to the first line of the picture and clears to the end of the screen (ECMA-48: CPL, ED). */
  #erased(): string {
    return this.#shown.length === 0 ? '' : `\u001B[${this.#shown.length}F\u001B[J`;
  }

  #draw(fleet: DemoFleetView): readonly string[] {
    const { dim, cyan, green, yellow, magenta, red } = this.#colors;
    const rows = Array.from({ length: Math.ceil(fleet.devices.length / COLUMNS) }, (_, row) => {
      const cells = fleet.devices
        .slice(row * COLUMNS, (row + 1) * COLUMNS)
        .map((device, column) => this.#cell(device, row * COLUMNS + column + 1, fleet));
      const label = row * COLUMNS < fleet.pilots ? 'pilot' : '';
      return `  ${dim(label.padEnd(7))}${cells.join('')}`;
    });
    const legend = [
      cyan(`${fleet.oldVersion} old`),
      green(`${fleet.newVersion} new`),
      yellow('↓ downloading'),
      magenta('? on trial'),
      red('✗ rolled back by itself'),
    ];
    return ['', `  ${dim('the fleet')}  ${summary(fleet)}`, ...rows, `  ${legend.join(dim(' · '))}`];
  }

  #cell(device: WatchedBoard, number: number, fleet: DemoFleetView): string {
    const { text, color } = this.#stateOf(device, fleet);
    return `${this.#colors.dim(String(number).padStart(2, '0'))} ${color(text.padEnd(CELL_CHARS - 3))}`;
  }

  /** Neither old nor new is a build that is bad, as far as it is known. */
  #colorOf(version: string, fleet: DemoFleetView): (text: string) => string {
    const { cyan, green, reset } = this.#colors;
    if (version === fleet.newVersion) return green;
    return version === fleet.oldVersion ? cyan : reset;
  }

  #stateOf(
    device: WatchedBoard,
    fleet: DemoFleetView,
  ): { readonly text: string; readonly color: (text: string) => string } {
    const { dim, yellow, magenta, red } = this.#colors;
    const { version } = device.board.running;
    switch (device.phase) {
      case 'idle':
        return { text: version, color: this.#colorOf(version, fleet) };
      case 'downloading':
        return { text: `↓ ${Math.floor(device.downloadedShare * 100)} %`, color: yellow };
      case 'waiting':
        return { text: 'waits', color: yellow };
      case 'installing':
        return { text: 'restart', color: yellow };
      case 'trial':
        return { text: `${version} ?`, color: magenta };
      case 'rolled_back':
        return { text: `${version} ✗`, color: red };
      case 'off':
      case 'offline':
      case 'silent':
        return { text: device.phase, color: dim };
      default:
        return assertNever(device.phase);
    }
  }
}

/** `20 run 1.0.0, 5 run 1.1.0; 2 downloading, 1 on trial`. */
function summary({ devices }: DemoFleetView): string {
  const versions = [...new Set(devices.map(({ board }) => board.running.version))].toSorted();
  const running = versions.map(
    (version) => `${devices.filter(({ board }) => board.running.version === version).length} run ${version}`,
  );
  const count = (phase: Phase): number => devices.filter((device) => device.phase === phase).length;
  const busy = [
    [count('downloading'), 'downloading'],
    [count('waiting'), 'waiting for their window'],
    [count('installing'), 'restarting'],
    [count('trial'), 'on trial'],
    [count('offline'), 'offline'],
  ] as const;
  const doing = busy.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return [running.join(', '), ...(doing.length === 0 ? [] : [doing.join(', ')])].join('; ');
}

function asBlock(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function quoted(argument: string): string {
  return /^[\w.:/@%+=,-]+$/.test(argument) ? argument : `'${argument}'`;
}
