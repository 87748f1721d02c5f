// The admin API as typed calls: names, inputs and answers come from the table `protocol/admin/routes.ts`. Every connection
// is checked against the server's pin before a byte is sent; every answer is checked before a command sees it. It never
// repeats a request and never follows a redirect.

import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { type Static, type TProperties, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Connection } from './connection.ts';
import { CommandError } from '#cli/exit-code.ts';
import { asConnectionError } from './connection-error.ts';
import { bareVersion, versionFault } from '#protocol/device/version.ts';
import { ADMIN_SCHEMAS } from '#protocol/admin/schemas.ts';
import {
  type AdminRoute,
  type AdminRouteName,
  type AnswerOf,
  adminRoutes,
  type BodyOf,
  eventStream,
  type ParamsOf,
  type QueryOf,
} from '#protocol/admin/routes.ts';
import { readEventStream } from '#protocol/admin/event-stream.ts';
import { Event } from '#protocol/admin/events.ts';
import { BODY_PATIENCE_MS, BLOCK_BYTES, EVENT_SILENCE_MS } from '#protocol/limits.ts';
import { type HttpsAnswer, type HttpsRequest, openPinned, PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';

type Routes = typeof adminRoutes;
/** A part of a request may be left out where nothing in it is required. */
type Part<K extends string, T> = Partial<T> extends T ? { readonly [P in K]?: T } : { readonly [P in K]: T };
export type CallInput<N extends AdminRouteName> = Part<'params', ParamsOf<Routes[N]>> &
  Part<'query', QueryOf<Routes[N]>> &
  Part<'body', BodyOf<Routes[N]>>;
export type Answer<N extends AdminRouteName> = AnswerOf<Routes[N]>;

export interface Upload {
  readonly bytes: Buffer;
  /** SHA-256 of the bytes, lower-case hex. */
  readonly sha256: string;
  readonly onProgress: (sentBytes: number) => void;
}

export class AdminClient {
  readonly #connection: Connection;
  readonly #agent: PinnedAgent;
  readonly #signal: AbortSignal;

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    this.#agent = new PinnedAgent(connection.pin);
    this.#signal = signal;
  }

  get server(): URL {
    return this.#connection.url;
  }

  /** One request. Errors: `CommandError` with the server's code, or of the connection (`cli/connection/connection-error.ts`). */
  async call<N extends AdminRouteName>(name: N, input: CallInput<N>): Promise<Answer<N>> {
    const parts: LooseInput = input;
    return this.#request(name, parts, parts.body === undefined ? {} : jsonBody(parts.body));
  }

  /** Sends the image itself as the body, 64 KiB at a time. */
  async upload(query: QueryOf<Routes['uploadFirmware']>, upload: Upload): Promise<Answer<'uploadFirmware'>> {
    return this.#request(
      'uploadFirmware',
      { query },
      {
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(upload.bytes.length),
          'x-sha256': upload.sha256,
        },
        body: inPieces(upload),
      },
    );
  }

  /** Sends a table of devices as the body. */
  async importTable(query: QueryOf<Routes['importDevices']>, bytes: Buffer): Promise<Answer<'importDevices'>> {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) };
    return this.#request('importDevices', { query }, { headers, body: bytes, timeoutMs: BODY_PATIENCE_MS });
  }

  /**
   * Events after this id as they happen, each with the id to go on after; without an event where only that moved. Ends when the
   * server ends it. Errors: as `call`; `server_unreachable` also where the connection is cut.
   */
  async *followEvents(query: EventStreamQuery, after: string): AsyncGenerator<FollowedEvent> {
    const { url, token } = this.#connection;
    try {
      const response = await openPinned({
        method: 'GET',
        url: new URL(pathOf(EVENT_STREAM, { query }), url),
        agent: this.#agent,
        signal: this.#signal,
        timeoutMs: EVENT_SILENCE_MS,
        headers: { accept: 'text/event-stream', 'last-event-id': after, authorization: `Bearer ${token}` },
      });
      if (response.statusCode !== 200) throw await readRefusal(response, this.#connection);
      for await (const { id, data } of readEventStream(response)) {
        if (id === undefined) continue;
        if (data === undefined) {
          yield { id, event: undefined };
          continue;
        }
        const event = parseJson(Buffer.from(data));
        if (!Value.Check(Event, event))
          throw unexpectedAnswer(
            this.#connection,
            'told of an event in a way that this version of otter does not know: its server may be newer',
          );
        yield { id, event };
      }
    } catch (error) {
      throw asConnectionError(error, this.#connection, this.#signal);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #request<N extends AdminRouteName>(
    name: N,
    input: LooseInput,
    content: Pick<HttpsRequest, 'headers' | 'body' | 'timeoutMs'>,
  ): Promise<Answer<N>> {
    const route: AdminRoute = adminRoutes[name];
    const { url, token } = this.#connection;
    const answer = await requestPinned({
      method: route.method,
      url: new URL(pathOf(route, input), url),
      agent: this.#agent,
      signal: this.#signal,
      ...content,
      headers: { accept: 'application/json', ...content.headers, authorization: `Bearer ${token}` },
    }).catch((error: unknown) => {
      throw asConnectionError(error, this.#connection, this.#signal);
    });
    const value = parseJson(answer.body);
    if (answer.status !== route.status && answer.status !== 200) throw refusal(answer, value, this.#connection);
    if (isAnswer(name, value)) return value;
    throw unexpectedAnswer(
      this.#connection,
      `answered ${name} in a way that this version of otter does not know: its server may be newer`,
    );
  }
}

type EventStreamQuery = Omit<Static<typeof eventStream.query>, 'after'>;

interface FollowedEvent {
  readonly id: string;
  readonly event: Event | undefined;
}

/** What `pathOf` wants of a route. */
const EVENT_STREAM = { path: eventStream.path, params: Type.Object({}) };

/** The parts of any route's input, for code that treats all routes alike. */
interface LooseInput {
  readonly params?: Readonly<Record<string, unknown>>;
  /** Every value is a text or left out, as in a URL. */
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** What the routes refer to by name. */
const SCHEMAS: TProperties = Object.fromEntries(
  ADMIN_SCHEMAS.flatMap((schema) => ('$id' in schema ? [[String(schema.$id), schema]] : [])),
);

const ErrorAnswer = Type.Object({
  error: Type.Object({
    code: Type.String(),
    message: Type.String(),
    hint: Type.String(),
    request_id: Type.Optional(Type.String()),
    position: Type.Optional(Type.Integer()),
  }),
});

function isAnswer<N extends AdminRouteName>(name: N, value: unknown): value is Answer<N> {
  return Value.Check(SCHEMAS, adminRoutes[name].answer, value);
}

/**
 * Path and query of a request. A name that its schema does not allow is refused here: `..` would become another path.
 * Errors: `argument_invalid`.
 */
function pathOf(route: Pick<AdminRoute, 'path' | 'params'>, input: LooseInput): string {
  const { version, ...others } = input.params ?? {};
  const params: LooseInput['params'] =
    typeof version === 'string' ? { ...others, version: bareVersion(version) } : others;
  for (const [key, schema] of Object.entries(route.params.properties)) {
    if (Value.Check(schema, params[key])) continue;
    const fault = key === 'version' && typeof version === 'string' ? versionFault(version) : undefined;
    const wanted = 'description' in schema ? `: ${fault ?? String(schema.description)}` : '';
    throw CommandError.own(
      'argument_invalid',
      `${key} ${JSON.stringify(params[key])} is invalid${wanted}`,
      'correct it',
    );
  }
  const path = route.path.replaceAll(/:(\w+)/g, (_, key: string) => encodeURIComponent(String(params[key])));
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(input.query ?? {})) {
    if (typeof value === 'string') query.set(key, value);
  }
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

function jsonBody(body: unknown): Pick<HttpsRequest, 'headers' | 'body'> {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

async function* inPieces(upload: Upload): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < upload.bytes.length; start += BLOCK_BYTES) {
    yield upload.bytes.subarray(start, start + BLOCK_BYTES);
    upload.onProgress(Math.min(start + BLOCK_BYTES, upload.bytes.length));
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function readRefusal(response: IncomingMessage, connection: Connection): Promise<CommandError> {
  const { statusCode: status = 0, headers } = response;
  const body = await buffer(response);
  return refusal({ status, headers, body }, parseJson(body), connection);
}

function refusal(answer: HttpsAnswer, value: unknown, connection: Connection): CommandError {
  if (Value.Check(ErrorAnswer, value)) return CommandError.answered(answer.status, value.error);
  return unexpectedAnswer(connection, `answered ${answer.status} without an error of Otter`);
}

function unexpectedAnswer(connection: Connection, what: string): CommandError {
  return CommandError.own(
    'answer_invalid',
    `the server at ${connection.url.host} ${what}`,
    'is it an Otter server of the same release? `otter --version` says this one',
  );
}
