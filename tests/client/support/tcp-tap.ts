// A pipe between a board and a server that reads along without the keys: how many bytes pass, which TLS records the board
// sends, and a place to hold a download. It changes no byte.

import { once } from 'node:events';
import net from 'node:net';
import type { OnTestFinished } from './bench.ts';

/** RFC 8446 section 5.1 (RFC 5246 section 6.2.1): type, version, length of the record. */
const RECORD_HEADER_BYTES = 5;
export const APPLICATION_DATA = 23;
const HANDSHAKE = 22;
/** RFC 5246 section 7.4: type, then three bytes of length. */
const MESSAGE_HEADER_BYTES = 4;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
/** Of a hello: after its version and 32 random bytes. */
const SESSION_ID_AT = 34;

export interface TappedConnection {
  /** Types of the TLS records that the board sent, in order. */
  readonly records: number[];
  /** Bytes from the server to the board. */
  receivedBytes: number;
  /** The server showed a certificate: the session is a new one. Of TLS 1.2; in 1.3 nobody can see it. */
  hasCertificate: boolean;
  /** The cipher suite on which the server settled, as two bytes; 0 before that. */
  cipherSuite: number;
}

export class TcpTap {
  readonly url: URL;
  readonly connections: TappedConnection[] = [];
  #target: Promise<URL>;
  #resolveTarget: (target: URL) => void = () => undefined;
  readonly #sockets = new Set<net.Socket>();
  #holdAtBytes = Number.POSITIVE_INFINITY;
  #held = Promise.withResolvers<void>();

  private constructor(listener: net.Server, target: URL) {
    this.#target = Promise.resolve(target);
    this.url = new URL(`https://127.0.0.1:${(listener.address() as net.AddressInfo).port}`);
    listener.on('connection', (board) => void this.#connect(board));
  }

  static async start(target: URL, onTestFinished: OnTestFinished): Promise<TcpTap> {
    const listener = net.createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const tap = new TcpTap(listener, target);
    onTestFinished(async () => {
      listener.close();
      for (const socket of tap.#sockets) socket.destroy();
    });
    return tap;
  }

  /** Holds the first connection that has carried so many bytes to the board. Resolves when one is held. */
  async hold(afterBytes: number): Promise<void> {
    this.#holdAtBytes = afterBytes;
    this.#held = Promise.withResolvers<void>();
    return this.#held.promise;
  }

  /** The server is gone: its connections break, new ones are taken and wait for it. */
  loseTarget(): void {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<URL>();
    this.#target = promise;
    this.#resolveTarget = resolve;
  }

  /** Whoever connects from now on gets to this one. */
  lead(target: URL): void {
    this.#target = Promise.resolve(target);
  }

  /** The server is back, perhaps on another port. */
  moveTo(target: URL): void {
    this.#resolveTarget(target);
  }

  /** Bytes from the server to the board over all connections. */
  get receivedBytes(): number {
    return this.connections.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
  }

  async #connect(board: net.Socket): Promise<void> {
    this.#sockets.add(board);
    board.on('close', () => this.#sockets.delete(board));
    board.on('error', () => board.destroy());
    const { hostname, port } = await this.#target;
    if (board.destroyed) return;
    const server = net.connect(Number(port), hostname);
    const tapped: TappedConnection = { records: [], receivedBytes: 0, hasCertificate: false, cipherSuite: 0 };
    this.connections.push(tapped);
    for (const [socket, other] of [
      [board, server],
      [server, board],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('end', () => other.end());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    const readSent = recordReader((type) => tapped.records.push(type));
    const readMessages = messageReader((type, body) => {
      tapped.hasCertificate ||= type === CERTIFICATE;
      if (type === SERVER_HELLO)
        tapped.cipherSuite = body.readUInt16BE(SESSION_ID_AT + 1 + body.readUInt8(SESSION_ID_AT));
    });
    const readReceived = recordReader(readMessages);
    board.on('data', (bytes: Buffer) => {
      readSent(bytes);
      server.write(bytes);
    });
    server.on('data', (bytes: Buffer) => {
      tapped.receivedBytes += bytes.length;
      readReceived(bytes);
      board.write(bytes);
      if (tapped.receivedBytes < this.#holdAtBytes) return;
      this.#holdAtBytes = Number.POSITIVE_INFINITY;
      server.pause();
      this.#held.resolve();
    });
  }
}

type OnRecord = (type: number, content: Buffer) => void;

/** Tells the TLS records of a stream that is cut anywhere. */
function recordReader(onRecord: OnRecord): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= RECORD_HEADER_BYTES) {
      const end = RECORD_HEADER_BYTES + rest.readUInt16BE(3);
      if (rest.length < end) return;
      onRecord(rest.readUInt8(0), rest.subarray(RECORD_HEADER_BYTES, end));
      rest = rest.subarray(end);
    }
  };
}

/** Tells the messages of a handshake up to where it goes on encrypted. */
function messageReader(onMessage: (type: number, body: Buffer) => void): OnRecord {
  let rest = Buffer.alloc(0);
  let isOver = false;
  return (type, content) => {
    isOver ||= type !== HANDSHAKE;
    if (isOver) return;
    rest = Buffer.concat([rest, content]);
    while (rest.length >= MESSAGE_HEADER_BYTES) {
      const end = MESSAGE_HEADER_BYTES + rest.readUIntBE(1, 3);
      if (rest.length < end) return;
      onMessage(rest.readUInt8(0), rest.subarray(MESSAGE_HEADER_BYTES, end));
      rest = rest.subarray(end);
    }
  };
}
