// The `webhooks` of server.yml: whom to tell of events. Judges addresses and names, and reads the secrets; a secret is never
// part of a message.

import { type Static, Type } from 'typebox';
import { EVENT_FILTER_TYPES, type EventFilterType } from '#protocol/admin/events.ts';
import { MAX_WEBHOOKS } from '#protocol/limits.ts';
import { NAME_PATTERN } from '#protocol/words.ts';
import { isPrivateAddress } from '#server/values/private-address.ts';
import { type Checked, errorAt, type Problem } from '#server/config/yaml/problem.ts';
import { createToken, findTokenWeakness, readSecret } from './tokens.ts';
import type { Source } from '#server/config/yaml/yaml-document.ts';

/** `secret` signs what is sent: never log it. */
export interface WebhookConfig {
  readonly name: string;
  readonly url: URL;
  readonly secret: string;
  /** Undefined: every event. */
  readonly types: readonly EventFilterType[] | undefined;
  readonly allowPrivate: boolean;
}

const closed = { additionalProperties: false };
const SECRET_EXAMPLE = '{file: data/tokens/webhook.secret}';

const WebhookUrl = Type.Refine(
  Type.String({
    description: 'an https:// address without user, password and #part',
    examples: ['https://example.com/otter'],
  }),
  (text) => parseWebhookUrl(text) !== undefined,
  () => 'write "url: https://HOST/PATH"; what only the receiver may know goes into the path or the secret',
);

const Secret = Type.Refine(
  Type.Object(
    {
      file: Type.Optional(Type.String({ minLength: 1, description: 'the path of a file' })),
      value: Type.Optional(Type.String({ secret: true, description: 'the secret as text, in quotes' })),
    },
    { ...closed, secret: true, description: 'a section with either file or value', examples: [SECRET_EXAMPLE] },
  ),
  (found) => (found.file === undefined) !== (found.value === undefined),
  () => `write "secret: ${SECRET_EXAMPLE}"`,
);

const WebhookSection = Type.Object(
  {
    name: Type.String({ pattern: NAME_PATTERN, description: 'a name in lower case', examples: ['ci'] }),
    url: WebhookUrl,
    secret: Secret,
    types: Type.Optional(
      Type.Array(
        Type.Unsafe<EventFilterType>({
          type: 'string',
          enum: [...EVENT_FILTER_TYPES],
          description: 'a type of event, such as rollout.halted, or rollout, stage or assignment for all of those',
          examples: ['[rollout, stage]'],
        }),
        { minItems: 1, description: 'a list of types of events', examples: ['[rollout, stage]'] },
      ),
    ),
    allow_private: Type.Optional(Type.Boolean({ description: 'true or false', examples: ['true'] })),
  },
  { ...closed, description: 'a section with name, url and secret' },
);

export const WebhooksValue = Type.Array(WebhookSection, {
  maxItems: MAX_WEBHOOKS,
  description: `a list of at most ${MAX_WEBHOOKS} sections`,
  examples: [`[{name: ci, url: https://example.com/otter, secret: ${SECRET_EXAMPLE}}]`],
});

export function checkWebhooks(
  sections: Static<typeof WebhooksValue>,
  home: string,
  source: Source,
): Checked<readonly WebhookConfig[]> {
  const webhooks: WebhookConfig[] = [];
  const problems: Problem[] = [];
  for (const [index, section] of sections.entries()) {
    const path = ['webhooks', String(index)];
    const at = (key: string) => source.place([...path, key]);
    if (sections.findIndex(({ name }) => name === section.name) < index)
      problems.push(errorAt(at('name'), `there are two webhooks ${section.name}`, 'give each a name of its own'));
    const url = parseWebhookUrl(section.url);
    const allowPrivate = section.allow_private ?? false;
    if (url !== undefined && !allowPrivate) problems.push(...judgePublic(url).map((why) => errorAt(at('url'), ...why)));
    const secret = readSecret(section.secret, home, at('secret'));
    problems.push(...secret.problems);
    const weakness = secret.value === undefined ? undefined : findTokenWeakness(secret.value);
    if (weakness !== undefined)
      problems.push(errorAt(at('secret'), `the secret ${weakness}`, `use this new one: ${createToken('webhook')}`));
    if (url !== undefined && secret.value !== undefined)
      webhooks.push({ name: section.name, url, secret: secret.value, types: section.types, allowPrivate });
  }
  return { value: webhooks, problems };
}

/** What is wrong with the address of a webhook that stays on the internet. A name is judged when it is looked up. */
export function judgePublic(url: URL): readonly (readonly [message: string, hint: string])[] {
  const allow = 'if that is meant, add "allow_private: true"';
  if (url.protocol === 'http:') return [['sends without TLS', `write https://; ${allow}`]];
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  const isAddress = /^[0-9.]+$/.test(host) || host.includes(':');
  const isHere = /(^|\.)localhost\.?$/.test(host) || (isAddress && isPrivateAddress(host));
  return isHere ? [[`${host} is not an address of the internet`, allow]] : [];
}

export function parseWebhookUrl(text: string): URL | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === '' && url.password === '' && url.hash === '' ? url : undefined;
}
