// The image itself. Never a 200 whose body is not exactly the image: the length is always said, every block is checked
// before it is sent, and what goes wrong later resets the connection instead of ending it cleanly.

import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { ErrorAnswer } from '#protocol/device-api.ts';
import { OtterError } from '#protocol/errors.ts';
import { CHUNK_BYTES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/manifest.ts';
import { Chip, Name, Version } from '#protocol/words.ts';
import type { Deps } from '#server/service/deps.ts';
import { type Download, getManifest, openDownload } from '#server/service/download.ts';
import { noteDownload } from '#server/service/note-download.ts';
import { type ByteRange, readRange } from './range.ts';
import { SlowReaderGuard } from './slow-reader-guard.ts';
import { untilSent } from './until-sent.ts';

const LongForm = Type.Object({ product: Name, version: Version, chip: Chip });
const ShortForm = Type.Object({ version: Version });

/** Bytes handed to a connection at once, the next when the system has taken them: a slow reader holds one TLS record. */
const SLICE_BYTES = 16_384;

/** Seconds after which a device that finds every slot taken may come back, at the earliest. */
const BUSY_RETRY_S = 30;

export function addDownloadRoutes(app: FastifyInstance, deps: Deps, clock: () => number): void {
  const slots = { taken: 0 };
  const options = (summary: string) => ({
    config: { scope: 'device' } as const,
    schema: {
      summary,
      tags: ['device'],
      security: [{ fleetToken: [] }],
      response: { '4xx': ErrorAnswer, 503: ErrorAnswer },
    },
  });
  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    address: { readonly product?: string; readonly version: string; readonly chip?: string },
  ) => {
    if (slots.taken >= deps.settings.maxDownloads)
      throw new OtterError('busy', 'all download slots are taken', 'try again later', {
        retryAfterS: BUSY_RETRY_S + Math.floor(deps.random() * BUSY_RETRY_S),
      });
    slots.taken += 1;
    try {
      const { product, version, chip } = address;
      const download = await openDownload(deps, { product, version, chip });
      try {
        const note = noterOf(deps, request, download, clock);
        await sendImage(request, reply, download, note);
      } finally {
        await download.image.close();
      }
    } finally {
      slots.taken -= 1;
    }
  };
  app.get<{ Params: Static<typeof LongForm> }>(
    '/firmware/:product/:version/:chip/image.bin',
    { ...options('The image of one chip'), schema: { ...options('The image of one chip').schema, params: LongForm } },
    async (request, reply) => send(request, reply, request.params),
  );
  app.get<{ Params: Static<typeof ShortForm> }>(
    '/firmware/:version/image.bin',
    {
      ...options('The only image of a version'),
      schema: { ...options('The only image of a version').schema, params: ShortForm },
    },
    async (request, reply) => send(request, reply, request.params),
  );
  app.get<{ Params: Static<typeof LongForm> }>(
    '/firmware/:product/:version/:chip/manifest.json',
    {
      config: { scope: 'device' },
      schema: {
        summary: 'What is said of an image',
        tags: ['device'],
        security: [{ fleetToken: [] }],
        params: LongForm,
        response: { 200: Type.Ref('Manifest'), '4xx': ErrorAnswer },
      },
    },
    async (request): Promise<Manifest> => getManifest(deps, request.params),
  );
}

type Note = (part: 'begun' | 'whole') => Promise<void>;

/** Tells of a download that names its assignment; of any other, nothing. */
function noterOf(deps: Deps, { query, method }: FastifyRequest, { imageId }: Download, clock: () => number): Note {
  const assignmentId = method === 'GET' ? readAssignment(query) : undefined;
  if (assignmentId === undefined) return async () => undefined;
  return async (part) => noteDownload(deps, { assignmentId, imageId, part }, clock());
}

/** What the offered address carries; anything else in a query is of no concern here. */
function readAssignment(query: unknown): number | undefined {
  const isGiven = typeof query === 'object' && query !== null && 'assignment' in query;
  const text = isGiven && typeof query.assignment === 'string' ? query.assignment : '';
  return /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
}

async function sendImage(request: FastifyRequest, reply: FastifyReply, download: Download, note: Note): Promise<void> {
  const { sizeBytes, sha256, image } = download;
  const etag = `"${sha256}"`;
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'content-type': 'application/octet-stream',
  };
  request.outcome = { firmware: download.firmware };
  if (listsTag(request.headers['if-none-match'], etag)) {
    await reply.code(304).headers(headers).send();
    return;
  }
  const range = rangeOf(request, etag, sizeBytes, reply);
  const { start, end } = range ?? { start: 0, end: sizeBytes - 1 };
  // The first block is read before the first byte is promised: a damaged image is a 503, not a broken 200.
  const first = request.method === 'HEAD' ? undefined : await image.readBlock(Math.floor(start / CHUNK_BYTES));
  await note('begun');
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    'content-length': end - start + 1,
    'x-request-id': request.id,
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${sizeBytes}` }),
  });
  if (first === undefined) {
    raw.end();
    return;
  }
  const isSent = await stream(request, raw, { start, end }, async (index) =>
    index === Math.floor(start / CHUNK_BYTES) ? first : image.readBlock(index),
  );
  if (isSent && end === sizeBytes - 1) await note('whole');
}

/**
 * If-Range with another tag asks for the whole: the parts of two images are never mixed (RFC 9110 section 13.1.5). Ranges
 * are defined for GET alone (section 14.2).
 */
function rangeOf(request: FastifyRequest, etag: string, sizeBytes: number, reply: FastifyReply): ByteRange | undefined {
  const ifRange = request.headers['if-range'];
  if (request.method !== 'GET' || (ifRange !== undefined && ifRange !== etag)) return undefined;
  try {
    return readRange(request.headers.range, sizeBytes);
  } catch (error) {
    void reply.header('content-range', `bytes */${sizeBytes}`);
    throw error;
  }
}

async function stream(
  request: FastifyRequest,
  raw: ServerResponse,
  { start, end }: ByteRange,
  readBlock: (index: number) => Promise<Buffer>,
): Promise<boolean> {
  // A cut is one of the connection: behind other answers an answer alone cannot be cut.
  const { socket } = request.raw;
  const guard = new SlowReaderGuard(socket, () => {
    request.warnings = ['slow_client'];
  });
  try {
    for (let index = Math.floor(start / CHUNK_BYTES); index * CHUNK_BYTES <= end; index += 1) {
      const block = await readBlock(index);
      const to = Math.min(block.length, end + 1 - index * CHUNK_BYTES);
      for (let at = Math.max(0, start - index * CHUNK_BYTES); at < to; at += SLICE_BYTES) {
        if (raw.destroyed) return false;
        const slice = block.subarray(at, Math.min(at + SLICE_BYTES, to));
        await untilSent(raw, (sent) => raw.write(slice, sent));
        guard.moved(slice.length);
      }
    }
    await untilSent(raw, (sent) => raw.end(sent));
    return !raw.destroyed;
  } catch (error) {
    request.log.error({ err: error, request_id: request.id }, 'a download was cut: the stored image cannot be read');
    socket.destroy();
    return false;
  } finally {
    guard.stop();
  }
}

function listsTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => [etag, `W/${etag}`, '*'].includes(tag.trim()));
}
