// The `notify` of server.yml: whom to tell what needs a person, and how. Judges addresses and reads the secrets; a secret, and the
// address of a chat is one, is never part of a message.

import { type Static, Type } from 'typebox';
import { EVENT_FILTER_TYPES, type EventFilterType } from '#protocol/admin/events.ts';
import { SHAPES } from '#protocol/admin/fleet/recipients.ts';
import { MAX_MAIL_ADDRESSES, MAX_RECIPIENTS } from '#protocol/limits.ts';
import { NAME_PATTERN } from '#protocol/words.ts';
import { type Checked, errorAt, type Place, type Problem } from '#server/config/yaml/problem.ts';
import { readSecret } from './tokens.ts';
import { judgePublic, parseWebhookUrl } from './webhooks.ts';
import type { Source } from '#server/config/yaml/yaml-document.ts';

const closed = { additionalProperties: false };
const MAIL_ADDRESS =
  /^(?:[^<>\p{C}]{1,100} <[^\s<>@\p{C}]{1,64}@[^\s<>@\p{C}]{1,255}>|[^\s<>@\p{C}]{1,64}@[^\s<>@\p{C}]{1,255})$/u;

interface AnyConfig {
  readonly name: string;
  readonly types: readonly EventFilterType[] | undefined;
  readonly allowPrivate: boolean;
}

export type RecipientConfig = AnyConfig &
  (
    | { readonly shape: 'slack' | 'teams' | 'discord' | 'ntfy'; readonly url: URL; readonly token: string | undefined }
    | {
        readonly shape: 'mail';
        readonly smtp: { readonly host: string; readonly port: number; readonly isTls: boolean };
        readonly login: { readonly user: string; readonly password: string } | undefined;
        readonly from: string;
        readonly to: readonly string[];
      }
  );

const Secret = (what: string, key: string) =>
  Type.Refine(
    Type.Object(
      {
        file: Type.Optional(Type.String({ minLength: 1, description: 'the path of a file' })),
        value: Type.Optional(Type.String({ secret: true, description: `${what} as text, in quotes` })),
      },
      {
        ...closed,
        secret: true,
        description: 'a section with either file or value',
        examples: [`{file: data/tokens/${key}}`],
      },
    ),
    (found) => (found.file === undefined) !== (found.value === undefined),
    () => `write "${key}: {file: data/tokens/${key}}"`,
  );

const Address = Type.Refine(
  Type.String({ description: 'a mail address', examples: ['ada@example.com'] }),
  (text) => MAIL_ADDRESS.test(text),
  () => 'write "ada@example.com" or "Otter <otter@example.com>"',
);

const RecipientSection = Type.Object(
  {
    name: Type.String({ pattern: NAME_PATTERN, description: 'a name in lower case', examples: ['team'] }),
    shape: Type.Enum(SHAPES, { description: `one of ${SHAPES.join(', ')}`, examples: ['slack'] }),
    url: Type.Optional(Secret('the address', 'url')),
    token: Type.Optional(Secret('the token', 'token')),
    smtp: Type.Optional(
      Type.Refine(
        Type.String({
          // Somebody may have put a password into it.
          secret: true,
          description: 'smtps://HOST:PORT, or smtp://HOST:PORT for STARTTLS',
          examples: ['smtps://mail.example.com:465'],
        }),
        (text) => parseSmtp(text) !== undefined,
        () => 'write "smtp: smtps://HOST:465" or "smtp: smtp://HOST:587"; user and password are keys of their own',
      ),
    ),
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'the name to log in with' })),
    password: Type.Optional(Secret('the password', 'password')),
    from: Type.Optional(Address),
    to: Type.Optional(
      Type.Array(Address, {
        minItems: 1,
        maxItems: MAX_MAIL_ADDRESSES,
        description: 'a list of mail addresses',
        examples: ['[ada@example.com]'],
      }),
    ),
    types: Type.Optional(
      Type.Array(
        Type.Unsafe<EventFilterType>({
          type: 'string',
          enum: [...EVENT_FILTER_TYPES],
          description: 'a type of event, such as rollout.halted, or rollout for all of those',
          examples: ['[rollout, assignment.lost]'],
        }),
        { minItems: 1, description: 'a list of types of events', examples: ['[rollout, assignment.lost]'] },
      ),
    ),
    allow_private: Type.Optional(Type.Boolean({ description: 'true or false', examples: ['true'] })),
  },
  { ...closed, description: 'a section with name, shape, and url or smtp' },
);
type Section = Static<typeof RecipientSection>;

export const NotifyValue = Type.Array(RecipientSection, {
  maxItems: MAX_RECIPIENTS,
  description: `a list of at most ${MAX_RECIPIENTS} sections`,
  examples: ['[{name: team, shape: slack, url: {file: data/tokens/slack.url}}]'],
});

export function checkNotify(
  sections: Static<typeof NotifyValue>,
  home: string,
  source: Source,
): Checked<readonly RecipientConfig[]> {
  const recipients: RecipientConfig[] = [];
  const problems: Problem[] = [];
  for (const [index, section] of sections.entries()) {
    const at = (key: string): Place => source.place(['notify', String(index), key]);
    if (sections.findIndex(({ name }) => name === section.name) < index)
      problems.push(errorAt(at('name'), `there are two recipients ${section.name}`, 'give each a name of its own'));
    const checked =
      section.shape === 'mail' ? checkMail(section, home, at) : checkChat(section, section.shape, home, at);
    problems.push(...checked.problems);
    if (checked.value !== undefined) recipients.push(checked.value);
  }
  return { value: recipients, problems };
}

type At = (key: string) => Place;

function anyOf({ name, types, allow_private }: Section): AnyConfig {
  return { name, types, allowPrivate: allow_private ?? false };
}

function checkChat(
  section: Section,
  shape: 'slack' | 'teams' | 'discord' | 'ntfy',
  home: string,
  at: At,
): Checked<RecipientConfig> {
  const problems = foreign(section, ['smtp', 'user', 'password', 'from', 'to'], shape, at);
  if (section.url === undefined)
    return {
      value: undefined,
      problems: [...problems, missing('url', shape, 'url: {file: data/tokens/chat.url}', at)],
    };
  const found = readSecret(section.url, home, at('url'));
  const token = section.token === undefined ? undefined : readSecret(section.token, home, at('token'));
  problems.push(...found.problems, ...(token?.problems ?? []));
  const url = found.value === undefined ? undefined : parseWebhookUrl(found.value);
  if (found.value !== undefined && url === undefined)
    problems.push(
      errorAt(at('url'), 'is no https:// address', 'put the address in as the service shows it, and nothing else'),
    );
  if (url !== undefined && section.allow_private !== true)
    problems.push(...judgePublic(url).map((why) => errorAt(at('url'), ...why)));
  if (url === undefined || problems.length > 0) return { value: undefined, problems };
  return { value: { ...anyOf(section), shape, url, token: token?.value }, problems };
}

function checkMail(section: Section, home: string, at: At): Checked<RecipientConfig> {
  const problems = foreign(section, ['url', 'token'], 'mail', at);
  const { smtp: address, from, to, user } = section;
  if (address === undefined) problems.push(missing('smtp', 'mail', 'smtp: smtps://HOST:465', at));
  if (from === undefined) problems.push(missing('from', 'mail', 'from: otter@example.com', at));
  if (to === undefined) problems.push(missing('to', 'mail', 'to: [ada@example.com]', at));
  if ((user === undefined) !== (section.password === undefined))
    problems.push(
      errorAt(at(user === undefined ? 'password' : 'user'), 'stands alone', 'give both user and password, or neither'),
    );
  const password = section.password === undefined ? undefined : readSecret(section.password, home, at('password'));
  problems.push(...(password?.problems ?? []));
  const smtp = address === undefined ? undefined : parseSmtp(address);
  if (smtp !== undefined && section.allow_private !== true)
    problems.push(...judgePublic(new URL(`https://${smtp.host}`)).map((why) => errorAt(at('smtp'), ...why)));
  if (smtp === undefined || from === undefined || to === undefined || problems.length > 0)
    return { value: undefined, problems };
  const login = user === undefined || password?.value === undefined ? undefined : { user, password: password.value };
  return { value: { ...anyOf(section), shape: 'mail', smtp, login, from, to }, problems };
}

function foreign(section: Section, keys: readonly (keyof Section)[], shape: string, at: At): Problem[] {
  return keys
    .filter((key) => section[key] !== undefined)
    .map((key) => errorAt(at(key), `is not for shape ${shape}`, 'take it out, or choose another shape'));
}

function missing(key: string, shape: string, example: string, at: At): Problem {
  return errorAt(at(key), `is required for shape ${shape}`, `write "${example}"`);
}

function parseSmtp(
  text: string,
): { readonly host: string; readonly port: number; readonly isTls: boolean } | undefined {
  if (!/^smtps?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isBare =
    url.username === '' && url.password === '' && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === '';
  if (!isBare || url.hostname === '') return undefined;
  const isTls = url.protocol === 'smtps:';
  return { host: url.hostname, port: url.port === '' ? (isTls ? 465 : 587) : Number(url.port), isTls };
}
