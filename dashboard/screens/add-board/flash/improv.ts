// Improv over serial (https://www.improv-wifi.com/serial/): hands Wi-Fi to a firmware that speaks it.

import { bytesOf, type Packet, packetOf, readPackets, textsOf } from './improv-packets.ts';

const BAUD = 115_200;
const TYPE_STATE = 1;
const TYPE_ERROR = 2;
const TYPE_CALL = 3;
const TYPE_RESULT = 4;
const CALL_WIFI = 1;
const CALL_STATE = 2;
const CALL_INFO = 3;
const STATE_PROVISIONED = 4;
const ERROR_CANNOT_CONNECT = 3;
/** A board that has just started needs a moment before it answers. */
const TRIES = 5;
const ANSWER_MS = 1_500;
/** Some routers take that long. */
const WIFI_MS = 45_000;
const MAX_BUFFER_BYTES = 4_096;

export interface ImprovBoard {
  /** As it calls itself; empty where it does not say. */
  readonly firmware: string;
  readonly version: string;
  /** It is in a Wi-Fi already. */
  readonly hasWifi: boolean;
  /** Resolves with whether it is in that Wi-Fi. */
  readonly sendWifi: (name: string, password: string) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** Undefined where the firmware does not speak Improv; the port is closed then. Rejects where the port cannot be opened. */
export async function openImprov(port: WebSerialPort): Promise<ImprovBoard | undefined> {
  await port.open({ baudRate: BAUD });
  const line = new Line(port);
  let state: Packet | undefined;
  for (let count = 0; count < TRIES && state === undefined && !line.hasEnded; count += 1)
    state = await line.ask([CALL_STATE, 0], ({ type }) => type === TYPE_STATE, ANSWER_MS);
  if (state === undefined) {
    await line.close();
    return undefined;
  }
  const info = await line.ask(
    [CALL_INFO, 0],
    ({ type, data }) => type === TYPE_RESULT && data[0] === CALL_INFO,
    ANSWER_MS,
  );
  const [firmware = '', version = ''] = info === undefined ? [] : textsOf(info.data.slice(2));
  return {
    firmware,
    version,
    hasWifi: state.data[0] === STATE_PROVISIONED,
    sendWifi: async (name, password) => {
      const texts = [...bytesOf(name), ...bytesOf(password)];
      const answer = await line.ask([CALL_WIFI, texts.length, ...texts], isWifiAnswer, WIFI_MS);
      return answer !== undefined && answer.type !== TYPE_ERROR;
    },
    close: async () => line.close(),
  };
}

function isWifiAnswer({ type, data }: Packet): boolean {
  return (
    (type === TYPE_ERROR && data[0] === ERROR_CANNOT_CONNECT) ||
    (type === TYPE_STATE && data[0] === STATE_PROVISIONED) ||
    (type === TYPE_RESULT && data[0] === CALL_WIFI)
  );
}

/** Calls one after the other, and answers to whoever waits for them. */
class Line {
  hasEnded = false;
  readonly #port: WebSerialPort;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #ended: Promise<void>;
  #rest: readonly number[] = [];
  #take: (packet: Packet) => void = () => undefined;
  #stop: () => void = () => undefined;

  constructor(port: WebSerialPort) {
    this.#port = port;
    this.#reader = port.readable?.getReader();
    this.#ended = this.#read();
  }

  /** Undefined where no such answer comes in time. */
  async ask(
    call: readonly number[],
    isAnswer: (packet: Packet) => boolean,
    withinMs: number,
  ): Promise<Packet | undefined> {
    if (this.hasEnded) return undefined;
    const answer = new Promise<Packet | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), withinMs);
      this.#stop = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
      this.#take = (packet) => {
        if (!isAnswer(packet)) return;
        clearTimeout(timer);
        resolve(packet);
      };
    });
    const writer = this.#port.writable?.getWriter();
    await writer?.write(packetOf(TYPE_CALL, call)).catch(() => undefined);
    writer?.releaseLock();
    return answer;
  }

  async close(): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined);
    await this.#ended;
    await this.#port.close().catch(() => undefined);
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const next = await this.#reader?.read();
        if (next === undefined || next.done) break;
        const { packets, rest } = readPackets([...this.#rest, ...next.value]);
        this.#rest = rest.slice(-MAX_BUFFER_BYTES);
        for (const packet of packets) this.#take(packet);
      }
    } catch {
      // The board was unplugged.
    }
    this.hasEnded = true;
    this.#reader?.releaseLock();
    this.#stop();
  }
}
