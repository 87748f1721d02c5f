// Flashes a board over Web Serial with esptool-js. It finds out what the board is first, in memory alone; nothing is erased or written
// before `flash` is called. Loaded when somebody presses the button: this file brings the library with it.

import { type IEspLoaderTerminal, ESPLoader, Transport, UsbJtagSerialReset } from 'esptool-js';
import { CHIP_NAMES } from '#protocol/device/chips.ts';
import { bytes as sizeText } from '#dashboard/parts/words.ts';
import { type FlashPlan, shownChip } from './flash-files.ts';
import { FlashTrouble } from './flash-trouble.ts';
import { md5 } from './md5.ts';

export interface Progress {
  readonly doing: 'erasing' | 'writing' | 'restarting';
  /** 0 to 1, of all that is written. */
  readonly share: number;
}

export interface ConnectedBoard {
  readonly chip: string;
  /** Undefined where the chip does not tell it. */
  readonly mac: string | undefined;
  /** Undefined where it cannot be read. */
  readonly flashBytes: number | undefined;
  /** Resolves when every byte was compared and the board starts it. Rejects with `FlashTrouble`. */
  readonly flash: (plan: FlashPlan, options: FlashOptions) => Promise<void>;
  /** Lets the board start what it has. */
  readonly leave: () => Promise<void>;
}

interface FlashOptions {
  readonly erasesAll: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

const ROM_BAUD = 115_200;
/** What every usual bridge can; the library falls back where one cannot. */
const FAST_BAUD = 460_800;
const ESPRESSIF = 0x303a;
const ATTEMPTS = 4;
/** The registers of the RTC watchdog by chip (esptool, `targets/`): not of the C6, which it freezes; the ESP32 has none. */
const WATCHDOGS: Readonly<
  Record<string, { readonly protect: number; readonly config0: number; readonly config1: number }>
> = {
  esp32s2: { protect: 0x3f4080ac, config0: 0x3f408094, config1: 0x3f408098 },
  esp32s3: { protect: 0x600080b0, config0: 0x60008098, config1: 0x6000809c },
  esp32c2: { protect: 0x6000809c, config0: 0x60008084, config1: 0x60008088 },
  esp32c3: { protect: 0x600080a8, config0: 0x60008090, config1: 0x60008094 },
};
const WATCHDOG_KEY = 0x50d83aa1;
const WATCHDOG_TICKS = 2_000;
/** Enabled, ends in a reset of the system, its pulse, for 2 ticks. */
const WATCHDOG_ON = (1 << 31) | (5 << 28) | (1 << 8) | 2;

/** Asks the board what it is. Rejects with `FlashTrouble`; the port is closed then. */
export async function connectBoard(port: WebSerialPort, plan: FlashPlan): Promise<ConnectedBoard> {
  const board = new Board(port);
  try {
    await board.untilLost(board.connect());
    await board.refuse(plan);
    return board;
  } catch (error) {
    await board.leave();
    throw board.troubleOf(error);
  }
}

class Board implements ConnectedBoard {
  chip = '';
  mac: string | undefined;
  flashBytes: number | undefined;
  readonly #port: WebSerialPort;
  readonly #transport: Transport;
  readonly #loader: ESPLoader;
  readonly #baud: number;
  #isOpen = false;
  #isLost = false;
  #lose: () => void = () => undefined;

  constructor(port: WebSerialPort) {
    this.#port = port;
    this.#transport = new Transport(port);
    // A native port has no rate; to open it once more could restart the board.
    this.#baud = port.getInfo().usbVendorId === ESPRESSIF ? ROM_BAUD : FAST_BAUD;
    this.#loader = new ESPLoader({
      transport: this.#transport,
      baudrate: this.#baud,
      romBaudrate: ROM_BAUD,
      terminal: SILENT,
    });
    port.addEventListener('disconnect', () => {
      this.#isLost = true;
      this.#lose();
    });
  }

  async connect(): Promise<void> {
    const loader = this.#loader;
    this.#isOpen = true;
    await loader.connect('default_reset', ATTEMPTS).catch((error: unknown) => {
      if (!(error instanceof Error) || this.#isLost) throw error;
      if (error.name === 'NetworkError' || error.name === 'InvalidStateError')
        throw new FlashTrouble('port_busy', 'The port could not be opened.');
      throw new FlashTrouble('no_answer', 'The board does not answer.');
    });
    this.chip = CHIP_NAMES.get(loader.chip.IMAGE_CHIP_ID ?? -1) ?? loader.chip.CHIP_NAME;
    if (loader.secureDownloadMode)
      throw new FlashTrouble('locked', 'This board is locked: its chip takes firmware in secure download mode alone.');
    this.mac = await loader.chip.readMac(loader).catch(() => undefined);
    await loader.chip.postConnect?.(loader);
  }

  async refuse({ chip, parts }: FlashPlan): Promise<void> {
    if (chip !== this.chip)
      throw new FlashTrouble(
        'wrong_chip',
        `This board is an ${shownChip(this.chip)}, and the file is for the ${shownChip(chip)}.`,
      );
    await this.untilLost(this.#speedUp());
    const size = await this.untilLost(this.#loader.detectFlashSize()).catch(() => undefined);
    this.flashBytes = bytesOf(size);
    const endAt = Math.max(...parts.map(({ address, bytes }) => address + bytes.length));
    if (this.flashBytes !== undefined && endAt > this.flashBytes)
      throw new FlashTrouble(
        'too_large',
        `The firmware needs ${sizeText(endAt)} of flash, this board has ${sizeText(this.flashBytes)}.`,
      );
  }

  async flash({ parts }: FlashPlan, { erasesAll, signal, onProgress }: FlashOptions): Promise<void> {
    const total = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const before = parts.map((_, index) => parts.slice(0, index).reduce((sum, { bytes }) => sum + bytes.length, 0));
    try {
      if (erasesAll) {
        onProgress({ doing: 'erasing', share: 0 });
        await this.untilLost(this.#loader.eraseFlash());
      }
      onProgress({ doing: 'writing', share: 0 });
      await this.untilLost(
        this.#loader.writeFlash({
          fileArray: parts.map(({ address, bytes }) => ({ address, data: bytes })),
          // The bytes of the file, and no others: it says itself how its flash is read.
          flashMode: 'keep',
          flashFreq: 'keep',
          flashSize: 'keep',
          eraseAll: false,
          compress: true,
          calculateMD5Hash: md5,
          reportProgress: (index, written, of) => {
            // Between two blocks: the board waits, and nothing is half sent.
            if (signal.aborted) throw new FlashTrouble('cancelled', 'The flashing was stopped.');
            const share = of === 0 ? 1 : written / of;
            onProgress({
              doing: 'writing',
              share: ((before[index] ?? 0) + share * (parts[index]?.bytes.length ?? 0)) / total,
            });
          },
        }),
      );
    } catch (error) {
      await this.leave();
      throw this.troubleOf(error);
    }
    onProgress({ doing: 'restarting', share: 1 });
    await this.leave();
  }

  /** A port that goes away meanwhile is a board that starts. */
  async leave(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (!this.#isLost) await this.#restart().catch(() => undefined);
    await this.#transport.disconnect().catch(() => undefined);
  }

  /** The library would wait for an answer for many seconds. */
  async untilLost<T>(work: Promise<T>): Promise<T> {
    const lost = new Promise<never>((_, reject) => {
      this.#lose = () => reject(new FlashTrouble('lost', 'The board went away.'));
      if (this.#isLost) this.#lose();
    });
    return Promise.race([work, lost]);
  }

  troubleOf(error: unknown): FlashTrouble {
    if (error instanceof FlashTrouble) return error;
    if (this.#isLost) return new FlashTrouble('lost', 'The board went away.');
    return new FlashTrouble(
      'other',
      error instanceof Error ? `${error.message.replace(/\.+$/, '')}.` : 'It did not work.',
    );
  }

  /** The program in its memory that writes compressed blocks, then a faster port. */
  async #speedUp(): Promise<void> {
    await this.#loader.runStub();
    if (this.#baud !== ROM_BAUD) await this.#loader.changeBaud();
  }

  /**
   * A pulse on RTS leaves chips with a USB of their own in the loader. Those are reset by their watchdog, else by their USB; a bridge by RTS,
   * with the boot pin released.
   */
  async #restart(): Promise<void> {
    const watchdog = WATCHDOGS[this.chip];
    if (watchdog !== undefined && (await this.#watchdogReset(watchdog))) return;
    if (this.#port.getInfo().usbVendorId === ESPRESSIF) return new UsbJtagSerialReset(this.#transport).reset();
    await this.#transport.setDTR(false);
    await this.#transport.setRTS(true);
    await pause(100);
    await this.#transport.setRTS(false);
  }

  async #watchdogReset({ protect, config0, config1 }: (typeof WATCHDOGS)[string]): Promise<boolean> {
    try {
      await this.#transport.setDTR(false);
      await this.#transport.setRTS(false);
      await this.#loader.writeReg(protect, WATCHDOG_KEY);
      await this.#loader.writeReg(config1, WATCHDOG_TICKS);
      await this.#loader.writeReg(config0, WATCHDOG_ON);
    } catch {
      return false;
    }
    // The reset may come first, and then nobody answers.
    await this.untilLost(this.#loader.writeReg(protect, 0)).catch(() => undefined);
    await pause(200);
    return true;
  }
}

/** `4MB` of the library. */
function bytesOf(size: string | undefined): number | undefined {
  const [, number = '', unit = ''] = /^(\d+)(KB|MB)$/.exec(size ?? '') ?? [];
  return number === '' ? undefined : Number(number) * (unit === 'MB' ? 1_048_576 : 1_024);
}

const SILENT: IEspLoaderTerminal = { clean: () => undefined, writeLine: () => undefined, write: () => undefined };

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
