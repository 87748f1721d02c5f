// One PostgreSQL for the whole test run; every test file makes databases of its own in it. Vitest's global setup. The schema is
// made once, in a template that the databases of test servers are copies of.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { openPostgres } from '#server/db/postgres.ts';

/** A database that no server uses, with the present schema. */
const TEMPLATE = 'otter_template';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the maintenance database. */
    postgresUrl: string;
    /** Name of the database to copy for one with the present schema. */
    postgresTemplate: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const child = fork(new URL('postgres-process.ts', import.meta.url));
  const postgresUrl = await addressOf(child);
  await makeTemplate(postgresUrl);
  project.provide('postgresUrl', postgresUrl);
  project.provide('postgresTemplate', TEMPLATE);
  return async () => {
    const ended = once(child, 'exit');
    child.disconnect();
    await ended;
  };
}

async function makeTemplate(maintenance: string): Promise<void> {
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
