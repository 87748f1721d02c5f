// Recipients of notices against real receivers and a real mail server: what is told and in which shape, what is folded, that each message
// comes once, and where none goes. On both databases.

import { X509Certificate } from 'node:crypto';
import { appendFile, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createSelfSigned } from '#server/certs/self-signed.ts';
import { sendMail } from '#server/service/notices/mail.ts';
import { testMessage } from '#server/service/notices/shapes.ts';
import { startMailServer, type MailServer } from '../../support/mail-server.ts';
import { ProductLine } from '../../support/product-line.ts';
import { type Receiver, startReceiver, with200, withStatus } from '../../support/receiver.ts';
import { DIALECTS, type Dialect } from '../../support/scope.ts';
import { untilSettled } from '../../support/server/settled.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const TOKEN = 'tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2';
const PUBLIC_URL = 'https://ota.example.com';

interface Section {
  readonly name: string;
  readonly shape: string;
  readonly [key: string]: unknown;
}

async function restartWith(stopped: TestServer, sections: readonly Section[]): Promise<TestServer> {
  const notify = sections.map((section) => ({ allow_private: true, ...section }));
  const lines = `\npublic_url: ${PUBLIC_URL}\nnotify: ${JSON.stringify(notify)}\n`;
  await appendFile(join(stopped.home, 'config/server.yml'), lines);
  const server = await startTestServer({ like: stopped });
  // Begins with now.
  await server.tick();
  return server;
}

async function startWith(dialect: Dialect, sections: readonly Section[]): Promise<TestServer> {
  const first = await startTestServer({ dialect });
  await first.stop();
  const server = await restartWith(first, sections);
  onTestFinished(async () => server.end());
  return server;
}

const chat = (receiver: Receiver, shape: string, path = '/hook'): Section => ({
  name: shape,
  shape,
  url: { value: `http://127.0.0.1:${receiver.port}${path}` },
});
const mail = (server: MailServer): Section => ({
  name: 'mail',
  shape: 'mail',
  smtp: `smtp://127.0.0.1:${server.port}`,
  from: 'Otter <otter@example.com>',
  to: ['ada@example.com', 'bob@example.com'],
});
const bodiesOf = ({ deliveries }: Receiver) => deliveries.map(({ body }) => JSON.parse(body));

async function tick(server: TestServer, seconds = 0): Promise<void> {
  server.clock.advance(seconds);
  await untilSettled(server);
  await server.tick();
}

/** A rollout whose gate fails with its first board. */
async function halt(server: TestServer, line: ProductLine, version: string): Promise<string> {
  const name = `${line.product}-${version}`;
  const gate = { min_confirmed: 1, max_failed: 0 };
  const stages = [{ name: 'everyone', label: 'general', percentage: 100, promotion: 'auto', gate }];
  await server.admin('setPlan', { params: { name: 'strict' }, body: { stages } });
  await line.add(version);
  const mac = await line.newDevice('1.0.0');
  server.clock.advance(2 * 86_400);
  await server.admin('createRollout', { body: { version, product: line.product, plan: 'strict', name } });
  await server.admin('startRollout', { params: { name }, body: {} });
  await line.rollBack(mac, '1.0.0', version);
  expect((await server.admin('getRollout', { params: { name } })).status).toBe('halted');
  return name;
}

describe.each(DIALECTS)('a recipient on %s', (dialect) => {
  test('is told in its shape that a rollout halted, with the command and a link, once', async () => {
    const receivers = { slack: await startReceiver(), teams: await startReceiver(), discord: await startReceiver() };
    const ntfy = await startReceiver();
    const mails = await startMailServer();
    const server = await startWith(dialect, [
      ...Object.entries(receivers).map(([shape, receiver]) => chat(receiver, shape)),
      { ...chat(ntfy, 'ntfy', '/my-topic'), token: { value: TOKEN } },
      mail(mails),
    ]);
    const line = new ProductLine(server);
    const name = await halt(server, line, '1.1.0');
    const reason = (await server.admin('getRollout', { params: { name } })).halted_reason ?? '';
    for (let round = 0; round < 3; round += 1) await tick(server, 60);
    const link = `${PUBLIC_URL}/rollouts/${name}`;
    const command = `otter rollout abort ${name} --revert`;

    expect(bodiesOf(receivers.slack)).toEqual([
      {
        text: `Rollout ${name} is halted`,
        blocks: [
          { type: 'section', text: { type: 'mrkdwn', text: `*Rollout ${name} is halted*`, verbatim: true } },
          { type: 'section', text: { type: 'plain_text', text: reason, emoji: false } },
          { type: 'section', text: { type: 'mrkdwn', text: expect.stringContaining(command), verbatim: true } },
        ],
      },
    ]);
    for (const said of [`\`${command}\``, `<${link}|open>`])
      expect(receivers.slack.deliveries[0]?.body).toContain(said);
    expect(bodiesOf(receivers.teams)).toMatchObject([
      {
        type: 'message',
        attachments: [
          {
            contentType: 'application/vnd.microsoft.card.adaptive',
            content: {
              type: 'AdaptiveCard',
              version: '1.4',
              actions: [{ type: 'Action.OpenUrl', title: 'Open', url: link }],
            },
          },
        ],
      },
    ]);
    expect(receivers.teams.deliveries[0]?.body).toContain('is halted');
    expect(bodiesOf(receivers.discord)).toMatchObject([
      {
        username: 'Otter',
        allowed_mentions: { parse: [] },
        embeds: [
          { title: `Rollout ${name} is halted`, url: link, description: expect.stringContaining(`\`${command}\``) },
        ],
      },
    ]);
    expect(ntfy.deliveries).toMatchObject([{ path: '/', headers: { authorization: `Bearer ${TOKEN}` } }]);
    expect(bodiesOf(ntfy)).toMatchObject([
      { topic: 'my-topic', title: `Rollout ${name} is halted`, click: link, message: expect.stringContaining(reason) },
    ]);
    expect(mails.mails).toMatchObject([{ from: 'otter@example.com', to: ['ada@example.com', 'bob@example.com'] }]);
    for (const said of [`Subject: Rollout ${name} is halted`, reason, command, link, 'Auto-Submitted: auto-generated'])
      expect(mails.mails[0]?.text).toContain(said);
  });

  test('is told nothing of what goes its way', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [chat(receiver, 'slack')]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0');
    await server.admin('holdDevice', { params: { device: mac }, body: { reason: 'x' } });
    await server.admin('releaseDevice', { params: { device: mac } });
    await line.rollOut('1.1.0', 'expand');
    await line.update(mac, '1.0.0', '1.1.0');
    await line.move('1.1.0', 'pause');
    for (let minutes = 0; minutes < 60; minutes += 10) {
      await line.checkIn(mac, '1.1.0');
      await tick(server, 600);
    }
    expect(receiver.deliveries).toEqual([]);
  });

  test('is told of the types that it asks for, and of nothing else', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [{ ...chat(receiver, 'slack'), types: ['rollout.paused', 'device'] }]);
    const line = new ProductLine(server);
    await halt(server, line, '1.1.0');
    const mac = await line.newDevice('1.0.0');
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'draft');
    await server.admin('nameDevice', {
      params: { device: mac },
      body: { name: 'Sensor <2>'.replaceAll(/[<>]/g, '#') },
    });
    await tick(server);
    expect(receiver.deliveries).toEqual([]);
    await tick(server, 600);
    expect(bodiesOf(receiver).map(({ text }) => text)).toEqual([`device.named of ${line.product}`]);
    expect(receiver.deliveries[0]?.body).toContain(`Sensor #2# (${mac})`);
  });

  test('hears of forty boards that are lost within ten minutes as one message with a count', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [chat(receiver, 'slack')]);
    const line = new ProductLine(server);
    await line.add('1.1.0');
    const macs: string[] = [];
    for (let index = 0; index < 40; index += 1) macs.push(await line.newDevice('1.0.0'));
    await server.admin('nameDevice', { params: { device: macs[0] ?? '' }, body: { name: 'sensor-2' } });
    await line.rollOut('1.1.0', 'expand');
    for (const [index, mac] of macs.entries()) {
      if (index % 20 === 0) server.clock.advance(120);
      const id = await line.take(mac, '1.0.0');
      await line.report(mac, id, 1, 'installing');
    }
    const told = async () =>
      (await server.admin('listEvents', { query: { type: 'assignment.lost', limit: '500' } })).items.length;
    for (let minutes = 0; minutes < 300 && (await told()) < 40; minutes += 1) {
      await tick(server, 60);
      if ((await told()) === 0) expect(receiver.deliveries).toEqual([]);
    }
    expect(await told()).toBe(40);
    for (let minutes = 0; minutes < 12; minutes += 1) await tick(server, 60);
    const name = line.rolloutName('1.1.0');
    expect(bodiesOf(receiver).map(({ text }) => text)).toEqual([`40 boards of rollout ${name} are lost`]);
    expect(receiver.deliveries[0]?.body).toContain(`sensor-2 (${macs[0]})`);
    expect(receiver.deliveries[0]?.body).toContain('and 35 more');
    for (let hours = 0; hours < 3; hours += 1) await tick(server, 3_600);
    expect(receiver.deliveries, 'it is not repeated').toHaveLength(1);
  });

  test('that does not take it is told again, later each time, and named by the status; once it takes it, no more', async () => {
    const receiver = await startReceiver();
    receiver.answer = withStatus(500);
    const mails = await startMailServer();
    mails.refuses = 'no room';
    const server = await startWith(dialect, [chat(receiver, 'slack'), mail(mails)]);
    const line = new ProductLine(server);
    await halt(server, line, '1.1.0');
    await tick(server);
    await tick(server, 1);
    expect(receiver.deliveries).toHaveLength(2);
    await tick(server, 600);
    const { warnings } = await server.admin('getStatus');
    expect(warnings).toEqual([
      expect.stringMatching(/recipient mail has failed since .*no room/),
      expect.stringMatching(/recipient slack has failed since .*answered 500/),
    ]);
    const { items } = await server.admin('getRecipients');
    expect(items).toMatchObject([
      { name: 'slack', failures: 3, last_error: 'answered 500', host: `127.0.0.1:${receiver.port}` },
      { name: 'mail', last_error: expect.stringContaining('no room') },
    ]);
    receiver.answer = with200;
    mails.refuses = undefined;
    await tick(server, 3_600);
    await tick(server, 3_600);
    expect(receiver.deliveries).toHaveLength(4);
    expect(mails.mails).toHaveLength(1);
    expect((await server.admin('getStatus')).warnings).toEqual([]);
  });

  test('that is new begins with now', async () => {
    const receiver = await startReceiver();
    const first = await startTestServer({ dialect });
    const line = new ProductLine(first);
    await halt(first, line, '1.1.0');
    await first.stop();
    const server = await restartWith(first, [chat(receiver, 'slack')]);
    onTestFinished(async () => server.end());
    await tick(server, 600);
    expect(receiver.deliveries).toEqual([]);
  });

  test('that is being told when the server stops is told after the next start; the stop does not wait for it', async () => {
    const mails = await startMailServer();
    mails.isDeaf = true;
    const first = await startTestServer({ dialect });
    await first.stop();
    const server = await restartWith(first, [mail(mails)]);
    await halt(server, new ProductLine(server), '1.1.0');
    await vi.waitFor(() => expect(mails.connections).toBe(1), { timeout: 10_000 });
    await server.stop();
    mails.isDeaf = false;
    const again = await startTestServer({ like: server });
    onTestFinished(async () => again.end());
    await tick(again);
    expect(mails.mails).toHaveLength(1);
  });

  test('hears of an image whose bytes are gone once, and events say when it is there again', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [chat(receiver, 'slack')]);
    const line = new ProductLine(server);
    const image = line.image('1.1.0');
    await line.upload('1.1.0', image);
    await tick(server, 60);
    const store = join(server.home, 'data/firmware/.blobs');
    for (const name of await readdir(store)) await rm(join(store, name), { recursive: true });
    for (let minutes = 0; minutes < 5; minutes += 1) await tick(server, 60);
    expect(bodiesOf(receiver).map(({ text }) => text)).toEqual([`An image of ${line.product} 1.1.0 is damaged`]);
    expect(receiver.deliveries[0]?.body).toContain(`<${PUBLIC_URL}/firmware|open>`);
    await line.upload('1.1.0', image);
    for (let minutes = 0; minutes < 5; minutes += 1) await tick(server, 60);
    const { items } = await server.admin('listEvents', { query: { type: 'image', sort: 'id' } });
    expect(items.map(({ type, product, version, data }) => [type, product, version, data['chip']])).toEqual([
      ['image.damaged', line.product, '1.1.0', 'esp32'],
      ['image.mended', line.product, '1.1.0', 'esp32'],
    ]);
    expect(receiver.deliveries, 'that it is mended is no alarm').toHaveLength(1);
  });

  test('hears that the server cannot write its images, with what to do, and events say when it can again', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [chat(receiver, 'slack')]);
    const store = join(server.home, 'data/firmware');
    await rename(store, `${store}.away`);
    // What is proven is proven once a second at most.
    const until = async (is: () => Promise<boolean>) =>
      vi.waitFor(
        async () => {
          await tick(server, 60);
          expect(await is()).toBe(true);
        },
        { timeout: 20_000, interval: 300 },
      );
    await until(async () => Promise.resolve(receiver.deliveries.length > 0));
    expect(bodiesOf(receiver)[0]).toMatchObject({ text: 'The server cannot do all of its work' });
    expect(receiver.deliveries[0]?.body).toContain(`<${PUBLIC_URL}/server|open>`);
    await rename(`${store}.away`, store);
    const types = async () =>
      (await server.admin('listEvents', { query: { type: 'server' } })).items.map(({ type }) => type);
    await until(async () => (await types()).includes('server.recovered'));
    expect(await types()).toEqual(['server.recovered', 'server.trouble']);
    expect(receiver.deliveries).toHaveLength(1);
  });

  test('hears 30 days, 7 days and a day before that the certificate ends, each once', async () => {
    const receiver = await startReceiver();
    const server = await startWith(dialect, [chat(receiver, 'slack')]);
    const endsAtMs = Date.parse(await certificateEnd(server));
    for (const days of [31, 30, 29, 8, 7, 6, 2, 1, 0.5]) {
      server.clock.nowMs = endsAtMs - days * 86_400_000;
      await tick(server, 0);
    }
    expect(bodiesOf(receiver).map(({ text }) => text)).toEqual(
      [30, 7, 1].map((days) => `The certificate of the server ends in ${days} days`),
    );
    const { items } = await server.admin('listEvents', { query: { type: 'server' } });
    expect(items).toHaveLength(3);
    expect(items[0]).toMatchObject({
      product: null,
      rollout: null,
      data: { ends_at: new Date(endsAtMs).toISOString() },
    });
  });

  test('gets a message for a test when somebody asks, and what went wrong is the answer', async () => {
    const [good, bad] = [await startReceiver(), await startReceiver()];
    bad.answer = withStatus(404);
    const server = await startWith(dialect, [chat(good, 'slack'), chat(bad, 'discord')]);
    expect((await server.admin('testRecipients', { body: {} })).items).toEqual([
      { name: 'slack', shape: 'slack', ok: true, why: null },
      { name: 'discord', shape: 'discord', ok: false, why: 'answered 404' },
    ]);
    expect((await server.admin('testRecipients', { body: { name: 'slack' } })).items).toHaveLength(1);
    expect(bodiesOf(good).map(({ text }) => text)).toEqual(['This is a test of Otter', 'This is a test of Otter']);
    expect(await server.tryAdmin('testRecipients', { body: { name: 'slak' } })).toMatchObject({
      status: 404,
      body: { error: { code: 'recipient_unknown', hint: 'did you mean slack?' } },
    });
  });

  test('keeps its address and its secrets to the server: not in the API, the log, the audit', async () => {
    const [receiver, mails] = [
      await startReceiver(),
      await startMailServer({ login: { user: 'otter', password: TOKEN } }),
    ];
    receiver.answer = withStatus(500);
    const path = '/services/T0123/B0456/XyzzySecretPath';
    const server = await startWith(dialect, [
      { ...chat(receiver, 'ntfy', path), token: { value: TOKEN } },
      { ...mail(mails), user: 'otter', password: { value: `${TOKEN}x` } },
    ]);
    await halt(server, new ProductLine(server), '1.1.0');
    await tick(server);
    await server.admin('testRecipients', { body: {} });
    const seen = JSON.stringify([
      await server.admin('getRecipients'),
      await server.admin('getStatus'),
      await server.admin('listAudit', { query: { limit: '500' } }),
      await server.admin('listEvents', { query: { limit: '500' } }),
      server.logged,
    ]);
    expect(mails.mails).toEqual([]);
    expect(seen).toContain('recipient was not told');
    for (const secret of [TOKEN, 'XyzzySecretPath', 'T0123']) expect(seen).not.toContain(secret);
  });
});

test('two servers on one PostgreSQL tell each message once', async () => {
  const receiver = await startReceiver();
  receiver.answer = (response) => void delay(20).then(() => response.writeHead(200).end());
  const mails = await startMailServer();
  const left = await startWith('postgres', [chat(receiver, 'slack'), mail(mails)]);
  const right = await startTestServer({ like: left });
  onTestFinished(async () => right.stop());
  const line = new ProductLine(left);
  const names: string[] = [];
  for (let number = 1; number <= 4; number += 1) {
    names.push(await halt(left, line, `1.${number}.0`));
    await left.admin('abortRollout', { params: { name: names.at(-1) ?? '' }, body: {} });
    await untilSettled(left);
    await Promise.all([left.tick(), right.tick(), left.tick(), right.tick()]);
  }
  await tick(right, 60);
  const titles = names.map((name) => `Rollout ${name} is halted`);
  await vi.waitFor(() => expect(mails.mails).toHaveLength(4));
  expect(bodiesOf(receiver).map(({ text }) => text)).toEqual(titles);
  expect(left.logged.concat(right.logged).filter((text) => text.includes('was not told'))).toEqual([]);
});

describe('mail', () => {
  const message = testMessage(new URL(PUBLIC_URL));
  const to = (smtp: { host: string; port: number; isTls: boolean }, allowPrivate: boolean) =>
    ({
      name: 'mail',
      shape: 'mail',
      types: undefined,
      allowPrivate,
      smtp,
      login: undefined,
      from: 'otter@example.com',
      to: ['ada@example.com'],
    }) as const;
  const how = { id: 'x', signal: new AbortController().signal };

  test.each(['127.0.0.1', 'localhost', '[::1]', '0x7f.1'])('does not go to %s unless that is allowed', async (host) => {
    const mails = await startMailServer();
    expect(await sendMail(to({ host, port: mails.port, isTls: false }, false), message, how)).toMatchObject({
      ok: false,
      why: expect.stringMatching(/is not an address of the internet; allow_private: true allows it/),
    });
    expect(mails.connections).toBe(0);
  });

  test('goes with TLS from the first byte and by STARTTLS, to a certificate that this machine trusts, with a password', async () => {
    const { certPem, keyPem } = await createSelfSigned({ hosts: ['localhost'], nowMs: Date.now(), validYears: 1 });
    const pair = { cert: certPem, key: keyPem };
    const login = { user: 'otter', password: TOKEN };
    const before = tls.getCACertificates('default');
    onTestFinished(() => tls.setDefaultCACertificates(before));
    for (const isTls of [true, false]) {
      const mails = await startMailServer({ tls: pair, isTls, login });
      const recipient = { ...to({ host: 'localhost', port: mails.port, isTls }, true), login };
      tls.setDefaultCACertificates(before);
      expect(await sendMail(recipient, message, how)).toMatchObject({
        ok: false,
        why: expect.stringMatching(/self-signed/),
      });
      tls.setDefaultCACertificates([...before, certPem]);
      expect(await sendMail(recipient, message, how)).toEqual({ ok: true });
      expect(mails.mails).toMatchObject([{ user: 'otter', isSecure: true, to: ['ada@example.com'] }]);
      const wrong = { ...recipient, login: { ...login, password: 'wrong' } };
      const refused = await sendMail(wrong, message, how);
      expect(refused).toMatchObject({ ok: false, why: expect.stringMatching(/Invalid login|no such user/) });
    }
  });
});

async function certificateEnd({ home }: TestServer): Promise<string> {
  return new X509Certificate(await readFile(join(home, 'data/certs/server.crt'))).validTo;
}
