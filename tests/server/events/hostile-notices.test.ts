// What boards and people write, in all that goes out to people and programs: chats, a phone, mail and webhooks. There it is text: it
// mentions nobody, links nowhere, has no marks and ends no head. Every payload stands in every field that takes free text, and real receivers
// and a real mail server say what they got.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { MailServer } from '../../support/mail-server.ts';
import { MESSAGE_PAYLOADS, PAYLOAD_WORD } from '../../support/message-payloads.ts';
import { ProductLine } from '../../support/product-line.ts';
import { Receiver } from '../../support/receiver.ts';
import { DIALECTS, sizeOf } from '../../support/scope.ts';
import { untilSettled } from '../../support/server/settled.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { NOT_FOR_TERMINALS } from '../../support/terminal-payloads.ts';

const PUBLIC_URL = 'https://ota.example.com';
const CHATS = ['slack', 'teams', 'discord', 'ntfy'] as const;
type Chat = (typeof CHATS)[number];
/** All that there is to tell. */
const TYPES = ['rollout', 'stage', 'assignment', 'device', 'product', 'image', 'server'];

const SENT = sizeOf({ push: MESSAGE_PAYLOADS.filter((_, index) => index % 3 === 0), whole: MESSAGE_PAYLOADS });
/** The others are refused: they would be more than one line. */
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const KEPT = SENT.filter((text) => !/[\u0000-\u001F]/.test(text));

test('there are fifty of them, and each is another one', () => {
  expect(new Set(MESSAGE_PAYLOADS).size).toBe(50);
  for (const text of MESSAGE_PAYLOADS) expect(text).toContain(PAYLOAD_WORD);
});

describe.each(DIALECTS)('a text of a board or a person, on %s', (dialect) => {
  const chats: Readonly<Record<Chat, Receiver>> = {
    slack: new Receiver({}),
    teams: new Receiver({}),
    discord: new Receiver({}),
    ntfy: new Receiver({}),
  };
  const [hook, mails] = [new Receiver({}), new MailServer({})];
  let server: TestServer;

  beforeAll(async () => {
    for (const receiver of [...Object.values(chats), hook]) await receiver.listen({});
    await mails.listen();
    const common = { types: TYPES, allow_private: true };
    const notify = [
      ...CHATS.map((shape) => ({ ...common, name: shape, shape, url: { value: urlOf(chats[shape]) } })),
      {
        ...common,
        name: 'mail',
        shape: 'mail',
        smtp: `smtp://127.0.0.1:${mails.port}`,
        from: 'Otter <otter@example.com>',
        to: ['ada@example.com'],
      },
    ];
    const webhooks = [
      { name: 'ci', url: urlOf(hook), secret: { value: 'otw_k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6eab' }, allow_private: true },
    ];
    const settings = `public_url: ${PUBLIC_URL}\nnotify: ${JSON.stringify(notify)}\nwebhooks: ${JSON.stringify(webhooks)}`;
    server = await startTestServer({ dialect, settings });
    await tick();
    await tellAll();
  });
  afterAll(async () => {
    for (const receiver of [...Object.values(chats), hook]) await receiver.close();
    await mails.close();
    await server.end();
  });

  test('comes to a program as it was written, and nothing of it is in a head', async () => {
    const { items } = await server.admin('listEvents', { query: { type: 'rollout.paused', limit: '500' } });
    await vi.waitFor(async () => {
      await tick();
      expect(hook.ids).toContain(items[0]?.id);
    });
    const reasons = new Set(
      hook.deliveries.flatMap(({ events }) =>
        events.flatMap(({ type, data }) => (type === 'rollout.paused' ? [data['reason']] : [])),
      ),
    );
    expect([...reasons]).toEqual(KEPT);
    for (const { headers } of hook.deliveries) expect(JSON.stringify(headers)).not.toContain(PAYLOAD_WORD);
  });

  test.each(CHATS)(
    'comes to %s as one line of text, without a link that is not ours and without a control character',
    (shape) => {
      const bodies = bodiesOf(chats[shape]);
      for (const type of ['rollout.paused', 'product.frozen', 'device.named', 'device.held'])
        expect(bodies.some((body) => [type, PAYLOAD_WORD].every((part) => JSON.stringify(body).includes(part)))).toBe(
          true,
        );
      expect(bodies.filter((body) => JSON.stringify(body).includes(PAYLOAD_WORD)).length).toBeGreaterThan(KEPT.length);
      for (const text of stringsOf(bodies)) expectHarmless(text);
      for (const { headers } of chats[shape].deliveries) expect(JSON.stringify(headers)).not.toContain(PAYLOAD_WORD);
    },
  );

  test('comes to Slack where it reads no marks, no mentions and no links', () => {
    for (const body of bodiesOf(chats.slack)) {
      const { text, blocks } = body as { text: string; blocks: readonly { readonly text: SlackText }[] };
      expect(text).not.toContain(PAYLOAD_WORD);
      for (const { text: part } of blocks) {
        expect(part.text.replaceAll(/<https:[^|>]+\|open>/g, '')).not.toMatch(/[<>]/);
        if (part.type === 'plain_text') continue;
        expect(part).toMatchObject({ type: 'mrkdwn', verbatim: true });
        expect(part.text).not.toContain(PAYLOAD_WORD);
      }
    }
  });

  test('comes to Teams where it reads no Markdown, and no functions for dates', () => {
    for (const part of objectsOf(bodiesOf(chats.teams))) {
      expect(part).not.toHaveProperty('msteams');
      if (typeof part['text'] !== 'string' || !part['text'].includes(PAYLOAD_WORD)) continue;
      expect(part['type']).toBe('TextRun');
      expect(part['text']).not.toContain('{{');
    }
  });

  test('comes to Discord with every mark escaped, and mentions nobody', () => {
    for (const body of bodiesOf(chats.discord)) {
      const { allowed_mentions, embeds } = body as Discord;
      expect(allowed_mentions).toEqual({ parse: [] });
      expect(embeds).toHaveLength(1);
      const [{ title, description }] = embeds;
      expect(title).not.toContain(PAYLOAD_WORD);
      for (const line of description.split('\n').filter((one) => one.includes(PAYLOAD_WORD)))
        expect(line.replaceAll(/\\[!-/:-@[-`{-~]/g, '')).toMatch(/^[a-z][^\\`*_~|[\]()<>#@:]*$/);
    }
  });

  test('comes to ntfy as a message, and asks for nothing', () => {
    for (const body of bodiesOf(chats.ntfy)) {
      expect(Object.keys(body).toSorted()).toEqual(['click', 'message', 'priority', 'tags', 'title', 'topic']);
      expect(body['title']).not.toContain(PAYLOAD_WORD);
    }
  });

  test('comes by mail as plain text below the head', () => {
    let found = 0;
    for (const { from, to, text } of mails.mails) {
      expect([from, to]).toEqual(['otter@example.com', ['ada@example.com']]);
      const [head = '', ...rest] = text.split('\n\n');
      expect(
        head
          .replaceAll(/\n\s+/g, ' ')
          .split('\n')
          .map((line) => line.split(':')[0] ?? '')
          .toSorted(),
      ).toEqual(HEADS);
      expect(head).not.toContain(PAYLOAD_WORD);
      expect(head).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m);
      const body = decoded(rest.join('\n\n'), /^Content-Transfer-Encoding: (.+)$/m.exec(head)?.[1]);
      if (body.includes(PAYLOAD_WORD)) found += 1;
      for (const line of body.split('\n')) expectHarmless(line);
    }
    expect(found).toBeGreaterThan(KEPT.length);
  });

  async function tick(seconds = 0): Promise<void> {
    server.clock.advance(seconds);
    await untilSettled(server);
    await server.tick();
  }

  /** Each text stands alone in its messages. */
  async function tellAll(): Promise<void> {
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    for (const text of SENT) {
      await write(line, await line.newDevice('1.0.0'), text);
      await tick();
      await tick(660);
    }
  }

  async function write(line: ProductLine, board: string, text: string): Promise<void> {
    const { product } = line;
    const check = { mac: board, current_version: '1.0.0', product };
    const boot = { state: 'confirmed', reason: text, rolled_back_from: text };
    const { body } = await server.device('check-update', {
      ...check,
      boot,
      library: text,
      postponed: { reason: text },
    });
    for (const member of ['product', 'current_version', 'chip', 'mac'])
      await server.device('check-update', { ...check, [member]: text });
    const report = { mac: board, assignment_id: Number(body['assignment_id'] ?? 0), status: 'failed' };
    await server.device('report-status', { ...report, sequence: 1, error_code: text, detail: text });
    await server.device('report-status', { ...report, sequence: 2, error_code: 'flash_failed', detail: text });
    const [device, rollout] = [{ device: board }, { name: line.rolloutName('1.1.0') }];
    await server.tryAdmin('createLabel', { body: { name: text } });
    await server.tryAdmin('nameDevice', { params: device, body: { name: text } });
    await server.tryAdmin('noteDevice', { params: device, body: { note: text } });
    await server.tryAdmin('setCounted', { params: device, body: { counted: 'no', reason: text } });
    await server.tryAdmin('holdDevice', { params: device, body: { reason: text } });
    await server.tryAdmin('releaseDevice', { params: device });
    await server.tryAdmin('retryDevice', { params: device, body: {} });
    await server.tryAdmin('freezeProduct', { params: { name: product }, body: { reason: text } });
    await server.tryAdmin('unfreezeProduct', { params: { name: product } });
    await server.tryAdmin('noteRollout', { params: rollout, body: { note: text } });
    await server.tryAdmin('pauseRollout', { params: rollout, body: { reason: text } });
    await server.tryAdmin('resumeRollout', { params: rollout, body: { reason: text } });
    await server.tryAdmin('createRollout', { body: { version: '1.1.0', product, name: text } });
  }
});

interface SlackText {
  readonly type: string;
  readonly text: string;
}

interface Discord extends Json {
  readonly allowed_mentions: unknown;
  readonly embeds: readonly [{ readonly title: string; readonly description: string }];
}

const HEADS = [
  'Auto-Submitted',
  'Content-Transfer-Encoding',
  'Content-Type',
  'Date',
  'From',
  'MIME-Version',
  'Message-ID',
  'Subject',
  'To',
];

const urlOf = ({ port }: Receiver): string => `http://127.0.0.1:${port}/hook`;

type Json = Readonly<Record<string, unknown>>;

const bodiesOf = ({ deliveries }: Receiver): readonly Json[] => deliveries.map(({ body }) => JSON.parse(body));

function stringsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}

function objectsOf(value: unknown): readonly Json[] {
  if (typeof value !== 'object' || value === null) return [];
  return [...(Array.isArray(value) ? [] : [value as Json]), ...Object.values(value).flatMap(objectsOf)];
}

/** What a reader makes a link of by itself is ours; so are line feeds. */
function expectHarmless(text: string): void {
  for (const line of text.split('\n')) expect(NOT_FOR_TERMINALS.exec(line)?.[0], JSON.stringify(line)).toBeUndefined();
  const ours = /^https:\/\/ota\.example\.com\/|^http:\/\/adaptivecards\.io\/schemas\//;
  for (const [link] of text.matchAll(/[a-z][\w+.-]*:\/\/\S*|\bwww\.\S*/gi)) expect(link, text).toMatch(ours);
}

/** RFC 2045, 6.7 and 6.8; the mail server has joined the lines of the first. */
function decoded(body: string, encoding = '7bit'): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  if (encoding !== 'quoted-printable') return body;
  const bytes = body.replaceAll(/=([\dA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
