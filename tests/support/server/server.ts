// A real server for a test: its own home, its own database, real TLS, a clock that the test moves.

import { randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import type { HttpsAnswer, Pin } from '#protocol/pinned-https.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { initHome } from '#server/home/init.ts';
import { type RunningServer, startServer } from '#server/main.ts';
import type { Dialect } from '../scope.ts';
import { ServerClient } from './client.ts';
import { Secrets } from './secrets.ts';
import { untilSettled } from './settled.ts';
import { postgresUrl, TEMPLATE } from './postgres-url.ts';

/** 2026-11-23T10:00:00Z, where every test begins. */
export const START_MS = Date.UTC(2026, 10, 23, 10);

export interface TestClock {
  nowMs: number;
  advance(seconds: number): void;
}

export interface TestServerOptions {
  readonly dialect?: Dialect;
  readonly env?: Readonly<Record<string, string>>;
  /** For a clock that is set: how much time really passes, in milliseconds. Left out: as much as the clock is moved by. */
  readonly steadyClock?: () => number;
  /** What config/plans.yaml says. */
  readonly plans?: string;
  /** Lines that are added to config/server.yml. */
  readonly settings?: string;
  /** A home and database of an earlier server, to start it again. */
  readonly like?: Pick<TestServer, 'home' | 'databaseUrl' | 'clock'>;
  /** Another database than that of `like`, or than a new one. */
  readonly databaseUrl?: string;
  /** Instead of a free one. */
  readonly port?: number;
}

export class TestServer extends ServerClient {
  readonly home: string;
  readonly databaseUrl: string;
  readonly clock: TestClock;
  /** Every line that the server logged. */
  readonly logged: string[];
  readonly #running: RunningServer;
  readonly #secrets: Secrets;

  constructor(
    parts: Pick<TestServer, 'home' | 'databaseUrl' | 'clock' | 'pin' | 'fleetToken' | 'adminToken' | 'logged'> & {
      readonly privateKey: string;
    },
    running: RunningServer,
  ) {
    super({ ...parts, url: new URL(`https://127.0.0.1:${running.port}`) });
    this.home = parts.home;
    this.databaseUrl = parts.databaseUrl;
    this.clock = parts.clock;
    this.logged = parts.logged;
    this.#running = running;
    this.#secrets = Secrets.of(parts);
  }

  /** One more that may stand nowhere. */
  addSecret(what: string, secret: string): void {
    this.#secrets.add(what, secret);
  }

  /** Runs the schedules that are due at the time of the clock. */
  async tick(): Promise<void> {
    await this.#running.tick();
  }

  /** The same; a list of events has all that are committed. */
  override async fetch(...[method, path, options]: Parameters<ServerClient['fetch']>): Promise<HttpsAnswer> {
    this.#secrets.addSent(options?.token, options?.body);
    if (path.startsWith('/api/v1/admin/events/list')) await untilSettled(this);
    const answer = await super.fetch(method, path, options);
    this.#secrets.expectNotInAnswer(path, answer.body);
    return answer;
  }

  async stop(graceMs = 1_000): Promise<void> {
    this.agent.destroy();
    await this.#running.close(graceMs);
    this.#secrets.expectNotIn('the log', this.logged.join('\n'));
    await this.#secrets.expectNotInDatabase(this);
  }

  /** Stops it and removes its home. */
  async end(): Promise<void> {
    await this.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { like, plans } = options;
  const home = like?.home ?? (await mkdtemp(join(tmpdir(), 'otter-test-')));
  if (like === undefined) await initHome(home, { nowMs: START_MS });
  if (plans !== undefined) await writeFile(join(home, 'config/plans.yaml'), plans);
  if (options.settings !== undefined) await appendFile(join(home, 'config/server.yml'), `\n${options.settings}\n`);
  const databaseUrl =
    options.databaseUrl ??
    like?.databaseUrl ??
    (options.dialect === 'postgres' ? await newPostgresDatabase({ hasSchema: true }) : 'sqlite:data/otter.db');
  const clock = like?.clock ?? newClock();
  const logged: string[] = [];
  const running = await startServer({
    home,
    port: options.port ?? 0,
    env: { OTTER_HOST: '127.0.0.1', OTTER_DATABASE: databaseUrl, ...options.env },
    log: (level) => pino({ level }, { write: (line: string) => void logged.push(line) }),
    clock: () => clock.nowMs,
    ...(options.steadyClock === undefined ? {} : { steadyClock: options.steadyClock }),
  });
  const cert = await readFile(join(home, 'data/certs/server.crt'), 'utf8');
  const token = async (name: string): Promise<string> =>
    (await readFile(join(home, `data/tokens/${name}.token`), 'utf8')).trim();
  const privateKey = await readFile(join(home, 'data/certs/server.key'), 'utf8');
  const pin: Pin = { kind: 'spki', sha256: readCertificate(cert).spkiPin };
  return new TestServer(
    {
      home,
      databaseUrl,
      clock,
      pin,
      fleetToken: await token('fleet'),
      adminToken: await token('admin'),
      logged,
      privateKey,
    },
    running,
  );
}

/** The address of a new database in the PostgreSQL of this test run: empty, or with the present schema and nothing in it. */
export async function newPostgresDatabase({ hasSchema = false } = {}): Promise<string> {
  const maintenance = await postgresUrl();
  const name = `otter_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: maintenance });
  await client.connect();
  // Copied as files: without fsync that is the cheapest by far.
  const template = hasSchema ? TEMPLATE : 'template1';
  await client.query(`create database ${name} template ${template} strategy file_copy`);
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
