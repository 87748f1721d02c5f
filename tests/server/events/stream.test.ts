// The event stream over real HTTPS: what it says, that it goes on where it was cut, and what it does with readers that are
// slow, many or wrong.

import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventStream } from '#protocol/admin/routes.ts';
import type { Event } from '#protocol/admin/events.ts';
import { MAX_EVENT_STREAMS } from '#protocol/limits.ts';
import { type EventListener, listen } from '../../support/event-listener.ts';
import { ProductLine } from '../../support/product-line.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { expectRefusal } from '../../support/server/refusal.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

/** A stop that waits for a reader takes this long. */
const STOP_GRACE_MS = 60_000;

const typeOf = ({ type }: Event): string => type;
const idOf = ({ id }: Event): string => id;

describe.each(DIALECTS)('the event stream on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  afterEach(async () => server.end());

  const begin = async (): Promise<void> => {
    server = await startTestServer({ dialect });
    line = new ProductLine(server);
    await line.add('1.1.0');
  };
  const listed = async (): Promise<readonly string[]> => {
    return (await server.admin('listEvents', { query: { sort: 'id', limit: '500' } })).items.map(idOf);
  };

  test('says each event once, in the form of server-sent events', async () => {
    await begin();
    const client = await RawClient.open(server.url);
    onTestFinished(() => client.close());
    client.send(head(`GET ${eventStream.path} HTTP/1.1`, 'host: otter', `authorization: Bearer ${server.adminToken}`));
    const { status, headers } = await client.head();
    expect({ status, headers }).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
    });
    await line.rollOut('1.1.0', 'draft');
    const text = (await client.rest(4_000)).bytes.toString();
    expect(text).toMatch(/^[\da-f]+\r\n: so far\nid: \d+-\d+\n\n\r\n/);
    const [, id, data = '{}', ...more] =
      /\nid: (\d+-\d+)\nevent: rollout\.created\ndata: (\{[^\n]*\})\n\n/.exec(text) ?? [];
    expect(more).toEqual([]);
    expect(JSON.parse(data)).toMatchObject({ id, type: 'rollout.created', rollout: line.rolloutName('1.1.0') });
    expect(text.match(/event: /g)).toHaveLength(1);
  });

  test('begins with now, or with the first event, or after the one that was heard last', async () => {
    await begin();
    await line.rollOut('1.1.0', 'pilot');
    const all = await listed();
    const fromNow = await listen(server);
    const fromStart = await listen(server, { query: { after: '0' } });
    const after = all[0] ?? '';
    const resumed = await listen(server, { lastId: after, query: { after: '0' } });
    await line.move('1.1.0', 'pause');
    expect(await fromNow.heard(1, typeOf)).toEqual(['rollout.paused']);
    const whole = await fromStart.heard(all.length + 1, idOf);
    expect(whole.slice(0, -1)).toEqual(all);
    expect(await resumed.heard(all.length, idOf), 'the header wins over the query').toEqual(whole.slice(1));
    expect(fromNow.lastId).toBe(whole.at(-1));
  });

  test('gives only the rollout, product or types that are asked for, and moves on over all others', async () => {
    await begin();
    const other = new ProductLine(server);
    await other.add('1.1.0');
    const byRollout = await listen(server, { query: { rollout: line.rolloutName('1.1.0') } });
    const byProduct = await listen(server, { query: { product: other.product } });
    const byType = await listen(server, { query: { type: 'rollout.paused' } });
    const byGroup = await listen(server, { query: { type: 'stage' } });
    await line.rollOut('1.1.0', 'pilot');
    await other.rollOut('1.1.0', 'pilot');
    await line.move('1.1.0', 'pause');
    expect(await byRollout.heard(4, typeOf)).toEqual([
      'rollout.created',
      'stage.opened',
      'rollout.started',
      'rollout.paused',
    ]);
    expect(new Set(await byProduct.heard(3, ({ product }) => product))).toEqual(new Set([other.product]));
    expect(await byType.heard(1, typeOf)).toEqual(['rollout.paused']);
    expect(await byGroup.heard(2, typeOf)).toEqual(['stage.opened', 'stage.opened']);
    await other.move('1.1.0', 'pause');
    await byProduct.heard(4, typeOf);
    expect([byRollout.events.length, byGroup.events.length]).toEqual([4, 2]);
  });

  test('resumed after every cut has no gap and no double, while many devices change at once', async () => {
    await begin();
    await line.rollOut('1.1.0', 'expand');
    const ids = await listed();
    const devices = Array.from({ length: 60 }, () => line.newMac());
    const change = { isOver: false };
    const changing = Promise.all(
      devices.map(async (mac, index) => {
        await delay(index * 60);
        const assignment = await line.offer(mac, '1.0.0');
        await line.report(mac, assignment, 1, 'downloading');
        // Confirmed, and healthy: the stage has no soak.
        await line.checkIn(mac, '1.1.0');
      }),
    ).finally(() => (change.isOver = true));
    const heard: string[] = [];
    let lastId = ids.at(-1) ?? '';
    const take = ({ events, lastId: last }: EventListener): void => {
      heard.push(...events.map(idOf));
      lastId = last ?? lastId;
    };
    while (!change.isOver) {
      const listener = await listen(server, { lastId });
      await delay(500);
      listener.stop();
      await listener.ended;
      take(listener);
    }
    await changing;
    const expected = (await listed()).slice(ids.length);
    expect(expected).toHaveLength(4 * devices.length);
    const last = await listen(server, { lastId });
    await last.heard(expected.length - heard.length, idOf);
    take(last);
    expect(heard).toEqual(expected);
  });

  test.each([
    ['garbage', 'is not the id of an event'],
    ['12', 'is not the id of an event'],
    ['99999999999-5', 'is not known here'],
    ['0-77777', 'is not known here'],
  ])('refuses %s as Last-Event-ID', async (lastId, said) => {
    await begin();
    const answer = await server.fetch('GET', eventStream.path, {
      token: server.adminToken,
      headers: { 'last-event-id': lastId },
    });
    const { message, hint } = await expectRefusal(server, answer, 'cursor_invalid');
    expect(message).toContain(said);
    expect(hint).toMatch(/0/);
  });

  test('answers HEAD with the head of a stream and holds no place for it', async () => {
    await begin();
    for (let count = 0; count <= MAX_EVENT_STREAMS; count += 1) {
      const { status, headers, body } = await server.fetch('HEAD', eventStream.path, { token: server.adminToken });
      expect([status, headers['content-type'], body.length]).toEqual([200, 'text/event-stream; charset=utf-8', 0]);
    }
  });

  test('ends at once when the server stops, cleanly for those who read', async () => {
    await begin();
    const listeners = [await listen(server), await listen(server, { query: { type: 'stage' } })];
    const startedMs = performance.now();
    await server.stop(STOP_GRACE_MS);
    expect(performance.now() - startedMs).toBeLessThan(STOP_GRACE_MS);
    expect(await Promise.all(listeners.map(async ({ ended }) => ended))).toEqual(['clean', 'clean']);
    server = await startTestServer({ like: server });
  });
});

test('a stream with nothing to say says so every 15 s, and moves its reader on', async () => {
  const server = await startTestServer();
  onTestFinished(async () => server.end());
  const line = new ProductLine(server);
  await line.add('1.1.0');
  const listener = await listen(server, { query: { type: 'rollout.aborted' } });
  const before = listener.lastId;
  await line.rollOut('1.1.0', 'draft');
  await vi.waitFor(() => expect(listener.lastId).not.toBe(before), { timeout: 20_000, interval: 100 });
  const { items } = await server.admin('listEvents');
  expect([listener.lastId, listener.events]).toEqual([items[0]?.id, []]);
});

test('there are 32 places, and each is free again when its listener has gone', async () => {
  const server = await startTestServer();
  onTestFinished(async () => server.end());
  const listeners: EventListener[] = [];
  for (let count = 0; count < MAX_EVENT_STREAMS; count += 1) listeners.push(await listen(server));
  const refused = await server.fetch('GET', eventStream.path, { token: server.adminToken });
  await expectRefusal(server, refused, 'busy');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  listeners[7]?.stop();
  await vi.waitFor(async () => listen(server), { timeout: 10_000 });
});

describe('with servers on one PostgreSQL', () => {
  test('a listener to one hears what was changed through the other', async () => {
    const left = await startTestServer({ dialect: 'postgres' });
    const right = await startTestServer({ like: left });
    onTestFinished(async () => {
      await right.stop();
      await left.end();
    });
    const line = new ProductLine(left);
    await line.add('1.1.0');
    const [onLeft, onRight] = [await listen(left), await listen(right)];
    await line.rollOut('1.1.0', 'expand');
    line.moveTo(right);
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const mac = line.newMac();
        await (index % 2 === 0 ? left : right).checkIn(mac, '1.0.0', { product: line.product });
      }),
    );
    await line.move('1.1.0', 'abort');
    const count = 6 + 20 + 20 + 2;
    expect(await onLeft.heard(count, idOf)).toEqual(await onRight.heard(count, idOf));
    expect(new Set(onLeft.events.map(idOf)).size).toBe(count);
    expect(onLeft.events.at(-1)?.type).toBe('rollout.aborted');
  });

  test('a reader that takes its time is sent what it reads and no more, and a stop does not wait for it', async () => {
    const server = await startTestServer({ dialect: 'postgres' });
    onTestFinished(async () => rm(server.home, { recursive: true }));
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const slow = await listen(server, { query: { after: '0' }, rest: async () => held });
    const quick = await listen(server, { query: { after: '0' } });
    // Few and large: far more bytes than the buffers of both ends hold, and little work for a busy machine.
    const rows = 2_000;
    const database = new pg.Client({ connectionString: server.databaseUrl });
    await database.connect();
    onTestFinished(async () => database.end());
    const add = async (count: number): Promise<unknown> =>
      database.query(`insert into events (at_ms, type, product, rollout, version, data)
        select ${server.clock.nowMs}, 'rollout.created', 'p', 'r', '1.0.0', '{"text":"' || repeat('x', 20000) || '"}'
        from generate_series(1, ${count})`);
    await add(rows);
    await quick.heard(rows, idOf);
    // Had the server read ahead for the slow one, it would still send what is not in the table any more.
    await database.query('delete from events where id < (select max(id) from events)');
    goOn();
    await vi.waitFor(() => expect(slow.lastId).toBe(quick.lastId), { timeout: 60_000, interval: 50 });
    expect(slow.events.length).toBeGreaterThan(1);
    expect(slow.events.length).toBeLessThan(rows * 0.75);
    expect(slow.events.slice(0, -1).map(idOf)).toEqual(quick.events.slice(0, slow.events.length - 1).map(idOf));

    const stuck = await listen(server, { query: { after: '0' }, rest: async () => new Promise(() => undefined) });
    await add(rows);
    await quick.heard(2 * rows, idOf);
    const startedMs = performance.now();
    await server.stop(STOP_GRACE_MS);
    expect(performance.now() - startedMs).toBeLessThan(STOP_GRACE_MS);
    expect(stuck.events.length).toBeLessThan(rows);
  });
});
