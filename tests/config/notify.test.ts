// The recipients of server.yml: what is taken, and what is refused with the place and what to write.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatProblem } from '#server/config/yaml/problem.ts';
import { addToServerYml, load, newHome, problemsOf, put } from './new-home.ts';

const HOOK = 'https://hooks.otter.rocks/services/T012/B345/XyzzySecret';
const MAIL = 'smtp: "smtps://mail.otter.rocks", from: otter@otter.rocks, to: [ada@otter.rocks]';

test('recipients of every shape are taken, with their secrets from files or values', async () => {
  const home = await newHome();
  put(home, 'data/tokens/slack.url', `${HOOK}\n`);
  put(home, 'data/tokens/mail.password', 'a b c d\n');
  addToServerYml(
    home,
    `public_url: https://ota.otter.rocks:8443
notify:
  - {name: team, shape: slack, url: {file: data/tokens/slack.url}}
  - {name: phone, shape: ntfy, url: {value: "https://ntfy.otter.rocks/topic"}, token: {value: tk_1}, types: [rollout]}
  - {name: ada, shape: mail, smtp: "smtp://mail.otter.rocks:2525", user: otter, password: {file: data/tokens/mail.password},
     from: "Otter <otter@otter.rocks>", to: [ada@otter.rocks]}
  - {name: local, shape: mail, smtp: "smtp://127.0.0.1:25", from: otter@box, to: [root@box], allow_private: true}`,
  );
  const { config, warnings } = load(home);
  expect(warnings).toEqual([]);
  expect(config.publicUrl).toEqual(new URL('https://ota.otter.rocks:8443/'));
  const any = { types: undefined, allowPrivate: false };
  expect(config.recipients).toEqual([
    { ...any, name: 'team', shape: 'slack', url: new URL(HOOK), token: undefined },
    {
      ...any,
      name: 'phone',
      shape: 'ntfy',
      url: new URL('https://ntfy.otter.rocks/topic'),
      token: 'tk_1',
      types: ['rollout'],
    },
    {
      ...any,
      name: 'ada',
      shape: 'mail',
      smtp: { host: 'mail.otter.rocks', port: 2525, isTls: false },
      login: { user: 'otter', password: 'a b c d' },
      from: 'Otter <otter@otter.rocks>',
      to: ['ada@otter.rocks'],
    },
    {
      ...any,
      name: 'local',
      shape: 'mail',
      smtp: { host: '127.0.0.1', port: 25, isTls: false },
      login: undefined,
      from: 'otter@box',
      to: ['root@box'],
      allowPrivate: true,
    },
  ]);
});

test('a server.yml with the address of a chat in it that others can read is warned of', async () => {
  const home = await newHome();
  addToServerYml(home, `notify: [{name: team, shape: slack, url: {value: "${HOOK}"}}]`);
  expect(load(home).warnings).toEqual([]);
  put(home, 'config/server.yml', readFileSync(`${home}/config/server.yml`), 0o644);
  expect(load(home).warnings).toEqual([expect.stringMatching(/holds a secret and can be read by other users/)]);
});

describe('is refused:', () => {
  const url = `url: {value: "${HOOK}"}`;
  test.each([
    ['no list', 'notify: yes', /notify: wants a list of at most 20 sections/],
    [
      'a shape that there is not',
      `notify: [{name: a, shape: irc, ${url}}]`,
      /\.shape: wants one of slack, teams, discord, ntfy, mail/,
    ],
    [
      'two of one name',
      `notify: [{name: a, shape: slack, ${url}}, {name: a, shape: teams, ${url}}]`,
      /notify\[1\]\.name: there are two recipients a/,
    ],
    ['a chat without address', 'notify: [{name: a, shape: slack}]', /\.url: is required for shape slack; write "url: /],
    [
      'an address without TLS',
      'notify: [{name: a, shape: slack, url: {value: "http://a.b/c"}}]',
      /\.url: sends without TLS.*allow_private/,
    ],
    [
      'an address of the own network',
      'notify: [{name: a, shape: ntfy, url: {value: "https://10.0.0.5/t"}}]',
      /\.url: 10\.0\.0\.5 is not an address of the internet/,
    ],
    [
      'something that is no address',
      'notify: [{name: a, shape: slack, url: {value: "XyzzySecret"}}]',
      /\.url: is no https:\/\/ address/,
    ],
    [
      'an address that is no section',
      `notify: [{name: a, shape: slack, url: "${HOOK}"}]`,
      /\.url: wants a section with either file or value/,
    ],
    [
      'mail with an address of a chat',
      `notify: [{name: a, shape: mail, ${MAIL}, ${url}}]`,
      /\.url: is not for shape mail/,
    ],
    [
      'a chat with a mail server',
      `notify: [{name: a, shape: slack, ${url}, smtp: "smtps://a.b"}]`,
      /\.smtp: is not for shape slack/,
    ],
    [
      'mail without its server',
      'notify: [{name: a, shape: mail, from: a@b.c, to: [a@b.c]}]',
      /\.smtp: is required for shape mail/,
    ],
    [
      'mail to nobody',
      'notify: [{name: a, shape: mail, smtp: "smtps://a.b", from: a@b.c}]',
      /\.to: is required for shape mail/,
    ],
    [
      'what is no mail address',
      `notify: [{name: a, shape: mail, smtp: "smtps://a.b", from: ada, to: [a@b.c]}]`,
      /\.from: wants a mail address/,
    ],
    [
      'a mail address with a line break',
      `notify: [{name: a, shape: mail, smtp: "smtps://a.b", from: "a@b.c\\nBcc: x@y.z", to: [a@b.c]}]`,
      /\.from: wants a mail address/,
    ],
    [
      'a password in the address',
      'notify: [{name: a, shape: mail, smtp: "smtps://me:XyzzySecret@a.b", from: a@b.c, to: [a@b.c]}]',
      /\.smtp: wants smtps:/,
    ],
    [
      'a user without password',
      `notify: [{name: a, shape: mail, ${MAIL}, user: me}]`,
      /\.password: stands alone|\.user: stands alone/,
    ],
    [
      'a mail server of the own network',
      'notify: [{name: a, shape: mail, smtp: "smtp://192.168.1.2", from: a@b.c, to: [a@b.c]}]',
      /\.smtp: 192\.168\.1\.2 is not an address of the internet/,
    ],
    ['a public address with a path', 'public_url: https://a.b/c', /public_url: wants the https:\/\/ address/],
  ])('%s', async (_name, lines, expected) => {
    const home = await newHome();
    addToServerYml(home, lines);
    const problems = problemsOf(home).map(formatProblem);
    expect(problems).toEqual([expect.stringMatching(expected)]);
    expect(problems[0]).not.toContain('XyzzySecret');
  });
});
