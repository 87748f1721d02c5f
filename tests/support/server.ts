// A real server for a test: its own home, its own database, real TLS, a clock that the test moves.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { inject } from 'vitest';
import type { AdminRouteName, AnswerOf } from '#protocol/admin-routes.ts';
import { adminRoutes } from '#protocol/admin-routes.ts';
import type { Offer } from '#protocol/device-api.ts';
import { type HttpsAnswer, type Pin, PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { initHome } from '#server/init.ts';
import { type RunningServer, startServer } from '#server/main.ts';

export type Dialect = 'sqlite' | 'postgres';
export const DIALECTS: readonly Dialect[] = ['sqlite', 'postgres'];

/** 2026-11-23T10:00:00Z, where every test begins. */
export const START_MS = Date.UTC(2026, 10, 23, 10);

export interface TestClock {
  nowMs: number;
  advance(seconds: number): void;
}

export interface TestServerOptions {
  readonly dialect?: Dialect;
  readonly env?: Readonly<Record<string, string>>;
  /** A home and database of an earlier server, to start it again. */
  readonly like?: TestServer;
}

/** An answer of check-update with the members of both outcomes. */
export type CheckInAnswer = Pick<Offer, 'reason' | 'poll_interval_s'> & {
  readonly update_available: boolean;
} & Partial<Omit<Offer, 'update_available'>>;

export interface Answered<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: HttpsAnswer['headers'];
  readonly body: Body;
}

export class TestServer {
  readonly home: string;
  readonly databaseUrl: string;
  readonly clock: TestClock;
  readonly url: URL;
  readonly pin: Pin;
  readonly fleetToken: string;
  readonly adminToken: string;
  readonly agent: PinnedAgent;
  /** Every line that the server logged. */
  readonly logged: string[];
  readonly #running: RunningServer;

  constructor(
    parts: Pick<TestServer, 'home' | 'databaseUrl' | 'clock' | 'pin' | 'fleetToken' | 'adminToken' | 'logged'>,
    running: RunningServer,
  ) {
    this.home = parts.home;
    this.databaseUrl = parts.databaseUrl;
    this.clock = parts.clock;
    this.pin = parts.pin;
    this.fleetToken = parts.fleetToken;
    this.adminToken = parts.adminToken;
    this.logged = parts.logged;
    this.#running = running;
    this.url = new URL(`https://127.0.0.1:${running.port}`);
    this.agent = new PinnedAgent(parts.pin);
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
    return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) };
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

  async stop(graceMs = 1_000): Promise<void> {
    this.agent.destroy();
    await this.#running.close(graceMs);
  }

  /** Stops it and removes its home. */
  async end(): Promise<void> {
    await this.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}

export interface AdminCall {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { like } = options;
  const home = like?.home ?? (await mkdtemp(join(tmpdir(), 'otter-test-')));
  if (like === undefined) await initHome(home, { nowMs: START_MS });
  const databaseUrl =
    like?.databaseUrl ?? (options.dialect === 'postgres' ? await newPostgresDatabase() : 'sqlite:data/otter.db');
  const clock = like?.clock ?? newClock();
  const logged: string[] = [];
  const running = await startServer({
    home,
    port: 0,
    env: { OTTER_HOST: '127.0.0.1', OTTER_DATABASE: databaseUrl, ...options.env },
    log: (level) => pino({ level }, { write: (line: string) => void logged.push(line) }),
    clock: () => clock.nowMs,
  });
  const cert = await readFile(join(home, 'data/certs/server.crt'), 'utf8');
  const token = async (name: string): Promise<string> =>
    (await readFile(join(home, `data/tokens/${name}.token`), 'utf8')).trim();
  const pin: Pin = { kind: 'spki', sha256: readCertificate(cert).spkiPin };
  return new TestServer(
    { home, databaseUrl, clock, pin, fleetToken: await token('fleet'), adminToken: await token('admin'), logged },
    running,
  );
}

/** The address of a new, empty database in the PostgreSQL of this test run. */
export async function newPostgresDatabase(): Promise<string> {
  const maintenance = inject('postgresUrl');
  const name = `otter_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: maintenance });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const url = new URL(maintenance);
  url.pathname = `/${name}`;
  return url.href;
}

function newClock(): TestClock {
  return {
    nowMs: START_MS,
    advance(seconds) {
      this.nowMs += seconds * 1000;
    },
  };
}
