// `npm run bench -- judge`: what it costs to judge rollouts of a large fleet. One product, 20 finished rollouts and three open
// ones; prints how long a tick holds the event loop, what the list of rollouts and one rollout take, what a report of a failure
// costs beside another one, and the statements of a check that changes nothing. Asserts nothing. CPU time is that of the main
// thread of this process: SQLite works in it, PostgreSQL does not, so there only the time on the clock says what it does.
//
//   npm run bench -- judge [--devices 100000] [--database postgres]

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import pg from 'pg';
import { pino } from 'pino';
import { readCertificate } from '#server/certs/certificate.ts';
import { openPostgres } from '#server/db/postgres.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { initHome } from '#server/home/init.ts';
import { type RunningServer, startServer } from '#server/main.ts';
import { ServerClient } from '../tests/support/server/client.ts';
import { countStatements, type Statements } from '../tests/support/server/statements.ts';
import { fillFleet, REPORTING, type Run } from './judge-fleet.ts';
import { startPostgres } from './postgres.ts';

const TICKS = 3;
const ROUNDS = 5;
const REPORTS = 30;
const CHECKS = 100;

export interface JudgeOptions {
  readonly devices: number;
  readonly database: 'sqlite' | 'postgres';
}

/** A database to work on beside the server. */
interface Beside {
  readonly env: Readonly<Record<string, string>>;
  readonly run: Run;
  readonly rows: (sql: string) => Promise<readonly Record<string, unknown>[]>;
  readonly close: () => Promise<void>;
}

export async function benchJudging({ devices, database }: JudgeOptions): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'otter-judge-'));
  await initHome(home, { nowMs: Date.now() });
  const beside = await (database === 'sqlite' ? openBesideSqlite(home) : openBesidePostgres());
  try {
    const statements = countStatements();
    await fillFleet(beside.run, devices, Date.now());
    await beside.run('analyze');
    const reporting = await beside.rows(
      `select devices.first_name as mac, assignments.id from assignments join devices on devices.id = assignments.device_id
       join bench_numbers on n = device_id where assignments.state = 'installing' and ${REPORTING}
       order by assignments.id limit ${2 * REPORTS}`,
    );
    const running = await start(home, beside.env);
    try {
      await print({ devices, database, running, client: clientOf(home, running), statements, reporting });
    } finally {
      await running.close(1_000);
    }
  } finally {
    await beside.close();
    rmSync(home, { recursive: true, force: true });
  }
}

async function start(home: string, env: Readonly<Record<string, string>>): Promise<RunningServer> {
  return startServer({
    home,
    port: 0,
    env: { OTTER_HOST: '127.0.0.1', ...env },
    log: (level) => pino({ level }, pino.destination({ dest: '/dev/null', sync: false, minLength: 16_000 })),
  });
}

function clientOf(home: string, { port }: RunningServer): ServerClient {
  const read = (path: string): string => readFileSync(join(home, 'data', path), 'utf8').trim();
  return new ServerClient({
    url: new URL(`https://127.0.0.1:${port}`),
    pin: { kind: 'spki', sha256: readCertificate(read('certs/server.crt')).spkiPin },
    fleetToken: read('tokens/fleet.token'),
    adminToken: read('tokens/admin.token'),
  });
}

interface Measured {
  readonly devices: number;
  readonly database: string;
  readonly running: RunningServer;
  readonly client: ServerClient;
  readonly statements: Statements;
  readonly reporting: readonly Record<string, unknown>[];
}

async function print({ devices, database, running, client, statements, reporting }: Measured): Promise<void> {
  const table = new Table({
    head: [`${database}, ${devices} devices`, 'first', 'worst', 'median', 'longest turn'],
    style: { head: [], border: [] },
  });
  const add = (what: string, costs: readonly Cost[]): void => {
    const wall = costs.map(({ wallMs }) => wallMs);
    const ms = (value: number | undefined): string => `${(value ?? Number.NaN).toFixed(1)} ms`;
    const turn = Math.max(...costs.map(({ longestMs }) => longestMs));
    table.push([what, ms(wall[0]), ms(Math.max(...wall)), ms(median(wall)), ms(turn)]);
  };
  const get = (path: string) => async () => {
    const { status } = await client.fetch('GET', path, { token: client.adminToken });
    if (status !== 200) throw new Error(`${path} answered ${status}`);
  };
  // Before anybody has looked at a rollout, beside the first tick of the server.
  add('GET rollouts, first after the start', await repeat(1, get('/api/v1/admin/rollouts?limit=100')));
  add('GET status, first after the start', await repeat(1, get('/api/v1/admin/status')));
  // The first tick of a server, which it begins by itself, is among the first.
  add('tick', await repeat(TICKS, async () => running.tick()));
  // Until the boards of this one have been looked at.
  add('GET rollouts/2.0.0, first after the start', await repeat(1, patiently(get('/api/v1/admin/rollouts/2.0.0'))));
  add('GET rollouts', await repeat(ROUNDS, get('/api/v1/admin/rollouts?limit=100')));
  add('GET rollouts/2.0.0 (everyone)', await repeat(ROUNDS, get('/api/v1/admin/rollouts/2.0.0')));
  add('GET rollouts/2.1.0 (outage)', await repeat(ROUNDS, get('/api/v1/admin/rollouts/2.1.0')));
  add('GET rollouts/1.9.0 (finished)', await repeat(ROUNDS, get('/api/v1/admin/rollouts/1.9.0')));
  add('GET status', await repeat(ROUNDS, get('/api/v1/admin/status')));
  const report = (offset: number, body: Readonly<Record<string, string>>) => async (round: number) => {
    const { mac, id } = reporting[2 * round + offset] ?? {};
    const { status } = await client.device('report-status', { mac, assignment_id: Number(id), sequence: 9, ...body });
    if (status !== 200) throw new Error(`a report was answered ${status}`);
  };
  const reports = Math.min(REPORTS, Math.floor(reporting.length / 2));
  add('report confirmed', await repeat(reports, report(0, { status: 'confirmed' })));
  add('report rolled_back', await repeat(reports, report(1, { status: 'rolled_back', error_code: 'crash' })));
  process.stdout.write(
    `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}\n${table.toString()}\n`,
  );
  process.stdout.write(await checkLine(client, statements));
}

async function checkLine(client: ServerClient, statements: Statements): Promise<string> {
  const check = async (round: number): Promise<unknown> => {
    // Devices that took 2.0.0, 44 of each hundred.
    const digits = String(10_000_000 + Math.floor(round / 44) * 100 + 36 + (round % 44));
    const mac = `02:00:${digits.replaceAll(/(..)(?=.)/g, '$1:')}`;
    return client.checkIn(mac, '2.0.0', { chip: 'esp32', slot_bytes: 1_966_080 });
  };
  await repeat(CHECKS, check);
  // What they said of themselves is written with a batch, a second later.
  await sleep(3_000);
  statements.reset();
  await repeat(CHECKS, check);
  const { reads, writes, soft } = statements;
  return `a check that changes nothing: ${(reads / CHECKS).toFixed(2)} statements that read, ${(writes / CHECKS).toFixed(2)} that write (presence batches apart: ${soft} in all)\n`;
}

/** Again and again until it is answered in time. */
function patiently(work: () => Promise<void>): () => Promise<void> {
  return async () => {
    for (let attempt = 1; ; attempt += 1)
      try {
        await work();
        return;
      } catch (error) {
        if (attempt === 10) throw error;
      }
  };
}

interface Cost {
  readonly wallMs: number;
  /** CPU time of the longest turn of the event loop meanwhile. */
  readonly longestMs: number;
}

async function repeat(times: number, work: (round: number) => Promise<unknown>): Promise<readonly Cost[]> {
  const costs: Cost[] = [];
  for (let round = 0; round < times; round += 1) {
    const turns = watchTurns();
    const startMs = performance.now();
    await work(round);
    costs.push({ wallMs: performance.now() - startMs, longestMs: turns() });
  }
  return costs;
}

/** Follows the turns of the event loop; resolves, when asked, with the CPU milliseconds of the longest. */
function watchTurns(): () => number {
  let longestMs = 0;
  let lastMs = cpuMs();
  let next = setImmediate(turn);
  function note(): void {
    const nowMs = cpuMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  }
  function turn(): void {
    note();
    next = setImmediate(turn);
  }
  return () => {
    note();
    clearImmediate(next);
    return longestMs;
  };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function openBesideSqlite(home: string): Promise<Beside> {
  const file = join(home, 'data/otter.db');
  await (await openSqlite(file)).close();
  const db = new DatabaseSync(file);
  db.exec('pragma synchronous = off; pragma cache_size = -400000');
  return {
    env: {},
    run: async (sql) => db.exec(sql),
    rows: async (sql) => db.prepare(sql).all(),
    close: async () => db.close(),
  };
}

async function openBesidePostgres(): Promise<Beside> {
  const { url, stop } = await startPostgres();
  await (await openPostgres(url)).close();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    env: { OTTER_DATABASE: url },
    run: async (sql) => {
      await client.query(sql === 'analyze' ? 'vacuum analyze' : sql);
    },
    rows: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    close: async () => {
      await client.end();
      await stop();
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
