// One message in the shape of each chat: Slack (mrkdwn, also Mattermost and Rocket.Chat), Teams (Adaptive Card, as a flow of Workflows
// takes it), Discord (embed), ntfy (publish as JSON). What a board or a person wrote is text there, never markup. It sends nothing.

import type { Message, Notice } from './notices.ts';
import { assertNever } from '#protocol/errors.ts';
import type { ChatRecipient } from '#server/service/settings.ts';

/** Discord takes 4096 in an embed and 256 in its title, Slack 40 000, Teams 28 KB, ntfy 4096 bytes. */
const MAX_TEXT_CHARS = 3_000;
const MAX_TITLE_CHARS = 200;

export interface ShapedMessage {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function shapeOf(recipient: ChatRecipient, message: Message): ShapedMessage {
  const { url, token } = recipient;
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const shaped = (body: object, to = url): ShapedMessage => ({ url: to, headers, body: JSON.stringify(body) });
  switch (recipient.shape) {
    case 'slack':
      return shaped(slackOf(message));
    case 'teams':
      return shaped(teamsOf(message));
    case 'discord':
      return shaped(discordOf(message));
    case 'ntfy':
      return shaped(ntfyOf(message, topicOf(url)), new URL('.', url));
    default:
      return assertNever(recipient.shape);
  }
}

/** The same as lines of plain text, for mail and as a fall-back. */
export function plainText({ notices, more }: Message): string {
  const parts = notices.map(({ title, text, commands, link }) => [title, text, '', ...commands, link].join('\n'));
  return [...parts, ...moreLine(more)].join('\n\n');
}

/**
 * https://docs.slack.dev/messaging/formatting-message-text: & < > are escaped, which leaves no mention and no link of a stranger. What is
 * written by somebody is plain text, where there are no marks; in the rest `verbatim` keeps Slack from making links by itself.
 */
function slackOf({ title, notices, more }: Message) {
  const escape = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('`', "'");
  const plain = (text: string) => ({
    type: 'section',
    text: { type: 'plain_text', text: cut(escape(text)), emoji: false },
  });
  const marked = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text: cut(text), verbatim: true } });
  const blocks = notices.flatMap((notice) => [
    marked(`*${escape(notice.title)}*`),
    plain(notice.text),
    marked([...notice.commands.map((command) => `\`${escape(command)}\``), `<${notice.link}|open>`].join('\n')),
  ]);
  return { text: escape(title), blocks: [...blocks, ...moreLine(more).map(plain)] };
}

/**
 * https://adaptivecards.io, 1.4; a flow "when a Teams webhook request is received" posts it. A text run knows no Markdown, but functions that
 * write dates.
 */
function teamsOf({ title, notices, more }: Message) {
  const block = (text: string, run: object = {}, extra: object = {}) => ({
    type: 'RichTextBlock',
    inlines: [{ type: 'TextRun', text: cut(text.replaceAll(/\{(?=\{)/g, '{ ')), ...run }],
    ...extra,
  });
  const body = notices.flatMap((notice) => [
    block(notice.title, { weight: 'Bolder' }),
    block(notice.text),
    ...notice.commands.map((command) => block(command, { fontType: 'Monospace' }, { spacing: 'None' })),
  ]);
  const actions = notices.map(({ title: what, link }) => ({
    type: 'Action.OpenUrl',
    title: notices.length === 1 ? 'Open' : cut(what, 60),
    url: link,
  }));
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    fallbackText: title,
    body: [...body, ...moreLine(more).map((line) => block(line))],
    // Six fit; more are not shown by every client.
    actions: actions.slice(0, 6),
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}

/** https://docs.discord.com/developers/resources/webhook: nobody is mentioned, whatever the text says. */
function discordOf({ title, notices, more }: Message) {
  const parts = notices.map((notice) => {
    const head = notices.length === 1 ? [] : [`**[${asPlain(notice.title)}](${notice.link})**`];
    return [
      ...head,
      asPlain(notice.text),
      ...notice.commands.map((command) => `\`${command.replaceAll('`', "'")}\``),
    ].join('\n');
  });
  const [first] = notices;
  const embed = {
    title: cut(title, MAX_TITLE_CHARS),
    description: cut([...parts, ...moreLine(more)].join('\n\n')),
    color: RED,
    ...(notices.length === 1 && first !== undefined ? { url: first.link } : {}),
  };
  return { username: 'Otter', embeds: [embed], allowed_mentions: { parse: [] } };
}

const RED = 0xd63939;

/** https://docs.ntfy.sh/publish/#publish-as-json: to the address without its topic, in UTF-8. */
function ntfyOf(message: Message, topic: string) {
  const [first] = message.notices;
  const texts = message.notices.map(({ title, text, commands }) =>
    [...(message.notices.length === 1 ? [] : [title]), text, ...commands].join('\n'),
  );
  return {
    topic,
    title: cut(message.title, MAX_TITLE_CHARS),
    message: cut([...texts, ...moreLine(message.more)].join('\n\n')),
    priority: 4,
    tags: ['warning'],
    ...(first === undefined ? {} : { click: first.link }),
  };
}

function topicOf(url: URL): string {
  return decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1));
}

/** Without what Discord makes of it: marks, mentions, emoji, links. */
function asPlain(text: string): string {
  return text.replaceAll(/[\\`*_~|[\]()<>#@:]/g, (mark) => `\\${mark}`);
}

function moreLine(more: number): readonly string[] {
  return more === 0 ? [] : [`and ${more} more: otter status`];
}

function cut(text: string, chars = MAX_TEXT_CHARS): string {
  // Half of a character is none that a receiver takes.
  return text.length > chars ? `${text.slice(0, chars - 3).replace(/[\uD800-\uDBFF]$/, '')}...` : text;
}

/** For a test of a recipient. */
export function testMessage(publicUrl: URL): Message {
  const notice: Notice = {
    title: 'This is a test of Otter',
    text: 'Whoever reads this is told when a rollout halts or regresses, when boards are lost, and when the server needs somebody.',
    commands: ['otter status'],
    link: publicUrl.href,
  };
  return { title: notice.title, notices: [notice], more: 0 };
}
