// The image itself. Never a 200 whose body is not exactly the image: the length is always said, every block is checked
// before it is sent, and what goes wrong later resets the connection instead of ending it cleanly.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { MAX_DOWNLOADS_OF_TOKEN } from '#protocol/limits.ts';
import { Manifest } from '#protocol/device/manifest.ts';
import { ImageFolder, Name, Version } from '#protocol/words.ts';
import type { Deps } from '#server/service/deps.ts';
import { type Download, getManifest, openDownload } from '#server/service/device/download.ts';
import { speakerOf } from '#server/http/auth.ts';
import { OF_BOARDS } from '#server/http/docs.ts';
import { noteDownload } from '#server/service/device/note-download.ts';
import { type ByteRange, readRange } from './range.ts';
import { sendSlices } from '#server/http/answer/send-slices.ts';
import { TransferPlaces } from '#server/http/answer/transfer-places.ts';

const LongForm = Type.Object({ product: Name, version: Version, chip: ImageFolder });
const ShortForm = Type.Object({ version: Version });

export function addDownloadRoutes(app: FastifyInstance, deps: Deps, clock: () => number): void {
  const places = new TransferPlaces('downloads', {
    most: deps.settings.maxDownloads,
    mostOfEach: MAX_DOWNLOADS_OF_TOKEN,
  });
  const options = (summary: string) => ({
    config: { scope: 'device' } as const,
    schema: {
      summary,
      tags: ['device'],
      security: OF_BOARDS,
      response: { '4xx': ErrorAnswer, 503: ErrorAnswer },
    },
  });
  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    address: { readonly product?: string; readonly version: string; readonly chip?: string },
  ) => {
    const speaker = speakerOf(request);
    // The fleet token is the token of many boards at once.
    const giveBack = places.take(speaker.kind === 'device_token' ? speaker.sha256 : undefined);
    try {
      const { product, version, chip: folder } = address;
      const download = await openDownload(
        deps,
        {
          address: { product, version, folder },
          speaker,
          assignmentId: readAssignment(request.query),
        },
        clock(),
      );
      try {
        const note = noterOf(deps, request, download, clock);
        await sendImage(request, reply, download, note);
      } finally {
        await download.close();
      }
    } finally {
      giveBack();
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
        security: OF_BOARDS,
        params: LongForm,
        response: { 200: Type.Ref('Manifest'), '4xx': ErrorAnswer },
      },
    },
    async (request): Promise<Manifest> =>
      getManifest(deps, { ...request.params, folder: request.params.chip }, speakerOf(request)),
  );
}

type Note = (part: 'begun' | 'whole') => Promise<void>;

/** Tells of a download that names its assignment; of any other, nothing. */
function noterOf(deps: Deps, request: FastifyRequest, { imageId }: Download, clock: () => number): Note {
  const { query, method } = request;
  const assignmentId = method === 'GET' ? readAssignment(query) : undefined;
  if (assignmentId === undefined) return async () => undefined;
  return async (part) => noteDownload(deps, { assignmentId, imageId, part, speaker: speakerOf(request) }, clock());
}

/** What the offered address carries; anything else in a query is of no concern here. */
function readAssignment(query: unknown): number | undefined {
  const isGiven = typeof query === 'object' && query !== null && 'assignment' in query;
  const text = isGiven && typeof query.assignment === 'string' ? query.assignment : '';
  return /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
}

async function sendImage(request: FastifyRequest, reply: FastifyReply, download: Download, note: Note): Promise<void> {
  const { sizeBytes, sha256 } = download;
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
  const pieces = download.read({ start, end });
  const first = request.method === 'HEAD' ? undefined : await pieces.next();
  await note('begun');
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    'content-length': end - start + 1,
    'x-request-id': request.id,
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${sizeBytes}` }),
  });
  if (first?.done !== false) {
    raw.end();
    return;
  }
  try {
    const isSent = await sendSlices(request, raw, joined(first.value, pieces));
    if (isSent && end === sizeBytes - 1) await note('whole');
  } catch (error) {
    request.log.error({ err: error, request_id: request.id }, 'a download was cut: the stored image cannot be read');
    request.raw.socket.destroy();
  }
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

async function* joined(first: Buffer, others: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* others;
}

function listsTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => [etag, `W/${etag}`, '*'].includes(tag.trim()));
}
