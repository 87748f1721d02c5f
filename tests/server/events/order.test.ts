// The order in which events are read: none is missed, whichever transaction commits first. On the database itself.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database } from '#server/db/database.ts';
import { addEvents, findHead, listEventsAfter, type Position, START } from '#server/db/events/events.ts';
import { openPostgres } from '#server/db/postgres.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import type { Trx } from '#server/db/schema.ts';
import { BOTH, type Dialect } from '../../support/scope.ts';
import { newPostgresDatabase } from '../../support/server/server.ts';

async function open(dialect: Dialect): Promise<{ readonly database: Database; readonly url: string }> {
  if (dialect === 'postgres') {
    const url = await newPostgresDatabase();
    const database = await openPostgres(url);
    onTestFinished(async () => database.close());
    return { database, url };
  }
  const folder = await mkdtemp(join(tmpdir(), 'otter-events-'));
  const database = await openSqlite(join(folder, 'otter.db'));
  onTestFinished(async () => {
    await database.close();
    await rm(folder, { recursive: true });
  });
  return { database, url: '' };
}

const add = async (trx: Trx, rollout: string): Promise<void> =>
  addEvents(trx, [
    {
      type: 'rollout.created',
      at_ms: 0,
      product: 'p',
      rollout,
      version: '1.0.0',
      stage: null,
      from_state: null,
      data: {},
    },
  ]);

/** Reads on from where it was, as a listener does. */
class Reader {
  readonly seen: string[] = [];
  readonly #database: Database;
  #position: Position = START;

  constructor(database: Database) {
    this.#database = database;
  }

  async read(): Promise<readonly string[]> {
    const { read, dialect } = this.#database;
    const rows = await listEventsAfter(read, dialect, this.#position, 7);
    this.#position = rows.at(-1) ?? this.#position;
    this.seen.push(...rows.map(({ rollout }) => rollout));
    return rows.map(({ rollout }) => rollout);
  }

  /** Until as many were seen. */
  async readUntil(count: number): Promise<void> {
    await vi.waitFor(
      async () => {
        await this.read();
        if (this.seen.length < count) throw new Error(`saw ${this.seen.length} of ${count}`);
      },
      { timeout: 20_000, interval: 5 },
    );
  }
}

/** A transaction that does one thing after the other and commits when it is told to. */
async function begin(database: Database) {
  const steps: { readonly job: (trx: Trx) => Promise<void>; readonly done: () => void }[] = [];
  const state = { isOver: false };
  const ended = database.write(async (trx) => {
    while (!state.isOver || steps.length > 0) {
      const step = steps.shift();
      await step?.job(trx);
      step?.done();
      await delay(2);
    }
  });
  onTestFinished(() => void (state.isOver = true));
  return {
    run: async (job: (trx: Trx) => Promise<void>) => new Promise<void>((done) => steps.push({ job, done })),
    commit: async () => {
      state.isOver = true;
      await ended;
    },
  };
}

describe('on PostgreSQL', () => {
  test('an event that got its id first and is committed last is read, in front of the other', async () => {
    const { database } = await open('postgres');
    const reader = new Reader(database);
    const [slow, fast] = [await begin(database), await begin(database)];
    await slow.run(async (trx) => add(trx, 'slow'));
    await fast.run(async (trx) => add(trx, 'fast'));
    await fast.commit();
    expect(await reader.read(), 'the slow one could still come before it').toEqual([]);
    await slow.commit();
    await reader.readUntil(2);
    expect(reader.seen).toEqual(['slow', 'fast']);
  });

  test('so is one whose transaction began first and whose id is the larger', async () => {
    const { database } = await open('postgres');
    const reader = new Reader(database);
    const [slow, fast] = [await begin(database), await begin(database)];
    const label = { name: 'first-write', description: '', created_at_ms: 0 };
    await slow.run(async (trx) => void (await trx.insertInto('labels').values(label).execute()));
    await fast.run(async (trx) => add(trx, 'fast'));
    await fast.commit();
    expect(await reader.read()).toEqual([]);
    await slow.run(async (trx) => add(trx, 'slow'));
    await slow.commit();
    await reader.readUntil(2);
    expect(reader.seen).toEqual(['slow', 'fast']);
  });

  test('a copy of the database in another PostgreSQL, which counts transactions anew, loses none', async () => {
    const { database, url } = await open('postgres');
    for (const name of ['1', '2', '3']) await database.write(async (trx) => add(trx, name));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('update events set tx = tx + 1000000000 where id > 1');
    await client.query(
      `insert into webhooks values ('ci', (select tx from events where id = 2), 2, 0, null, null, 0, 0, null)`,
    );
    await client.end();
    const restored = await openPostgres(url);
    onTestFinished(async () => restored.close());
    await restored.write(async (trx) => add(trx, '4'));
    const reader = new Reader(restored);
    await reader.readUntil(4);
    expect(reader.seen).toEqual(['1', '2', '3', '4']);
    const [webhook] = await restored.read.selectFrom('webhooks').selectAll().execute();
    const next = await listEventsAfter(
      restored.read,
      'postgres',
      { tx: webhook?.after_tx ?? -1, id: webhook?.after_id ?? -1 },
      10,
    );
    expect(next.map(({ rollout }) => rollout)).toEqual(['3', '4']);
  });
});

describe.each(BOTH)('on %s', (dialect) => {
  test('many writers at once and a reader that goes on: every event once, in one order', async () => {
    const { database } = await open(dialect);
    const reader = new Reader(database);
    const names = Array.from({ length: 300 }, (_, index) => `rollout-${index}`);
    const state = { isWriting: true };
    const writing = Promise.all(
      names.map(async (name, index) => {
        await delay(index % 50);
        await database.write(async (trx) => {
          // Its first write numbers a transaction; here the order of events is another than that of their transactions.
          await trx.insertInto('labels').values({ name, description: '', created_at_ms: 0 }).execute();
          await delay((index * 5) % 7);
          await add(trx, name);
          await delay(index % 7);
        });
      }),
    ).finally(() => (state.isWriting = false));
    while (state.isWriting) {
      await reader.read();
      await delay(1);
    }
    await writing;
    await reader.readUntil(names.length);
    expect(await reader.read()).toEqual([]);
    expect(reader.seen.toSorted()).toEqual(names.toSorted());
    const again = new Reader(database);
    await again.readUntil(names.length);
    expect(again.seen).toEqual(reader.seen);
  });

  test('a transaction that fails leaves none', async () => {
    const { database } = await open(dialect);
    await database.write(async (trx) => add(trx, 'kept'));
    await expect(
      database.write(async (trx) => {
        await add(trx, 'lost');
        throw new Error('the change did not happen');
      }),
    ).rejects.toThrow('the change did not happen');
    await database.write(async (trx) => add(trx, 'kept as well'));
    const reader = new Reader(database);
    await reader.readUntil(2);
    expect(reader.seen).toEqual(['kept', 'kept as well']);
    expect(await findHead(database.read, dialect)).not.toEqual(START);
  });
});
