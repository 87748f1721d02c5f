// Files one after another in the ustar format (POSIX.1-2017, pax, "ustar Interchange Format"), so that `tar` reads a backup where no
// Otter is at hand. Only plain files: no folders, links or devices. What is read is held to the same.

import { OtterError } from '#protocol/errors.ts';

const BLOCK_BYTES = 512;
const MAX_NAME_BYTES = 100;
const MAX_PREFIX_BYTES = 155;

/** What eleven octal digits can say; larger sizes are written in base 256, as GNU tar and BSD tar read them. */
const MAX_OCTAL_SIZE = 0o77_777_777_777;

const MAGIC = 'ustar\u000000';

/** Two blocks of zeros. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

export interface TarEntry {
  /** A relative path of plain segments. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeMs: number;
}

/** Throws `field_invalid` for a name that is too long. */
export function tarHeader(entry: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const { name, prefix } = splitName(entry.name);
  block.write(name, 0);
  block.write(octal(entry.mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  writeSize(block, entry.sizeBytes);
  block.write(octal(Math.max(0, Math.floor(entry.mtimeMs / 1000)), 11), 136);
  block.write('0', 156);
  block.write(MAGIC, 257);
  block.write(prefix, 345);
  block.write(`${octal(checksum(block), 6)}\0 `, 148);
  return block;
}

export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

function splitName(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= MAX_NAME_BYTES) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= MAX_PREFIX_BYTES && Buffer.byteLength(name) <= MAX_NAME_BYTES)
      return { name, prefix };
  }
  throw new OtterError(
    'field_invalid',
    `the path ${path} is too long for a backup`,
    'move that file to a shorter path',
  );
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function writeSize(block: Buffer, sizeBytes: number): void {
  if (sizeBytes <= MAX_OCTAL_SIZE) {
    block.write(octal(sizeBytes, 11), 124);
    return;
  }
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(sizeBytes), 128);
}

/** The sum of all bytes, its own field counted as spaces. */
function checksum(block: Buffer): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

export interface ReadEntry extends TarEntry {
  /** Its bytes, in pieces; what is not read is passed over. */
  readonly content: AsyncIterable<Buffer>;
}

/** Throws `damaged` with what is wrong where the bytes are no such file, or end before their end. */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  damaged: (why: string) => Error,
): AsyncGenerator<ReadEntry> {
  const bytes = new ByteReader(source, damaged);
  for (;;) {
    const header = await bytes.take(BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    const entry = readHeader(header, damaged);
    const content = bytes.pieces(entry.sizeBytes);
    yield { ...entry, content };
    for await (const _ of content);
    if ((await bytes.take(tarPadding(entry.sizeBytes).length)).some((byte) => byte !== 0))
      throw damaged(`the filling after ${entry.name} is not empty`);
  }
  if ((await bytes.take(BLOCK_BYTES)).some((byte) => byte !== 0)) throw damaged('its end is not where it should be');
  if (!(await bytes.isAtEnd())) throw damaged('there is more after its end');
}

function readHeader(block: Buffer, damaged: (why: string) => Error): TarEntry {
  const text = (at: number, length: number): string =>
    block
      .subarray(at, at + length)
      .toString('utf8')
      .replace(/\0.*$/s, '');
  const number = (at: number, length: number): number => {
    const digits = text(at, length).trim();
    if (!/^[0-7]+$/.test(digits)) throw damaged('a header has no readable number');
    return Number.parseInt(digits, 8);
  };
  if (block.toString('latin1', 257, 265) !== MAGIC) throw damaged('it is no tar file of this kind');
  if (number(148, 8) !== checksum(block)) throw damaged('the checksum of a header is wrong');
  const prefix = text(345, MAX_PREFIX_BYTES);
  const name = prefix === '' ? text(0, MAX_NAME_BYTES) : `${prefix}/${text(0, MAX_NAME_BYTES)}`;
  if (text(156, 1) !== '0') throw damaged(`${name} is no plain file`);
  const isOctal = ((block[124] ?? 0) & 0x80) === 0;
  return {
    name,
    sizeBytes: isOctal ? number(124, 12) : Number(block.readBigUInt64BE(128)),
    mode: number(100, 8),
    mtimeMs: number(136, 12) * 1000,
  };
}

/** Takes as many bytes as are wanted, whatever the pieces are in which they come. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #damaged: (why: string) => Error;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>, damaged: (why: string) => Error) {
    this.#source = source[Symbol.asyncIterator]();
    this.#damaged = damaged;
  }

  async take(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.pieces(count)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Can be gone through again for what is left of it. */
  pieces(count: number): AsyncIterable<Buffer> {
    let left = count;
    const next = async (): Promise<IteratorResult<Buffer>> => {
      if (left === 0) return { done: true, value: undefined };
      if (this.#rest.length === 0 && !(await this.#fill())) throw this.#damaged('it ends before its end');
      const value = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(value.length);
      left -= value.length;
      return { done: false, value };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async isAtEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#fill());
  }

  /** False: there is nothing more. */
  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#source.next();
      if (done === true) return false;
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    return true;
  }
}
