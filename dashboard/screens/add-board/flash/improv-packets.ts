// The packets of Improv over serial (https://www.improv-wifi.com/serial/): `IMPROV`, version 1, type, length, data, and the sum of all
// before it modulo 256. Between packets a firmware may log what it likes.

const VERSION = 1;
const HEAD = [...new TextEncoder().encode('IMPROV'), VERSION];
/** Before the data: the head, type and length. */
const OVERHEAD_BYTES = HEAD.length + 2;

export interface Packet {
  readonly type: number;
  readonly data: readonly number[];
}

/** With its length before it. */
export function bytesOf(text: string): readonly number[] {
  const bytes = new TextEncoder().encode(text);
  return [bytes.length, ...bytes];
}

/** Each with its length before it. */
export function textsOf(data: readonly number[]): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at < data.length;) {
    const length = data[at] ?? 0;
    texts.push(new TextDecoder().decode(Uint8Array.from(data.slice(at + 1, at + 1 + length))));
    at += 1 + length;
  }
  return texts;
}

export function packetOf(type: number, data: readonly number[]): Uint8Array<ArrayBuffer> {
  const body = [...HEAD, type, data.length, ...data];
  return Uint8Array.from([...body, body.reduce((sum, byte) => sum + byte, 0) % 256, 0x0a]);
}

/** The packets that are whole, and the bytes that may be the beginning of the next. */
export function readPackets(bytes: readonly number[]): {
  readonly packets: readonly Packet[];
  readonly rest: readonly number[];
} {
  const packets: Packet[] = [];
  let at = 0;
  while (at < bytes.length) {
    const isHead = HEAD.every((byte, index) => bytes[at + index] === undefined || bytes[at + index] === byte);
    if (!isHead) {
      at += 1;
      continue;
    }
    const length = bytes[at + OVERHEAD_BYTES - 1];
    if (length === undefined || bytes.length < at + OVERHEAD_BYTES + length + 1) break;
    const body = bytes.slice(at, at + OVERHEAD_BYTES + length);
    const isSound = body.reduce((sum, byte) => sum + byte, 0) % 256 === bytes[at + body.length];
    if (isSound) packets.push({ type: body[HEAD.length] ?? 0, data: body.slice(OVERHEAD_BYTES) });
    at += isSound ? body.length + 1 : 1;
  }
  return { packets, rest: bytes.slice(at) };
}
