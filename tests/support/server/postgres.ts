// One PostgreSQL for the whole test run, started when the first test asks for it; every test makes databases of its own in it.
// Vitest's global setup. The schema is made once, in a template that the databases of test servers are copies of.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { TEMPLATE } from './postgres-url.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'otter-tests-'));
  let running: Promise<Running> | undefined;
  const server = createServer((_, response) => {
    running ??= startPostgres();
    running.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  const socket = join(folder, 'postgres.sock');
  server.listen(socket);
  await once(server, 'listening');
  project.provide('postgresSocket', socket);
  return async () => {
    server.close();
    await stopPostgres(await running?.catch(() => undefined));
    await rm(folder, { recursive: true, force: true });
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

async function startPostgres(): Promise<Running> {
  const child = fork(new URL('postgres-process.ts', import.meta.url));
  const url = await addressOf(child);
  await makeTemplate(url);
  return { child, url };
}

async function stopPostgres(running: Running | undefined): Promise<void> {
  if (running === undefined) return;
  const ended = once(running.child, 'exit');
  running.child.disconnect();
  await ended;
}

async function makeTemplate(maintenance: string): Promise<void> {
  // Loaded here, so that a run without PostgreSQL does without it.
  const { openPostgres } = await import('#server/db/postgres.ts');
  const client = new pg.Client({ connectionString: maintenance });
  await client.connect();
  await client.query(`create database ${TEMPLATE}`);
  await client.end();
  const url = new URL(maintenance);
  url.pathname = `/${TEMPLATE}`;
  await (await openPostgres(url.href)).close();
}

async function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: { readonly url: string }) => resolve(message.url));
    child.once('exit', (code) => reject(new Error(`PostgreSQL for the tests did not start (exit code ${code})`)));
  });
}
