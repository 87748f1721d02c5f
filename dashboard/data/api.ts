// The admin API as typed calls, with the cookie of the session: names, inputs and answers are those of the table in
// `protocol/admin/routes.ts`. It never repeats a request by itself.

import type { adminRoutes, AnswerOf, BodyOf, ParamsOf, QueryOf } from '#protocol/admin/routes.ts';
import { ANSWER_PATIENCE_MS, BODY_PATIENCE_MS } from '#protocol/limits.ts';
import type { Session } from '#protocol/sessions.ts';
import { Patience } from './patience.ts';
import type { ShownRoute } from './routes.ts';

type Routes = typeof adminRoutes;
/** A part of a request may be left out where nothing in it is required. */
type Part<K extends string, T> = Partial<T> extends T ? { readonly [P in K]?: T } : { readonly [P in K]: T };
export type CallInput<N extends ShownRoute> = Part<'params', ParamsOf<Routes[N]>> &
  Part<'query', QueryOf<Routes[N]>> &
  Part<'body', BodyOf<Routes[N]>>;
export type Answer<N extends ShownRoute> = AnswerOf<Routes[N]>;

/** The server said no, in its own words. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;

  constructor(status: number, error: { readonly code: string; readonly message: string; readonly hint: string }) {
    super(error.message);
    this.name = 'Refusal';
    this.status = status;
    this.code = error.code;
    this.hint = error.hint;
  }
}

/** Nothing came back. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('the server does not answer', { cause });
    this.name = 'Unreachable';
  }
}

/** The parts of any route's input, for code that treats all routes alike. */
interface LooseInput {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

export async function call<N extends ShownRoute>(
  name: N,
  input: CallInput<N>,
  signal?: AbortSignal,
): Promise<Answer<N>> {
  const [method] = OTTER_ROUTES[name];
  const { body } = input as LooseInput;
  const hasBody = method !== 'GET' && method !== 'DELETE';
  return send<Answer<N>>(addressOf(name, input), {
    method,
    ...(signal === undefined ? {} : { signal }),
    ...(hasBody ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}) } : {}),
  });
}

/** A route whose body is no JSON. */
export async function callRaw<N extends ShownRoute>(
  name: N,
  input: CallInput<N>,
  body: ArrayBuffer,
  signal?: AbortSignal,
): Promise<Answer<N>> {
  const headers = { 'content-type': 'application/octet-stream' };
  const [method] = OTTER_ROUTES[name];
  const init = { method, headers, body, ...(signal === undefined ? {} : { signal }) };
  return send<Answer<N>>(addressOf(name, input), init, BODY_PATIENCE_MS);
}

/** Opens a session: its secret is in a cookie that this code cannot read. */
export async function openSession(by: { readonly token: string } | { readonly code: string }): Promise<Session> {
  const headers = { 'content-type': 'application/json' };
  return send<Session>('/api/v1/log-in', { method: 'POST', headers, body: JSON.stringify(by) });
}

/** Path and query of a call. */
export function addressOf<N extends ShownRoute>(name: N, input: CallInput<N>): string {
  const { params, query }: LooseInput = input;
  const path = OTTER_ROUTES[name][1].replaceAll(/:(\w+)/g, (_, key: string) =>
    encodeURIComponent(String(params?.[key])),
  );
  const given = Object.entries(query ?? {}).flatMap(([key, value]) =>
    typeof value === 'string' ? [[key, value]] : [],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

async function send<T>(address: string, init: RequestInit, patienceMs = ANSWER_PATIENCE_MS): Promise<T> {
  const patience = new Patience(patienceMs, init.signal);
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, { credentials: 'same-origin', ...init, signal: patience.signal });
    text = await response.text();
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new Unreachable(error);
  } finally {
    patience.end();
  }
  const value = parseJson(text);
  if (!response.ok) throw refusalOf(response.status, value);
  return value as T;
}

/** Undefined for what is none, as the page of a proxy between. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function refusalOf(status: number, value: unknown): Refusal {
  const error = isErrorAnswer(value)
    ? value.error
    : { code: 'internal', message: `the server answered ${status} without a reason`, hint: 'try again in a moment' };
  return new Refusal(status, error);
}

function isErrorAnswer(
  value: unknown,
): value is { readonly error: { readonly code: string; readonly message: string; readonly hint: string } } {
  return typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'object';
}
