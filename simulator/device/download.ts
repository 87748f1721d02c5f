// One image from the server into the slot: hashed while it streams, resumed with Range and If-Range after a broken
// connection (RFC 9110 sections 13.1.5 and 14.2), a bounded number of times. It never keeps the image in memory and never
// accepts bytes whose size or SHA-256 differ from the manifest.

import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Manifest } from '#protocol/device/manifest.ts';
import type { Link } from './chances.ts';
import { BoardError, type DeviceClient, toBoardError } from './client.ts';
import type { Slot } from './slot.ts';

const MAX_TRIES = 5;

export interface Download {
  readonly client: DeviceClient;
  readonly url: string;
  readonly manifest: Manifest;
  readonly slot: Slot;
  readonly link: Link;
  /** Waits before the next try; `failures` connections broke so far, the last one because of `reason`. */
  readonly backOff: (failures: number, reason: BoardError) => Promise<void>;
  readonly wait: (waitMs: number) => Promise<void>;
  readonly onProgress: (receivedBytes: number) => void;
  readonly signal: AbortSignal;
}

/** What has arrived so far. Lives as long as the download, over several connections. */
interface Progress {
  receivedBytes: number;
  hash: Hash;
  etag: string | undefined;
  broken: boolean;
}

/** Fills the slot with the image of the manifest. Throws a BoardError: the last connection's, or `too_large`, `range_invalid`, `hash`, `flash_hash`. */
export async function downloadImage(download: Download): Promise<void> {
  const progress: Progress = { receivedBytes: 0, hash: createHash('sha256'), etag: undefined, broken: false };
  await download.slot.erase();
  for (let failures = 1; progress.receivedBytes < download.manifest.size_bytes; failures += 1) {
    try {
      await receive(download, progress);
    } catch (error) {
      download.signal.throwIfAborted();
      const reason = toBoardError(error);
      if (!isBroken(reason) || failures >= MAX_TRIES) throw reason;
      await download.backOff(failures, reason);
    }
  }
  const { sha256 } = download.manifest;
  const found = progress.hash.digest('hex');
  if (found !== sha256) throw new BoardError('hash', `received ${found}, the manifest says ${sha256}`);
  await download.slot.verify(sha256);
}

/** One connection: from the byte after the last one to the end, or until it breaks. */
async function receive(download: Download, progress: Progress): Promise<void> {
  const { receivedBytes, etag } = progress;
  const resume = receivedBytes > 0 && etag !== undefined;
  const headers = resume ? { range: `bytes=${receivedBytes}-`, 'if-range': etag } : undefined;
  const response = await download.client.openImage(download.url, headers ?? {}, download.signal);
  try {
    await placeAnswer(download, progress, response);
    for await (const chunk of response) await take(download, progress, chunk);
  } finally {
    response.destroy();
  }
  if (progress.receivedBytes < download.manifest.size_bytes) {
    throw new BoardError('connection_lost', `the answer ended after ${progress.receivedBytes} bytes`);
  }
}

/** A 206 must continue exactly where we stopped; a 200 means that the server starts over, and so do we. */
async function placeAnswer(download: Download, progress: Progress, response: IncomingMessage): Promise<void> {
  if (response.statusCode === 206) {
    const range = response.headers['content-range'] ?? '';
    if (range.startsWith(`bytes ${progress.receivedBytes}-`)) return;
    throw new BoardError('range_invalid', `asked for bytes from ${progress.receivedBytes}, got "${range}"`);
  }
  if (progress.receivedBytes > 0) {
    await download.slot.erase();
    progress.receivedBytes = 0;
    progress.hash = createHash('sha256');
  }
  progress.etag = response.headers.etag;
}

async function take(download: Download, progress: Progress, chunk: Buffer): Promise<void> {
  const { breaksAtByte, bytesPerS } = download.link;
  const breaksHere =
    breaksAtByte !== undefined && !progress.broken && progress.receivedBytes + chunk.length > breaksAtByte;
  const bytes = breaksHere ? chunk.subarray(0, Math.max(0, breaksAtByte - progress.receivedBytes)) : chunk;
  if (progress.receivedBytes + bytes.length > download.manifest.size_bytes) {
    throw new BoardError('too_large', `more than the ${download.manifest.size_bytes} bytes of the manifest`);
  }
  await download.slot.write(bytes);
  progress.hash.update(bytes);
  progress.receivedBytes += bytes.length;
  download.onProgress(progress.receivedBytes);
  if (breaksHere) {
    progress.broken = true;
    throw new BoardError('connection_lost', `the link broke after ${progress.receivedBytes} bytes`);
  }
  if (bytesPerS !== undefined) await download.wait((bytes.length / bytesPerS) * 1000);
}

/** A broken connection or a busy server is worth another try; anything else is an answer. */
function isBroken(error: BoardError): boolean {
  const network = ['no_network', 'dns', 'connect', 'tls', 'timeout', 'stalled', 'connection_lost'];
  return network.includes(error.code) || error.status === 503 || error.status === 429;
}
