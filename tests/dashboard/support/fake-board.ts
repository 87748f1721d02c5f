// A board on a cable, as a page sees it: `navigator.serial` with the ROM loader of an ESP32 behind it, the program that the loader is given,
// a flash that keeps what is written, and a firmware that speaks Improv. It stands alone, because it runs in the page. Protocol: esptool's
// documents of the serial protocol; https://www.improv-wifi.com/serial/.

export interface FakeBoardSpec {
  readonly chip: 'esp32' | 'esp32c3';
  readonly mac: string;
  /** Native USB of the chip, or a bridge. */
  readonly isNative: boolean;
  /** The cable is pulled after this share of the blocks of the application. */
  readonly pulledAt?: number;
  /** It takes so long for each block. */
  readonly blockMs?: number;
  /** It answers nothing. */
  readonly isSilent?: boolean;
  /** The password that its Wi-Fi takes; left out: its firmware does not speak Improv. */
  readonly wifiPassword?: string;
  /** What its settings at 0x9000 hold. */
  readonly settings?: number;
}

/** What a test asks of it by `page.evaluate('otterBoard.…')`. */
export interface FakeBoardSeen {
  /** Names of commands that change the flash. */
  readonly changes: readonly string[];
  readonly resets: readonly string[];
  readonly wifi: readonly string[];
  readonly errors: readonly string[];
}

/** To be run in the page before anything else; `otterMd5` is a function that the test gives the page. */
export function installFakeBoard(first: FakeBoardSpec): void {
  const FLASH_BYTES = 4 * 1_048_576;
  const CHIPS = {
    esp32: { id: 0, magic: 0x00f01d83, mac: 0x3ff5a004, flashId: 0x3ff42080, watchdog: 0 },
    esp32c3: { id: 5, magic: 0x6921506f, mac: 0x60008844, flashId: 0x60002058, watchdog: 0x60008090 },
  } as const;
  const CHANGES: Readonly<Record<number, string>> = {
    0x02: 'begin',
    0x03: 'data',
    0x10: 'begin',
    0x11: 'data',
    0xd0: 'erase',
    0xd1: 'erase',
  };
  const md5 = Reflect.get(globalThis, 'otterMd5') as (base64: string) => Promise<string>;
  const u32 = (bytes: Uint8Array, at: number): number =>
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>>
    0;
  const le = (value: number): number[] => [
    value & 255,
    (value >>> 8) & 255,
    (value >>> 16) & 255,
    (value >>> 24) & 255,
  ];
  const base64 = (bytes: Uint8Array): string => {
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  };

  class Board {
    readonly flash = new Uint8Array(FLASH_BYTES).fill(0xff);
    readonly changes: string[] = [];
    readonly resets: string[] = [];
    readonly wifi: string[] = [];
    readonly errors: string[] = [];
    readonly spec: FakeBoardSpec;
    mode: 'loader' | 'app' = 'app';
    say: (bytes: number[]) => void = () => undefined;
    vanish: () => void = () => undefined;
    #received: number[] = [];
    #registers = new Map<number, number>();
    #writing: { at: number; size: number; blocks: number; chunks: Uint8Array[] } | undefined;
    #isUnlocked = false;

    constructor(spec: FakeBoardSpec) {
      this.spec = spec;
      const { mac, flashId, magic } = CHIPS[spec.chip];
      const [m0 = 0, m1 = 0, ...last] = spec.mac.split(':').map((pair) => Number.parseInt(pair, 16));
      this.#registers.set(mac, u32(Uint8Array.from(last.toReversed()), 0));
      this.#registers.set(mac + 4, (m0 << 8) | m1);
      this.#registers.set(flashId, 0x16_40_ef);
      this.#registers.set(0x40001000, magic);
      if (spec.settings !== undefined) this.flash.fill(spec.settings, 0x9000, 0x9100);
    }

    reset(to: 'loader' | 'app', by: string): void {
      this.mode = to;
      this.#received = [];
      this.#writing = undefined;
      this.resets.push(`${to} by ${by}`);
      if (to === 'app') this.say([...new TextEncoder().encode('ESP-ROM:boot\r\nIMPROhello\r\n')]);
    }

    async hear(bytes: Uint8Array): Promise<void> {
      if (this.spec.isSilent === true) return;
      this.#received.push(...bytes);
      if (this.mode === 'app') return this.#hearImprov();
      for (;;) {
        const from = this.#received.indexOf(0xc0);
        const to = this.#received.indexOf(0xc0, from + 1);
        if (from < 0 || to < 0) return;
        const packet: number[] = [];
        for (let at = from + 1; at < to; at += 1) {
          const byte = this.#received[at] ?? 0;
          if (byte === 0xdb) packet.push(this.#received[(at += 1)] === 0xdc ? 0xc0 : 0xdb);
          else packet.push(byte);
        }
        this.#received = this.#received.slice(to + 1);
        if (packet.length > 0) await this.#command(Uint8Array.from(packet));
      }
    }

    #answer(op: number, value: number, data: readonly number[] = [], status = 0): void {
      const body = [1, op, data.length + 2, 0, ...le(value), ...data, status, status === 0 ? 0 : 5];
      this.say([
        0xc0,
        ...body.flatMap((byte) => (byte === 0xc0 ? [0xdb, 0xdc] : byte === 0xdb ? [0xdb, 0xdd] : [byte])),
        0xc0,
      ]);
    }

    async #command(packet: Uint8Array): Promise<void> {
      const op = packet[1] ?? 0;
      const data = packet.slice(8);
      const change = CHANGES[op];
      if (change !== undefined) this.changes.push(change);
      if (op === 0x08) for (let count = 0; count < 8; count += 1) this.#answer(op, 0x07_07_12_20);
      else if (op === 0x0a) this.#answer(op, this.#registers.get(u32(data, 0)) ?? 0);
      else if (op === 0x09) this.#writeRegister(op, u32(data, 0), u32(data, 4));
      // The ESP32 does not know it, and answers with another number.
      else if (op === 0x14 && this.spec.chip === 'esp32') this.#answer(0, 0, [], 1);
      else if (op === 0x14)
        this.#answer(op, 0, [...le(0), 0, 0, 0, 0, 0, 0, 0, 0, ...le(CHIPS[this.spec.chip].id), ...le(0)]);
      else if (op === 0x06) {
        this.#answer(op, 0);
        this.say([0xc0, ...new TextEncoder().encode('OHAI'), 0xc0]);
      } else if (op === 0xd0) {
        this.flash.fill(0xff);
        this.#answer(op, 0);
      } else if (op === 0x10) {
        this.#writing = { size: u32(data, 0), blocks: u32(data, 4), at: u32(data, 12), chunks: [] };
        this.#answer(op, 0);
      } else if (op === 0x11) this.#writeBlock(op, data, u32(packet, 4));
      else if (op === 0x12) {
        await this.#finish();
        this.#answer(op, 0);
      } else if (op === 0x13) {
        const digest = await md5(base64(this.flash.subarray(u32(data, 0), u32(data, 0) + u32(data, 4))));
        this.#answer(op, 0, digest.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? []);
      } else if (op === 0x05 || op === 0x07 || op === 0x0f) this.#answer(op, 0);
      else {
        this.errors.push(`command ${op.toString(16)}`);
        this.#answer(op, 0, [], 1);
      }
    }

    #writeRegister(op: number, at: number, value: number): void {
      const { watchdog, flashId } = CHIPS[this.spec.chip];
      this.#answer(op, 0);
      if (watchdog !== 0 && at === watchdog + 0x18) this.#isUnlocked = value === 0x50d83aa1;
      // Its highest bit switches it on.
      if (at !== watchdog || watchdog === 0 || !this.#isUnlocked || value < 0x80000000) {
        // A command to the flash is done at once, and its answer is there.
        if (at < flashId - 0x80 || at > flashId) this.#registers.set(at, value);
        return;
      }
      setTimeout(() => {
        this.vanish();
        this.reset('app', 'watchdog');
      }, 20);
    }

    #writeBlock(op: number, data: Uint8Array, sum: number): void {
      const chunk = data.slice(16);
      const writing = this.#writing;
      if (
        writing === undefined ||
        chunk.length !== u32(data, 0) ||
        chunk.reduce((all, byte) => all ^ byte, 0xef) !== sum
      ) {
        this.errors.push('a block that does not fit');
        return this.#answer(op, 0, [], 1);
      }
      if (writing.chunks.length !== u32(data, 4)) this.errors.push('blocks in another order');
      writing.chunks.push(chunk);
      const isLong = writing.blocks > 4;
      if (isLong && writing.chunks.length >= writing.blocks * (this.spec.pulledAt ?? 2)) return this.vanish();
      setTimeout(() => this.#answer(op, 0), this.spec.blockMs ?? 0);
    }

    async #finish(): Promise<void> {
      const writing = this.#writing;
      if (writing === undefined) return;
      const stream = new Blob(writing.chunks.map((chunk) => chunk.slice()))
        .stream()
        .pipeThrough(new DecompressionStream('deflate'));
      const plain = new Uint8Array(await new Response(stream).arrayBuffer());
      if (plain.length !== writing.size) this.errors.push(`${plain.length} bytes for ${writing.size}`);
      this.flash.set(plain, writing.at);
      this.#writing = undefined;
    }

    #hearImprov(): void {
      const { wifiPassword } = this.spec;
      const text = String.fromCharCode(...this.#received);
      const at = text.indexOf('IMPROV');
      if (wifiPassword === undefined || at < 0 || text.length < at + 10) return;
      const data = this.#received.slice(at + 9, at + 9 + (this.#received[at + 8] ?? 0));
      this.#received = [];
      const tell = (type: number, body: readonly number[]): void => {
        const packet = [...new TextEncoder().encode('IMPROV'), 1, type, body.length, ...body];
        this.say([...packet, packet.reduce((sum, byte) => sum + byte, 0) % 256, 10]);
      };
      const texts = (...all: readonly string[]): number[] =>
        all.flatMap((one) => [one.length].concat([...new TextEncoder().encode(one)]));
      if (data[0] === 2) tell(1, [2]);
      if (data[0] === 3) {
        const body = texts('greenhouse', '1.0.0', 'ESP32-C3', 'bench');
        tell(4, [3, body.length, ...body]);
      }
      if (data[0] !== 1) return;
      const length = data[2] ?? 0;
      const name = String.fromCharCode(...data.slice(3, 3 + length));
      const password = String.fromCharCode(...data.slice(4 + length));
      this.wifi.push(`${name} ${password}`);
      tell(1, [3]);
      if (password === wifiPassword) {
        tell(1, [4]);
        tell(4, [1, 0]);
      } else tell(2, [3]);
    }
  }

  class Port extends EventTarget {
    readable: ReadableStream<Uint8Array> | null = null;
    writable: WritableStream<Uint8Array> | null = null;
    readonly #board: Board;
    #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    #signals = { rts: false, dtr: false, wasDtr: false };
    isGone = false;

    constructor(board: Board) {
      super();
      this.#board = board;
    }

    getInfo(): { readonly usbVendorId: number; readonly usbProductId: number } {
      return this.#board.spec.isNative
        ? { usbVendorId: 0x303a, usbProductId: 0x1001 }
        : { usbVendorId: 0x10c4, usbProductId: 0xea60 };
    }

    async open(): Promise<void> {
      if (this.readable !== null) throw new DOMException('The port is already open.', 'InvalidStateError');
      if (this.isGone) throw new DOMException('Failed to open serial port.', 'NetworkError');
      const board = this.#board;
      this.readable = new ReadableStream({
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          this.#controller = undefined;
        },
      });
      this.writable = new WritableStream({ write: async (chunk) => board.hear(chunk) });
      board.say = (bytes) => this.#controller?.enqueue(Uint8Array.from(bytes));
      board.vanish = () => this.#vanish();
      return Promise.resolve();
    }

    async close(): Promise<void> {
      if (this.isGone) throw new DOMException('The port is gone.', 'InvalidStateError');
      [this.readable, this.writable, this.#controller] = [null, null, undefined];
      return Promise.resolve();
    }

    async setSignals({
      dataTerminalReady,
      requestToSend,
    }: {
      readonly dataTerminalReady?: boolean;
      readonly requestToSend?: boolean;
    }): Promise<void> {
      const before = this.#signals;
      const dtr = dataTerminalReady ?? before.dtr;
      const rts = requestToSend ?? before.rts;
      const isReset = before.rts && !rts;
      const { isNative } = this.#board.spec;
      const isLoader = isNative ? before.wasDtr || dtr : dtr;
      this.#signals = { rts, dtr, wasDtr: isReset ? false : before.wasDtr || dtr };
      if (isReset) this.#board.reset(isLoader ? 'loader' : 'app', isNative ? 'USB' : 'RTS');
      return Promise.resolve();
    }

    #vanish(): void {
      this.isGone = true;
      const lost = new DOMException('The device has been lost.', 'NetworkError');
      this.#controller?.error(lost);
      [this.readable, this.writable, this.#controller] = [null, null, undefined];
      this.dispatchEvent(new Event('disconnect'));
    }
  }

  let board = new Board(first);
  let port = new Port(board);
  Object.defineProperty(navigator, 'serial', {
    value: {
      requestPort: async () => {
        if (port.isGone) port = new Port(board);
        return Promise.resolve(port);
      },
    },
  });
  Object.defineProperty(globalThis, 'otterBoard', {
    value: {
      /** Another board on the cable. */
      plugIn: (spec: FakeBoardSpec): void => {
        board = new Board(spec);
        port = new Port(board);
      },
      seen: (): FakeBoardSeen => ({
        changes: board.changes,
        resets: board.resets,
        wifi: board.wifi,
        errors: board.errors,
      }),
      flash: (from: number, to: number): string => base64(board.flash.subarray(from, to)),
    },
  });
}
