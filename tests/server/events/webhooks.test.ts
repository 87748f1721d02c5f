// Webhooks against a real receiver: what it is sent and how it is signed, that nothing is lost and the order kept, and where
// a webhook must not go. On both databases where they have a part in it.

import { createHmac } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createSelfSigned } from '#server/certs/self-signed.ts';
import { post } from '#server/service/events/post.ts';
import { ProductLine } from '../../support/product-line.ts';
import { type Receiver, startReceiver, with200, withStatus } from '../../support/receiver.ts';
import { untilSettled } from '../../support/server/settled.ts';
import { DIALECTS, type Dialect } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const SECRET = 'otw_k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6eabcdeKLMN';

interface Webhook {
  readonly name?: string;
  readonly url: string;
  readonly types?: readonly string[];
}

/** The same home and database with these webhooks. */
async function restartWith(stopped: TestServer, webhooks: readonly Webhook[]): Promise<TestServer> {
  const sections = webhooks.map(({ name = 'ci', url, types }) => ({
    name,
    url,
    secret: { value: SECRET },
    allow_private: true,
    ...(types === undefined ? {} : { types }),
  }));
  await appendFile(join(stopped.home, 'config/server.yml'), `\nwebhooks: ${JSON.stringify(sections)}\n`);
  const server = await startTestServer({ like: stopped });
  // Begins with now.
  await server.tick();
  return server;
}

async function startWith(dialect: Dialect, webhooks: readonly Webhook[]): Promise<TestServer> {
  const first = await startTestServer({ dialect });
  await first.stop();
  const server = await restartWith(first, webhooks);
  onTestFinished(async () => server.end());
  return server;
}

function urlOf(receiver: Receiver, path = '/hook'): string {
  return `http://127.0.0.1:${receiver.port}${path}`;
}

async function tick(server: TestServer, seconds = 0): Promise<void> {
  server.clock.advance(seconds);
  await untilSettled(server);
  await server.tick();
}

async function listed(server: TestServer): Promise<readonly string[]> {
  return (await server.admin('listEvents', { query: { sort: 'id', limit: '500' } })).items.map(({ id }) => id);
}

describe.each(DIALECTS)('a webhook on %s', (dialect) => {
  test('is sent what changed, signed so that its receiver can check it', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [{ url: urlOf(receiver, '/hook?from=otter') }]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'pilot');
    await tick(server);
    await untilHas(receiver, 3);
    const delivery = receiver.deliveries.at(-1);
    const { 'otter-timestamp': timestamp, 'otter-signature': signature, ...headers } = delivery?.headers ?? {};
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'otter-event-id': receiver.ids.at(-1) });
    expect(timestamp).toBe(String(server.clock.nowMs / 1000));
    const expected = createHmac('sha256', SECRET)
      .update(`${String(timestamp)}.${delivery?.body}`)
      .digest('hex');
    expect(signature).toBe(`sha256=${expected}`);
    expect(delivery?.path).toBe('/hook?from=otter');
    const { items } = await server.admin('listEvents', { query: { sort: 'id' } });
    expect(receiver.deliveries.flatMap(({ events }) => events)).toEqual(items);
    expect(server.logged.filter((text) => text.includes(SECRET))).toEqual([]);
    // Where it goes is told, and nothing that only the receiver may know.
    expect((await server.admin('getWebhooks')).items).toEqual([
      {
        name: 'ci',
        host: `127.0.0.1:${receiver.port}`,
        types: null,
        failures: 0,
        failing_since: null,
        last_error: null,
        next_try_at: null,
      },
    ]);
  });

  test('that is new begins with now, and one that was away goes on where it was', async () => {
    const receiver = await startReceiver();
    const first = await startTestServer({ dialect });
    const line = new ProductLine(first);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    const before = await listed(first);
    await first.stop();
    const second = await restartWith(first, [{ url: urlOf(receiver) }]);
    line.moveTo(second);
    await line.move('1.1.0', 'start');
    await tick(second);
    await untilHas(receiver, 2);
    await second.stop();
    const third = await startTestServer({ like: second, env: { OTTER_POLL_INTERVAL: '1h' } });
    onTestFinished(async () => third.end());
    line.moveTo(third);
    await line.move('1.1.0', 'pause');
    await tick(third);
    await untilHas(receiver, 3);
    expect(receiver.ids).toEqual((await listed(third)).slice(before.length));
  });

  test('is sent only the types that it asks for', async () => {
    const [few, groups] = [await startReceiver(), await startReceiver()];
    const server = await startWith(dialect, [
      { name: 'few', url: urlOf(few), types: ['rollout.paused'] },
      { name: 'groups', url: urlOf(groups), types: ['stage', 'rollout.started'] },
    ]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'pilot');
    await tick(server);
    await line.move('1.1.0', 'pause');
    await tick(server);
    await tick(server);
    const typesOf = ({ deliveries }: Receiver) => deliveries.flatMap(({ events }) => events.map(({ type }) => type));
    expect(typesOf(few)).toEqual(['rollout.paused']);
    expect(typesOf(groups)).toEqual(['stage.opened', 'rollout.started']);
  });

  test('that answers 500 is tried again after 1 s, 2 s, 4 s and so on, and gets everything in order', async () => {
    const receiver = await startReceiver();
    receiver.answer = withStatus(500);
    const server = await startWith(dialect, [{ url: urlOf(receiver) }]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    await tick(server);
    expect(receiver.deliveries).toHaveLength(1);
    for (const [index, waitS] of [1, 2, 4, 8].entries()) {
      await tick(server, waitS - 1);
      expect(receiver.deliveries, `${waitS - 1} s after`).toHaveLength(index + 1);
      await tick(server, 1);
      expect(receiver.deliveries, `${waitS} s after`).toHaveLength(index + 2);
    }
    await line.move('1.1.0', 'start');
    receiver.deliveries.length = 0;
    receiver.answer = with200;
    await tick(server, 16);
    expect(receiver.ids).toEqual(await listed(server));
    receiver.answer = withStatus(500);
    await line.move('1.1.0', 'pause');
    await tick(server);
    await tick(server, 1);
    expect(receiver.deliveries.length, 'the back-off begins anew').toBe(3);
  });

  test('C38: that redirects elsewhere is never tried more seldom than once an hour, and named by the status after ten minutes', async () => {
    const receiver = await startReceiver();
    receiver.answer = withStatus(302, { location: urlOf(receiver, '/elsewhere') });
    const server = await startWith(dialect, [{ url: urlOf(receiver) }]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    const warnings = async () => (await server.admin('getStatus')).warnings;
    await tick(server);
    await tick(server, 599);
    expect(await warnings()).toEqual([]);
    await tick(server, 1);
    expect(await warnings()).toEqual([
      expect.stringMatching(/webhook ci has failed since 2026-.* \(answered 302: redirects are not followed\)/),
    ]);
    for (let hours = 0; hours < 16; hours += 1) await tick(server, 3_600);
    expect(receiver.deliveries.length, 'the clock moves an hour each time').toBe(18);
    expect(receiver.deliveries.map(({ path }) => path)).not.toContain('/elsewhere');
    receiver.answer = with200;
    await tick(server, 3_600);
    expect(await warnings()).toEqual([]);
  });

  test('whose receiver is gone for a while gets what it missed', async () => {
    const receiver = await startReceiver();
    const { port } = receiver;
    const server = await startWith(dialect, [{ url: urlOf(receiver) }]);
    await receiver.close();
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    await tick(server);
    expect(server.logged.filter((text) => text.includes('ECONNREFUSED'))).toHaveLength(1);
    const again = await startReceiver({ port });
    await tick(server, 3_600);
    expect(again.ids).toEqual(await listed(server));
  });

  test('gets many events in deliveries of at most 100, in order', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [{ url: urlOf(receiver) }]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    receiver.answer = withStatus(503);
    await line.rollOut('1.1.0', 'expand');
    await tick(server);
    for (let count = 0; count < 125; count += 1) {
      const mac = line.newMac();
      await line.offer(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0');
    }
    receiver.deliveries.length = 0;
    receiver.answer = with200;
    await tick(server, 60);
    // Each was offered the build, confirmed it, and is healthy.
    expect(receiver.deliveries.map(({ events }) => events.length)).toEqual([100, 100, 100, 81]);
    expect(receiver.ids).toEqual(await listed(server));
  });

  test('that is being told when the server stops is told again after the next start', async () => {
    const receiver = await startReceiver();
    receiver.answer = () => undefined;
    const first = await startTestServer({ dialect });
    await first.stop();
    const server = await restartWith(first, [{ url: urlOf(receiver) }]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    await untilHas(receiver, 1);
    const startedMs = performance.now();
    await server.stop();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    receiver.answer = with200;
    const again = await startTestServer({ like: server });
    onTestFinished(async () => again.end());
    await tick(again);
    expect(receiver.ids).toEqual([...(await listed(again)), ...(await listed(again))]);
  });
});

describe('several servers on one PostgreSQL', () => {
  test('tell of every event once, in order', async () => {
    const receiver = await startReceiver();
    receiver.answer = (response) => void delay(20).then(() => response.writeHead(200).end());
    const left = await startWith('postgres', [{ url: urlOf(receiver) }]);
    const right = await startTestServer({ like: left });
    onTestFinished(async () => right.stop());
    const line = new ProductLine(left);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        await delay(index * 30);
        const server = index % 2 === 0 ? left : right;
        const mac = line.newMac();
        await server.checkIn(mac, '1.0.0', { product: line.product });
        await Promise.all([left.tick(), right.tick()]);
        await server.checkIn(mac, '1.1.0', { product: line.product });
      }),
    );
    await tick(left);
    expect(receiver.ids).toEqual(await listed(right));
    expect(receiver.deliveries.length).toBeGreaterThan(5);
    expect(left.logged.concat(right.logged).filter((text) => text.includes('webhook'))).toEqual([]);
  });

  test('wait for one that died while it told, and no longer than 30 s; a wrong clock stops nobody', async () => {
    const receiver = await startReceiver();
    const server = await startWith('postgres', [{ url: urlOf(receiver) }]);
    const database = new pg.Client({ connectionString: server.databaseUrl });
    await database.connect();
    onTestFinished(async () => database.end());
    const line = new ProductLine(server);
    await line.add('1.1.0');
    const lease = async (untilMs: number, nextTryMs: number): Promise<unknown> =>
      database.query(
        `update webhooks set lease = 'of a dead one', leased_until_ms = ${untilMs}, next_try_at_ms = ${nextTryMs}`,
      );
    await lease(server.clock.nowMs + 30_000, 0);
    await line.rollOut('1.1.0', 'draft');
    await tick(server, 29);
    expect(receiver.deliveries).toEqual([]);
    await tick(server, 1);
    expect(receiver.deliveries).toHaveLength(1);
    await lease(Date.UTC(2038, 0), Date.UTC(2106, 0));
    await line.move('1.1.0', 'start');
    await tick(server);
    expect(receiver.deliveries).toHaveLength(2);
  });
});

describe('a receiver', () => {
  const deliver = async (url: string, allowPrivate: boolean) =>
    post({ url: new URL(url), allowPrivate }, { headers: {}, body: '{"events":[]}' }, new AbortController().signal);

  test('over TLS must have a certificate that this machine trusts', async () => {
    const { certPem, keyPem } = await createSelfSigned({ hosts: ['127.0.0.1'], nowMs: Date.now(), validYears: 1 });
    const receiver = await startReceiver({ tls: { cert: certPem, key: keyPem } });
    const url = `https://127.0.0.1:${receiver.port}/`;
    expect(await deliver(url, true)).toMatchObject({ ok: false, why: expect.stringMatching(/self-signed/) });
    expect(receiver.deliveries).toEqual([]);
    const before = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...before, certPem]);
    onTestFinished(() => tls.setDefaultCACertificates(before));
    expect(await deliver(url, true)).toEqual({ ok: true });
    expect(receiver.deliveries).toHaveLength(1);
  });

  test.each([
    ['an address of this machine', '127.0.0.1', '127.0.0.1'],
    ['the same in another spelling', '0x7f.1', '127.0.0.1'],
    ['the same as one number', '2130706433', '127.0.0.1'],
    ['no address in particular', '0.0.0.0', '127.0.0.1'],
    ['the same in IPv6', '[::1]', '::1'],
    ['IPv4 inside IPv6', '[::ffff:127.0.0.1]', '127.0.0.1'],
    ['a name that leads there', 'localhost', '127.0.0.1'],
  ])('that is %s is not reached unless that is allowed', async (_name, host, listensAt) => {
    const receiver = await startReceiver({ host: listensAt });
    const url = `http://${host}:${receiver.port}/`;
    const refused = await deliver(url, false);
    expect(refused).toMatchObject({ ok: false, why: expect.stringMatching(/is not an address of the internet/) });
    expect(receiver.connections).toBe(0);
    expect(await deliver(url, true)).toEqual({ ok: true });
  });

  test('that never answers is given up after 10 s', async () => {
    const receiver = await startReceiver();
    receiver.answer = () => undefined;
    expect(await deliver(urlOf(receiver), true)).toEqual({ ok: false, why: 'no answer within 10 s' });
  });

  test('that sends an answer without end is not listened to', async () => {
    const receiver = await startReceiver();
    let isListenedTo = true;
    receiver.answer = (response) => {
      response.once('close', () => (isListenedTo = false));
      response.writeHead(200).write('x'.repeat(1_000_000));
    };
    expect(await deliver(urlOf(receiver), true)).toEqual({ ok: true });
    await vi.waitFor(() => expect(isListenedTo).toBe(false));
  });

  test('whose name nobody knows is a failure that says so', async () => {
    expect(await deliver('https://nowhere.invalid/', false)).toMatchObject({
      ok: false,
      why: expect.stringMatching(/nowhere\.invalid/),
    });
  });
});

/** The scheduler tells by itself as well, so that it may have done so before the test asked. */
async function untilHas(receiver: Receiver, events: number): Promise<void> {
  await vi.waitFor(() => expect(receiver.ids.length).toBeGreaterThanOrEqual(events), { timeout: 10_000 });
}
