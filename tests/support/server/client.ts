// The requests that tests send to a server, wherever it runs: as a device, as an operator, or as they like. Every one goes
// over real TLS with the pin checked, and every JSON answer of a route in protocol/ is held against its schema.

import { type AdminRouteName, adminRoutes, type AnswerOf } from '#protocol/admin/routes.ts';
import type { Configuration } from '#protocol/device/configuration.ts';
import type { Offer } from '#protocol/device/api.ts';
import { type HttpsAnswer, type Pin, PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';
import { checkAnswer } from './answer-schema.ts';

export interface Answered<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: HttpsAnswer['headers'];
  readonly body: Body;
}

/** An answer of check-update with the members of both outcomes. */
export type CheckInAnswer = Pick<Offer, 'reason' | 'poll_interval_s'> & {
  readonly update_available: boolean;
  readonly configuration?: Configuration;
} & Partial<Omit<Offer, 'update_available'>>;

export interface AdminCall {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ServerAccess {
  readonly url: URL;
  readonly pin: Pin;
  readonly fleetToken: string;
  readonly adminToken: string;
}

export class ServerClient implements ServerAccess {
  readonly url: URL;
  readonly pin: Pin;
  readonly fleetToken: string;
  readonly adminToken: string;
  readonly agent: PinnedAgent;

  constructor(access: ServerAccess) {
    this.url = access.url;
    this.pin = access.pin;
    this.fleetToken = access.fleetToken;
    this.adminToken = access.adminToken;
    this.agent = new PinnedAgent(access.pin);
  }

  /** POST of a device with the fleet token. */
  async device(path: 'check-update' | 'report-status', body: unknown): Promise<Answered> {
    return this.json('POST', `/api/v1/${path}`, { token: this.fleetToken, body });
  }

  async checkIn(mac: string, version: string, more: Readonly<Record<string, unknown>> = {}): Promise<CheckInAnswer> {
    const { status, body } = await this.device('check-update', { mac, current_version: version, labels: [], ...more });
    if (status !== 200) throw new Error(`check-update answered ${status}: ${JSON.stringify(body)}`);
    return body as unknown as CheckInAnswer;
  }

  /** An admin route that must succeed. */
  async admin<Name extends AdminRouteName>(
    name: Name,
    call: AdminCall = {},
  ): Promise<AnswerOf<(typeof adminRoutes)[Name]>> {
    const { status, body } = await this.tryAdmin(name, call);
    if (status >= 300) throw new Error(`${name} answered ${status}: ${JSON.stringify(body)}`);
    return body as AnswerOf<(typeof adminRoutes)[Name]>;
  }

  /** An admin route whatever it answers. */
  async tryAdmin(name: AdminRouteName, call: AdminCall = {}): Promise<Answered> {
    const route = adminRoutes[name];
    const path = Object.entries(call.params ?? {}).reduce(
      (url, [key, value]) => url.replace(`:${key}`, encodeURIComponent(value)),
      route.path,
    );
    const query = new URLSearchParams(call.query ?? {}).toString();
    return this.json(route.method, query === '' ? path : `${path}?${query}`, {
      token: this.adminToken,
      ...(call.body === undefined ? {} : { body: call.body }),
    });
  }

  async json(
    method: string,
    path: string,
    options: {
      readonly token?: string;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Answered> {
    const { body, token, headers } = options;
    const answer = await this.fetch(method, path, {
      ...(token === undefined ? {} : { token }),
      ...(body === undefined
        ? {}
        : { body: Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body) }),
      headers: {
        ...(body === undefined
          ? {}
          : { 'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json' }),
        ...headers,
      },
    });
    const text = answer.body.toString();
    const parsed = text === '' ? {} : JSON.parse(text);
    checkAnswer(method, path, answer.status, parsed);
    return { status: answer.status, headers: answer.headers, body: parsed };
  }

  async fetch(
    method: string,
    path: string,
    options: {
      readonly token?: string;
      readonly body?: Buffer | string;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<HttpsAnswer> {
    return requestPinned({
      method,
      url: new URL(path, this.url),
      agent: this.agent,
      headers: {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(Buffer.isBuffer(options.body) ? { 'content-length': String(options.body.length) } : {}),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: options.body }),
    });
  }
}
