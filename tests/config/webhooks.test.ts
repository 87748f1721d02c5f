// The webhooks of server.yml: what is taken, and what is refused with the place and what to write.

import { describe, expect, test } from 'vitest';
import { formatProblem } from '#server/config/yaml/problem.ts';
import { addToServerYml, load, newHome, problemsOf, put } from './new-home.ts';

const SECRET = 'otw_k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6eabcdeKLMN';
const valued = `{value: ${SECRET}}`;

test('a webhook is taken with its secret from a file or the value itself', async () => {
  const home = await newHome();
  put(home, 'data/tokens/webhook.secret', `${SECRET}\n`);
  addToServerYml(
    home,
    `webhooks:
  - {name: ci, url: "https://ci.otter.rocks/hook?x=1", secret: {file: data/tokens/webhook.secret}, types: [rollout, stage.opened]}
  - {name: lab, url: "http://10.0.0.5:8080/", secret: ${valued}, allow_private: true}`,
  );
  const { config, warnings } = load(home);
  expect(warnings).toEqual([]);
  expect(config.webhooks).toEqual([
    {
      name: 'ci',
      url: new URL('https://ci.otter.rocks/hook?x=1'),
      secret: SECRET,
      types: ['rollout', 'stage.opened'],
      allowPrivate: false,
    },
    { name: 'lab', url: new URL('http://10.0.0.5:8080/'), secret: SECRET, types: undefined, allowPrivate: true },
  ]);
});

test('a server.yml with a secret in it that others can read is warned of', async () => {
  const home = await newHome();
  addToServerYml(home, `webhooks: [{name: ci, url: "https://ci.otter.rocks/", secret: ${valued}}]`);
  expect(load(home).warnings).toEqual([]);
  const { readFileSync } = await import('node:fs');
  put(home, 'config/server.yml', readFileSync(`${home}/config/server.yml`), 0o644);
  expect(load(home).warnings).toEqual([expect.stringMatching(/holds a secret and can be read by other users/)]);
});

describe('is refused:', () => {
  test.each([
    ['no list', 'webhooks: yes', /webhooks: wants a list of at most 20 sections/],
    ['no name', `webhooks: [{url: "https://a.b/", secret: ${valued}}]`, /webhooks\[0\]\.name: is required/],
    [
      'a name in capitals',
      `webhooks: [{name: CI, url: "https://a.b/", secret: ${valued}}]`,
      /\.name: wants a name in lower case, found "CI"/,
    ],
    [
      'two of one name',
      `webhooks: [{name: a, url: "https://a.b/", secret: ${valued}}, {name: a, url: "https://a.c/", secret: ${valued}}]`,
      /webhooks\[1\]\.name: there are two webhooks a/,
    ],
    [
      'no address',
      `webhooks: [{name: a, url: ftp://a.b/, secret: ${valued}}]`,
      /\[0\]\.url: wants an https:\/\/ address.*write "url: https:\/\/HOST\/PATH"/,
    ],
    [
      'a password in the address',
      `webhooks: [{name: a, url: "https://me:pw@a.b/", secret: ${valued}}]`,
      /\.url: wants an https/,
    ],
    [
      'an address without TLS',
      `webhooks: [{name: a, url: "http://a.b/", secret: ${valued}}]`,
      /\.url: sends without TLS; write https:\/\/; .*allow_private: true/,
    ],
    [
      'an address of the own network',
      `webhooks: [{name: a, url: "https://192.168.1.10/", secret: ${valued}}]`,
      /\.url: 192\.168\.1\.10 is not an address of the internet; .*allow_private: true/,
    ],
    [
      'the same in IPv6',
      `webhooks: [{name: a, url: "https://[fe80::1]/", secret: ${valued}}]`,
      /\.url: fe80::1 is not/,
    ],
    ['this machine', `webhooks: [{name: a, url: "https://localhost/", secret: ${valued}}]`, /\.url: localhost is not/],
    ['no secret', 'webhooks: [{name: a, url: "https://a.b/"}]', /\.secret: is required.*file: data\/tokens/],
    [
      'an unreadable secret',
      'webhooks: [{name: a, url: "https://a.b/", secret: {file: data/nowhere}}]',
      /\.secret: .*nowhere does not exist/,
    ],
    [
      'a short secret',
      'webhooks: [{name: a, url: "https://a.b/", secret: {value: short}}]',
      /\.secret: the secret has 5 characters, fewer than 32; use this new one: otw_[\w-]{43}$/,
    ],
    [
      'a type that there is not',
      `webhooks: [{name: a, url: "https://a.b/", secret: ${valued}, types: [rollouts]}]`,
      /types\[0\]: wants a type of event/,
    ],
    [
      'a word for a truth value',
      `webhooks: [{name: a, url: "https://a.b/", secret: ${valued}, allow_private: maybe}]`,
      /\.allow_private: wants true or false/,
    ],
    [
      'an unknown key',
      `webhooks: [{name: a, url: "https://a.b/", secret: ${valued}, type: [rollout]}]`,
      /webhooks\[0\]\.type: unknown key; did you mean types\?/,
    ],
  ])('%s', async (_name, lines, expected) => {
    const home = await newHome();
    addToServerYml(home, lines);
    const problems = problemsOf(home).map(formatProblem);
    expect(problems).toEqual([expect.stringMatching(expected)]);
    expect(problems[0]).not.toContain(SECRET);
    expect(problems[0]).toMatch(/server\.yml:\d+:\d+: /);
  });
});
